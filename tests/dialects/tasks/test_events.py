"""`GET /v1/tasks/{id}/events` over a real socket: live, resumed after a cut, and dropped without a trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from telecine.accounts.principal import Principal
from telecine.dialects.base import Edge
from telecine.dialects.streams import Streams
from telecine.dialects.tasks import TASKS
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import tsk_id
from telecine.nouns.task import Status
from telecine.providers.outcomes import Failed, Running
from telecine.server.run import address_of, bind
from tests.clock import HandClock
from tests.dialects.house import REQUEST_ID, FakeAccounts, FakeMedia
from tests.tasks.scripted import DONE, House, refusal, text_to_video
from tests.webhooks.house import until

STEPS = (Running(started=False), Running(10), Running(10), Running(40), DONE)
STORY = [
    ("task.queued", "queued", 0),
    ("task.running", "running", 10),
    ("task.progress", "running", 40),
    ("task.succeeded", "succeeded", 100),
]


class StandingClock(HandClock):
    """Waiting takes a moment, and leaves the time to the test."""

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), 0.01)


class Reader:
    """A client of the stream that reads it line by line, as curl shows it."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self.reply = reply
        self.comments = 0

    async def next(self) -> dict[str, str] | None:
        """The next event; None at the end."""
        fields: dict[str, str] = {}
        async for line in self.reply.content:
            text = line.decode().rstrip("\n")
            if not text and "data" in fields:
                return fields
            name, _, value = text.partition(": ")
            if not name:
                self.comments += bool(text)
            elif name != "retry":
                fields[name] = value
        return None

    async def rest(self) -> list[dict[str, str]]:
        """All events until the end."""
        found = []
        while (one := await self.next()) is not None:
            found.append(one)
        return found


def story(events: list[dict[str, str]]) -> list[tuple[str, str, int]]:
    """(type, status, progress) of each."""
    data = [json.loads(one["data"]) for one in events]
    return [(one["event"], task["status"], task["progress"]) for one, task in zip(events, data, strict=True)]


class Server(uvicorn.Server):
    """It leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """A house whose own task API is served at a socket; the account is in a header."""

    def __init__(self, folder: Path, clock: HandClock | None = None) -> None:
        self.house = House(folder, clock=clock or StandingClock())
        self.streams = Streams(100)
        self.session: aiohttp.ClientSession

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Served]:
        async def refuse(request: Request, error: Exception) -> Response:
            assert isinstance(error, GatewayError)
            return TASKS.render_error(error, REQUEST_ID)

        app = Starlette(routes=list(TASKS.routes), exception_handlers={GatewayError: refuse})
        house = self.house
        app.state.edge = Edge(
            tasks=house.tasks,
            media=FakeMedia(),
            catalogue=catalogue.load(),
            models=lambda _: [],
            now=house.clock.now,
            accounts=FakeAccounts(),
            streams=self.streams,
        )
        async with house.opened():
            with bind("127.0.0.1", 0) as listener:
                config = uvicorn.Config(self._keyed(app), log_config=None, lifespan="off", ws="none")
                server = Server(config)
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                async with aiohttp.ClientSession(address_of(listener)) as self.session:
                    try:
                        yield self
                    finally:
                        house.context.closing = True
                        server.should_exit = True
                        await serving

    def _keyed(self, app: ASGIApp) -> ASGIApp:
        async def keyed(scope: Scope, receive: Receive, send: Send) -> None:
            account = dict(scope["headers"]).get(b"x-account", str(self.house.me.account_id).encode())
            scope["principal"] = Principal(int(account), None, "test")
            scope["request_id"] = REQUEST_ID
            await app(scope, receive, send)

        return keyed

    @asynccontextmanager
    async def listening(self, task: int, query: str = "", **headers: str) -> AsyncIterator[Reader]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with asyncio.timeout(10):
            async with self.session.get(f"/v1/tasks/{tsk_id(task)}/events{query}", headers=named) as reply:
                yield Reader(reply)

    async def make(self) -> int:
        """A task that will go through `STEPS` as time passes."""
        self.house.provider.polls = list(STEPS)
        return (await self.house.tasks.create(self.house.me, text_to_video(), "kling")).task.id

    async def finish(self) -> None:
        await self.house.pass_time(120)

    @property
    def watched(self) -> bool:
        """Whether anybody still waits for any task."""
        return bool(self.house.context.watch._waiters)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path).opened() as found:
        yield found


async def test_a_job_is_followed_live_to_its_end(served: Served) -> None:
    task = await served.make()
    async with served.listening(task) as reader:
        assert reader.reply.status == 200
        assert reader.reply.headers["content-type"].startswith("text/event-stream")
        first = await reader.next()
        assert first is not None
        assert (first["id"], first["event"]) == ("1", "task.queued")
        await served.finish()
        events = [first, *await reader.rest()]
    assert story(events) == STORY
    assert [int(one["id"]) for one in events] == sorted({int(one["id"]) for one in events})
    done = json.loads(events[-1]["data"])
    assert done["id"] == tsk_id(task)
    assert done["outputs"][0]["duration"] == 5.0
    assert not served.watched


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_reader_that_was_cut_off_resumes_behind_what_it_has(served: Served, way: str) -> None:
    task = await served.make()
    async with served.listening(task) as reader:
        seen = [await reader.next()]
        reader.reply.close()
    await served.finish()
    last = seen[0]
    assert last is not None
    more: dict[str, Any] = {"last_event_id": last["id"]} if way == "header" else {}
    query = f"?last_event_id={last['id']}" if way == "query" else ""
    async with served.listening(task, query, **more) as reader:
        assert story([last, *await reader.rest()]) == STORY


async def test_what_has_happened_is_told_as_it_was_then(served: Served) -> None:
    task = await served.make()
    await served.finish()
    async with served.listening(task) as reader:
        events = await reader.rest()
    assert story(events) == STORY
    tasks = [json.loads(one["data"]) for one in events]
    assert [one["started_at"] is None for one in tasks] == [True, False, False, False]
    assert [one["ended_at"] is None for one in tasks] == [True, True, True, False]
    assert [len(one["outputs"]) for one in tasks] == [0, 0, 0, 1]
    assert [one["usage"] for one in tasks][:3] == [None, None, None]
    async with served.listening(task, last_event_id=events[-1]["id"]) as reader:
        assert reader.reply.status == 204


async def test_a_failure_is_told_with_its_reason(served: Served) -> None:
    served.house.provider.polls = [Failed(refusal("content_policy"))]
    view = await served.house.tasks.create(served.house.me, text_to_video(), "kling")
    await served.finish()
    async with served.listening(view.task.id) as reader:
        events = await reader.rest()
    assert [one["event"] for one in events] == ["task.queued", "task.failed"]
    errors = [json.loads(one["data"])["error"] for one in events]
    assert errors[0] is None
    assert errors[1]["code"] == "content_policy"


async def test_silence_is_broken_now_and_then(served: Served) -> None:
    task = await served.make()
    async with served.listening(task) as reader:
        await reader.next()
        waiting = asyncio.create_task(reader.next())
        for _ in range(3):
            served.house.clock.advance(15)
            await asyncio.sleep(0.1)
        assert reader.comments >= 2
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_hanging_up_frees_everything(served: Served) -> None:
    task = await served.make()
    async with served.listening(task) as reader:
        await reader.next()
        assert served.watched
        reader.reply.close()
    await until(lambda: not served.watched)


async def test_steps_of_another_process_are_told_too(tmp_path: Path) -> None:
    clock = StandingClock()
    async with Served(tmp_path, clock).opened() as served:
        other = House(tmp_path, clock=clock)
        async with other.opened():
            other.provider.polls = list(STEPS)
            view = await other.tasks.create(served.house.me, text_to_video(), "kling")
            async with served.listening(view.task.id) as reader:
                await reader.next()
                await other.pass_time(120)
                assert story(await reader.rest()) == STORY[1:]


async def test_a_task_deleted_meanwhile_is_followed_to_its_end(served: Served) -> None:
    task = await served.make()
    async with served.listening(task) as reader:
        await reader.next()
        await served.house.tasks.delete(served.house.me, task)
        async with served.session.get(f"/v1/tasks/{tsk_id(task)}/events") as late:
            assert late.status == 404
        await served.finish()
        (end,) = await reader.rest()
        assert story([end]) == STORY[-1:]
        assert json.loads(end["data"])["outputs"] == []


async def test_what_is_deleted_once_it_has_ended_has_no_outputs_for_a_late_reader(served: Served) -> None:
    task = await served.make()
    async with served.listening(task) as reader:
        await reader.next()
        await served.finish()
        await served.house.tasks.delete(served.house.me, task)
        assert story(await reader.rest())[-1] == STORY[-1]


async def test_streams_end_with_the_process(served: Served) -> None:
    task = await served.make()
    async with served.listening(task) as reader:
        await reader.next()
        served.house.context.closing = True
        assert await reader.rest() == []


async def test_a_stream_is_its_owners_alone(served: Served) -> None:
    task = await served.make()
    stranger = str(served.house.me.account_id + 1)
    async with served.listening(task, x_account=stranger) as reader:
        assert reader.reply.status == 404
    async with served.session.get("/v1/tasks/tsk_nothing/events") as reply:
        assert reply.status == 404


@pytest.mark.parametrize("last", ["x", "-1", "1e3", "9" * 30])
async def test_an_event_id_is_a_number(served: Served, last: str) -> None:
    task = await served.make()
    async with served.listening(task, last_event_id=last) as reader:
        assert reader.reply.status == 400
        assert (await reader.reply.json())["error"]["param"] == "last_event_id"


async def test_an_account_holds_only_so_many_streams_open(served: Served) -> None:
    task = await served.make()
    served.streams.most = 2
    async with served.listening(task) as first, served.listening(task) as second:
        await first.next()
        await second.next()
        async with served.listening(task) as third:
            assert third.reply.status == 429
            assert (await third.reply.json())["error"]["code"] == "rate_limited"
        stranger = str(served.house.me.account_id + 1)
        async with served.listening(task, x_account=stranger) as other:
            assert other.reply.status == 404  # counted for nobody
        first.reply.close()
        await until(lambda: served.streams.open(served.house.me.account_id) == 1, 5)
        async with served.listening(task) as again:
            assert again.reply.status == 200
            await again.next()
    await until(lambda: served.streams.open(served.house.me.account_id) == 0, 5)


async def test_a_stream_that_ends_or_never_begins_is_not_held(served: Served) -> None:
    task = await served.make()
    await served.finish()
    served.streams.most = 1
    for _ in range(3):
        async with served.listening(task) as reader:
            events = await reader.rest()
        async with served.listening(task, last_event_id=events[-1]["id"]) as reader:
            assert reader.reply.status == 204
    assert served.streams.open(served.house.me.account_id) == 0


async def test_many_readers_of_one_task_each_get_all_of_it(served: Served) -> None:
    task = await served.make()

    async def whole() -> list[tuple[str, Status, int]]:
        async with served.listening(task) as reader:
            return story(await reader.rest())  # type: ignore[return-value]

    readers = [asyncio.create_task(whole()) for _ in range(20)]
    await asyncio.sleep(0.1)
    await served.finish()
    assert await asyncio.gather(*readers) == [STORY] * 20
