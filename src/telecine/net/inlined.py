"""Files that come inside a JSON answer, as base64: written to disk as they come, so that no answer of any size is held.

What is left of the answer is JSON as before, with a name in the place of each file.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from binascii import Error, a2b_base64
from collections.abc import AsyncIterator, Mapping
from typing import Final

from telecine.net.spool import Sink, Spool, Spooled

LONG: Final = 64 * 1024
"""Characters above which a string that is base64 so far is a file."""
_STOP: Final = re.compile(rb'["\\]')
_HEAD: Final = re.compile(rb"data:[!-+\--~]{0,255},")
"""The beginning of a data URL: nothing in it is a comma but its end."""
_ESCAPE: Final = re.compile(rb"\\(?:u.{4}|.)", re.DOTALL)
_ALPHABET: Final = re.compile(rb"[A-Za-z0-9+/_\-]*={0,2}")
_USUAL: Final = bytes.maketrans(b"-_", b"+/")
_ESCAPED: Final = {b"/": b"/", b"n": b"", b"r": b""}
"""What stands for itself, and what base64 may be broken with (RFC 8259, section 7; RFC 2045, section 6.8)."""


class InlineError(ValueError):
    """The answer is larger than is allowed, or a file in it is damaged. The message may reach a client."""


async def split(chunks: AsyncIterator[bytes], spool: Spool, most: int) -> tuple[bytes, dict[str, Spooled]]:
    """The answer without its files, and these by the names that stand in their places.

    At most `most` bytes are left of it. Raises InlineError, OSError, and what `chunks` raises.
    """
    splitter = _Splitter(spool, most)
    first, small = bytearray(), True
    async for chunk in chunks:
        if not small:  # in a thread: it writes to the disk
            await asyncio.to_thread(splitter.feed, chunk)
            continue
        first += chunk
        if len(first) > LONG:
            small = False
            await asyncio.to_thread(splitter.feed, bytes(first))
    if small:  # it has no room for a file
        if len(first) > most:
            raise InlineError(f"the answer is larger than {most} bytes")
        return bytes(first), {}
    return splitter.end(), splitter.files


class _Splitter:
    """Reads JSON as it comes, without judging it: only strings are told from what stands between them."""

    def __init__(self, spool: Spool, most: int) -> None:
        self.files: dict[str, Spooled] = {}
        self._spool = spool
        self._most = most
        self._out = bytearray()
        self._text: bytearray | None = None
        """The string that is being read, as it is written; None between strings, and for one that is no file."""
        self._within = False
        """Whether a string is being read."""
        self._file: _File | None = None
        self._rest = b""
        """The beginning of an escape whose end has not come yet."""

    def feed(self, chunk: bytes) -> None:
        data, at = self._rest + chunk, 0
        self._rest = b""
        while at < len(data):
            at = self._string(data, at) if self._within else self._between(data, at)
        if len(self._out) > self._most:  # a string that may still become a file does not count
            raise InlineError(f"the answer is larger than {self._most} bytes")

    def end(self) -> bytes:
        """What is left of the answer. Raises InlineError where it ends within a file."""
        if self._file is not None:
            raise InlineError("the answer ends within a file")
        return bytes(self._out + (self._text or b"") + self._rest)

    def _between(self, data: bytes, at: int) -> int:
        quote = data.find(b'"', at)
        if quote < 0:
            self._out += data[at:]
            return len(data)
        self._out += data[at : quote + 1]
        self._within, self._text = True, bytearray()
        return quote + 1

    def _string(self, data: bytes, at: int) -> int:
        found = _STOP.search(data, at)
        stop = found.start() if found else len(data)
        self._add(data[at:stop])
        if found is None:
            return stop
        if data[stop : stop + 1] == b'"':
            self._close()
            return stop + 1
        length = 6 if data[stop + 1 : stop + 2] == b"u" else 2
        escape = data[stop : stop + length]
        if len(escape) < length:
            self._rest = escape
            return len(data)
        self._add_escape(escape)
        return stop + length

    def _add(self, part: bytes) -> None:
        if self._file is not None:
            self._file.add(part)
        elif self._text is None:
            self._out += part
        else:
            self._text += part
            if len(self._text) > LONG:
                self._decide()

    def _add_escape(self, escape: bytes) -> None:
        if self._file is None:
            self._add(escape)
        else:
            self._file.add(_meant(escape))

    def _decide(self) -> None:
        """A string is long: it is a file where it is base64 so far."""
        text, self._text = bytes(self._text or b""), None
        plain = _ESCAPE.sub(_read, text)
        head = _HEAD.match(plain)
        if head is not None and not head.group().endswith(b";base64,"):
            self._out += text
            return
        body = plain[head.end() :] if head else plain
        if _ALPHABET.fullmatch(body) is None:
            self._out += text
            return
        self._file = _File(self._spool.sink())
        self._file.add(body)

    def _close(self) -> None:
        if self._file is not None:
            name = f"file:{secrets.token_hex(16)}"
            self.files[name] = self._file.end()
            self._out += name.encode()
        elif self._text is not None:
            self._out += self._text
        self._out += b'"'
        self._within, self._text, self._file = False, None, None


class _File:
    """One file, decoded as it comes."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._carry = b""
        self._padded = False

    def add(self, part: bytes) -> None:
        """Raises InlineError."""
        if not part:
            return
        if self._padded:
            raise InlineError("a file in the answer is no base64")
        data = self._carry + part.translate(_USUAL)
        whole = len(data) - len(data) % 4
        self._carry = data[whole:]
        self._padded = data[:whole].endswith(b"=")
        self._write(data[:whole])

    def end(self) -> Spooled:
        """The whole file; a missing `=` at its end is let pass. Raises InlineError."""
        self._write(self._carry + b"=" * (-len(self._carry) % 4))
        sha256 = self._sink.finish()
        return Spooled(self._sink.path, self._sink.bytes, sha256)

    def _write(self, data: bytes) -> None:
        try:
            self._sink.write(a2b_base64(data, strict_mode=True))
        except Error:
            raise InlineError("a file in the answer is no base64") from None


def _meant(escape: bytes) -> bytes:
    """What an escape within base64 stands for. Raises InlineError."""
    found = _known(escape)
    if found is None:
        raise InlineError("a file in the answer is no base64")
    return found


def _read(escape: re.Match[bytes]) -> bytes:
    """What an escape stands for; one that no base64 has stays what it is."""
    found = _known(escape.group())
    return escape.group() if found is None else found


def _known(escape: bytes) -> bytes | None:
    if escape[1:2] == b"u":
        try:
            number = int(escape[2:], 16)
        except ValueError:
            return None
        return chr(number).encode() if number < 128 and number > 32 else None
    return _ESCAPED.get(escape[1:2])


def content_of(text: str, files: Mapping[str, Spooled]) -> Spooled | bytes | None:
    """The file in a field of a split answer: what its name stands for, or the bytes of one that was too small to be
    split off; None where it is no base64."""
    if text in files:
        return files[text]
    if len(text) > LONG:
        return None
    head, _, body = text.rpartition(",")
    plain = body.encode().translate(_USUAL, b"\r\n")
    try:
        return a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True) if not head or "base64" in head else None
    except Error:
        return None
