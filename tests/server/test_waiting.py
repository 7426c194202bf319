"""Requests that are answered when their task has ended, against a whole server and a fake Kling behind it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from telecine.dialects import waiting
from tests.server.live import KEY, Answer, LiveServer, eventually, kling_channel, received
from tests.upstreams.kling import API_KEY, FakeKling

CREATE = {"model": "kling-v2-5-turbo", "prompt": "a paper boat", "duration": 5}


@pytest.fixture
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


@pytest.fixture
def server(tmp_path: Path, kling: FakeKling) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, kling_channel(kling.base_url, API_KEY), speed=1.0) as live:
        yield live


def begin(server: LiveServer, query: str, body: Any = None) -> http.client.HTTPConnection:
    """Send a create, and leave it waiting."""
    connection = server.connect()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection.request("POST", f"/v1/tasks?{query}", json.dumps(CREATE if body is None else body), headers)
    return connection


def end(server: LiveServer, kling: FakeKling, *, well: bool = True) -> None:
    """Let every job end, and have the upstream asked about it now."""
    if well:
        kling.finish()
    else:
        kling.fail()
    for (task_id,) in server.rows("SELECT id FROM tasks"):
        server.run(server.gateway.tasks.wake(task_id))


def waits(server: LiveServer, number: int) -> None:
    """Return once so many requests wait."""
    eventually(lambda: server.gateway._edge.waits.used == number, f"{number} requests that wait")


def test_a_create_is_answered_with_its_result(server: LiveServer, kling: FakeKling) -> None:
    with closing(begin(server, "wait=60")) as connection:
        waits(server, 1)
        end(server, kling)
        answer = received(connection)
    assert (answer.status, answer.json["status"], len(answer.json["outputs"])) == (200, "succeeded", 1)
    assert "transfer-encoding" not in answer.headers
    waits(server, 0)


def test_a_wait_that_is_over_is_answered_with_what_there_is(server: LiveServer, kling: FakeKling) -> None:
    for query in ("wait=0.2", "wait=0.2&keep_alive=true", "wait=0&keep_alive=true", "keep_alive=true"):
        answer = server.call("POST", f"/v1/tasks?{query}", CREATE)
        assert (answer.status, answer.json["status"]) == (200, "queued")


@pytest.mark.parametrize("succeeds", [True, False])
def test_one_that_is_kept_alive_begins_at_once(
    server: LiveServer, kling: FakeKling, monkeypatch: pytest.MonkeyPatch, succeeds: bool
) -> None:
    monkeypatch.setattr(waiting, "_PULSE", 0.02)
    with closing(begin(server, "wait=600&keep_alive=true")) as connection:
        reply = connection.getresponse()
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
        assert reply.headers["x-accel-buffering"] == "no"
        assert reply.read(3) == b"   ", "while the job runs"
        end(server, kling, well=succeeds)
        rest = reply.read()
    assert rest.startswith((b" ", b"{"))
    assert json.loads(rest)["status"] == ("succeeded" if succeeds else "failed")


def test_what_is_refused_has_its_own_status(server: LiveServer, kling: FakeKling) -> None:
    answer = server.call("POST", "/v1/tasks?wait=600&keep_alive=true", {**CREATE, "model": "nobody-has-it"})
    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")
    for query, param in [
        ("wait=61", "wait"),
        ("wait=601&keep_alive=true", "wait"),
        ("wait=x", "wait"),
        ("wait=5&keep_alive=yes", "keep_alive"),
        ("waits=5", "waits"),
    ]:
        answer = server.call("POST", f"/v1/tasks?{query}", CREATE)
        assert (answer.status, answer.json["error"]["param"]) == (400, param)
    assert kling.jobs == {}


@pytest.mark.parametrize("query", ["wait=60", "wait=600&keep_alive=true"])
def test_hanging_up_loses_nothing(server: LiveServer, kling: FakeKling, query: str) -> None:
    connection = begin(server, query)
    waits(server, 1)
    connection.close()
    waits(server, 0)
    end(server, kling)
    (task,) = server.call("GET", "/v1/tasks").json["data"]
    assert server.ended(task["id"])["status"] == "succeeded"
    assert len(kling.jobs) == 1


@pytest.mark.parametrize("query", ["wait=60", "wait=600&keep_alive=true"])
def test_a_task_that_is_deleted_meanwhile_ends_the_wait(server: LiveServer, kling: FakeKling, query: str) -> None:
    with closing(begin(server, query)) as connection:
        waits(server, 1)
        (task,) = server.call("GET", "/v1/tasks").json["data"]
        assert server.call("DELETE", f"/v1/videos/{task['id']}").status == 200
        end(server, kling)
        answer = received(connection)
    assert answer.json["error"]["code"] == "not_found"
    assert answer.status == (404 if query == "wait=60" else 200)


@pytest.mark.parametrize("query", ["wait=60", "wait=600&keep_alive=true"])
def test_a_stop_ends_the_wait_with_the_task_as_it_is(tmp_path: Path, kling: FakeKling, query: str) -> None:
    answers: list[Answer] = []
    with LiveServer(tmp_path, kling_channel(kling.base_url, API_KEY)) as live:
        connection = begin(live, query)
        waits(live, 1)
        reader = threading.Thread(target=lambda: answers.append(received(connection)))
        reader.start()
    reader.join(30)
    connection.close()
    (answer,) = answers
    assert (answer.status, answer.json["status"]) == (200, "queued")
    with LiveServer(tmp_path, kling_channel(kling.base_url, API_KEY)) as live:
        end(live, kling)
        assert live.ended(answer.json["id"])["status"] == "succeeded"


def test_many_wait_without_a_step_a_thread_or_a_connection_of_the_database(
    server: LiveServer, kling: FakeKling
) -> None:
    many = 50
    with ExitStack() as stack:
        server.call("POST", "/v1/tasks", CREATE)
        threads = threading.active_count()
        opened = [stack.enter_context(closing(begin(server, "wait=60&keep_alive=true"))) for _ in range(many)]
        waits(server, many)
        eventually(lambda: server.gateway.engine.running == 0, "no step under way")
        assert threading.active_count() <= threads + 4, "whose number has a bound, and not by how many wait"
        end(server, kling)
        answers = [received(one) for one in opened]
    assert {(one.status, one.json["status"]) for one in answers} == {(200, "succeeded")}
    assert len({one.json["id"] for one in answers}) == many


def test_where_as_many_wait_as_may_the_answer_comes_at_once(server: LiveServer, kling: FakeKling) -> None:
    server.gateway._edge.waits._places.most = server.gateway._edge.waits._places.spare = 0
    answer = server.call("POST", "/v1/tasks?wait=60", CREATE)
    assert (answer.status, answer.json["status"]) == (200, "queued")
    answer = server.call("GET", f"/v1/tasks/{answer.json['id']}?wait=60")
    assert (answer.status, answer.json["status"]) == (200, "queued")
