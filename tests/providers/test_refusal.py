"""A refusal in any shape is a refusal, at every provider alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from telecine.net.client import Client
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Channel, Submission
from telecine.providers.bizyair import BIZYAIR
from telecine.providers.http import HttpProvider
from telecine.providers.kling import KLING
from telecine.providers.openai import OPENAI
from telecine.providers.outcomes import Accepted, Refused, SubmitOutcome, Unknown
from telecine.providers.suno import SUNO
from tests.clock import HandClock
from tests.providers.kling.requests import submission as kling_submission
from tests.providers.openai.requests import submission as openai_submission
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams import bizyair, kling, openai_videos, suno
from tests.upstreams.faults import Fault
from tests.upstreams.refusals import ERRORS, MESSAGE, SHAPES, TOLD

ELSEWHERE = {401: "upstream_refused", 402: "upstream_refused", 403: "upstream_refused", 404: "invalid_request"}
ELSEWHERE |= {405: "upstream_refused"}
HERE = {400: "invalid_request", 410: "upstream_refused", 413: "invalid_request", 415: "invalid_request"}
HERE |= {418: "upstream_refused", 422: "invalid_request"}
SONG = Submission(GenerationRequest(operation="music", model="m", prompt="a boat"), "chirp-v4", "42", None)
BOOK = Submission(
    GenerationRequest(operation="workflow", model="37429", parameters=WorkflowParameters({"17:Node.prompt": "a boat"})),
    *("37429", "42", None),
)
PLAIN = [shape for shape in SHAPES if not shape.startswith("kling")]


@pytest.fixture(params=["kling", "openai", "suno", "bizyair"])
async def upstream(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Any, Any]]:
    """A fake, and what submits a job to it."""
    client, clock = Client(), HandClock(NOW)
    provider: Any
    if request.param == "kling":
        fake: Any = kling.FakeKling()
        provider, key, made = HttpProvider(KLING, client, clock), kling.API_KEY, kling_submission()
    elif request.param == "suno":
        fake = suno.FakeSuno()
        provider, key, made = HttpProvider(SUNO, client, clock), suno.API_KEY, SONG
    elif request.param == "bizyair":
        fake = bizyair.FakeBizyair()
        provider, key, made = HttpProvider(BIZYAIR, client, clock), bizyair.API_KEY, BOOK
    else:
        fake = openai_videos.FakeOpenAI()
        provider, key, made = HttpProvider(OPENAI, client, clock), openai_videos.API_KEY, openai_submission()
    async with fake:
        channel = Channel("c", fake.base_url, api_key=key)

        async def submit() -> SubmitOutcome:
            return await provider.submit(channel, made, Shelf())  # type: ignore[no-any-return]

        yield fake, submit
    await client.close()


@pytest.mark.parametrize("shape", PLAIN)
async def test_a_4xx_is_a_refusal_whatever_its_body_is(upstream: Any, shape: str) -> None:
    fake, submit = upstream
    if shape == "bizyair" and isinstance(fake, bizyair.FakeBizyair):
        pytest.skip("its own code says more")
    for status, code in {**HERE, **ELSEWHERE, 429: "capacity"}.items():
        fake.faults.append(Fault("create", "shape", code=shape, status=status))
        outcome = await submit()
        assert isinstance(outcome, Refused), (status, outcome)
        where = (outcome.elsewhere, outcome.capacity, outcome.spared)
        assert (outcome.error.code, *where) == (code, status in ELSEWHERE, status == 429, status in (404, 405))
        assert (str(status) if shape == "nothing" else MESSAGE if shape in TOLD else "") in outcome.error.message
        assert "nginx" not in outcome.error.message
    assert fake.jobs == {}
    assert isinstance(await submit(), Accepted)


@pytest.mark.parametrize("shape", ["kling", "kling as text", "bizyair"])
@pytest.mark.parametrize("status", [400, 404, 422, 500])
async def test_a_vendors_own_code_says_more_than_the_status(upstream: Any, shape: str, status: int) -> None:
    fake, submit = upstream
    fake.faults.append(Fault("create", "shape", code=shape, status=status))
    outcome = await submit()
    if isinstance(fake, bizyair.FakeBizyair if shape == "bizyair" else kling.FakeKling):
        assert (outcome.error.code, outcome.error.message, outcome.elsewhere) == ("invalid_request", MESSAGE, False)
    else:
        assert isinstance(outcome, Unknown if status == 500 else Refused)


@pytest.mark.parametrize("shape", PLAIN)
async def test_what_something_in_between_may_have_said_leaves_it_open(upstream: Any, shape: str) -> None:
    fake, submit = upstream
    if shape == "bizyair" and isinstance(fake, bizyair.FakeBizyair):
        pytest.skip("its own code says that nothing was made")
    for status in (408, 409, 499, 500, 502, 503, 504, 520):
        fake.faults.append(Fault("create", "shape", code=shape, status=status))
        outcome = await submit()
        assert isinstance(outcome, Unknown), (status, outcome)
        assert str(status) in outcome.reason


@pytest.mark.parametrize("shape", ERRORS)
async def test_a_200_whose_body_is_an_error_is_a_refusal(upstream: Any, shape: str) -> None:
    fake, submit = upstream
    fake.faults.append(Fault("create", "shape", code=shape, status=200))
    outcome = await submit()
    assert isinstance(outcome, Refused)
    assert MESSAGE in outcome.error.message
    assert (outcome.elsewhere, outcome.capacity) == (False, False)


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - set(ERRORS)))
async def test_a_200_that_is_no_clear_error_leaves_it_open(upstream: Any, shape: str) -> None:
    fake, submit = upstream
    fake.faults.append(Fault("create", "shape", code=shape, status=200))
    assert isinstance(await submit(), Unknown)


@pytest.mark.parametrize("shape", ["fastapi", "errors by field", "openai"])
async def test_the_field_at_fault_has_its_neutral_name(upstream: Any, shape: str) -> None:
    fake, submit = upstream
    if not isinstance(fake, openai_videos.FakeOpenAI):
        pytest.skip("the shapes name a field that OpenAI alone has")
    fake.faults.append(Fault("create", "shape", code=shape, status=422))
    assert (await submit()).error.param == "duration"


@pytest.mark.parametrize("shape", TOLD)
async def test_no_shape_hides_what_is_private(upstream: Any, shape: str) -> None:
    fake, submit = upstream
    private = (kling.API_KEY, openai_videos.API_KEY, suno.API_KEY, bizyair.API_KEY)
    said = f"the key {' '.join(private)} is unknown at {fake.base_url}/v1 on port {fake.port}"
    fake.faults.append(Fault("create", "shape", code=shape, status=400, message=said))
    message = (await submit()).error.message
    assert "the key" in message
    assert not any(one in message for one in (fake.api_key, "127.0.0.1", str(fake.port)))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("blocked by our moderation system", "content_policy"),
        ("提示词违规", "content_policy"),
        ("余额不足", "upstream_refused"),
    ],
)
@pytest.mark.parametrize("shape", ["fastapi", "detail", "msg", "new-api around another", "text", "page", "google"])
async def test_words_in_the_message_count_in_every_shape(upstream: Any, shape: str, said: str, code: str) -> None:
    fake, submit = upstream
    fake.faults.append(Fault("create", "shape", code=shape, message=said))
    assert (await submit()).error.code == code


@pytest.mark.parametrize("size", [300_000, 3_000_000])
async def test_a_long_error_is_read_in_part(upstream: Any, size: int) -> None:
    fake, submit = upstream
    for shape in ("openai", "fastapi", "text", "page", "errors of texts", "new-api around another"):
        fake.faults.append(Fault("create", "shape", code=shape, message="eyJ" * (size // 3)))
        outcome = await submit()
        assert isinstance(outcome, Refused)
        assert len(outcome.error.message) <= 500
