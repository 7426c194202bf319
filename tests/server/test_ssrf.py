"""Wherever a URL enters: addresses inside the house are refused, and names that lead there are never dialled."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.server.live import LiveServer, kling_channel
from tests.upstreams.kling import API_KEY, FakeJob, FakeKling, Fault

INSIDE = [
    "http://localhost/",
    "http://metadata.google.internal/",
    "http://printer.local/",
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",  # decimal
    "http://017700000001/",  # octal
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/",  # metadata at Alibaba
    "http://168.63.129.16/",  # wire server at Azure
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://user:word@8.8.8.8/",
    "ftp://8.8.8.8/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/",
]
IMAGE = {"model": "kling-v2-5-turbo", "prompt": "a boat"}


def _kling(**fields: Any) -> dict[str, Any]:
    return {"model_name": "kling-v2-5-turbo", "prompt": "a boat", **fields}


def _mask(url: str) -> list[dict[str, Any]]:
    return [{"mask": url, "trajectories": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}]


PLACES: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "openai callback_url": ("/v1/videos", lambda url: {**IMAGE, "callback_url": url}),
    "openai webhook_url": ("/v1/videos", lambda url: {**IMAGE, "webhook_url": url}),
    "openai input_reference": ("/v1/videos", lambda url: {**IMAGE, "input_reference": {"image_url": url}}),
    "openai input_reference as text": ("/v1/videos", lambda url: {**IMAGE, "input_reference": url}),
    "openai images": ("/v1/videos", lambda url: {**IMAGE, "images": [url]}),
    "kling callback_url": ("/kling/v1/videos/text2video", lambda url: _kling(callback_url=url)),
    "kling image": ("/v1/videos/image2video", lambda url: _kling(image=url)),
    "kling image_tail": ("/v1/videos/image2video", lambda url: _kling(image_tail=url)),
    "kling static_mask": (
        "/v1/videos/image2video",
        lambda url: _kling(image="https://pictures.example/a.png", static_mask=url),
    ),
    "kling dynamic_masks": (
        "/v1/videos/image2video",
        lambda url: _kling(image="https://pictures.example/a.png", dynamic_masks=_mask(url)),
    ),
    "openai notify_hook": ("/v1/videos", lambda url: {**IMAGE, "notify_hook": url}),
    "tasks webhook_url": ("/v1/tasks", lambda url: {**IMAGE, "webhook_url": url}),
    "tasks inputs": ("/v1/tasks", lambda url: {**IMAGE, "inputs": [{"role": "first_frame", "url": url}]}),
    "webhooks": ("/v1/webhooks", lambda url: {"url": url}),
    "kling unknown": ("/kling/v1/videos/text2video", lambda url: _kling(image_url=url)),
    "kling unknown, deep": ("/kling/v1/videos/text2video", lambda url: _kling(future={"of": [1, {"x": f" {url}"}]})),
    "kling unknown, a name": ("/kling/v1/videos/text2video", lambda url: _kling(future={url: True})),
    "openai unknown": ("/v1/videos", lambda url: {**IMAGE, "style_reference": url}),
}
BASES = (
    *("api_base", "base_url", "BaseURL", "api-base", "apiBaseUrl", "api_url", "endpoint", "endpoint_url", "END_POINT"),
    *("callback", "callbackUrl", "Call-Back", "progress_callback", "webhook", "webHook_URL", "notify", "notify_hook"),
    *("notifyUrl", "notification_url", "hook_url", "webhooks"),
)


@pytest.mark.parametrize("place", PLACES)
def test_addresses_inside_are_refused_wherever_a_url_enters(sandbox: LiveServer, place: str) -> None:
    path, body = PLACES[place]
    before = sandbox.count("tasks"), sandbox.count("webhook_endpoints")
    for url in INSIDE:
        reply = sandbox.call("POST", path, body(url))
        assert reply.status == 400, (url, reply)
    assert (sandbox.count("tasks"), sandbox.count("webhook_endpoints")) == before


@pytest.mark.parametrize(
    ("path", "name"),
    [(path, name) for path in ("/v1/videos", "/kling/v1/videos/text2video") for name in BASES
     if (path, name) != ("/v1/videos", "notify_hook")],  # a name of its webhook
)  # fmt: skip
def test_no_unknown_field_says_where_to_call(sandbox: LiveServer, path: str, name: str) -> None:
    body = _kling() if path.startswith("/kling") else IMAGE
    for fields in ({name: "https://elsewhere.example"}, {"future": [{"x": {name: "elsewhere"}}]}):
        reply = sandbox.call("POST", path, {**body, **fields})
        assert reply.status == 400, reply
        assert name in reply.content.decode()
    assert sandbox.count("tasks") == 0


def test_what_is_unknown_and_harmless_reaches_the_upstream(folder: Path) -> None:
    with FakeKling().in_thread() as kling, LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
        future = {"style_image": "https://pictures.example/a.png", "of": ["asset://7", "http is a protocol", "//a"]}
        assert server.call("POST", "/kling/v1/videos/text2video", _kling(future=future)).status == 200
        assert json.loads(kling.creates[0])["future"] == future
        for name, value in (("image_url", "http://169.254.169.254/"), ("api_base", "http://169.254.169.254/")):
            assert server.call("POST", "/kling/v1/videos/text2video", _kling(**{name: value})).status == 400
        assert len(kling.creates) == 1


def test_a_remix_says_no_more_than_a_create(folder: Path) -> None:
    with LiveServer(folder) as server:
        made = server.call("POST", "/v1/videos", {"prompt": "a", "seconds": "4", "size": "720x1280"}).json["id"]
        server.ended(made)
        for name, value in (("style_image", "http://169.254.169.254/"), ("api_base", "x")):
            reply = server.call("POST", f"/v1/videos/{made}/remix", {"prompt": "b", name: value})
            assert (reply.status, reply.json["error"]["param"]) == (400, name)


def test_a_webhook_cannot_be_moved_inside(sandbox: LiveServer) -> None:
    made = sandbox.call("POST", "/v1/webhooks", {"url": "https://hooks.example/a"}).json["id"]
    for url in INSIDE:
        assert sandbox.call("PATCH", f"/v1/webhooks/{made}", {"url": url}).status == 400, url
    assert sandbox.call("GET", f"/v1/webhooks/{made}").json["url"] == "https://hooks.example/a"
    sandbox.call("DELETE", f"/v1/webhooks/{made}")


class Everywhere(AbstractResolver):
    """Says that every name is at one address; numbers as the system reads them."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            {"hostname": host, "host": self._address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        ]

    async def close(self) -> None:
        pass


@contextmanager
def trap(address: str) -> Iterator[tuple[int, list[object]]]:
    """A port where nobody may call, and who did."""
    callers: list[object] = []
    with socket.create_server((address, 0)) as listener:

        def wait() -> None:
            try:
                while True:
                    connection, peer = listener.accept()
                    callers.append(peer)
                    connection.close()
            except OSError:  # closed: the test is over
                return

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        yield listener.getsockname()[1], callers
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_names_that_lead_inside_are_never_dialled(folder: Path) -> None:
    resolver = Everywhere("127.0.0.1")
    with trap("127.0.0.1") as (port, callers), LiveServer(folder) as server:
        for client in (server.gateway._client, server.gateway._fetcher, server.gateway._messenger):
            client._resolver = resolver
        hosts = itertools.product(("inside.example", "0x7f.1", "0x7f000001"), ("webhook_url", "image"))
        for host, place in hosts:
            url = f"http://{host}:{port}/x.png"
            body = {**IMAGE, "webhook_url": url} if place == "webhook_url" else {**IMAGE, "images": [url]}
            reply = server.call("POST", "/v1/videos", body)
            if reply.status == 200:
                found = server.ended(reply.json["id"])
                assert (found["status"] == "failed") is (place == "image"), found
            else:
                assert (place, reply.status) == ("image", 400), reply
        sent = server.until("/v1/deliveries", lambda page: len({one["url"] for one in _tried(page)}) == 3)
        assert {one["reason"] for one in _tried(sent)} == {"the address is not allowed"}
        assert resolver.asked
        assert callers == []


def _tried(page: Any) -> list[Any]:
    return [one for one in page["data"] if one["tries"]]


class Elsewhere(FakeKling):
    """Its results lie wherever the test says."""

    link = ""

    def _data(self, job: FakeJob) -> dict[str, Any]:
        data = super()._data(job)
        for video in data.get("task_result", {}).get("videos", ()):
            video["url"] = self.link
        return data


@pytest.mark.parametrize("link", ["http://127.0.0.2:{port}/a.mp4", "http://files.example:{port}/a.mp4"])
def test_links_to_results_are_never_followed_inside(folder: Path, link: str) -> None:
    with trap("127.0.0.2") as (port, callers), Elsewhere().in_thread() as kling:
        kling.autofinish(0.05)
        kling.link = link.format(port=port)
        with LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
            server.gateway._client._resolver = Everywhere("127.0.0.2")
            task = server.call("POST", "/kling/v1/videos/text2video", _kling()).json["data"]["task_id"]
            server.ended(task)
            assert server.files("*.mp4") == []
            assert callers == []


def test_redirects_of_results_are_never_followed_inside(folder: Path) -> None:
    with trap("127.0.0.2") as (port, callers), FakeKling().in_thread() as kling:
        kling.autofinish(0.05)
        kling.faults.append(Fault("file", "redirect", times=99, message=f"http://127.0.0.2:{port}/a.mp4"))
        with LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
            task = server.call("POST", "/kling/v1/videos/text2video", _kling()).json["data"]["task_id"]
            server.ended(task)
            assert kling.count("download") >= 1
            assert server.files("*.mp4") == []
            assert callers == []
