"""What a configuration comes to: refused or not, written into the records, and the keys that a first start makes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import structlog
from sqlalchemy import Connection

from telecine.accounts import configured
from telecine.accounts.keys import Keys
from telecine.config import Config, ConfigError, KeyConfig, Settings, catalogue_of, located
from telecine.routing.records import record_channels
from telecine.routing.router import channel_of, channels_of, pools_of
from telecine.server.rooms import Ground
from telecine.tasks.writes.recovery import set_pools
from telecine.upkeep.metering import check_currency
from telecine.upkeep.rules import advice, check_config, check_rules

_log = structlog.get_logger(__name__)


class FirstRun(msgspec.Struct, frozen=True):
    """The keys that the first start made; nothing will ever show them again."""

    admin_key: str | None
    api_key: str | None


class Setup:
    """One per process, asked by its start and by each reload. `exposed` says whether other machines reach the process;
    `make` False makes no key, and without a file leaves alone what the file says."""

    def __init__(self, base: Ground, exposed: Callable[[], bool], *, make: bool) -> None:
        self._ground = base
        self._settings = base.settings
        self._exposed = exposed
        self._make = make

    def check(self, config: Config) -> None:
        """Raise ConfigError for what this process, as it is reached and with the books that it has, cannot run."""
        known, exposed = catalogue_of(config), self._exposed()
        _at_its_line(lambda one: check_rules(self._settings, one, known, exposed=exposed), config, self._settings)
        _at_its_line(lambda one: check_currency(self._settings.config.currency, one.currency), config, self._settings)

    def write(self, connection: Connection, config: Config) -> None:
        """Bring the records in line with `config`, which has been checked, in the caller's transaction."""
        now, ids = self._ground.clock.now(), self._ground.ids
        set_pools(connection, pools_of(config))  # pools before accounts: see `telecine.store.locks`
        if self._make or self._settings.file is not None:
            given = self._given(config)
            configured.sync(
                connection,
                config.accounts,
                given,
                priced=bool(config.prices),
                ids=ids,
                seal=self._ground.seal,
                now=now,
            )
        record_channels(connection, ((one.provider, channel_of(one)) for one in channels_of(config)), now)

    async def first_keys(self, keys: Keys) -> FirstRun:
        """At the very first start, keys to begin with, unless the operator chose some."""
        if not self._make or await keys.any():
            return FirstRun(None, None)
        given = self._given(self._settings.config)
        admin = api = None
        if not any(key.admin for key in given):
            _, admin = await keys.create("admin", admin=True, source="first_run")
        if all(key.admin for key in given):
            _, api = await keys.create("first", source="first_run")
        return FirstRun(admin, api)

    def _given(self, config: Config) -> list[KeyConfig]:
        """The keys that the operator chose."""
        given = list(config.keys)
        if self._settings.admin_key:
            given.append(KeyConfig(name="TELECINE_ADMIN_KEY", key=self._settings.admin_key, admin=True))
        return given


def check_file(settings: Settings) -> None:
    """Raise ConfigError for what no process could be put together from."""
    _at_its_line(check_config, settings.config, settings)


def advise(config: Config) -> None:
    """Log what nothing is refused for, and somebody should know."""
    for one in advice(config, catalogue_of(config)):
        if one.level == "warning":
            _log.warning("config_warning", about=one.about, what=str(one))


def _at_its_line(check: Callable[[Config], None], config: Config, settings: Settings) -> None:
    """Let `check` raise ConfigError with the line of the file that is at fault."""
    try:
        check(config)
    except ConfigError as error:
        raise located(error, settings.file) from None
