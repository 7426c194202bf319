"""What is a success, and what is one receiver."""

from __future__ import annotations

import asyncio
from pathlib import Path

from telecine.webhooks.lines import AT_ONCE
from tests.tasks.scripted import text_to_video
from tests.upstreams.rude import BODIES, RudeServer
from tests.webhooks.house import Hooks, Receiver, until


async def test_a_2xx_is_a_success_whatever_its_body_does(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, RudeServer().listening() as receiver:
        for odd in BODIES:
            url = receiver.url(odd)
            await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=url), "kling")
        await hooks.deliverer.drain()
        assert {(state, tries) for _, state, tries in await hooks.states()} == {("delivered", 1)}
        assert set(await hooks.column("status")) == {202}
        assert max(map(len, await hooks.column("answer"))) <= 1024
        assert receiver.taken == len(BODIES)


async def test_one_origin_is_one_however_it_is_written(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.gate = asyncio.Event()
        host = receiver.url.removeprefix("http://").removesuffix("/hook")
        port = host.partition(":")[2]
        ways = [f"http://{host}#{number}" for number in range(6)]
        ways += [f"HTTP://{host}/HOOK", f"http://{host}?a", f"Http://{host}/?b#c", f" http://{host}/d"]
        ways += [f"http://127.0.0.1.:{port}/{number}" for number in range(3)]
        ways += [f"http://１２７.0.0.1:{port}/", f"http://{host}/#", f"http://{host}"]
        for url in ways:
            await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=url), "kling")
        await hooks.deliverer.send_due()
        await until(lambda: len(receiver.bodies) >= AT_ONCE - 3)
        await hooks.deliverer.send_due()
        assert receiver.busiest <= AT_ONCE
        receiver.gate.set()
        await hooks.deliverer.drain()
        assert receiver.busiest <= AT_ONCE
        assert not any("#" in path or "%23" in path for path in receiver.paths)
        assert len(set(await hooks.column("line"))) == 1
