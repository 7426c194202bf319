"""Serving: the socket, readiness, the end."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from telecine.clock import SystemClock
from telecine.config import Config, Settings
from telecine.loops import Loop, Loops
from telecine.server.gateway import Gateway
from telecine.server.run import BrokenError, ListenError, Ready, address_of, answer, bind


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("", "127.0.0.1"), ("localhost", None)],  # noqa: S104
)
def test_an_address_is_one_that_this_machine_reaches(host: str, shown: str | None) -> None:
    with bind(host, 0) as listener:
        listener.listen()
        address = address_of(listener)
        scheme, _, rest = address.partition("://")
        assert scheme == "http"
        name, _, port = rest.rpartition(":")
        assert int(port) > 0
        assert shown is None or name == shown
        with socket.create_connection((name.strip("[]"), int(port)), timeout=20):
            pass


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(ListenError, match=r"Address already in use\. Choose another port with --port"):
            bind("127.0.0.1", taken.getsockname()[1]).__enter__()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ListenError, match=r"Cannot listen at 192\.0\.2\.1"):
        bind("192.0.2.1", 0).__enter__()
    with pytest.raises(ListenError, match="is no address of this machine"):
        bind("no such host", 0).__enter__()


async def test_it_answers_from_readiness_until_it_is_told_to_stop(tmp_path: Path) -> None:
    gateway = Gateway(Settings(tmp_path / "data", Config()), work=False)
    stop = asyncio.Event()
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    with bind("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(answer(gateway, listener, stop, ready.set_result))
        told = await asyncio.wait_for(ready, 20)
        assert told.address == gateway.address == address_of(listener)
        assert "sora-2" in told.models
        assert told.first_run.api_key is not None
        headers = {"authorization": f"Bearer {told.first_run.api_key}"}
        async with aiohttp.ClientSession(told.address, headers=headers) as session:
            async with session.get("/v1/models") as reply:
                assert reply.status == 200
                assert "server" not in reply.headers
            stop.set()
            await asyncio.wait_for(serving, 20)
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get("/healthz")


async def test_a_gateway_that_does_not_work_leaves_tasks_alone(tmp_path: Path) -> None:
    gateway = Gateway(Settings(tmp_path / "data", Config()), work=False)
    async with gateway.opened():
        assert await gateway.engine.claim() == (0, None)


async def test_a_loop_that_has_ended_ends_the_process_with_one_line(tmp_path: Path) -> None:
    """Rather than that it answers for ever and does nothing."""

    class Fatal(BaseException):
        pass

    async def turn() -> None:
        raise Fatal

    gateway = Gateway(Settings(tmp_path / "data", Config()))
    gateway.loops = Loops([Loop("claims", turn, SystemClock(), every=1.0, first=0.05)])
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    told = r"A loop of the server has ended \(claims\): the log says why\. Start it"
    with bind("127.0.0.1", 0) as listener, capture_logs() as logs, pytest.raises(BrokenError, match=told):
        await asyncio.wait_for(answer(gateway, listener, asyncio.Event(), ready.set_result), 20)
    assert "loop_ended" in [line["event"] for line in logs]
