"""A relay behind a server, spoken to in each of its forms, said or found out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

import pytest

from tests.server.live import ADMIN_KEY, LiveServer, eventually
from tests.upstreams.faults import Fault
from tests.upstreams.relay import API_KEY, FORMS, FakeRelay, Form
from tests.upstreams.trap import trap

REACHABLE = '[network]\nallow_private = ["127.0.0.1/32"]\n'


CHANNELS: Final[dict[str, Form]] = {**{form: form for form in FORMS}, "found-unified": "unified", "found-chat": "chat"}
"""By name, the form of the relay behind each; those that are found say nothing of it."""


class House(NamedTuple):
    """A server, and by name the relays behind its channels."""

    server: LiveServer
    relays: dict[str, FakeRelay]


def channel(name: str, base_url: str, options: str) -> str:
    return f"""
[[channels]]
name = "{name}"
provider = "relay"
base_url = "{base_url}"
api_key = "{API_KEY}"
models = [{{ public = "by-{name}", upstream = "sora-2" }}]
{options}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack:
        config, relays = REACHABLE, {}
        for name, form in CHANNELS.items():
            fake = relays[name] = stack.enter_context(FakeRelay(form).in_thread())
            fake.autofinish(0.0 if form == "chat" else 0.05)
            config += channel(name, fake.base_url, f'options = {{ form = "{form}" }}' if name == form else "")
        server = stack.enter_context(LiveServer(tmp_path_factory.mktemp("relays"), config))
        yield House(server, relays)


def made(house: House, name: str, **fields: Any) -> Any:
    """A task of the channel, once it has ended."""
    answer = house.server.call("POST", "/v1/tasks", {"model": f"by-{name}", "prompt": "a fox"} | fields)
    return house.server.ended(answer.json["id"])


@pytest.mark.parametrize("name", CHANNELS)
def test_a_video_is_made_and_kept_and_followed_up_where_it_is(house: House, name: str) -> None:
    fake = house.relays[name]
    task = made(house, name)
    assert task["status"] == "succeeded", task
    (output,) = task["outputs"]
    assert house.server.call("GET", output["url"]).content == fake.file
    assert fake.count("accepted") == 1
    assert fake.base_url not in str(task)
    answer = house.server.call("POST", f"/v1/videos/{task['id']}/remix", {"prompt": "a cat"})
    assert answer.status == 200, answer
    assert house.server.ended(answer.json["id"])["status"] == "succeeded"
    assert fake.count("accepted") == 2


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_submit_is_never_sent_again(house: House, form: Form) -> None:
    fake = house.relays[form]
    before = len(fake.jobs)
    fake.faults.append(Fault("create", "drop", created=True))
    answer = house.server.call("POST", "/v1/tasks", {"model": f"by-{form}", "prompt": "a fox"})
    assert (answer.status, answer.headers["x-should-retry"]) == (502, "false"), answer
    (task,) = house.server.call("GET", f"/v1/tasks?model=by-{form}&limit=1").json["data"]
    assert (task["status"], task["error"]["code"]) == ("failed", "submission_unknown")
    assert len(fake.jobs) == before + 1


@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_read_or_had_now_is_asked_for_again(house: House, form: Form) -> None:
    fake = house.relays[form]
    fake.faults += [Fault("create", "refuse", code="rate_limit_exceeded", retry_after=1)]
    fake.faults += [Fault("file", "status", status=503), Fault("file", "cut")]
    if form != "chat":
        fake.faults += [Fault("query", "html"), Fault("query", "word", message="dreamt"), Fault("query", "broken")]
    task = made(house, form)
    assert task["status"] == "succeeded", task
    assert house.server.call("GET", task["outputs"][0]["url"]).content == fake.file
    eventually(lambda: not fake.faults, "all of them have happened")


@pytest.mark.parametrize("form", ["unified", "chat"])
def test_a_redirect_to_a_private_address_is_never_followed(house: House, form: Form) -> None:
    fake = house.relays[form]
    with trap() as (address, asked):
        fake.faults.append(Fault("file", "redirect", message=f"{address}/secret"))
        task = made(house, form)
        assert task["status"] == "succeeded", task
        assert asked == []
        assert address not in str(task)


@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_is_told_in_its_own_words(house: House, form: Form) -> None:
    fake = house.relays[form]
    before = len(fake.jobs)
    said = f"No, says {fake.base_url} to {API_KEY}."
    fake.faults.append(Fault("create", "refuse", code="moderation_blocked", message=said))
    answer = house.server.call("POST", "/v1/tasks", {"model": f"by-{form}", "prompt": "a fox"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "content_policy"), answer
    assert answer.json["error"]["message"] == "No, says *** to ***."
    assert len(fake.jobs) == before


@pytest.mark.parametrize("form", FORMS[:3])
def test_a_link_that_has_expired_is_asked_for_anew(house: House, form: Form) -> None:
    fake = house.relays[form]
    fake.link_uses = 1
    fake.faults.append(Fault("file", "cut"))
    try:
        task = made(house, form)
    finally:
        fake.link_uses = None
    assert house.server.call("GET", task["outputs"][0]["url"]).content == fake.file


@pytest.mark.parametrize("form", FORMS[:3])
def test_a_failure_is_told_with_its_reason(house: House, form: Form) -> None:
    fake = house.relays[form]
    fake.autofinish(None)
    try:
        answer = house.server.call("POST", "/v1/tasks", {"model": f"by-{form}", "prompt": "a fox"})
        fake.fail(message="GPU on fire")
        task = house.server.ended(answer.json["id"])
    finally:
        fake.autofinish(0.05)
    assert (task["status"], task["error"]["message"]) == ("failed", "GPU on fire")


def test_a_probe_tells_which_form_it_is(house: House) -> None:
    def probe(name: str) -> Any:
        return house.server.call("POST", f"/admin/v1/channels/{name}/probe", key=ADMIN_KEY).json

    for name, form in CHANNELS.items():
        found = {"name": name, "form": form, "said": name == form, "serves": [form], "message": ""}
        assert probe(name) == found
    assert house.server.call("POST", "/admin/v1/channels/nope/probe", key=ADMIN_KEY).status == 404
