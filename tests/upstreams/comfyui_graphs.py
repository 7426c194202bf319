"""What the fake ComfyUI knows of nodes: which there are, how a graph is checked, and what it makes.

Written from ComfyUI's own `execution.py` and `nodes.py`, cut down to a few nodes. Guesses, where the public sources do
not say: the custom nodes (`VHS_VideoCombine`, `ShowText`) and what they list among their outputs.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.upstreams.clip import mp4

CHECKPOINTS: Final = ("sd15.safetensors", "sdxl.safetensors")
_SAMPLERS: Final = ("euler", "dpmpp_2m")
Graph = Mapping[str, Any]


class Whole(NamedTuple):
    """An input that holds a whole number."""

    least: int
    most: int


class Choice(NamedTuple):
    """An input that holds one of these."""

    values: tuple[str, ...]


_LINK, _TEXT, _PICTURE = object(), object(), object()
_SIDE: Final = Whole(16, 16384)
NODES: Final[Mapping[str, Mapping[str, Any]]] = {
    "CheckpointLoaderSimple": {"ckpt_name": Choice(CHECKPOINTS)},
    "CLIPTextEncode": {"text": _TEXT, "clip": _LINK},
    "EmptyLatentImage": {"width": _SIDE, "height": _SIDE, "batch_size": Whole(1, 4096)},
    "KSampler": {
        "seed": Whole(0, 2**64 - 1),
        "steps": Whole(1, 10000),
        "sampler_name": Choice(_SAMPLERS),
        **dict.fromkeys(("model", "positive", "negative", "latent_image"), _LINK),
    },
    "VAEDecode": {"samples": _LINK, "vae": _LINK},
    "LoadImage": {"image": _PICTURE},
    "SaveImage": {"images": _LINK, "filename_prefix": _TEXT},
    "PreviewImage": {"images": _LINK},
    "SaveVideo": {"video": _LINK, "filename_prefix": _TEXT},
    "VHS_VideoCombine": {"images": _LINK, "filename_prefix": _TEXT},
    "SaveAudio": {"audio": _LINK, "filename_prefix": _TEXT},
    "ShowText": {"text": _TEXT},
}
_SAVING: Final = {
    "SaveImage": ("images", "output", "png"),
    "PreviewImage": ("images", "temp", "png"),
    "SaveVideo": ("images", "output", "mp4"),
    "VHS_VideoCombine": ("gifs", "output", "mp4"),
    "SaveAudio": ("audio", "output", "mp3"),
}
"""Nodes that save: the key of their output, where it goes, and its form. ComfyUI's own SaveVideo lists its clip among
the images."""
OUTPUTS: Final = frozenset(_SAVING) | {"ShowText"}


class Made(NamedTuple):
    """What a graph makes: what its history tells of each node, and the files by (type, subfolder, name)."""

    outputs: dict[str, Any]
    files: dict[tuple[str, str, str], bytes]


def objection(graph: Any, pictures: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Why the graph is refused, as (error, node_errors). `pictures`: what was uploaded, by `subfolder/name`."""
    if not isinstance(graph, dict) or not graph:
        return _error("prompt_no_outputs", "Prompt has no outputs"), {}
    for name, node in graph.items():
        kind = node.get("class_type") if isinstance(node, dict) else None
        if kind not in NODES:
            title = (node.get("_meta") or {}).get("title") or kind if isinstance(node, dict) else name
            message = f"Node '{title}' not found. The custom node may not be installed."
            return _error("missing_node_type", message, f"Node ID '#{name}'"), {}
    if not any(node["class_type"] in OUTPUTS for node in graph.values()):
        return _error("prompt_no_outputs", "Prompt has no outputs"), {}
    wrong = {name: found for name, node in graph.items() if (found := _wrong(graph, node, pictures))}
    if not wrong:
        return None
    errors = {
        name: {"errors": found, "dependent_outputs": ["9"], "class_type": graph[name]["class_type"]}
        for name, found in wrong.items()
    }
    details = "\n".join(f"{one['message']}: {one['details']}" for found in wrong.values() for one in found)
    return _error("prompt_outputs_failed_validation", "Prompt outputs failed validation", details), errors


def _error(kind: str, message: str, details: str = "") -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": {}}


def _wrong(graph: Graph, node: Graph, pictures: Mapping[str, bytes]) -> list[dict[str, Any]]:
    given = node.get("inputs") or {}
    found = []
    for name, takes in NODES[node["class_type"]].items():
        if name not in given:
            found.append(_about("required_input_missing", "Required input is missing", name, name))
        elif (said := _judged(graph, name, given[name], takes, pictures)) is not None:
            found.append(said)
    return found


def _judged(graph: Graph, name: str, value: Any, takes: Any, pictures: Mapping[str, bytes]) -> dict[str, Any] | None:
    if isinstance(value, list):
        linked = len(value) == 2 and value[0] in graph
        return None if linked else _about("bad_linked_input", "Bad linked input", name, name, value)
    if takes is _LINK:
        return _about("return_type_mismatch", "Return type mismatch between linked nodes", name, name, value)
    if isinstance(takes, Choice) and value not in takes.values:
        return _about("value_not_in_list", "Value not in list", f"{name}: '{value}' not in a list", name, value)
    if isinstance(takes, Whole):
        return _whole(name, value, takes)
    if takes is _PICTURE and value not in pictures:
        details = f"{name} - Invalid image file: {value}"
        return _about("custom_validation_failed", "Custom validation failed for node", details, name, value)
    return None


def _whole(name: str, value: Any, takes: Whole) -> dict[str, Any] | None:
    if not isinstance(value, int):
        return _about("invalid_input_type", "Failed to convert an input value to a INT value", name, name, value)
    if value < takes.least:
        return _about("value_smaller_than_min", f"Value {value} smaller than min of {takes.least}", name, name)
    most = takes.most
    return (
        _about("value_bigger_than_max", f"Value {value} bigger than max of {most}", name, name)
        if value > most
        else None
    )


def _about(kind: str, message: str, details: str, name: str, value: Any = None) -> dict[str, Any]:
    extra = {"input_name": name} if value is None else {"input_name": name, "received_value": value}
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def made(graph: Graph, number: int) -> Made:
    """What the graph makes when it runs as the so-many-th job."""
    outputs: dict[str, Any] = {}
    files: dict[tuple[str, str, str], bytes] = {}
    for name, node in graph.items():
        kind = node["class_type"]
        if kind == "ShowText":
            outputs[name] = {"text": [str(node["inputs"]["text"])]}
        if kind not in _SAVING:
            continue
        key, place, form = _SAVING[kind]
        prefix = str(node["inputs"].get("filename_prefix") or "ComfyUI_temp_abcde")
        subfolder, _, stem = prefix.rpartition("/")
        width, height, count = _frame(graph, name)
        listed = []
        for index in range(count if form == "png" else 1):
            file = f"{stem}_{number:05}{index:02}_.{form}"
            files[place, subfolder, file] = _content(form, width, height, index)
            listed.append({"filename": file, "subfolder": subfolder, "type": place})
        outputs[name] = {key: listed} | ({"animated": [True]} if kind == "SaveVideo" else {})
    return Made(outputs, files)


def _frame(graph: Graph, name: str) -> tuple[int, int, int]:
    """(width, height, count) of the pictures that come to a node, from the latent or the file that they come from."""
    seen, ahead = set(), [name]
    while ahead:
        here = ahead.pop(0)
        if here in seen or here not in graph:
            continue
        seen.add(here)
        given = graph[here].get("inputs") or {}
        if graph[here]["class_type"] == "EmptyLatentImage":
            return given["width"], given["height"], given["batch_size"]
        ahead += [value[0] for value in given.values() if isinstance(value, list)]
    return 64, 64, 1


@functools.cache
def png(width: int, height: int, index: int = 0) -> bytes:
    """A real picture, other than that of another index."""
    from PIL import Image

    target = io.BytesIO()
    Image.new("RGB", (width, height), (40 * index % 256, 80, 120)).save(target, "PNG")
    return target.getvalue()


def _content(form: str, width: int, height: int, index: int) -> bytes:
    if form == "mp4":
        return mp4(64, 64, 1, None)
    if form == "mp3":
        from tests.upstreams.suno_jobs import mp3

        return mp3(1.0)
    return png(width, height, index)
