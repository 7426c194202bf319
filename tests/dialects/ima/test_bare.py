"""IMA's paths without `/ima`: whose a request is at paths that others have too, its key says."""

from __future__ import annotations

from typing import Any

import pytest

from telecine.accounts.principal import Principal
from telecine.dialects.dialect import Claims
from telecine.dialects.served import DIALECTS

PLAIN = Principal(1, None, "me")
KEYED = Principal(1, None, "me", dialect="ima")
CLAIMS = Claims(DIALECTS)


def whose(method: str, path: str, principal: Principal | None) -> str:
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": []}
    found = CLAIMS.of(scope | ({} if principal is None else {"principal": principal}))
    assert found is not None
    return found.name


@pytest.mark.parametrize(
    ("method", "path", "plain"),
    [
        ("POST", "/v1/images/generations", "openai"),
        ("GET", "/v1/images/generations/task_06xx11d95wm5j", "kling"),
        ("GET", "/v1/images/generations/image_06xx11d95wm5j", "openai"),
        ("POST", "/v1/videos", "openai"),
        ("GET", "/v1/videos/task_06xx11d95wm5j", "openai"),
        ("HEAD", "/v1/videos/sora-2:task_06xx11d95wm5j", "relay_video"),
        ("POST", "/v1/video/generations", "newapi"),
        ("GET", "/v1/video/generations/task_06xx11d95wm5j", "newapi"),
        ("POST", "/kling/v1/videos/text2video", "kling"),
        ("POST", "/kling/v1/videos/image2video", "kling"),
        ("POST", "/mj/submit/imagine", "midjourney"),
        ("POST", "/mj/submit/blend", "midjourney"),
        ("POST", "/mj/submit/change", "midjourney"),
        ("GET", "/mj/task/1/fetch", "midjourney"),
    ],
)
def test_what_its_key_makes_imas(method: str, path: str, plain: str) -> None:
    assert [whose(method, path, one) for one in (KEYED, PLAIN, None)] == ["ima", plain, plain]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/videos"),
        ("GET", "/v1/images/generations"),
        ("POST", "/v1/images/edits"),
        ("GET", "/v1/videos/video_06xx11d95wm5j/content"),
        ("DELETE", "/v1/videos/video_06xx11d95wm5j"),
        ("POST", "/v1/videos/edits"),
        ("POST", "/v1/videos/text2video"),
        ("GET", "/kling/v1/videos/text2video/1"),
        ("POST", "/v1/tasks"),
        ("POST", "/mj/submit/action"),
        ("GET", "/mj/image/1"),
        ("GET", "/mj/task/1/image-seed"),
    ],
)
def test_what_stays_as_it_is(method: str, path: str) -> None:
    """All that IMA has not got."""
    assert whose(method, path, KEYED) == whose(method, path, PLAIN) != "ima"


@pytest.mark.parametrize("principal", [KEYED, PLAIN, None])
def test_what_is_imas_in_any_case(principal: Principal | None) -> None:
    assert whose("POST", "/ima/v1/images/generations", principal) == "ima"
    assert whose("GET", "/ima/nothing", principal) == "ima"
    assert whose("POST", "/ima/mj/submit/imagine", principal) == "ima"
    assert whose("POST", "/v1/assets/quota", principal) == "ima"
    assert whose("GET", "/v1/assets/quota", principal) != "ima"
