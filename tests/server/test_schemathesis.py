"""Schemathesis over the OpenAPI document, against a live server: no request brings it to a 500, and every answer, a
refusal's too, is as the document says.

Each request goes to two servers, for making it up costs more than answering it: the sandbox is behind one and a Kling
upstream behind the other, where only what is posted may reach it. Neither fails here, so 502 to 504 would be faults of
ours.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance

from telecine.server.openapi import document
from tests.server.live import ADMIN_KEY, LiveServer, kling_channel
from tests.upstreams.kling import API_KEY, FakeKling

pytestmark = pytest.mark.filterwarnings(
    # The server's own thread uses `random`, which Hypothesis takes for its strategies doing so.
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
EXAMPLES = 8
CONFORMS: Any = response_schema_conformance
SCHEMA: Any = schemathesis.openapi.from_dict(document())
OPERATIONS = {f"{found.ok().method.upper()} {found.ok().path}": found.ok() for found in SCHEMA.get_all_operations()}
AT_ONCE = ("/identify-face",)
"""Calls that are answered when their job has ended, with Kling's 500 or 503 where that could not have the video that a
case links to."""


@pytest.fixture(scope="module")
def kling_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("kling")
    with FakeKling().in_thread() as kling, LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
        kling.autofinish(0.05)
        yield server


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_brings_it_down(sandbox: LiveServer, kling_behind: LiveServer, name: str) -> None:
    servers = [sandbox, kling_behind] if name.startswith("POST ") else [sandbox]
    operation = OPERATIONS[name]
    cases = operation.as_strategy()
    if operation.body or operation.query or operation.headers:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @seed(24)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def holds(case: Case[Any]) -> None:
        for server in servers:
            try:
                reply = case.call(base_url=server.address, headers={"authorization": f"Bearer {ADMIN_KEY}"}, timeout=20)
            except (ValueError, http.client.HTTPException):  # what no client can put on the wire
                return
            unheard = (
                name.endswith(AT_ONCE) and reply.status_code in (500, 503) and reply.json()["code"] in (5000, 5001)
            )
            assert reply.status_code < 500 or unheard, (case.as_curl_command(), reply.content)
            if operation.responses is not None:
                case.validate_response(reply, checks=[CONFORMS])

    holds()
