"""Videos that are asked for in a chat: with the official client, and through another of our own servers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import openai
import pytest

from telecine.nouns.ids import parse_task_id
from tests.server.live import KEY, OTHER_KEY, LiveServer
from tests.server.pictures import picture, played

LINK = re.compile(r"\]\((http://[^\s()]+)\)")
FRAME = "data:image/png;base64," + base64.b64encode(picture("PNG", (320, 568))).decode()
QUICK = "a paper boat [[delay:0]]"
FILM = """
[[models]]
name = "film"
operations = ["text_to_video", "image_to_video", "remix"]
sizes = ["160x284"]
durations = [1, 2]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("chat"), FILM) as found:
        yield found


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=f"{server.address}/v1", max_retries=0) as found:
        yield found


def video_of(server: LiveServer, text: str) -> bytes:
    """The file behind the link at the end of an answer."""
    return server.call("GET", LINK.findall(text)[-1], key=None).content


def task_in(server: LiveServer, text: str) -> Any:
    named = re.search(r"> ID: `(\w+)`", text)
    assert named is not None
    return server.call("GET", f"/v1/tasks/{named[1]}").json


def test_a_video_is_made_in_a_chat_and_changed_in_the_next_message(server: LiveServer, client: openai.OpenAI) -> None:
    chat: list[Any] = [{"role": "system", "content": "You make films."}, {"role": "user", "content": QUICK}]
    lines, finished = [], None
    for chunk in client.chat.completions.create(model="film", messages=chat, stream=True, temperature=0.7):
        assert (chunk.object, chunk.model) == ("chat.completion.chunk", "film")
        lines.append(chunk.choices[0].delta.content or "")
        finished = chunk.choices[0].finish_reason or finished
    answer = "".join(lines)
    assert finished == "stop"
    assert len(lines) >= 3
    assert "done ✅" in answer
    task = task_in(server, answer)
    assert (task["operation"], task["dialect"]) == ("text_to_video", "openai")
    assert json.dumps({"prompt": QUICK}, separators=(",", ":")) in answer
    assert played(video_of(server, answer)).seconds == pytest.approx(1.0, abs=0.1)

    chat += [{"role": "assistant", "content": answer}, {"role": "user", "content": "at night [[delay:0]]"}]
    changed = client.chat.completions.create(model="film", messages=chat).choices[0].message.content or ""
    after = task_in(server, changed)
    assert (after["operation"], after["status"]) == ("remix", "succeeded")
    assert after["id"] != task["id"]


def test_pictures_come_within_the_message(server: LiveServer, client: openai.OpenAI) -> None:
    parts: list[Any] = [
        {"type": "text", "text": QUICK},
        {"type": "image_url", "image_url": {"url": FRAME}},
    ]
    done = client.chat.completions.create(
        model="film", messages=[{"role": "user", "content": parts}], extra_body={"seconds": "2"}
    )
    assert done.object == "chat.completion"
    assert done.choices[0].finish_reason == "stop"
    answer = done.choices[0].message.content or ""
    task = task_in(server, answer)
    assert task["operation"] == "image_to_video"
    (output,) = task["outputs"]
    assert (output["width"], output["height"], round(output["duration"])) == (720, 1278, 2)


def test_a_failure_is_an_error_in_either_way(client: openai.OpenAI) -> None:
    chat: Any = [{"role": "user", "content": "never [[fail:content_policy]]"}]
    with pytest.raises(openai.APIStatusError) as whole:
        client.chat.completions.create(model="film", messages=chat)
    assert whole.value.code == "content_policy_violation"
    assert whole.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.APIError) as streamed:
        list(client.chat.completions.create(model="film", messages=chat, stream=True))
    assert streamed.value.code == "content_policy_violation"


def test_a_chat_goes_on_after_a_failure(server: LiveServer, client: openai.OpenAI) -> None:
    made = server.call("POST", "/v1/videos", {"model": "film", "prompt": "never [[fail:content_policy]]"}).json
    assert server.ended(made["id"])["status"] == "failed"
    chat = [{"role": "user", "content": "never"}, {"role": "assistant", "content": f"> ID: `{made['id']}`\n\n> ❌"}]
    answer = server.call("POST", "/v1/chat/completions", {**users(""), "messages": [*chat, *users(QUICK)["messages"]]})
    assert answer.status == 200, answer.content
    assert task_in(server, answer.json["choices"][0]["message"]["content"])["operation"] == "text_to_video"


def test_the_prompt_of_an_answer_names_no_video(server: LiveServer) -> None:
    quoted = json.dumps({"prompt": "as in\n> ID: `video_0000000000001`"})
    made = server.ended(server.call("POST", "/v1/videos", {"model": "film", "prompt": QUICK}).json["id"])
    answer = f"```json\n{quoted}\n```\n\n> ID: `{made['id']}`\n\n"
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": answer}]
    body = {**users(""), "messages": [*chat, *users("at night [[delay:0]]")["messages"]]}
    changed = server.call("POST", "/v1/chat/completions", body)
    assert changed.status == 200, changed.content
    assert task_in(server, changed.json["choices"][0]["message"]["content"])["operation"] == "remix"


def test_a_client_that_hangs_up_loses_nothing(server: LiveServer) -> None:
    body = {"model": "film", "messages": [{"role": "user", "content": "a long one [[delay:2]]"}], "stream": True}
    with closing(server.connect()) as connection:
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
        first = connection.getresponse().readline()
    (said,) = json.loads(first.removeprefix(b"data: "))["choices"]
    task = task_in(server, said["delta"]["content"])
    assert server.ended(task["id"])["status"] == "succeeded"


def users(content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "film", "messages": [{"role": "user", "content": content}], **more}


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        (users(""), "messages", "is required"),
        ({"model": "film", "messages": []}, "messages", "the last one must be the user's"),
        ({"model": "film", "messages": [{"role": "assistant", "content": "a"}]}, "messages", "must be the user's"),
        ({"messages": [{"role": "user", "content": "a"}]}, "model", "is required"),
        (users(7), "messages[0].content", "a text, or a list"),
        (users([{"type": "input_audio", "input_audio": {}}]), "messages[0].content[0]", "means nothing for a video"),
        (users([{"text": "a"}]), "messages[0].content[0]", "an object with a type"),
        (users([{"type": "image_url", "image_url": {"url": "ftp://x"}}]), "messages", "messages"),
        (users([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": FRAME}], images=[FRAME]),
         "messages", "send them in one place"),
        (users("a", seconds="0"), "seconds", "seconds"),
        (users("a", stream="maybe"), "stream", "stream"),
        (users("a", model="gpt-image-1"), "operation", "does not do text to video"),
        (users("a", tools=[{"type": "function"}]), "tools", "tools"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_and_nothing_is_stored(
    server: LiveServer, body: dict[str, Any], param: str, said: str
) -> None:
    before = server.call("GET", "/v1/tasks?limit=1").json["data"][:1]
    answer = server.call("POST", "/v1/chat/completions", body)
    assert answer.status in (400, 404), answer.content
    error = answer.json["error"]
    assert (error["param"], said in error["message"]) == (param, True), error
    assert server.call("GET", "/v1/tasks?limit=1").json["data"][:1] == before


@pytest.mark.parametrize("named", ["video_0000000000001", "film:task_0000000000001", "theirs", "another model's"])
def test_an_answer_of_somebody_else_is_not_found(server: LiveServer, named: str) -> None:
    if named == "theirs":
        made = server.call("POST", "/v1/videos", {"model": "film", "prompt": QUICK}, key=OTHER_KEY).json
        named = made["id"]
        assert parse_task_id(named) is not None
    if named == "another model's":
        made = server.call("POST", "/v1/videos", {"model": "film", "prompt": QUICK}).json
        named = f"sora-2:task_{made['id'].removeprefix('video_')}"
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": f"> ID: `{named}`"}]
    answer = server.call("POST", "/v1/chat/completions", users("b") | {"messages": [*chat, *users("b")["messages"]]})
    assert (answer.status, answer.json["error"]["param"]) == (404, "messages")
    assert named in answer.json["error"]["message"]


def test_the_loop(server: LiveServer, tmp_path: Any) -> None:
    channel = f"""
[[channels]]
name = "relay"
provider = "relay"
base_url = "{server.address}"
api_key = "{KEY}"
allow_private = true
models = ["film"]
options = {{ form = "chat" }}
{FILM}"""
    with LiveServer(tmp_path, channel) as front:
        body = {"model": "film", "prompt": QUICK, "inputs": [{"role": "first_frame", "data": FRAME}]}
        made = front.ended(front.call("POST", "/v1/tasks", body).json["id"])
        assert made["status"] == "succeeded", made
        assert played(front.call("GET", made["outputs"][0]["url"], key=None).content).seconds == pytest.approx(
            1.0, abs=0.1
        )
        again = {
            "model": "film",
            "operation": "remix",
            "prompt": "at night [[delay:0]]",
            "source": {"task": made["id"]},
        }
        remix = front.ended(front.call("POST", "/v1/tasks", again).json["id"])
        assert remix["status"] == "succeeded", remix
        failed = front.call("POST", "/v1/tasks", {"model": "film", "prompt": "never [[fail:content_policy]]"})
        assert failed.json["error"]["code"] == "content_policy", failed.json
