"""What a workflow has put out: the files and texts that its nodes list in the history, of whatever kind.

A node lists its files as `{filename, subfolder, type}`, under a key that says little: ComfyUI's own SaveVideo lists its
clips as `images`, others as `gifs`. So a file is what its name says. Previews (type `temp`) are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from telecine.nouns.kinds import EXTENSIONS, Kind
from telecine.nouns.text import handy
from telecine.providers.base import MOST_LINK
from telecine.providers.outcomes import UpstreamOutput

BEHIND: Final = "comfyui:"
"""Before the query that names a file: no URL, so that no client is ever shown one that leads into a private network."""
_SHOWN: Final[Mapping[str, Kind]] = {"image": "image", "video": "video", "audio": "audio"}
_KINDS: Final = {extension: _SHOWN[known.partition("/")[0]] for known, extension in EXTENSIONS.items()}
"""By the end of a file's name. Anything else is kept as it is, and served as a download."""
_TEXTS: Final = frozenset({"text", "texts", "string"})
"""The keys under which nodes that show texts list them."""
_MOST_TEXT: Final = 1024 * 1024


def outputs_of(listed: Mapping[str, Any], node: str | None) -> tuple[UpstreamOutput, ...]:
    """What the nodes have made, in the order of their ids; of the one called `node` alone where that is given.

    Of a node that was asked for by name, a preview counts where it has nothing else. Texts beside files are companions:
    whoever asks for pictures is not billed for what a node says of them.
    """
    wanted = {node: listed.get(node)} if node is not None else listed
    files = [one for name in sorted(wanted, key=_order) for one in _files(wanted[name], previews=node is not None)]
    texts = [one for name in sorted(wanted, key=_order) for one in _texts(wanted[name])]
    part = "text" if files else "main"
    said = tuple(UpstreamOutput(kind="text", text=one, part=part) for one in dict.fromkeys(texts))
    return tuple(UpstreamOutput(url, kind) for url, kind in dict.fromkeys(files)) + said


def query_of(url: str) -> dict[str, str]:
    """What `/view` is asked for the file at `url`."""
    return {name: values[0] for name, values in parse_qs(url.removeprefix(BEHIND)).items()}


def _order(node: str) -> tuple[tuple[int, str], ...]:
    """Ids are numbers; those of nodes in a group are several, with colons between them."""
    return tuple((int(one), "") if one.isdecimal() and len(one) < 20 else (0, one) for one in node.split(":"))


def _files(node: Any, *, previews: bool) -> list[tuple[str, Kind]]:
    found = list(_named(node))
    kept = [one for one in found if one["type"] == "output"]
    if not kept and previews:
        kept = [one for one in found if one["type"] == "temp"]
    urls = ((BEHIND + urlencode(one), _kind(one["filename"])) for one in kept)
    return [(url, kind) for url, kind in urls if handy(url, MOST_LINK)]


def _named(node: Any) -> Iterator[dict[str, str]]:
    for one in _listed(node):
        name, folder, place = (one.get(key, "") if isinstance(one, dict) else None for key in _NAMES)
        if name and isinstance(name, str) and isinstance(folder, str) and isinstance(place, str):
            yield {"filename": name, "subfolder": folder, "type": place or "output"}


_NAMES: Final = ("filename", "subfolder", "type")


def _listed(node: Any) -> Iterator[Any]:
    for listed in node.values() if isinstance(node, dict) else ():
        yield from listed if isinstance(listed, list) else ()


def _texts(node: Any) -> Iterator[str]:
    for key, listed in node.items() if isinstance(node, dict) else ():
        for one in listed if key in _TEXTS and isinstance(listed, list) else ():
            if isinstance(one, str) and 0 < len(one) <= _MOST_TEXT:
                yield one.replace("\x00", "")


def _kind(name: str) -> Kind:
    extension = name.rpartition(".")[2].lower()
    return _KINDS.get("jpg" if extension == "jpeg" else extension, "file")
