"""The other form under Suno's prefix: clips that are named before they are made, and read by their ids."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest

from telecine.dialects.suno import SUNO, SUNO_FEED
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import UUID, clip_id, output_id
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Facts, Output, State
from telecine.tasks.view import View
from telecine.wires.suno import Clip, Lyrics
from telecine.wires.suno_feed import Generated
from tests.dialects.house import NOW, House

GENERATE, DESCRIBED, CONCAT = "/suno/generate", "/suno/generate/description-mode", "/suno/generate/concat"
WRITE, LYRICS, FEED, CREDITS = "/suno/generate/lyrics/", "/suno/lyrics", "/suno/feed", "/suno/get_credits"
SONG = GenerationRequest(
    operation="music", model="chirp-v4", count=2, parameters=MusicParameters(lyrics="la", title="Boat", style="folk")
)
WORDS = GenerationRequest(operation="lyrics", model="suno_lyrics", prompt="a paper boat")


@pytest.fixture
def house() -> House:
    return House(SUNO_FEED, SUNO)


def sung(house: House, items: int = 2) -> View:
    """A finished song, of which so many clips came; each has a cover before it."""
    view = house.tasks.add(SONG, state="succeeded", started_at=NOW + 2, ended_at=NOW + 60)
    outputs = [
        Output(task_id=view.task.id, index=2 * item + number, item=item, part=part, kind=kind, state="stored")  # type: ignore[arg-type]
        for item in range(items)
        for number, (part, kind) in enumerate((("cover", "image"), ("main", "audio")))
    ]
    house.tasks.views[view.task.id] = View(view.task, tuple(outputs))
    return house.tasks.views[view.task.id]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (
            GENERATE,
            {"prompt": "[Verse] la", "mv": "chirp-v3-5", "title": "T", "tags": "folk", "negative_tags": "metal",
             "continue_at": None, "continue_clip_id": None},
            {"prompt": "", "model": "chirp-v3-5",
             "parameters": MusicParameters(lyrics="[Verse] la", title="T", style="folk", negative_style="metal")},
        ),
        (
            GENERATE,
            {"prompt": "", "tags": "heavy metal", "title": "T", "continue_clip_id": None},
            {"prompt": "", "parameters": MusicParameters(style="heavy metal", title="T", instrumental=True)},
        ),
        (GENERATE, {"gpt_description_prompt": "a shanty"}, {"prompt": "a shanty", "parameters": None}),
        (
            DESCRIBED,
            {"gpt_description_prompt": "a shanty", "make_instrumental": True, "mv": "chirp-v4", "prompt": ""},
            {"prompt": "a shanty", "model": "chirp-v4", "parameters": MusicParameters(instrumental=True)},
        ),
    ],
)  # fmt: skip
async def test_clips_are_named_at_once(house: House, path: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = await house.call("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    request = house.request
    assert {name: getattr(request, name) for name in expected} == expected
    made = msgspec.json.decode(answer.content, type=Generated)
    (task_id,) = house.tasks.views
    assert (made.id, made.status) == (UUID.write(task_id), "complete")
    assert [clip.id for clip in made.clips] == [clip_id(task_id, 0), clip_id(task_id, 1)]
    assert all(str(uuid.UUID(clip.id)) == clip.id for clip in made.clips)
    assert {(clip.status, clip.audio_url) for clip in made.clips} == {("submitted", "")}
    assert made.clips[0].metadata == made.metadata
    fed = (await house.call("GET", f"{FEED}/{','.join(clip.id for clip in made.clips)}")).json()
    assert msgspec.convert(fed, list[Clip]) == made.clips


async def test_a_feed_shows_each_clip_under_the_name_that_was_asked(house: House) -> None:
    view, other = sung(house), house.tasks.add(SONG, account_id=2)
    task = view.task.id
    names = [clip_id(task, 1), output_id(task, 1), clip_id(task, 0)]
    nobodys = [clip_id(other.task.id, 0), "nonsense", UUID.write(task), clip_id(house.tasks.add(WORDS).task.id, 0)]
    answer = await house.call("GET", f"{FEED}/{','.join([names[0], *nobodys, *names])}")
    assert [clip["id"] for clip in answer.json()] == names
    assert {clip["status"] for clip in answer.json()} == {"complete"}
    assert answer.json()[0]["audio_url"] != answer.json()[1]["audio_url"] == answer.json()[2]["audio_url"]
    assert answer.json()[0]["image_url"].endswith("/2/file.mp4")
    assert answer.json()[0]["metadata"]["tags"] == "folk"


@pytest.mark.parametrize(
    ("state", "clip", "words", "message"),
    [
        ("queued", "submitted", "submitted", None),
        ("running", "queued", "running", None),
        ("failed", "error", "error", "tags: No."),
        ("cancelled", "error", "error", "The task was cancelled."),
    ],
)
async def test_what_is_not_made_says_how_far_it_is(
    house: House, state: State, clip: str, words: str, message: str | None
) -> None:
    error = TaskError("invalid_request", "No.", "parameters.style") if state == "failed" else None
    ended = NOW + 3 if state in ("failed", "cancelled") else None
    begun = NOW + 1 if state == "running" else None
    song, text = (
        house.tasks.add(one, state=state, started_at=begun, ended_at=ended, error=error) for one in (SONG, WORDS)
    )
    (told,) = (await house.call("GET", f"{FEED}/{clip_id(song.task.id, 1)}")).json()
    assert (told["status"], told["metadata"]["error_message"], told["audio_url"]) == (clip, message, "")
    assert (await house.call("GET", f"{LYRICS}/{text.task.id}")).json()["status"] == words


async def test_a_clip_that_did_not_come_is_an_error(house: House) -> None:
    task = sung(house, items=1).task.id
    told = (await house.call("GET", f"{FEED}/{clip_id(task, 0)},{clip_id(task, 1)}")).json()
    assert [clip["status"] for clip in told] == ["complete", "error"]
    assert told[1]["metadata"]["error_message"] == "No such clip was made."


async def test_lyrics_are_asked_for_and_read(house: House) -> None:
    for path in (WRITE, WRITE.rstrip("/")):
        name = (await house.call("POST", path, json={"prompt": "a boat"})).json()["id"]
    told = (await house.call("GET", f"{LYRICS}/{name}")).json()
    assert (told["id"], told["status"], told["text"]) == (name, "submitted", "")
    view = house.tasks.done(WORDS)
    facts = Facts.of("suno", Lyrics(title="Boat", text="elsewhere"))
    text = Output(task_id=view.task.id, index=0, kind="text", state="stored", text="[Verse]", facts=facts)
    house.tasks.views[view.task.id] = View(view.task, (text,))
    told = (await house.call("GET", f"{LYRICS}/{view.task.id}")).json()
    assert (told["status"], told["text"], told["title"]) == ("complete", "[Verse]", "Boat")
    assert (await house.call("GET", f"{LYRICS}/{sung(house).task.id}")).status_code == 404


async def test_a_song_is_put_together(house: House) -> None:
    view = sung(house)
    told = (await house.call("POST", CONCAT, json={"clip_id": clip_id(view.task.id, 0), "is_infill": False})).json()
    request, source = house.request, house.request.source
    assert (request.operation, request.model, request.parameters) == ("suno:concat", "chirp-v4", None)
    assert (source and source.item, told["status"]) == (0, "submitted")
    assert told["id"] == clip_id(max(house.tasks.views), 0)


async def test_credits_are_those_of_the_key_in_both_forms(house: House) -> None:
    told = (await house.call("GET", CREDITS)).json()
    assert told == {"credits_left": 9.65, "period": "month", "monthly_limit": 10.9, "monthly_usage": 1.25}
    assert house.accounts.asked[0][0] == 1761955200.0  # the first of November 2025
    account = (await house.call("GET", "/suno/account")).json()
    assert account == {"code": "success", "message": "", "data": told}
    house.accounts.standing = msgspec.structs.replace(house.accounts.standing, left=None)
    assert (await house.call("GET", CREDITS)).json()["credits_left"] == 100_000_000


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        (GENERATE, {}, "prompt"),
        (GENERATE, {"prompt": ""}, "prompt"),
        (GENERATE, {"prompt": "la", "Mv": "chirp-v4"}, "Mv"),
        (DESCRIBED, {"prompt": "la"}, "gpt_description_prompt"),
        (CONCAT, {}, "clip_id"),
        (WRITE, {}, "prompt"),
    ],
)
async def test_what_is_wrong_is_told_as_clients_read_it(
    house: House, path: str, body: dict[str, Any], named: str
) -> None:
    answer = await house.call("POST", path, json=body)
    told = answer.json()
    assert (answer.status_code, set(told), told["error"]["code"]) == (400, {"detail", "error"}, "invalid_request")
    assert named in told["detail"] == told["error"]["message"]
    assert house.untouched


async def test_too_many_clips_and_an_error_of_the_house(house: House) -> None:
    many = ",".join(clip_id(77, item) for item in range(101))
    answer = await house.call("GET", f"{FEED}/{many}")
    assert (answer.status_code, "101" in answer.json()["detail"]) == (400, True)
    house.tasks.refusal = GatewayError("insufficient_balance", "No money.")
    answer = await house.call("POST", GENERATE, json={"prompt": "la"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_balance")
