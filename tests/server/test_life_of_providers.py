"""Providers begin before anything is asked of them, and end with the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine.providers.http import HttpProvider
from telecine.providers.known import VENDORS
from tests.server.live import LiveServer


def test_each_provider_is_opened_and_closed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []

    async def opened(provider: HttpProvider) -> None:
        seen.append(("open", provider.name))

    async def closed(provider: HttpProvider) -> None:
        seen.append(("close", provider.name))

    monkeypatch.setattr(HttpProvider, "open", opened)
    monkeypatch.setattr(HttpProvider, "close", closed)
    names = [one.name for one in VENDORS]
    with LiveServer(tmp_path) as server:
        assert server.call("GET", "/healthz").status == 200
        assert seen == [("open", name) for name in names]
    assert seen[len(names) :] == [("close", name) for name in names]
