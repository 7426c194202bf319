"""Which inputs of a graph are meant by prompt, size, seed and the rest, as far as the graph leaves no doubt."""

from __future__ import annotations

from collections.abc import Iterator

from telecine.nouns.graph import Graph, Spot, link_of

_SEEDS = ("seed", "noise_seed")
_DEPTH = 8


def guessed(graph: Graph) -> dict[str, str]:
    """By the name of a workflow's field, the one input that can be meant."""
    found = {"prompt": _only(_texts(graph, "positive")), "negative_prompt": _only(_texts(graph, "negative"))}
    for field, at in {"width": ("width",), "height": ("height",), "seed": _SEEDS, "count": ("batch_size",)}.items():
        found[field] = _only(_numbers(graph, at))
    found["image"] = _only(
        Spot(name, node.class_type, "image")
        for name, node in graph.items()
        if node.class_type == "LoadImage" and isinstance(node.inputs.get("image"), str)
    )
    if found["width"] is None or found["height"] is None:
        found["width"] = found["height"] = None
    return {field: key for field, key in found.items() if key is not None}


def _only(spots: Iterator[Spot]) -> str | None:
    """The one, each counted once; None where there are more, or none."""
    keys = {spot.key for spot in spots}
    return keys.pop() if len(keys) == 1 else None


def _numbers(graph: Graph, fields: tuple[str, ...]) -> Iterator[Spot]:
    for name, node in graph.items():
        for field in fields:
            value = node.inputs.get(field)
            if isinstance(value, int) and not isinstance(value, bool):
                yield Spot(name, node.class_type, field)


def _texts(graph: Graph, field: str) -> Iterator[Spot]:
    """The texts that nodes take as `field`, through whatever lies between that takes it by the same name."""
    for node in graph.values():
        there, depth = link_of(node.inputs.get(field)), 0
        while there is not None and there in graph and depth < _DEPTH:
            source = graph[there]
            if isinstance(source.inputs.get("text"), str):
                yield Spot(there, source.class_type, "text")
                break
            there, depth = link_of(source.inputs.get(field)), depth + 1
