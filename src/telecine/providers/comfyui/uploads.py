"""Files of a request, on their way to a ComfyUI.

Each goes under the name of its content, so that whatever is uploaded again is the same file, and nobody can guess the
name of somebody else's.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final

from telecine.net.client import FetchError
from telecine.net.forms import File, Form
from telecine.nouns.kinds import EXTENSIONS
from telecine.nouns.request import MediaInput
from telecine.providers.base import Channel
from telecine.providers.comfyui.asking import Asking
from telecine.providers.http.answers import decoded
from telecine.providers.http.getters import at
from telecine.providers.outcomes import NeverSent, Refused
from telecine.providers.refusal import refusal

MOST_UPLOAD: Final = 512 * 1024 * 1024
"""Bytes of one file."""
_FOLDER: Final = "telecine"
"""Below the server's folder of inputs."""
_SECONDS: Final = 300.0
_MOST_EXTENSION: Final = 5


async def upload(asking: Asking, channel: Channel, item: MediaInput, path: Path) -> str | Refused | NeverSent:
    """What the file at `path` is called there, as nodes that load files take it. (ComfyUI, `/upload/image`, which takes
    files of every kind.)

    Never over one that is there, which another job may be reading just now: the same content is left as it is, and
    anything else of that name makes the new one be called otherwise.
    """
    stem = item.sha256 or await asyncio.to_thread(_sha256, path)
    pairs = (("type", "input"), ("subfolder", _FOLDER))
    form = Form(pairs, (File("image", path, stem, _extension(item)),))
    try:
        reply = await asking.send(channel, "/upload/image", form, _SECONDS)
    except FetchError as error:
        return NeverSent(error.reason)
    said = decoded(reply.body) if reply.status == 200 else None
    name, folder = at("name")(said), at("subfolder")(said)
    if isinstance(name, str) and name and isinstance(folder, str):
        return f"{folder}/{name}" if folder else name
    outcome = refusal(reply, channel)
    return outcome if isinstance(outcome, Refused) else NeverSent(f"a file could not be uploaded: {outcome.reason}")


def _extension(item: MediaInput) -> str | None:
    """As the file's type calls for, else as its URL has it; nodes choose by it what they offer. None where neither
    tells."""
    known = EXTENSIONS.get(item.content_type or "")
    if known is not None or item.url is None:
        return known
    _, dot, name = item.url.partition("?")[0].rpartition("/")[2].rpartition(".")
    plain = name.isalnum() and name.isascii() and len(name) <= _MOST_EXTENSION
    return name.lower() if dot and plain else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
