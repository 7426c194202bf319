"""Suno's dialect: the three modes of a song, lyrics, and what a fetch shows of them."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest

from telecine.dialects.suno import SUNO
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import UUID, clip_id, output_id, tsk_id
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest, Reference
from telecine.nouns.task import Facts, Output, State
from telecine.tasks.view import View
from telecine.webhooks.delivery import Tidings
from telecine.wires.suno import Clip, ClipMetadata, Lyrics, SubmitLyrics, SubmitMusic
from tests.dialects.house import NOW, House

MUSIC, LYRICS, FETCH = "/suno/submit/music", "/suno/submit/lyrics", "/suno/fetch"
CONCAT = "/suno/submit/concat"
SONG = GenerationRequest(
    operation="music",
    model="chirp-v4",
    prompt="a shanty about a paper boat",
    count=2,
    parameters=MusicParameters(title="Paper boat", style="shanty"),
    callback_url="https://me.test/h",
)
WORDS = GenerationRequest(operation="lyrics", model="suno_lyrics", prompt="a paper boat")


@pytest.fixture
def house() -> House:
    return House(SUNO)


def sung(house: House, *, lost: int | None = None, **changes: Any) -> View:
    """A finished song: two clips, each with a cover and its words, the first with what the vendor said of it."""
    view = house.tasks.add(SONG, state="succeeded", started_at=NOW + 2, ended_at=NOW + 60, **changes)
    facts = Facts.of("suno", Clip(
        id="upstream-1", title="A boat of paper", user_id="u", display_name="operator", handle="op", play_count=7,
        audio_url="https://cdn.upstream.test/1.mp3", model_name="chirp-v4-tau", major_model_version="v4",
        metadata=ClipMetadata(tags="shanty, male voice", prompt="[Verse] …", duration=121.0, history=["upstream-0"]),
    ))  # fmt: skip
    outputs: list[Output] = []
    for item in range(2):
        for kind, part in (("audio", "main"), ("image", "cover"), ("text", "lyrics")):
            state: Any = "lost" if (lost, part) == (item, "main") else "stored"
            outputs.append(Output(
                task_id=view.task.id, index=len(outputs), item=item, part=part, kind=kind,  # type: ignore[arg-type]
                state=state, duration=120.5 if part == "main" else None,
                text=f"words {item}" if part == "lyrics" else None,
                facts=facts if (item, part) == (0, "main") else None,
            ))  # fmt: skip
    found = View(view.task, tuple(outputs))
    house.tasks.views[view.task.id] = found
    return found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"gpt_description_prompt": "a shanty", "make_instrumental": False, "mv": "chirp-v4", "prompt": ""},
            {"model": "chirp-v4", "prompt": "a shanty", "parameters": MusicParameters(instrumental=False)},
        ),
        (  # beside a description, the protocol ignores the prompt
            {"gpt_description_prompt": "a shanty", "prompt": "[Verse] la"},
            {"model": "chirp-v3-0", "prompt": "a shanty", "parameters": None},
        ),
        (
            {"prompt": "[Verse] la", "title": "T", "tags": "folk", "mv": "chirp-crow", "notify_hook": "https://me.test/h"},
            {
                "model": "chirp-crow",
                "prompt": "",
                "parameters": MusicParameters(lyrics="[Verse] la", title="T", style="folk"),
                "callback_url": "https://me.test/h",
            },
        ),
        (
            {"prompt": "a shanty", "custom_mode": False, "instrumental": "true"},
            {"prompt": "a shanty", "parameters": MusicParameters(instrumental=True)},
        ),
        (
            {"tags": "ambient", "make_instrumental": True, "custom_mode": True, "continue_at": 0},
            {"prompt": "", "parameters": MusicParameters(style="ambient", instrumental=True)},
        ),
        (
            {"prompt": "la", "style": "jazz", "negative_tags": "metal", "vocal_gender": "f", "style_weight": 0.5,
             "weirdness_constraint": 0, "audio_weight": 1},
            {"parameters": MusicParameters(lyrics="la", style="jazz", negative_style="metal", voice="f",
                                           style_weight=0.5, weirdness=0, audio_weight=1)},
        ),
    ],
)  # fmt: skip
async def test_a_song_is_asked_for_in_every_mode(house: House, body: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = await house.call("POST", MUSIC, json=body)
    assert answer.status_code == 200, answer.text
    request = house.request
    assert {name: getattr(request, name) for name in expected} == expected
    assert (request.operation, request.count, request.native, request.source) == ("music", 2, None, None)


async def test_the_answer_is_the_id_of_the_task_as_a_uuid(house: House) -> None:
    body = (await house.call("POST", LYRICS, json={"prompt": "a boat", "notify_hook": "https://me.test/h"})).json()
    (task_id,) = house.tasks.views
    assert body == {"data": str(uuid.UUID(body["data"])), "code": "success", "message": ""}
    assert body["data"] == UUID.write(task_id)
    request = house.request
    assert (request.operation, request.model, request.prompt) == ("lyrics", "suno_lyrics", "a boat")
    assert request.callback_url == "https://me.test/h"
    for name in (body["data"], str(task_id), tsk_id(task_id)):
        assert (await house.call("GET", f"{FETCH}/{name}")).json()["data"]["task_id"] == body["data"]


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        (MUSIC, {}, "prompt"),
        (MUSIC, {"tags": "folk"}, "prompt"),
        (MUSIC, {"prompt": ""}, "prompt"),
        (MUSIC, {"prompt": 5}, "prompt"),
        (MUSIC, {"prompt": "la", "mv": "x" * 65}, "mv"),
        (MUSIC, {"prompt": "la", "tags": "folk", "style": "jazz"}, "tags"),
        (MUSIC, {"prompt": "la", "make_instrumental": True, "instrumental": False}, "make_instrumental"),
        (MUSIC, {"prompt": "la", "make_instrumental": "maybe"}, "make_instrumental"),
        (MUSIC, {"gpt_description_prompt": "a", "custom_mode": True}, "gpt_description_prompt"),
        (MUSIC, {"prompt": "la", "style_weight": 1.5}, "style_weight"),
        (MUSIC, {"prompt": "la", "continue_at": 30}, "continue_at"),
        (MUSIC, {"prompt": "la", "continue_clip_id": "c", "continue_at": -1}, "continue_at"),
        (MUSIC, {"prompt": "la", "task_id": "t"}, "task_id"),
        (MUSIC, {"gpt_description_prompt": "a", "continue_clip_id": "c"}, "gpt_description_prompt"),
        (MUSIC, {"prompt": "la", "task": "cover"}, "task"),
        (MUSIC, {"prompt": "la", "task": "extend"}, "task"),
        (MUSIC, {"prompt": "la", "task": "artist_consistency"}, "task"),
        (MUSIC, {"prompt": "la", "task": "extend", "cover_clip_id": "c"}, "task"),
        (MUSIC, {"prompt": "la", "task": "mashup", "continue_clip_id": "c"}, "task"),
        (MUSIC, {"prompt": "la", "continue_clip_id": "c", "cover_clip_id": "d"}, "cover_clip_id"),
        (MUSIC, {"prompt": "la", "artist_clip_id": "c"}, "artist_clip_id"),
        (MUSIC, {"prompt": "la", "cover_clip_id": "c", "continue_at": 5}, "continue_at"),
        (CONCAT, {}, "clip_id"),
        (CONCAT, {"clip_id": "c", "is_infill": "perhaps"}, "is_infill"),
        (MUSIC, {"prompt": "la", "vocal_gender": "x"}, "vocal_gender"),
        (MUSIC, {"prompt": "la", "Mv": "chirp-v4"}, "Mv"),
        (MUSIC, {"prompt": "la", "callback_url": "https://me.test"}, "callback_url"),
        (MUSIC, {"prompt": "la", "notify_hook": "http://127.0.0.1/"}, "notify_hook"),
        (LYRICS, {}, "prompt"),
        (FETCH, {}, "ids"),
        (FETCH, {"ids": ["a"] * 2 + [str(n) for n in range(101)]}, "102"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(house: House, path: str, body: dict[str, Any], named: str) -> None:
    answer = await house.call("POST", path, json=body)
    assert answer.status_code == 400
    told = answer.json()
    assert (set(told), told["code"], told["data"]) == ({"code", "message", "data"}, "invalid_request", None)
    assert named in told["message"]
    assert house.untouched


async def test_a_clip_of_ones_own_goes_on(house: House) -> None:
    clip = output_id(sung(house).task.id, 3)
    task = UUID.write(next(iter(house.tasks.views)))
    body = {"prompt": "la", "continue_clip_id": clip, "continue_at": "61.5", "task_id": task}
    assert (await house.call("POST", MUSIC, json=body)).status_code == 200
    source = house.request.source
    assert source is not None
    assert (source.task, source.output, source.kind) == (next(iter(house.tasks.views)), 3, "clip")
    assert house.request.parameters == MusicParameters(lyrics="la", continue_at=61.5)
    answer = await house.call("POST", MUSIC, json={**body, "task_id": UUID.write(77)})
    assert (answer.status_code, "task_id" in answer.json()["message"]) == (400, True)


async def test_a_clip_of_the_upstreams_is_named_as_it_names_it(house: House) -> None:
    body = {"prompt": "la", "continue_clip_id": "0d3bcf4c-8a0b-4d2e-9c0e-000000000001", "task_id": "whatever"}
    assert (await house.call("POST", MUSIC, json=body)).status_code == 200
    assert house.request.source == Reference(upstream_id=body["continue_clip_id"], kind="clip")


@pytest.mark.parametrize(
    ("body", "use", "persona"),
    [
        ({"task": "cover", "cover_clip_id": "CLIP", "tags": "metal"}, "cover", None),
        ({"prompt": "la", "cover_clip_id": "CLIP"}, "cover", None),
        ({"prompt": "la", "task": "artist_consistency", "persona_id": "p", "artist_clip_id": "CLIP"},
         "artist_consistency", "p"),
        ({"prompt": "la", "task": "extend", "continue_clip_id": "CLIP"}, "extend", None),
    ],
)  # fmt: skip
async def test_a_clip_is_sung_anew_or_by_its_singer(
    house: House, body: dict[str, Any], use: str, persona: str | None
) -> None:
    clip = clip_id(sung(house).task.id, 1)
    answer = await house.call(
        "POST", MUSIC, json={name: clip if said == "CLIP" else said for name, said in body.items()}
    )
    assert answer.status_code == 200, answer.text
    asked, source = house.request.parameters, house.request.source
    assert isinstance(asked, MusicParameters)
    assert source is not None
    assert (asked.use, asked.persona) == (use, persona)
    assert (source.task, source.item, source.kind) == (next(iter(house.tasks.views)), 1, "clip")


async def test_a_song_is_put_together_by_the_model_that_made_it(house: House) -> None:
    view = sung(house)
    body = {"clip_id": output_id(view.task.id, 3), "is_infill": True, "notify_hook": "https://me.test/h"}
    answer = (await house.call("POST", CONCAT, json=body)).json()
    assert answer["code"] == "success", answer
    request = house.request
    assert (request.operation, request.model, request.count) == ("suno:concat", view.task.model, 1)
    assert request.parameters == MusicParameters(infill=True)
    assert (request.source and request.source.output, request.callback_url) == (3, "https://me.test/h")
    task = (await house.call("GET", f"{FETCH}/{answer['data']}")).json()["data"]
    assert (task["action"], task["status"]) == ("MUSIC", "SUBMITTED")


async def test_what_nobody_here_knows_is_for_suno_alone(house: House) -> None:
    await house.call("POST", MUSIC, json={"prompt": "la", "generation_type": "TEXT", "new": {"a": 1}})
    native = house.request.native
    assert native is not None
    assert (native.dialect, {name: bytes(raw) for name, raw in native.fields.items()}) == (
        "suno",
        {"generation_type": b'"TEXT"', "new": b'{"a":1}'},
    )


FILLED: dict[str, Any] = {
    "prompt": "other", "mv": "chirp-v4", "title": "T", "tags": "folk", "gpt_description_prompt": "a shanty",
    "make_instrumental": True, "task_id": UUID.write(77), "continue_clip_id": output_id(77, 0), "continue_at": 5,
    "notify_hook": "https://me.test/h", "custom_mode": False, "instrumental": True, "style": "folk",
    "negative_tags": "metal", "vocal_gender": "m", "style_weight": 0.1, "weirdness_constraint": 0.2,
    "audio_weight": 0.3, "task": "extend", "cover_clip_id": output_id(77, 0), "persona_id": "p",
    "artist_clip_id": output_id(77, 0),
}  # fmt: skip
NEEDS = {"continue_at": {"continue_clip_id": "c"}, "task_id": {"continue_clip_id": "c"},
         "task": {"continue_clip_id": "c"}, "artist_clip_id": {"persona_id": "p"}}  # fmt: skip
AGREES = {"task_id"}
"""Says what the id of a clip says already."""


@pytest.mark.parametrize("name", FILLED)
async def test_no_field_is_dropped_in_silence(name: str) -> None:
    asked = []
    for more in ({}, {name: FILLED[name]}):
        house = House(SUNO)
        answer = await house.call("POST", MUSIC, json={"prompt": "la", **NEEDS.get(name, {}), **more})
        assert answer.status_code == 200, answer.text
        asked.append(house.request)
    assert (asked[0] == asked[1]) == (name in AGREES)


def test_no_field_is_left_out_of_this_walk() -> None:
    assert set(SubmitMusic.__struct_encode_fields__) == set(FILLED)
    assert set(SubmitLyrics.__struct_encode_fields__) == {"prompt", "notify_hook"}


async def test_a_fetch_shows_the_task_and_both_clips_whole(house: House) -> None:
    view = sung(house)
    told = (await house.call("GET", f"{FETCH}/{UUID.write(view.task.id)}")).json()
    task = told["data"]
    first, second = task.pop("data")
    assert told == {"data": task, "code": "success", "message": ""}
    assert task == {
        "task_id": UUID.write(view.task.id),
        "notify_hook": "https://me.test/h",
        "action": "MUSIC",
        "status": "SUCCESS",
        "fail_reason": "",
        "submit_time": 1763700000,
        "start_time": 1763700002,
        "finish_time": 1763700060,
        "progress": "100%",
    }
    assert first.pop("metadata") == {
        "tags": "shanty, male voice", "prompt": "words 0", "gpt_description_prompt": "a shanty about a paper boat",
        "audio_prompt_id": None, "history": None, "concat_history": None, "type": "gen", "duration": 120.5,
        "refund_credits": None, "stream": None, "error_type": None, "error_message": None,
    }  # fmt: skip
    assert first == {
        "id": output_id(view.task.id, 0), "title": "A boat of paper", "status": "complete",
        "audio_url": "https://media.test/0/file.mp4", "video_url": "",
        "image_url": "https://media.test/1/file.mp4", "image_large_url": "https://media.test/1/file.mp4",
        "model_name": "chirp-v4-tau", "major_model_version": "v4", "user_id": "", "display_name": "", "handle": "",
        "created_at": "2025-11-21T04:40:00.250000Z", "is_liked": False, "is_trashed": False, "is_public": False,
        "is_video_pending": False, "is_handle_updated": False, "reaction": None, "play_count": 7, "upvote_count": 0,
    }  # fmt: skip
    assert (second["id"], second["title"], second["model_name"]) == (
        output_id(view.task.id, 3),
        "Paper boat",
        "chirp-v4",
    )
    assert (second["metadata"]["tags"], second["metadata"]["prompt"]) == ("shanty", "words 1")


async def test_a_clip_whose_file_is_lost_says_so(house: House) -> None:
    view = sung(house, lost=1)
    _, second = (await house.call("GET", f"{FETCH}/{view.task.id}")).json()["data"]["data"]
    assert (second["status"], second["audio_url"]) == ("error", "")
    assert second["metadata"]["error_message"] == "The clip's file is lost."


@pytest.mark.parametrize("part", ["main", "video"])
async def test_its_film_stands_beside_the_sound(house: House, part: str) -> None:
    view = sung(house)
    film = Output(task_id=view.task.id, index=6, item=1, part=part, kind="video", state="stored")
    house.tasks.views[view.task.id] = View(view.task, (*view.outputs, film))
    first, second = (await house.call("GET", f"{FETCH}/{view.task.id}")).json()["data"]["data"]
    assert (first["video_url"], second["video_url"]) == ("", "https://media.test/6/file.mp4")
    assert second["audio_url"] == "https://media.test/3/file.mp4"


async def test_a_clip_that_went_on_names_the_one_before(house: House) -> None:
    before = sung(house)
    after = sung(house)
    request = msgspec.structs.replace(SONG, source=Reference(task=before.task.id, output=3, kind="clip"))
    house.tasks.views[after.task.id] = View(msgspec.structs.replace(after.task, request=request), after.outputs)
    first, _ = (await house.call("GET", f"{FETCH}/{after.task.id}")).json()["data"]["data"]
    assert first["metadata"]["audio_prompt_id"] == output_id(before.task.id, 3)


@pytest.mark.parametrize(
    ("state", "started_at", "status", "progress", "reason"),
    [
        ("draft", None, "NOT_START", "0%", ""),
        ("queued", None, "SUBMITTED", "0%", ""),
        ("running", NOW + 1, "IN_PROGRESS", "42%", ""),
        ("failed", NOW + 1, "FAILURE", "42%", "tags: No."),
        ("cancelled", None, "FAILURE", "0%", "The task was cancelled."),
    ],
)
async def test_statuses_are_the_protocols_words(
    state: State, started_at: float | None, status: str, progress: str, reason: str
) -> None:
    house = House(SUNO)
    error = TaskError("invalid_request", "No.", "parameters.style") if state == "failed" else None
    ended = NOW + 3 if state in ("failed", "cancelled") else None
    view = house.tasks.add(
        SONG, state=state, started_at=started_at, ended_at=ended, progress=int(progress[:-1]), error=error
    )
    task = (await house.call("GET", f"{FETCH}/{view.task.id}")).json()["data"]
    assert (task["status"], task["progress"], task["fail_reason"], task["data"]) == (status, progress, reason, [])
    assert (task["start_time"] > 0, task["finish_time"] > 0) == (started_at is not None, ended is not None)


async def test_lyrics_are_shown_as_text(house: House) -> None:
    view = house.tasks.add(WORDS)
    path = f"{FETCH}/{view.task.id}"
    assert (await house.call("GET", path)).json()["data"]["data"] == {
        "id": UUID.write(view.task.id),
        "text": "",
        "title": "",
        "status": "submitted",
    }
    task = msgspec.structs.replace(view.task, state="succeeded", ended_at=NOW + 5)
    facts = Facts.of("suno", Lyrics(id="upstream", title="Boat", text="elsewhere"))
    text = Output(task_id=task.id, index=0, kind="text", state="stored", text="[Verse] …", facts=facts)
    house.tasks.views[task.id] = View(task, (text,))
    told = (await house.call("GET", path)).json()["data"]
    assert (told["action"], told["status"]) == ("LYRICS", "SUCCESS")
    assert told["data"] == {"id": UUID.write(task.id), "text": "[Verse] …", "title": "Boat", "status": "complete"}


async def test_a_batch_shows_ones_own_songs_and_lyrics_in_their_order(house: House) -> None:
    song, words = sung(house).task.id, house.tasks.add(WORDS).task.id
    video = house.tasks.done(GenerationRequest(operation="text_to_video", model="sora-2", prompt="a")).task.id
    other = house.tasks.add(SONG, account_id=2).task.id
    names = [UUID.write(one) for one in (words, other, video, song, words)] + ["nonsense"]
    told = (await house.call("POST", FETCH, json={"ids": names, "action": "MUSIC"})).json()
    assert (told["code"], [one["task_id"] for one in told["data"]]) == ("success", [names[0], names[3]])
    assert (await house.call("POST", FETCH, json={"ids": []})).json()["data"] == []


@pytest.mark.parametrize("what", ["nothing", "other", "video"])
async def test_what_is_not_there_is_an_error_of_the_request(house: House, what: str) -> None:
    video = house.tasks.done(GenerationRequest(operation="text_to_video", model="sora-2", prompt="a"))
    name = {"nothing": "5", "other": UUID.write(house.tasks.add(SONG, account_id=2).task.id)}.get(what)
    answer = await house.call("GET", f"{FETCH}/{name or video.task.id}")
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (400, "task_not_exist", None)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (GatewayError("authentication", "Who?"), 401, "invalid_request"),
        (GatewayError("insufficient_balance", "No money."), 403, "quota_not_enough"),
        (GatewayError("rate_limited", "Slower."), 429, "rate_limited"),
        (GatewayError("upstream_failed", "Broken."), 500, "internal_error"),
        (GatewayError("not_found", "No model.", param="model"), 404, "not_found"),
        (GatewayError("content_policy", "Not that."), 400, "content_policy"),
    ],
)
async def test_errors_come_in_its_envelope(house: House, error: GatewayError, status: int, code: str) -> None:
    house.tasks.refusal = error
    answer = await house.call("POST", MUSIC, json={"prompt": "la"})
    assert (answer.status_code, answer.json()) == (status, {"data": None, "code": code, "message": error.message})


async def test_a_hook_is_told_of_each_status_what_a_fetch_shows(house: House) -> None:
    view = sung(house)
    assert SUNO.announce is not None
    message = SUNO.announce(view, Tidings("task.succeeded", NOW), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body) == (await house.call("GET", f"{FETCH}/{view.task.id}")).json()["data"]
    assert SUNO.announce(view, Tidings("task.progress", NOW), house.edge) is None
