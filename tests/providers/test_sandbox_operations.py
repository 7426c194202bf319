"""What the sandbox makes of every operation: the pictures that it was given, a clip that goes on, a sound under a
video."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import av
import msgspec
import pytest
import pytest_asyncio
from msgspec.structs import replace

from telecine.nouns.errors import GatewayError
from telecine.nouns.operations import OPERATIONS
from telecine.nouns.parameters import (
    CharacterParameters,
    EffectsParameters,
    ExpandParameters,
    ImageParameters,
    VideoParameters,
)
from telecine.nouns.request import GenerationRequest, Reference
from telecine.providers.base import Source
from telecine.providers.outcomes import Refused
from telecine.wires.openai import Character
from tests.operations import least
from tests.providers.drawn import BLUE, RED, VIDEO, Sandbox, asked, frames, heard, near, picture, standing, still

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with standing(tmp_path_factory.mktemp("sandbox")) as one:
        yield one


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"midjourney:action"}))
async def test_each_is_taken_as_little_as_it_may_say(sandbox: Sandbox, name: str) -> None:
    sandbox.provider.check(least(name), "m")


async def test_a_button_of_anothers_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(GatewayError) as caught:
        sandbox.provider.check(least("midjourney:action"), "m")
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "operation")


async def test_a_try_on_is_both_pictures_side_by_side_under_the_prompt(sandbox: Sandbox) -> None:
    _, (content,) = await sandbox.made(asked("try_on", "person", "garment"))
    shown = still(content)
    assert shown.size == (320, 180)
    assert near(shown.getpixel((80, 110)), RED)
    assert near(shown.getpixel((240, 110)), BLUE)
    above = shown.crop((0, 0, 320, 38)).convert("L").tobytes()
    assert max(above) > 150, "the prompt"


@pytest.mark.parametrize("operation", ["image_to_image", "image_variation"])
async def test_an_edit_shows_its_pictures(sandbox: Sandbox, operation: str) -> None:
    request = asked(operation, "image", count=2, parameters=ImageParameters(watermark=True))
    _, contents = await sandbox.made(request)
    assert [near(still(one).getpixel((160, 110)), RED) for one in contents] == [True, True]


async def test_a_picture_grows_on_every_side_by_its_share(sandbox: Sandbox) -> None:
    request = asked("expand", "image", size=None, parameters=ExpandParameters(up=0.5, down=0, left=1, right=0))
    _, (content,) = await sandbox.made(request)
    shown = still(content)
    assert shown.size == (240, 240)
    assert near(shown.getpixel((180, 120)), RED)
    assert not near(shown.getpixel((60, 120)), RED)
    assert not near(shown.getpixel((180, 40)), RED)


async def test_an_extension_goes_on_where_the_clip_ends(sandbox: Sandbox) -> None:
    _, (first,) = await sandbox.made(replace(VIDEO, prompt="a harbour"))
    source = Source(str(sandbox.number), VIDEO)
    request = replace(asked("extend", size=None, duration=0.5), source=Reference(task=7))
    outcome, (content,) = await sandbox.made(request, source)
    before, after = frames(first), frames(content)
    assert (len(before), len(after)) == (12, 24)
    assert after[0].size == (320, 180)
    change = [abs(one - other) for one, other in zip(before[5].tobytes(), after[5].tobytes(), strict=True)]
    assert sum(change) / len(change) < 4, "the clip itself"
    assert outcome.usage.seconds == 1.0


async def test_a_clip_that_is_sent_goes_on_as_well(sandbox: Sandbox) -> None:
    _, (content,) = await sandbox.made(asked("extend", "video", size=None, duration=0.25))
    assert len(frames(content)) == 18


async def test_lip_sync_puts_the_sound_under_the_video(sandbox: Sandbox) -> None:
    _, (content,) = await sandbox.made(asked("lip_sync", "video", "audio", prompt="", size=None))
    assert heard(content) == pytest.approx(0.75, abs=0.06)
    assert len(frames(content)) == 18
    _, (spoken,) = await sandbox.made(asked("lip_sync", "video", size=None))
    assert heard(spoken) == pytest.approx(0.5, abs=0.06), "what is said is heard"


async def test_a_face_in_a_session_moves_its_lips(sandbox: Sandbox) -> None:
    found, pictures = await sandbox.made(asked("kling:identify_face", "video", size=None))
    text, face = found.outputs
    assert text.upstream_id == str(sandbox.number)
    assert msgspec.json.decode(text.text or "") == [{"face_id": "0", "start_time": 0, "end_time": 500}]
    assert (face.kind, face.part, face.upstream_id) == ("image", "face", "0")
    assert still(pictures[0]).size == (512, 512)
    session = Source(str(sandbox.number), output_id=str(sandbox.number))
    request = replace(asked("lip_sync", "audio", size=None), source=Reference(task=7, kind="session"))
    _, (content,) = await sandbox.made(request, session)
    assert frames(content)[0].size == (320, 180)


async def test_a_video_that_is_edited_is_seen_under_a_band(sandbox: Sandbox) -> None:
    _, (content,) = await sandbox.made(asked("edit_video", "video", "reference", size=None))
    shown = frames(content)
    assert len(shown) == 12
    band = [shown[6].getpixel((x, 16)) for x in range(290, 318, 3)]
    assert any(near(one, RED) for one in band), "the reference"


@pytest.mark.parametrize(
    ("request_", "length", "loud"),
    [
        (asked("avatar", "image", "audio"), 18, True),
        (asked("motion_control", "image", "video", parameters=VideoParameters(orientation="image")), 12, False),
        (asked("kling:effects", "image", duration=0.5, parameters=EffectsParameters("hug_pro")), 12, False),
        (asked("reference_to_video", "reference", "reference", duration=0.5), 12, False),
    ],
    ids=["avatar", "motion_control", "effects", "reference_to_video"],
)
async def test_a_picture_moves(sandbox: Sandbox, request_: GenerationRequest, length: int, loud: bool) -> None:
    _, (content,) = await sandbox.made(request_)
    shown = frames(content)
    assert len(shown) == length
    assert any(near(shown[0].getpixel((x, 100)), RED) for x in range(0, 320, 8))
    assert shown[0].tobytes() != shown[-1].tobytes()
    with av.open(io.BytesIO(content), "r") as container:
        assert bool(container.streams.audio) is loud


async def test_a_sound_is_a_real_file_in_two_forms(sandbox: Sandbox) -> None:
    request = GenerationRequest("sound", "m", "waves", duration=3.0)
    outcome, contents = await sandbox.made(request)
    assert [(one.kind, one.part, one.item) for one in outcome.outputs] == [("audio", "main", 0), ("audio", "wav", 0)]
    assert [heard(one) for one in contents] == pytest.approx([3.0, 3.0], abs=0.1)
    assert outcome.usage.seconds == 3.0


async def test_what_a_picture_shows_is_cut_out(sandbox: Sandbox) -> None:
    outcome, (content,) = await sandbox.made(asked("kling:recognize_image", "image", size=None))
    assert [(one.kind, one.part) for one in outcome.outputs] == [("text", "main"), ("image", "cutout")]
    assert msgspec.json.decode(outcome.outputs[0].text or "") == [{"type": "object_seg", "is_contain": True}]
    assert near(still(content).getpixel((256, 256)), RED)


async def test_a_character_has_a_name(sandbox: Sandbox) -> None:
    request = asked("create_character", "video", size=None, prompt="", parameters=CharacterParameters(name="mika"))
    outcome, _ = await sandbox.made(request)
    (output,) = outcome.outputs
    assert output.upstream_id == str(sandbox.number)
    assert msgspec.json.decode(output.text or "", type=Character).username == "mika"


@pytest.mark.parametrize(
    ("request_", "files", "param"),
    [
        (asked("extend", "video"), {"video": b"<html>"}, "inputs"),
        (asked("avatar", "image", "audio"), {"audio": picture(RED)}, "inputs"),
        (asked("image_to_image", "image"), {"image": b"\x00"}, "inputs"),
        (replace(asked("extend"), source=Reference(task=7)), {}, "source"),
        (asked("expand", "image", parameters=ExpandParameters(up=3)), {}, "parameters.up"),
        (asked("lip_sync", "video", "garment"), {}, "inputs.garment"),
    ],
    ids=["no video", "no sound", "no picture", "no source", "too large", "no such role"],
)
async def test_what_cannot_be_used_is_refused(
    sandbox: Sandbox, request_: GenerationRequest, files: dict[str, bytes], param: str
) -> None:
    outcome = await sandbox.submit(request_, Source("gone"), **files)
    assert isinstance(outcome, Refused)
    assert outcome.error.param == param


async def test_what_differs_in_what_it_is_made_of_is_drawn_for_itself(sandbox: Sandbox) -> None:
    request = asked("image_to_image", "image")
    one, other = [(await sandbox.made(request, image=picture(colour)))[1] for colour in (RED, BLUE)]
    assert one != other


async def test_what_lasts_as_long_as_what_it_is_made_of_is_billed_by_that(sandbox: Sandbox) -> None:
    check = sandbox.provider.check
    assert check(asked("extend", "video", duration=4), "m").duration == 4
    assert check(asked("lip_sync", "video", "audio"), "m").duration is None
    assert check(asked("extend", "video", size=None), "m").size is None
    with pytest.raises(GatewayError) as caught:
        check(asked("extend", "video", duration=500), "m")
    assert caught.value.param == "duration"
