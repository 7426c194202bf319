"""Files on an origin of their own: links name it, and it serves nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine.config import ConfigError, parse
from tests.server.live import KEY, LiveServer

ORIGIN = "https://files.example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("origin"), f'media_origin = "{ORIGIN}"') as found:
        yield found


def test_links_are_written_with_it_and_work_there(server: LiveServer) -> None:
    made = server.call("POST", "/v1/videos", {"prompt": "a", "seconds": "4", "size": "720x1280"}).json["id"]
    output = server.ended(made)["outputs"][0]
    for url in (output["url"], output["poster_url"], server.call("GET", f"/v1/videos/{made}").json["url"]):
        assert url.startswith(f"{ORIGIN}/media/")
        path = url.removeprefix(ORIGIN)
        for host in ("files.example.com", "FILES.example.com.", "files.example.com:443"):
            there = server.call("GET", path, key=None, headers={"host": host})
            assert (there.status, there.headers["x-content-type-options"]) == (200, "nosniff")
        assert server.call("GET", path, key=None).status == 200, "links written before it was set go on working"


@pytest.mark.parametrize("path", ["/", "/v1/models", "/healthz", "/metrics", "/docs", "/admin/v1/keys", "/media"])
@pytest.mark.parametrize("host", ["files.example.com", "Files.Example.Com:443", "files.example.com."])
def test_nothing_else_is_served_there(server: LiveServer, path: str, host: str) -> None:
    assert server.call("GET", path, key=KEY, headers={"host": host}).status == 404


@pytest.mark.parametrize("host", ["files.example.com:8443", "xfiles.example.com", "example.com", "", "[", "a:b"])
def test_other_hosts_serve_the_api(server: LiveServer, host: str) -> None:
    assert server.call("GET", "/v1/models", headers={"host": host}).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        *("files.example.com", "https://files.example.com/", "https://files.example.com/media", "ftp://files.example"),
        *("https://user@files.example.com", "https://files.example.com?x", "https://", "https://api.example.com"),
    ],
)
def test_what_is_no_origin_of_its_own_is_refused(tmp_path: Path, origin: str) -> None:
    content = f'public_url = "https://api.example.com"\nmedia_origin = "{origin}"'.encode()
    with pytest.raises(ConfigError, match="media_origin"):
        parse(content, tmp_path / "telecine.toml", {})
    with pytest.raises(ConfigError, match="another origin"):
        parse(f'media_origin = "{ORIGIN}"'.encode(), tmp_path / "telecine.toml", {"TELECINE_PUBLIC_URL": ORIGIN})
