"""What `make bench` measures with: the load, the table, the ratios. The figures themselves are no test's matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load import download, exchange, request, run
from bench.mock import Mock, reply
from bench.pairs import pairs
from bench.table import Row, publish, shown, table

_CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n3\r\nsix\r\n0\r\n\r\n"


class _Echo(Mock):
    """Answers with the path; `/chunked` in chunks, `/no` with an error."""

    def answer(self, head: bytes, body: bytes) -> bytes:
        path = head.split(b" ", 2)[1]
        if path == b"/no":
            return b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno"
        return _CHUNKED if path == b"/chunked" else reply(path + body, b"text/plain")


async def test_a_load_counts_answers_and_errors() -> None:
    async with _Echo() as echo:
        paths = ["/yes", "/no", "/chunked"]
        found = await run(echo.base_url, lambda number: request("GET", paths[number % 3], "k"), 30, 4)
        assert sorted(found.bodies) == [*[b"/yes"] * 10, *[b"foursix"] * 10, *[b"no"] * 10]
        assert (found.errors, echo.requests) == (10, 30)
        assert await exchange(echo.base_url, request("POST", "/one", "k", b"!")) == b"/one!"
        assert await download(echo.base_url, request("GET", "/end", "k", more="connection: close\r\n")) > 4


async def test_a_load_ends_after_its_seconds() -> None:
    async with _Echo() as echo:
        found = await run(echo.base_url, lambda _: request("GET", "/yes", "k"), 10**9, 2, 0.05)
        assert echo.requests == len(found.bodies) < 10**9


async def test_pairs_are_ratios_of_what_was_measured_in_turn() -> None:
    turns: list[str] = []

    async def bench(python: str) -> list[Row]:
        turns.append(python)
        figures = {"µs CPU": float(100 if python == "old" else 10 * len(turns))}
        return [Row("read", figures | ({"new": 1.0} if python == "new" else {}), "< 5 µs")]

    lines = list(await pairs(bench, "old", "new", 3))
    assert turns == ["new", "old", "old", "new", "new", "old"]
    assert lines == [
        ("read", "µs CPU", "100", "40.0", "0.40", "0.10 … 0.50", "< 5 µs"),
        ("", "new", "", "1.00", "", "", ""),
    ]


def test_a_table_goes_where_its_document_says(tmp_path: Path) -> None:
    file = tmp_path / "doc.md"
    file.write_text("a\n<!-- bench one -->\nold\n<!-- end -->\nb\n<!-- bench two -->\n<!-- end -->\n")
    publish(table([("what", "reached"), ("read", shown(1234.5))]), "one", file)
    publish("2", "two", file)
    assert file.read_text() == (
        "a\n<!-- bench one -->\n\n| what | reached |\n|------|---------|\n| read | 1,234   |\n\n<!-- end -->\nb\n"
        "<!-- bench two -->\n\n2\n\n<!-- end -->\n"
    )
    with pytest.raises(SystemExit):
        publish("3", "three", file)
