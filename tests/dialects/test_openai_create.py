from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from telecine.dialects.openai import OPENAI
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import video_id
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Reference
from tests.dialects.house import NOW, House, base64_of, bounded, picture

TEXT = GenerationRequest(operation="text_to_video", model="sora-2", prompt="a cat")
URL = "https://pictures.test/a.png"
OTHER, THIRD = "https://pictures.test/b.png", "https://pictures.test/c.png"


def request(**fields: Any) -> GenerationRequest:
    """What `{"prompt": "a cat"}` becomes, with `fields` changed."""
    return GenerationRequest(**{"operation": "text_to_video", "model": "sora-2", "prompt": "a cat", **fields})


@pytest.fixture
def house() -> House:
    return House(OPENAI)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, request()),
        ({"model": "sora-2-pro"}, request(model="sora-2-pro")),
        ({"seconds": "8"}, request(duration=8.0)),
        ({"seconds": 8}, request(duration=8.0)),
        ({"seconds": 8.0, "duration": "8"}, request(duration=8.0)),
        ({"duration": 10}, request(duration=10.0)),
        ({"size": "1280x720"}, request(size="1280x720")),
        ({"size": "1280X720"}, request(size="1280x720")),
        ({"size": "16x9"}, request(aspect_ratio="16:9")),
        ({"size": "9x16"}, request(aspect_ratio="9:16")),
        ({"size": "small"}, request(resolution="720p")),
        ({"size": "large"}, request(resolution="1080p")),
        ({"aspect_ratio": "9:16"}, request(aspect_ratio="9:16")),
        ({"aspectRatio": "9:16"}, request(aspect_ratio="9:16")),
        ({"resolution": "1080P"}, request(resolution="1080p")),
        ({"negative_prompt": "dogs"}, request(negative_prompt="dogs")),
        ({"seed": 7}, request(seed=7)),
        ({"seed": "-7"}, request(seed=-7)),
        ({"n": 1}, request()),
        ({"watermark": True}, request(parameters=VideoParameters(watermark=True))),
        ({"watermark": "ture"}, request(parameters=VideoParameters(watermark=True))),
        ({"watermark": "false"}, request(parameters=VideoParameters(watermark=False))),
        ({"private": "true"}, request(parameters=VideoParameters(private=True))),
        ({"private": False}, request(parameters=VideoParameters(private=False))),
        ({"style": "comic"}, request(parameters=VideoParameters(style="comic"))),
        ({"style_id": "retro"}, request(parameters=VideoParameters(style_id="retro"))),
        ({"storyboard": [{"prompt": "a", "seconds": 5}]},
         request(parameters=VideoParameters(storyboard=[{"prompt": "a", "seconds": 5}]))),
        ({"character_url": URL, "character_timestamps": "1, 3"},
         request(parameters=VideoParameters(character_url=URL, character_timestamps="1,3"))),
        ({"character_url": URL}, request(parameters=VideoParameters(character_url=URL))),
        ({"seconds": "25"}, request(duration=25.0)),
        ({"size": "1280*720"}, request(size="1280x720")),
        ({"size": "720P"}, request(resolution="720p")),
        ({"size": "720P", "resolution": "720p"}, request(resolution="720p")),
        ({"tier": "1080p"}, request(resolution="1080p")),
        ({"orientation": "landscape"}, request(aspect_ratio="16:9")),
        ({"orientation": "Portrait", "size": "9x16"}, request(aspect_ratio="9:16")),
        ({"notify_hook": "https://me.test/h"}, request(callback_url="https://me.test/h")),
        ({"model": "veo3.1", "input_reference": URL},
         request(model="veo3.1", operation="image_to_video", inputs=(MediaInput("first_frame", url=URL),))),
        *(({"model": model, "input_reference": [URL, OTHER], "seconds": "8", "size": "16x9"},
           request(model=model, operation="image_to_video", duration=8.0, aspect_ratio="16:9",
                   inputs=(MediaInput("first_frame", url=URL), MediaInput("last_frame", url=OTHER))))
          for model in ("veo3.1", "veo3.1-frames", "veo-3.1-fl")),
        *(({"model": "veo3.1-components", "input_reference": urls},
           request(model="veo3.1-components", operation="reference_to_video",
                   inputs=tuple(MediaInput("reference", url=url) for url in urls)))
          for urls in ([URL], [URL, OTHER], [URL, OTHER, THIRD])),
        ({"reference_images": [URL]},
         request(operation="image_to_video", inputs=(MediaInput("reference", url=URL),))),
        ({"webhook_url": "https://me.test/h"}, request(callback_url="https://me.test/h")),
        ({"callback_url": "https://me.test/h"}, request(callback_url="https://me.test/h")),
        ({"metadata": {"note": "x", "flag": True, "n": 1, "none": None}},
         request(metadata={"note": "x", "flag": "true", "n": "1"})),
        ({"metadata": {"resolution": "720p", "aspectRatio": "16:9", "seed": 3}},
         request(resolution="720p", aspect_ratio="16:9", seed=3)),
        ({"metadata": {"seed": 3}, "seed": "3"}, request(seed=3)),
        ({"metadata": {"ratio": 1.0}}, request(metadata={"ratio": "1.0"})),
        ({"seconds": 8.0, "duration": "8.0", "seed": 1234.0, "n": 1.0}, request(duration=8.0, seed=1234)),
        ({"seed": 2**64 - 1}, request(seed=2**64 - 1)),
        ({"seed": "18446744073709551615"}, request(seed=2**64 - 1)),
        ({"seed": -(2**63), "n": "1.0"}, request(seed=-(2**63))),
        ({"seed": "1234.0"}, request(seed=1234)),
        ({"webhook_url": "https://me.test/h", "callback_url": "https://me.test/h"},
         request(callback_url="https://me.test/h")),
        ({"aspectRatio": "16:9", "aspect_ratio": "16x9", "metadata": {"aspectRatio": "16:9"}, "size": "16x9"},
         request(aspect_ratio="16:9")),
        ({"size": "1280x720", "aspect_ratio": "16:9", "resolution": "720p"},
         request(size="1280x720", aspect_ratio="16:9", resolution="720p")),
        ({"size": "large", "resolution": "1080P"}, request(resolution="1080p")),
        ({"model": "", "size": None, "input_reference": "", "metadata": {}}, request()),
        ({"input_reference": URL},
         request(operation="image_to_video", inputs=(MediaInput("first_frame", url=URL),))),
        ({"input_reference": {"image_url": URL}},
         request(operation="image_to_video", inputs=(MediaInput("first_frame", url=URL),))),
        ({"input_reference": [URL, {"image_url": URL}]},
         request(operation="image_to_video",
                 inputs=(MediaInput("first_frame", url=URL), MediaInput("last_frame", url=URL)))),
        ({"images": [URL, URL], "input_reference": URL},
         request(operation="image_to_video",
                 inputs=(MediaInput("first_frame", url=URL), MediaInput("last_frame", url=URL)))),
        ({"images": [OTHER, URL], "input_reference": {"image_url": URL}},
         request(operation="image_to_video",
                 inputs=(MediaInput("first_frame", url=OTHER), MediaInput("last_frame", url=URL)))),
        ({"images": [URL, OTHER], "image": THIRD},
         request(operation="image_to_video",
                 inputs=tuple(MediaInput("reference", url=one) for one in (URL, OTHER, THIRD)))),
        *(({"image": image}, request(operation="image_to_video", inputs=(MediaInput("first_frame", url=URL),)))
          for image in (URL, {"url": URL}, {"image_url": URL}, [{"type": "image_url", "image_url": {"url": URL}}])),
        ({"image": {"url": URL}, "input_reference": URL, "images": [{"image_url": URL}]},
         request(operation="image_to_video", inputs=(MediaInput("first_frame", url=URL),))),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
async def test_every_field_lands_in_its_place(house: House, body: dict[str, Any], expected: GenerationRequest) -> None:
    answer = await house.call("POST", "/v1/videos", json={"prompt": "a cat", **body})
    assert answer.status_code == 200, answer.text
    native = house.request.native
    assert native is None or not (native.fields or native.novel), "all of it is known"
    assert msgspec.structs.replace(house.request, native=None) == expected


@pytest.mark.parametrize(
    ("body", "own"),
    [
        ({"size": "16x9"}, {"aspect_ratio": ("size", "16x9")}),
        ({"size": "Large"}, {"resolution": ("size", "Large")}),
        ({"aspectRatio": "9:16"}, {"aspect_ratio": ("aspectRatio", "9:16")}),
        ({"metadata": {"aspect_ratio": "9:16"}}, {"aspect_ratio": ("metadata[aspect_ratio]", "9:16")}),
        ({"resolution": "1080P"}, {"resolution": ("resolution", "1080P")}),
        ({"seed": "1234.0"}, {"seed": ("seed", "1234")}),
        ({"metadata": {"seed": 3}}, {"seed": ("metadata[seed]", "3")}),
        ({"negative_prompt": "dogs"}, {"negative_prompt": ("negative_prompt", "dogs")}),
    ],
)
async def test_how_the_client_said_it_is_kept_for_an_upstream_of_the_same_dialect(
    house: House, body: dict[str, Any], own: dict[str, tuple[str, str]]
) -> None:
    await house.call("POST", "/v1/videos", json={"prompt": "a cat", **body})
    assert house.request.native == Native("openai", {}, own=own)


async def test_fields_of_nobody_are_kept_for_an_upstream_of_the_same_dialect(house: House) -> None:
    content = b'{"prompt":"a cat","mood" : "comic","upsample":"true","beats":[ 1.0 ],"mask_url":"https://c"}'
    await house.call("POST", "/v1/videos", content=content, headers={"content-type": "application/json"})
    native = house.request.native
    assert native is not None
    assert native.dialect == "openai"
    assert {name: bytes(value) for name, value in native.fields.items()} == {
        "mood": b'"comic"',
        "upsample": b'"true"',
        "beats": b"[ 1.0 ]",
        "mask_url": b'"https://c"',
    }


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"prompt": None}, 400, "invalid_request", "prompt"),
        ({"prompt": "  "}, 400, "invalid_request", "prompt"),
        ({"prompt": 5}, 400, "invalid_request", "prompt"),
        ({"prompt": "x" * 32_001}, 400, "invalid_request", "prompt"),
        ({"model": "gpt-9"}, 404, "model_not_found", "model"),
        ({"model": ["sora-2"]}, 400, "invalid_request", "model"),
        ({"seconds": "four"}, 400, "invalid_request", "seconds"),
        ({"seconds": "1e3"}, 400, "invalid_request", "seconds"),
        ({"seconds": -4}, 400, "invalid_request", "seconds"),
        ({"seconds": 10**400}, 400, "invalid_request", "seconds"),
        ({"seconds": True}, 400, "invalid_request", "seconds"),
        ({"seconds": 7}, 400, "invalid_request", "seconds"),
        ({"seconds": 4, "duration": 8}, 400, "invalid_request", "seconds"),
        ({"size": "huge"}, 400, "invalid_request", "size"),
        ({"size": "640x480"}, 400, "invalid_request", "size"),
        ({"size": 720}, 400, "invalid_request", "size"),
        ({"aspect_ratio": "wide"}, 400, "invalid_request", "aspect_ratio"),
        ({"resolution": "best"}, 400, "invalid_request", "resolution"),
        ({"seed": "x"}, 400, "invalid_request", "seed"),
        ({"seed": 2**64}, 400, "invalid_request", "seed"),
        ({"seed": -(2**63) - 1}, 400, "invalid_request", "seed"),
        ({"seed": 1.5}, 400, "invalid_request", "seed"),
        ({"seed": "1.5"}, 400, "invalid_request", "seed"),
        ({"seed": True}, 400, "invalid_request", "seed"),
        ({"metadata": {"seed": 3}, "seed": 4}, 400, "invalid_request", "seed"),
        ({"n": 1.5}, 400, "invalid_request", "n"),
        ({"webhook_url": "https://me.test/a", "callback_url": "https://me.test/b"}, 400, "invalid_request",
         "webhook_url"),
        ({"aspectRatio": "16:9", "aspect_ratio": "9:16"}, 400, "invalid_request", "aspect_ratio"),
        ({"aspectRatio": "16:9", "metadata": {"aspectRatio": "9:16"}}, 400, "invalid_request", "aspectRatio"),
        ({"metadata": {"aspect_ratio": "16:9", "aspectRatio": "9:16"}}, 400, "invalid_request",
         "metadata.aspect_ratio"),
        ({"size": "16x9", "aspect_ratio": "9:16"}, 400, "invalid_request", "aspect_ratio"),
        ({"size": "1280x720", "aspect_ratio": "9:16"}, 400, "invalid_request", "aspect_ratio"),
        ({"size": "1280x720", "metadata": {"aspectRatio": "1:1"}}, 400, "invalid_request", "aspect_ratio"),
        ({"size": "1280x720", "resolution": "1080p"}, 400, "invalid_request", "resolution"),
        ({"size": "small", "resolution": "1080p"}, 400, "invalid_request", "resolution"),
        ({"resolution": "720p", "metadata": {"resolution": "1080p"}}, 400, "invalid_request", "resolution"),
        ({"metadata": {"resolution": 720}}, 400, "invalid_request", "metadata.resolution"),
        ({"image": {"url": URL, "image_url": OTHER}}, 400, "invalid_request", "image.image_url"),
        ({"image": {"href": URL}}, 400, "invalid_request", "image"),
        ({"image": {"image_url": {"url": URL, "detail": "high"}}}, 400, "invalid_request", "image"),
        ({"image": {"type": "video", "url": URL}}, 400, "invalid_request", "image"),
        ({"image": 5}, 400, "invalid_request", "image"),
        ({"n": 0}, 400, "invalid_request", "n"),
        ({"n": 2}, 400, "invalid_request", "n"),
        ({"watermark": "maybe"}, 400, "invalid_request", "watermark"),
        ({"private": "maybe"}, 400, "invalid_request", "private"),
        ({"style": 5}, 400, "invalid_request", "style"),
        ({"character_url": "http://127.0.0.1/a.mp4"}, 400, "invalid_request", "character_url"),
        ({"character_url": URL, "character_timestamps": "1"}, 400, "invalid_request", "character_timestamps"),
        ({"character_url": URL, "character_timestamps": "1,9"}, 400, "invalid_request", "character_timestamps"),
        ({"character_url": URL, "character_timestamps": "3,1"}, 400, "invalid_request", "character_timestamps"),
        ({"character_url": URL, "character_timestamps": "1,x"}, 400, "invalid_request", "character_timestamps"),
        ({"character_timestamps": "1,3"}, 400, "invalid_request", "character_timestamps"),
        ({"orientation": "up"}, 400, "invalid_request", "orientation"),
        ({"size": "720P", "resolution": "1080p"}, 400, "invalid_request", "resolution"),
        ({"tier": "720p", "resolution": "1080p"}, 400, "invalid_request", "resolution"),
        ({"orientation": "landscape", "size": "9x16"}, 400, "invalid_request", "orientation"),
        ({"reference_images": [URL] * 10}, 400, "invalid_request", "input_reference"),
        ({"webhook_url": "https://me.test/a", "notify_hook": "https://me.test/b"}, 400, "invalid_request",
         "webhook_url"),
        ({"callback_url": "ftp://x"}, 400, "invalid_request", "callback_url"),
        ({"webhook_url": "http://127.0.0.1/"}, 400, "invalid_request", "webhook_url"),
        ({"metadata": "x"}, 400, "invalid_request", "metadata"),
        ({"metadata": {"a": ["b"]}}, 400, "invalid_request", "metadata[...]"),
        ({"metadata": {"a": "x" * 513}}, 400, "invalid_request", "metadata"),
        ({"metadata": {str(n): "x" for n in range(17)}}, 400, "invalid_request", "metadata"),
        ({"Prompt": "a dog"}, 400, "invalid_request", "Prompt"),
        ({"input_reference": {"file_id": "file-1"}}, 400, "unsupported_parameter", "input_reference.file_id"),
        ({"input_reference": {"link": URL}}, 400, "invalid_request", "input_reference"),
        ({"input_reference": 5}, 400, "invalid_request", "input_reference"),
        ({"input_reference": "a.png"}, 400, "invalid_request", "input_reference"),
        ({"input_reference": "http://127.0.0.1/a.png"}, 400, "invalid_request", "input_reference"),
        ({"input_reference": [URL] * 4}, 400, "invalid_request", "input_reference"),
        ({"input_reference": [URL] * 10}, 400, "invalid_request", "input_reference"),
        ({"input_reference": "data:image/png,abc"}, 400, "invalid_request", "input_reference"),
        ({"input_reference": "data:image/png;base64,*"}, 400, "invalid_request", "input_reference"),
        ({"input_reference": "data:image/png;base64,AAAA"}, 400, "invalid_request", "input_reference"),
        ({"images": [{"image_url": 1}]}, 400, "invalid_request", "images"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
async def test_bad_input_is_refused_in_openais_envelope(
    house: House, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    answer = await house.call("POST", "/v1/videos", json={"prompt": "a cat", **body})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
    assert error["message"]
    assert house.untouched


async def test_an_unknown_model_is_answered_with_the_names_that_exist(house: House) -> None:
    data = f"data:image/png;base64,{base64_of(picture())}"
    answer = await house.call("POST", "/v1/videos", json={"prompt": "a", "model": "gpt-9", "input_reference": data})
    assert answer.status_code == 404
    assert "sora-2" in answer.json()["error"]["message"]
    assert house.untouched


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"prompt":"a","prompt":"b"}', b'{"prompt":"a"} // x'])
async def test_malformed_json_is_refused(house: House, content: bytes) -> None:
    answer = await house.call("POST", "/v1/videos", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert house.untouched


async def test_a_data_url_is_stored(house: House) -> None:
    content = picture(form="PNG")
    data = f"DATA:image/png;base64,{base64_of(content)}"
    answer = await house.call("POST", "/v1/videos", json={"prompt": "a", "input_reference": {"image_url": data}})
    assert answer.status_code == 200, answer.text
    assert house.media.stored == [("input_reference", content)]
    assert house.request.inputs[0].object_key == "in/1"
    assert house.request.inputs[0].role == "first_frame"


async def test_files_are_stored_in_order(house: House) -> None:
    one, two = picture(300, 300), picture(64, 2000, "PNG")
    files = [("input_reference", ("a.jpg", one, "image/jpeg")), ("input_reference[]", ("b.png", two, "image/png"))]
    answer = await house.call("POST", "/v1/videos", data={"prompt": "a", "seconds": "4"}, files=files)
    assert answer.status_code == 200, answer.text
    assert [content for _, content in house.media.stored] == [one, two]
    assert [found.role for found in house.request.inputs] == ["first_frame", "last_frame"]
    assert house.request.duration == 4.0


async def test_a_form_carries_what_json_does(house: House) -> None:
    form = {
        "prompt": "a cat",
        "seconds": "8",
        "size": "1280x720",
        "watermark": "true",
        "seed": "5",
        "metadata[note]": "x",
        "metadata[resolution]": "720p",
        "input_reference[image_url]": URL,
        "nested[b][]": "1",
        "mood": "comic",
    }
    answer = await house.call("POST", "/v1/videos", files={name: (None, value) for name, value in form.items()})
    assert answer.status_code == 200, answer.text
    found = house.request
    assert found.native is not None
    assert {name: bytes(value) for name, value in found.native.fields.items()} == {
        "nested": b'{"b":["1"]}',
        "mood": b'"comic"',
    }
    assert (found.duration, found.size, found.seed, found.resolution) == (8.0, "1280x720", 5, "720p")
    assert found.metadata == {"note": "x"}
    assert found.inputs == (MediaInput("first_frame", url=URL),)
    assert found.parameters == VideoParameters(watermark=True)


async def test_a_urlencoded_form_is_read_too(house: House) -> None:
    answer = await house.call("POST", "/v1/videos", data={"prompt": "a cat", "seconds": "4"})
    assert answer.status_code == 200
    assert house.request == request(duration=4.0)


async def test_an_empty_file_field_means_no_file(house: House) -> None:
    content = (
        b'--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na cat\r\n'
        b'--b\r\ncontent-disposition: form-data; name="input_reference"; filename=""\r\n\r\n\r\n--b--\r\n'
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = await house.call("POST", "/v1/videos", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert house.request == TEXT


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"no boundary at all"),
        ("multipart/form-data; boundary=b", b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\ncontent-disposition: form-data; name="a[b"\r\n\r\nx\r\n--b--\r\n'),
        ("multipart/form-data; boundary=b", b'--b\r\ncontent-disposition: form-data; name="prompt'),
        ("multipart/form-data; boundary=" + "b" * 400, b"x"),
        ("application/x-www-form-urlencoded", b"prompt=a&prompt=b"),
    ],
)
async def test_a_broken_form_is_refused(house: House, content_type: str, content: bytes) -> None:
    answer = await house.call("POST", "/v1/videos", content=content, headers={"content-type": content_type})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert house.untouched


@pytest.mark.parametrize(
    ("data", "name", "content", "expected"),
    [
        ({"prompt": "a"}, "input_reference", b"not an image", (400, "input_reference")),
        ({"prompt": "a"}, "video", picture(), (400, "video")),
        ({"seconds": "4"}, "input_reference", picture(), (400, "prompt")),
        ({"prompt": "a", "seconds": "7"}, "input_reference", picture(), (400, "seconds")),
        ({"prompt": "a", "model": "gpt-9"}, "input_reference", picture(), (404, "model")),
        ({"prompt": "a", "webhook_url": "file:///x"}, "input_reference", picture(), (400, "webhook_url")),
    ],
)
async def test_nothing_is_stored_of_a_bad_form(
    house: House, data: dict[str, str], name: str, content: bytes, expected: tuple[int, str]
) -> None:
    answer = await house.call("POST", "/v1/videos", data=data, files={name: ("a.png", content, "image/png")})
    assert (answer.status_code, answer.json()["error"]["param"]) == expected
    assert house.untouched


@pytest.mark.parametrize("how", ["json", "file", "text"])
async def test_a_picture_over_the_limit_is_413(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(bounded(OPENAI, 1000))
    monkeypatch.setattr("telecine.dialects.forms._MAX_TEXT", 2000)
    more: dict[str, Any]
    if how == "json":
        more = {"json": {"prompt": "a", "input_reference": "data:image/png;base64," + "A" * 1400}}
    elif how == "file":
        more = {"data": {"prompt": "a"}, "files": {"input_reference": ("a.png", b"x" * 1001)}}
    else:
        more = {"files": {"prompt": (None, "a" * 2001)}}
    answer = await house.call("POST", "/v1/videos", **more)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert house.untouched


async def test_a_large_body_is_parsed_off_the_event_loop(house: House) -> None:
    content = picture(1200, 1200, "BMP")
    data = f"data:image/bmp;base64,{base64_of(content)}"
    answer = await house.call("POST", "/v1/videos", json={"prompt": "a", "input_reference": data})
    assert answer.status_code == 200, answer.text
    assert house.media.stored == [("input_reference", content)]


@pytest.mark.parametrize(
    ("error", "status", "code", "kind"),
    [
        (GatewayError("authentication", "m"), 401, "invalid_api_key", "invalid_request_error"),
        (GatewayError("permission", "m"), 403, "permission", "invalid_request_error"),
        (GatewayError("insufficient_balance", "m"), 402, "insufficient_quota", "insufficient_quota"),
        (GatewayError("not_found", "m"), 404, "not_found", "invalid_request_error"),
        (GatewayError("conflict", "m"), 409, "conflict", "invalid_request_error"),
        (GatewayError("rate_limited", "m"), 429, "rate_limit_exceeded", "rate_limit_error"),
        (GatewayError("capacity", "m"), 429, "capacity", "rate_limit_error"),
        (GatewayError("content_policy", "m"), 400, "content_policy_violation", "invalid_request_error"),
        (GatewayError("upstream_failed", "m"), 502, "upstream_failed", "server_error"),
        (GatewayError("submission_unknown", "m"), 502, "submission_unknown", "server_error"),
        (GatewayError("expired", "m"), 504, "expired", "server_error"),
        (GatewayError("internal", "m"), 500, "internal", "server_error"),
    ],
    ids=lambda value: value.code if isinstance(value, GatewayError) else "",
)
async def test_every_error_has_openais_words(
    house: House, error: GatewayError, status: int, code: str, kind: str
) -> None:
    house.tasks.refusal = error
    answer = await house.call("POST", "/v1/videos", json={"prompt": "a"})
    assert answer.status_code == status
    assert answer.json() == {"error": {"message": "m", "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("param", "shown"),
    [
        ("duration", "seconds"),
        ("inputs", "input_reference"),
        ("inputs.last_frame", "input_reference"),
        ("parameters.watermark", "watermark"),
        ("count", "n"),
        ("size", "size"),
    ],
)
async def test_neutral_names_become_openais(house: House, param: str, shown: str) -> None:
    house.tasks.refusal = GatewayError("unsupported_parameter", "m", param=param)
    answer = await house.call("POST", "/v1/videos", json={"prompt": "a"})
    assert answer.json()["error"]["param"] == shown


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ({}, {}),
        ({"size": "720x1280"}, {"size": "720x1280", "aspect_ratio": None}),
        ({"seed": 5, "metadata": {"a": "b"}}, {"seed": 5, "metadata": {"a": "b"}}),
    ],
)
async def test_a_remix_keeps_what_its_source_had(house: House, body: dict[str, Any], changes: dict[str, Any]) -> None:
    source = house.tasks.done(
        request(model="sora-2-pro", size="1280x720", duration=8.0, aspect_ratio="16:9", seed=1), dialect="kling"
    )
    answer = await house.call("POST", f"/v1/videos/{source.task.id}/remix", json={"prompt": "a dog", **body})
    assert answer.status_code == 200, answer.text
    assert house.request == request(
        **{
            "operation": "remix",
            "prompt": "a dog",
            "model": "sora-2-pro",
            "size": "1280x720",
            "aspect_ratio": "16:9",
            "duration": 8.0,
            "source": Reference(task=source.task.id),
            **changes,
        }
    )
    assert (
        answer.json()["remixed_from_video_id"] == (await house.call("GET", f"/v1/videos/{source.task.id}")).json()["id"]
    )
    assert answer.headers["openai-poll-after-ms"] == "2500"


@pytest.mark.parametrize(
    "body", [{"model": "sora-2"}, {"model": "sora-2-2025-12-08"}, {"seconds": "8"}, {"duration": 8.0},
             {"seconds": "5.041", "size": "1280x720"}]
)  # fmt: skip
async def test_a_remix_may_repeat_what_is_its_sources_own(house: House, body: dict[str, Any]) -> None:
    source = house.tasks.done(request(duration=8.0, aspect_ratio="16:9"))
    answer = await house.call("POST", f"/v1/videos/{source.task.id}/remix", json={"prompt": "a dog", **body})
    assert answer.status_code == 200, answer.text
    assert house.request == request(
        operation="remix", prompt="a dog", duration=8.0, aspect_ratio="16:9", source=Reference(task=source.task.id)
    )


async def test_one_file_under_two_names_is_one_picture(house: House) -> None:
    one, two = picture(300, 300), picture(64, 200, "PNG")
    files = [("input_reference", ("a.jpg", one)), ("image", ("b.jpg", one)), ("images[]", ("c.png", two))]
    answer = await house.call("POST", "/v1/videos", data={"prompt": "a", "seed": "7.0"}, files=files)
    assert answer.status_code == 200, answer.text
    assert [content for _, content in house.media.stored] == [one, two]
    assert [found.role for found in house.request.inputs] == ["first_frame", "last_frame"]
    assert house.request.seed == 7


async def test_a_remix_may_come_as_a_form(house: House) -> None:
    source = house.tasks.done(TEXT)
    answer = await house.call("POST", f"/v1/videos/{source.task.id}/remix", files={"prompt": (None, "a dog")})
    assert answer.status_code == 200
    assert house.request.prompt == "a dog"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": "x", "model": "sora-2-pro"}, "model"),
        ({"prompt": "x", "seconds": "8"}, "seconds"),
        ({"prompt": "x", "duration": 8}, "seconds"),
        ({"prompt": "x", "input_reference": URL}, "input_reference"),
        ({"prompt": "x", "callback_url": "ftp://x"}, "callback_url"),
    ],
)
async def test_a_bad_remix_is_refused(house: House, body: dict[str, Any], param: str) -> None:
    source = house.tasks.done(TEXT)
    answer = await house.call("POST", f"/v1/videos/{source.task.id}/remix", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert house.untouched


async def test_only_a_completed_video_of_ones_own_can_be_remixed(house: House) -> None:
    running = house.tasks.add(TEXT, state="running", started_at=NOW + 1)
    answer = await house.call("POST", f"/v1/videos/{running.task.id}/remix", json={"prompt": "x"})
    assert answer.status_code == 400
    assert "in_progress" in answer.json()["error"]["message"]
    other = house.tasks.done(TEXT, account_id=2)
    answer = await house.call("POST", f"/v1/videos/{other.task.id}/remix", json={"prompt": "x"})
    assert answer.status_code == 404
    assert house.untouched


async def test_a_chat_that_may_not_be_streamed_tells_its_id_all_the_same(house: House) -> None:
    house.edge.streams.most = 0
    app = house.app

    async def gated(scope: Scope, receive: Receive, send: Send) -> None:
        scope["dialect"] = OPENAI
        await app(scope, receive, send)

    house.app = gated
    body = {"model": "sora-2", "stream": True, "messages": [{"role": "user", "content": "a cat"}]}
    first, error, done = (await house.call("POST", "/v1/chat/completions", json=body)).text.strip().split("\n\n")
    (task_id,) = house.tasks.views
    assert f"> ID: `{video_id(task_id)}`" in json.loads(first[6:])["choices"][0]["delta"]["content"]
    assert (json.loads(error[6:])["error"]["code"], done) == ("rate_limit_exceeded", "data: [DONE]")
