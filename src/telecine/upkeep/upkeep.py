"""What keeps an installation in order while it serves: reloads, retention, erasures, and a look at what costs money:
in the records, and at the upstreams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection

from telecine.accounts.keys import Keys
from telecine.assets.purge import Purge
from telecine.config import Config, ConfigError, Settings, catalogue_of
from telecine.loops import Loop, Pulse
from telecine.media.storage import Storage
from telecine.tasks.context import Context
from telecine.tasks.schedule import Schedule
from telecine.tasks.writes import Mark
from telecine.upkeep.erase import Erasure, ForgetJobs
from telecine.upkeep.figures import Figures, abroad, measure
from telecine.upkeep.reload import Reload, Revision
from telecine.upkeep.retention import Retention
from telecine.upkeep.rules import advice
from telecine.upkeep.spend import Reports
from telecine.upkeep.sweep import Sweep

_log = structlog.get_logger(__name__)

MASK: Final = "config comparison"
"""The purpose of the key whose digests stand for secrets where configurations are compared."""
_ERASURES_SECONDS: Final = 60.0


class Upkeep:
    """One per process. `check`, `write` and `swap` are the gateway's; `forget_jobs` deletes what is kept here of the
    jobs of tasks; `pulses` says how the loops of the process fare. `configuration` and `erasure` are for administrators
    too."""

    def __init__(
        self,
        settings: Settings,
        context: Context,
        schedule: Schedule,
        *,
        storage: Storage,
        keys: Keys,
        check: Callable[[Config], None],
        write: Callable[[Connection, Config], None],
        swap: Callable[[Config], None],
        forget_jobs: ForgetJobs,
        pulses: Callable[[], tuple[Pulse, ...]],
    ) -> None:
        self._context = context
        self._pulses = pulses
        self._schedule = schedule
        self._storage = storage
        self._data: Path = settings.data
        database, clock = context.database, context.clock
        self.configuration = Reload(settings, database, clock, check=check, write=write, swap=swap)
        self.erasure = Erasure(
            database,
            clock,
            keys,
            forget=context.library.forget,
            find=self._stored,
            cancel=self._cancel,
            forget_jobs=forget_jobs,
        )
        self._erasures = Loop("erasures", self.erasure.resume, clock, every=_ERASURES_SECONDS)
        self._reports = Reports(database, context.router, clock)
        sweep = Sweep(database, storage, clock, draft=lambda: self.running.limits.draft)
        self._retention = Retention(
            database,
            storage,
            clock,
            lambda: self.configuration.running.retention,
            sweep.run,
            forget_jobs=forget_jobs,
            libraries=Purge(database, storage, clock, lambda: context.link_seconds),
        )

    @property
    def running(self) -> Config:
        """The configuration as it is now."""
        return self.configuration.running

    async def begin(self) -> None:
        """Bring the records in line with what this start runs with, and note it."""
        await self.configuration.begin()

    @property
    def loops(self) -> tuple[Loop, ...]:
        """What runs as long as the process works."""
        return (self._retention.loop, self._erasures, self._reports.loop)

    async def reload(self, actor: str) -> Revision | None:
        """Read the configuration again, and log what came of it.

        Raises nothing: nobody waits for an answer, and the next who asks must still be heard.
        """
        try:
            made = await self.configuration.reload(actor)
        except ConfigError as error:
            _log.error("config_refused", actor=actor, reason=str(error))
            return None
        except Exception:
            _log.exception("config_reload_failed", actor=actor)
            return None
        changes = [str(change) for change in made.changes] if made else []
        _log.info("config_reloaded", actor=actor, revision=made.number if made else None, changes=changes)
        return made

    async def measure(self) -> Figures:
        """What costs money when nobody looks at it."""
        context = self._context
        spend = await self._reports.compared()
        # Accounts are looked for in the records, which know more of them than the file.
        warned = [one for one in advice(self.running, catalogue_of(self.running)) if one.about != "accounts"]
        return await measure(context.database, context.router, context.clock, self._data, spend, self._pulses(), warned)

    async def stranded(self) -> dict[str, int]:
        """The tasks, by channel, that nobody here can ask about; they are logged, for they may cost money unseen."""
        router = self._context.router
        found = (await self._context.database.snapshot(lambda connection: abroad(connection, router))).stranded
        if found:
            _log.error("channels_missing", tasks=found)
        return found

    async def _cancel(self, task_id: int) -> None:
        await self._context.database.write(Mark(task_id, self._context.now(), cancel=True, delete=True))
        self._schedule.nudge()

    async def _stored(self, prefix: str) -> AsyncIterator[Sequence[str]]:
        async for page in self._storage.list(prefix):
            yield [one.key for one in page]
