"""The fake speaks the wire that it is there to stand for; checked with an HTTP client that knows nothing of ours."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import av
import jwt
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from tests.upstreams.kling import ACCESS_KEY, API_KEY, FOREVER, SECRET_KEY, FakeKling, Fault
from tests.upstreams.kling_operations import OPERATIONS
from tests.upstreams.server import ThreadedServer

T2V = "/v1/videos/text2video"
I2V = "/v1/videos/image2video"
WEBHOOK_SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
BODY = {"model_name": "kling-v2-5-turbo", "prompt": "宇航员站起身走了", "duration": "5"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeKling]:
    async with FakeKling() as running:
        yield running


class Api:
    """A client that reads JSON."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with self.session.request(method, path, json=body, headers=headers or None) as answer:
            return answer.status, await answer.json()

    async def create(self, path: str = T2V, **fields: object) -> str:
        status, body = await self("POST", path, BODY | fields)
        assert (status, body["code"]) == (200, 0), body
        task_id: str = body["data"]["task_id"]
        return task_id


@pytest.fixture
async def api(fake: FakeKling) -> AsyncIterator[Api]:
    headers = {"authorization": f"Bearer {API_KEY}"}
    async with aiohttp.ClientSession(fake.base_url, headers=headers) as session:
        yield Api(session)


async def test_create_answers_as_documented(fake: FakeKling, api: Api) -> None:
    status, body = await api("POST", T2V, BODY)
    assert status == 200
    assert (body["code"], body["message"], body["data"]["task_status"]) == (0, "SUCCEED", "submitted")
    assert body["data"]["task_info"] == {}
    assert len(body["data"]["task_id"]) == 18
    assert body["request_id"]
    assert isinstance(body["data"]["created_at"], int)
    assert fake.jobs[body["data"]["task_id"]].body == BODY


async def test_a_job_is_found_by_either_id_and_only_at_its_path(fake: FakeKling, api: Api) -> None:
    task_id = await api.create(external_task_id="mine-1")
    for name in (task_id, "mine-1"):
        status, body = await api("GET", f"{T2V}/{name}")
        assert (status, body["data"]["task_id"]) == (200, task_id)
        assert body["data"]["task_info"] == {"external_task_id": "mine-1"}
    assert (await api("GET", f"/kling{T2V}/{task_id}"))[0] == 200
    status, body = await api("GET", f"{I2V}/{task_id}")
    assert (status, body["code"]) == (404, 1203)
    fake.missing = 1201
    assert (await api("GET", f"{T2V}/unknown"))[0] == 400
    assert fake.queries == 5
    assert [entry.code for entry in fake.entries("query")] == [0, 0, 0, 1203, 1201]


async def test_the_list_has_the_newest_first_in_pages(fake: FakeKling, api: Api) -> None:
    made = [await api.create() for _ in range(5)]
    _, body = await api("GET", f"{T2V}?pageNum=2&pageSize=2")
    assert [one["task_id"] for one in body["data"]] == [made[2], made[1]]
    assert (await api("GET", f"{T2V}?pageSize=501"))[1]["code"] == 1201
    assert fake.count("list") == 1


async def test_a_second_job_with_the_same_handle_is_refused(fake: FakeKling, api: Api) -> None:
    await api.create(external_task_id="once")
    status, body = await api("POST", T2V, BODY | {"external_task_id": "once"})
    assert (status, body["code"]) == (400, 1201)
    assert "external_task_id" in body["message"]
    assert [entry.kind for entry in fake.journal] == ["accepted", "refused"]
    assert len(fake.jobs) == 1


@pytest.mark.parametrize(
    ("path", "fields", "status", "code"),
    [
        (T2V, {"duration": 5}, 400, 1201),
        (T2V, {"duration": "16"}, 400, 1201),
        (T2V, {"prompt": ""}, 400, 1201),
        (T2V, {"prompt": "x" * 2501}, 400, 1201),
        (T2V, {"mode": "best"}, 400, 1201),
        (T2V, {"model_name": "sora-2"}, 404, 1203),
        (I2V, {"image": ""}, 400, 1201),
        (I2V, {"image": "data:image/png;base64,AAAA"}, 400, 1201),
        (I2V, {"image": "AAAA", "image_tail": "AAAA", "static_mask": "AAAA"}, 400, 1201),
    ],
)
async def test_documented_rules_are_kept(
    *, fake: FakeKling, api: Api, path: str, fields: dict[str, object], status: int, code: int
) -> None:
    answered, body = await api("POST", path, BODY | fields)
    assert (answered, body["code"]) == (status, code)
    assert fake.jobs == {}


def token(**claims: object) -> str:
    now = int(time.time())
    return jwt.encode({"iss": ACCESS_KEY, "exp": now + 1800, "nbf": now - 5} | claims, SECRET_KEY, algorithm="HS256")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (lambda: "", 1001),
        (lambda: f"Bearer {API_KEY}", 0),
        (lambda: "Bearer wrong", 1002),
        (lambda: API_KEY, 1002),
        (lambda: f"Bearer {token()}", 0),
        (lambda: f"Bearer {token(nbf=int(time.time()) + 1700)}", 1003),
        (lambda: f"Bearer {token(exp=int(time.time()) - 1)}", 1004),
        (lambda: f"Bearer {token(iss='nobody')}", 1000),
        (lambda: f"Bearer {token()}x", 1002),
    ],
)
async def test_signing_in(api: Api, authorization: Callable[[], str], code: int) -> None:
    status, body = await api("POST", T2V, BODY, authorization=authorization())
    assert (status, body["code"]) == (401 if code else 200, code)


async def test_jobs_move_as_the_test_says(fake: FakeKling, api: Api) -> None:
    first, second = await api.create(external_task_id="one"), await api.create()

    async def word(task_id: str) -> Any:
        return (await api("GET", f"{T2V}/{task_id}"))[1]["data"]["task_status"]

    fake.begin("one")
    assert [await word(first), await word(second)] == ["processing", "submitted"]
    fake.fail(second, "no luck")
    fake.finish()
    assert [await word(first), await word(second)] == ["succeed", "failed"]
    data = (await api("GET", f"{T2V}/{second}"))[1]["data"]
    assert data["task_status_msg"] == "no luck"
    fake.finish(second)
    assert await word(second) == "failed"


async def test_a_job_may_finish_by_itself(fake: FakeKling, api: Api) -> None:
    fake.autofinish(0.05)
    task_id = await api.create()
    seen: list[str] = []
    async with asyncio.timeout(5):
        while "succeed" not in seen:
            word = (await api("GET", f"{T2V}/{task_id}"))[1]["data"]["task_status"]
            if word not in seen:
                seen.append(word)
    assert seen == ["submitted", "processing", "succeed"]


async def test_the_result_is_a_real_video(fake: FakeKling, api: Api) -> None:
    task_id = await api.create()
    fake.finish(task_id)
    data = (await api("GET", f"{T2V}/{task_id}"))[1]["data"]
    video = data["task_result"]["videos"][0]
    assert video["duration"] == "5"
    assert data["final_unit_deduction"] == "2.5"
    async with api.session.get(video["url"]) as answer:
        content = await answer.read()
        assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(content)) as container:
        picture = container.streams.video[0]
        assert (picture.width, picture.height, picture.frames) == (64, 64, 24)


def test_the_result_may_be_as_large_as_one_likes() -> None:
    content = FakeKling(file_bytes=300_000).file
    assert len(content) == 300_000
    with av.open(io.BytesIO(content)) as container:
        assert container.streams.video[0].frames == 24


async def test_links_wear_out_and_a_query_hands_out_a_new_one(fake: FakeKling, api: Api) -> None:
    fake.link_uses = 2
    task_id = await api.create()
    fake.finish()

    async def link() -> str:
        url: str = (await api("GET", f"{T2V}/{task_id}"))[1]["data"]["task_result"]["videos"][0]["url"]
        return url

    async def status(url: str) -> int:
        async with api.session.get(url) as answer:
            return answer.status

    old = await link()
    assert [await status(old) for _ in range(3)] == [200, 200, 403]
    new = await link()
    assert new != old
    assert [await status(old), await status(new)] == [403, 200]
    assert await link() == new
    assert [entry.code for entry in fake.entries("download")] == [200, 200, 403, 403, 200]


async def test_links_expire(fake: FakeKling, api: Api) -> None:
    fake.link_seconds = 0.05
    task_id = await api.create()
    fake.finish()
    url = (await api("GET", f"{T2V}/{task_id}"))[1]["data"]["task_result"]["videos"][0]["url"]
    await asyncio.sleep(0.06)
    async with api.session.get(url) as answer:
        assert answer.status == 403
    assert (await api("GET", f"{T2V}/{task_id}"))[1]["data"]["task_result"]["videos"][0]["url"] != url


async def test_more_than_the_pack_allows_is_refused(fake: FakeKling, api: Api) -> None:
    fake.max_parallel = 1
    await api.create()
    status, body = await api("POST", T2V, BODY)
    assert (status, body["code"]) == (429, 1303)
    fake.finish()
    await api.create()


class Receiver(ThreadedServer):
    """Keeps what is called back."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[dict[str, str], bytes]] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((headers, await request.read()))
        return web.Response()


async def test_every_change_is_called_back_in_order_and_signed(api: Api, fake: FakeKling) -> None:
    async with Receiver() as receiver, FakeKling(webhook_secret=WEBHOOK_SECRET) as signing:
        for upstream in (fake, signing):
            url = f"{upstream.base_url}{T2V}"
            task_id = await api.create(url, callback_url=f"{receiver.base_url}/hook", external_task_id="mine")
            upstream.begin()
            upstream.finish()
            await upstream.noted("callback", count=2)
            assert [entry.detail for entry in upstream.entries("callback")] == ["processing", "succeed"]
            assert [entry.code for entry in upstream.entries("callback")] == [200, 200]
            headers, body = receiver.got[-1]
            _, query = await api("GET", f"{url}/{task_id}")
            if upstream is signing:
                assert Webhook(WEBHOOK_SECRET).verify(body, headers) == query["data"]
            else:
                assert "webhook-signature" not in headers


async def test_a_receiver_that_is_not_there_is_noted(fake: FakeKling, api: Api) -> None:
    await api.create(callback_url="http://127.0.0.1:9/hook")
    fake.finish()
    await fake.noted("callback")
    assert fake.entries("callback")[0].code == 0


async def test_faults_strike_where_when_and_as_often_as_told(fake: FakeKling, api: Api) -> None:
    fake.faults += [Fault("create", "refuse", skip=1, code=1302, retry_after=7), Fault("query", "html", times=2)]
    task_id = await api.create()
    async with api.session.post(T2V, json=BODY) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")
        assert (await answer.json())["code"] == 1302
    await api.create()
    for status in (502, 502, 200):
        async with api.session.get(f"{T2V}/{task_id}") as answer:
            assert answer.status == status
    assert fake.faults == []


async def test_two_jobs_for_one_request(fake: FakeKling, api: Api) -> None:
    fake.faults.append(Fault("create", "twice"))
    task_id = await api.create(external_task_id="mine")
    assert [entry.handle for entry in fake.entries("accepted")] == ["mine", "mine"]
    assert (await api("GET", f"{T2V}/mine"))[1]["data"]["task_id"] == task_id


@pytest.mark.parametrize("created", [False, True])
async def test_dropped_before_or_after_the_job_was_made(fake: FakeKling, api: Api, created: bool) -> None:
    fake.faults.append(Fault("create", "drop", times=FOREVER, created=created))
    with pytest.raises(aiohttp.ClientError):
        await api.create(external_task_id="lost")
    assert len(fake.jobs) == created
    (entry,) = fake.entries("dropped")
    assert (entry.handle, entry.task_id) == ("lost", next(iter(fake.jobs), None))


@pytest.mark.parametrize(("kind", "made"), [("create", 0), ("accepted", 1)])
async def test_a_request_is_held_before_or_after_its_job_is_made(
    fake: FakeKling, api: Api, kind: str, made: int
) -> None:
    fake.hold(kind)
    create = asyncio.create_task(api.create())
    await fake.held(kind)
    assert (len(fake.jobs), create.done()) == (made, False)
    fake.release(kind)
    assert await create in fake.jobs
    await api.create()
    with pytest.raises(TimeoutError):
        await fake.held(kind, timeout=0.01)


async def test_held_requests_may_be_hung_up_on(fake: FakeKling, api: Api) -> None:
    fake.hold("create")
    create = asyncio.create_task(api.create())
    await fake.held("create")
    fake.release("create", drop=True)
    with pytest.raises(aiohttp.ClientError):
        await create
    assert fake.jobs == {}
    assert fake.count("dropped") == 1


def ask(fake: FakeKling, method: str, path: str, body: object = None) -> Any:
    """One request of a test without a loop."""
    connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=5)
    with contextlib.closing(connection):
        connection.request(method, path, json.dumps(body), {"authorization": f"Bearer {API_KEY}"})
        return json.loads(connection.getresponse().read())


def test_it_serves_tests_without_a_loop_and_comes_back_on_its_port() -> None:
    with FakeKling().in_thread() as fake:
        fake.hold("create")
        thread = threading.Thread(target=ask, args=(fake, "POST", T2V, BODY))
        thread.start()
        fake.wait_held("create", timeout=5)
        fake.release("create")
        thread.join(5)
        (task_id,) = fake.jobs
        fake.stop()
        with pytest.raises(ConnectionRefusedError):
            ask(fake, "GET", f"{T2V}/{task_id}")
        fake.start()
        assert ask(fake, "GET", f"{T2V}/{task_id}")["data"]["task_id"] == task_id


async def test_an_honest_fake_tells_the_length_of_its_file() -> None:
    headers = {"authorization": f"Bearer {API_KEY}"}
    async with FakeKling(honest=True) as fake, aiohttp.ClientSession(fake.base_url, headers=headers) as session:
        api = Api(session)
        task = await api.create(duration="10")
        assert fake.jobs[task].told_at is None
        fake.finish()
        _, found = await api("GET", f"{T2V}/{task}")
        assert found["data"]["task_result"]["videos"][0]["duration"] == "1"
        assert fake.jobs[task].told_at is not None


async def test_a_caller_that_hangs_up_is_noted(fake: FakeKling) -> None:
    fake.faults.append(Fault("create", "delay", seconds=0.3))
    headers = {"authorization": f"Bearer {API_KEY}"}
    async with aiohttp.ClientSession(fake.base_url, headers=headers) as session:
        with pytest.raises(TimeoutError):
            await session.post(T2V, json=BODY, timeout=aiohttp.ClientTimeout(total=0.1))
        await fake.noted("dropped")
    (entry,) = fake.entries("dropped")
    assert (entry.task_id, entry.detail) == (next(iter(fake.jobs)), "left")
    assert fake.fired == {"create delay": 1}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_path_objects_to_an_empty_body_and_is_listed(api: Api, name: str) -> None:
    path = f"/v1/{name}"
    status, body = await api("POST", path, {})
    assert (status, body["code"]) == (400, 1201)
    assert (await api("GET", path))[1]["data"] == []
    assert (await api("GET", f"{path}/1"))[1]["code"] == 1203
