"""The official client against a running server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest
from msgspec.structs import replace
from PIL import Image

from telecine.providers.http import HttpProvider
from telecine.providers.kling import KLING
from tests.server.live import KEY, NARROW_KEY, LiveServer, kling_channel
from tests.server.pictures import picture, played
from tests.upstreams.kling import API_KEY, FakeKling, Fault

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
FAILS = "never to be seen [[fail:content_policy]]"


@contextmanager
def client_of(server: LiveServer, key: str = KEY) -> Iterator[openai.OpenAI]:
    """The client as applications make it, retries and all."""
    with openai.OpenAI(api_key=key, base_url=f"{server.address}/v1") as client:
        yield client


@pytest.fixture
def client(sandbox: LiveServer) -> Iterator[openai.OpenAI]:
    with client_of(sandbox) as found:
        yield found


def test_a_video_from_beginning_to_end(sandbox: LiveServer, client: openai.OpenAI, tmp_path: Path) -> None:
    video = client.videos.create_and_poll(
        model="sora-2",
        prompt="一只纸船漂过夜色里的海",
        seconds="4",
        size="720x1280",
        input_reference=("first.png", picture("PNG", (720, 1280)), "image/png"),
        poll_interval_ms=50,
    )
    assert (video.status, video.progress, video.seconds, video.size) == ("completed", 100, "4", "720x1280")
    assert (video.object, video.model, video.error) == ("video", "sora-2", None)
    assert video.expires_at is not None
    assert video.created_at <= (video.completed_at or 0) < video.expires_at

    client.videos.download_content(video.id).write_to_file(tmp_path / "video.mp4")
    content = (tmp_path / "video.mp4").read_bytes()
    shown = played(content)
    assert (shown.width, shown.height) == (720, 1280)
    assert shown.seconds == pytest.approx(4.0, abs=0.05)
    assert client.videos.download_content(video.id, variant="video").read() == content
    for variant in ("thumbnail", "spritesheet"):
        answer = client.videos.download_content(video.id, variant=variant)
        with Image.open(io.BytesIO(answer.read())) as image:
            assert image.format == "JPEG"
            assert answer.response.headers["content-type"] == "image/jpeg"

    remix = client.videos.remix(video.id, prompt="the same, at dawn")
    assert (remix.remixed_from_video_id, remix.model, remix.seconds) == (video.id, "sora-2", "4")
    done = client.videos.poll(remix.id, poll_interval_ms=50)
    assert (done.status, done.size) == ("completed", "720x1280")
    assert played(client.videos.download_content(done.id).read()).seconds == pytest.approx(4.0, abs=0.05)

    link = str((done.model_extra or {})["url"])
    assert sandbox.call("GET", link, key=None).status == 200
    deleted = client.videos.delete(done.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (done.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(done.id)
    with pytest.raises(openai.NotFoundError):
        client.videos.download_content(done.id)
    assert sandbox.call("GET", link, key=None).status == 404
    assert client.videos.retrieve(video.id).status == "completed"


def test_the_list_turns_its_own_pages(client: openai.OpenAI) -> None:
    made = [client.videos.create(prompt=f"{number} {FAILS}").id for number in range(5)]
    page = client.videos.list(limit=2)
    assert [video.id for video in page.data] == made[:-3:-1]
    assert page.has_more
    assert [video.id for video in client.videos.list(limit=2)][:5] == made[::-1]
    rising = [video.id for video in client.videos.list(limit=2, order="asc", after=made[0])]
    assert rising == made[1:]


def test_a_failed_video_ends_the_polling_and_says_why(client: openai.OpenAI) -> None:
    video = client.videos.create_and_poll(prompt=FAILS, poll_interval_ms=20)
    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "content_policy"
    with pytest.raises(openai.BadRequestError, match="it is failed"):
        client.videos.download_content(video.id)
    with pytest.raises(openai.BadRequestError, match="completed"):
        client.videos.remix(video.id, prompt="again")


def test_models(sandbox: LiveServer, client: openai.OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert {"sora-2", "sora-2-pro", "kling-v2-5-turbo", "storyboard-1"} <= set(models)
    assert models["sora-2"].object == "model"
    assert client.models.retrieve("sora-2") == models["sora-2"]
    with pytest.raises(openai.NotFoundError, match="sora-2-pro"):
        client.models.retrieve("sora-9")
    with client_of(sandbox, NARROW_KEY) as narrow:
        assert [model.id for model in narrow.models.list()] == ["sora-2"]


def test_errors_are_the_clients_own_classes(sandbox: LiveServer, client: openai.OpenAI) -> None:
    before = sandbox.count("tasks")
    with pytest.raises(openai.NotFoundError) as missing:
        client.videos.create(prompt="a", model="sora-9")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    assert "sora-2" in missing.value.message
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve("video_0000000000000")
    with pytest.raises(openai.BadRequestError) as bad:
        client.videos.create(prompt="a", seconds="7")  # type: ignore[arg-type]
    assert (bad.value.param, bad.value.type) == ("seconds", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as no_picture:
        client.videos.create(prompt="a", input_reference=("a.png", b"no picture at all", "image/png"))
    assert no_picture.value.param == "input_reference"
    with client_of(sandbox, NARROW_KEY) as narrow, pytest.raises(openai.PermissionDeniedError):
        narrow.videos.create(prompt="a", model="sora-2-pro")
    stranger = client_of(sandbox, "sk-nobody-has-this-key-0123456789")
    with stranger as nobody, pytest.raises(openai.AuthenticationError) as unknown:
        nobody.models.list()
    assert unknown.value.code == "invalid_api_key"
    assert unknown.value.request_id
    assert sandbox.count("tasks") == before


def test_what_is_refused_after_a_task_exists_is_not_sent_again(sandbox: LiveServer, client: openai.OpenAI) -> None:
    before = sandbox.count("tasks")
    with pytest.raises(openai.InternalServerError) as refused:
        client.videos.create(prompt="a [[refuse:upstream_failed]]")
    assert refused.value.status_code == 502
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert sandbox.count("tasks") == before + 1


@pytest.mark.parametrize("act", ["drop", "html", "broken"])
def test_one_create_reaches_an_upstream_that_cannot_be_asked(
    folder: Path, kling: FakeKling, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    blind = replace(KLING.traits, look_up=False, unique_handle=False)
    monkeypatch.setattr(HttpProvider, "traits_of", lambda *_: blind)
    kling.faults.append(Fault("create", act, created=True, times=9))  # type: ignore[arg-type]
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server, client_of(server) as client:
        with pytest.raises(openai.InternalServerError) as error:
            client.videos.create(prompt="a", model="kling-v2-5-turbo", seconds="5")  # type: ignore[arg-type]
        assert error.value.code == "submission_unknown"
        assert error.value.response.headers["x-should-retry"] == "false"
        assert kling.count("dropped") == len(kling.jobs) == server.count("tasks") == 1
