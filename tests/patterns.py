"""Runs regular expressions on a megabyte of their worst input. `python -m tests.patterns` is what a test starts: a
pattern that needs more than its time cannot be stopped from within, so the process is ended by the system.

The time is that of the processor, so that a busy machine changes nothing.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import telecine

SIZE = 1_000_000
SECONDS = 5
_SMALL = 4_000
_NEVER = "\x01"
_OWN = ("telecine.config.lines",)
"""What reads nothing but the operator's own file."""


def known() -> dict[str, re.Pattern[Any]]:
    """Every compiled pattern that a module or a class of telecine holds, by where it stands."""
    found: dict[str, re.Pattern[Any]] = {}
    for module in pkgutil.walk_packages(telecine.__path__, "telecine."):
        if module.name.endswith(("__main__", "migrations.env")) or module.name in _OWN:
            continue
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            for inner, one in vars(value).items() if isinstance(value, type) else [("", value)]:
                if isinstance(one, re.Pattern):
                    found[f"{module.name}:{name}{inner and '.'}{inner}"] = one
    return found


def uncompiled() -> list[str]:
    """Where the code uses a pattern that has no name, and that `known` cannot find."""
    found = []
    for path in sorted(Path(telecine.__path__[0]).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "re" and node.func.attr not in ("compile", "escape"):
                found.append(f"{path.name}:{node.lineno}")
    return found


def parts(pattern: str, flags: int) -> list[str]:
    """Texts that each piece of the pattern matches, in order."""
    return [one for one in _walk(re._parser.parse(pattern, flags)) if one]


def _walk(tree: Any) -> Iterator[str]:
    literal = ""
    for operation, argument in tree:
        if str(operation) == "LITERAL":
            literal += chr(argument)
            continue
        yield literal
        literal = ""
        yield from _inner(str(operation), argument)
    yield literal


def _inner(operation: str, argument: Any) -> Iterator[str]:
    match operation:
        case "IN":
            yield _one_of(argument)
        case "ANY" | "NOT_LITERAL":
            yield "a" if operation == "ANY" or argument != ord("a") else "b"
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            yield from _walk(argument[2])
        case "SUBPATTERN":
            yield from _walk(argument[3])
        case "BRANCH":
            for branch in argument[1]:
                yield from _walk(branch)
        case "ATOMIC_GROUP":
            yield from _walk(argument)


def _one_of(members: Any) -> str:
    """A character of a class."""
    source = [(str(kind), value) for kind, value in members]
    if source[0][0] == "NEGATE":
        banned = {chr(value) for kind, value in source[1:] if kind == "LITERAL"}
        return next(one for one in "a b0x-" if one not in banned)
    kind, value = source[0]
    if kind == "LITERAL":
        return chr(value)
    if kind == "RANGE":
        return chr(value[0])
    return {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "0"}.get(str(value), "a")


def inputs(pattern: re.Pattern[Any], size: int) -> Iterator[Callable[[], str]]:
    """Texts that could be bad: each piece of the pattern, or all up to some piece, over and over."""
    found = parts(_text(pattern.pattern), pattern.flags & ~re.DEBUG)[:12]
    heads = ["", *itertools.accumulate(found)]
    pumped = dict.fromkeys([*found, *heads[1:], *(head + " " for head in heads), *(head + "a" for head in heads)])
    for head in dict.fromkeys(heads):
        for pump in pumped:
            yield lambda head=head, pump=pump: head + pump * (size // len(pump)) + _NEVER  # type: ignore[misc]


def _text(pattern: str | bytes) -> str:
    return pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern


def run(pattern: re.Pattern[Any], text: str) -> float:
    """Seconds of the processor that searching, matching and replacing all take."""
    given: Any = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
    started = time.process_time()
    pattern.search(given)
    pattern.fullmatch(given)
    pattern.sub(given[:0], given)
    return time.process_time() - started


def worst(pattern: re.Pattern[Any]) -> None:
    """Run the pattern on a megabyte of what takes it longest, of all that could be bad. May never return."""
    small = list(inputs(pattern, _SMALL))
    costs = sorted(((run(pattern, make()), number) for number, make in enumerate(small)), reverse=True)
    large = list(inputs(pattern, SIZE))
    for _, number in costs[:2]:
        run(pattern, large[number]())


def _bounded(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def main(given: list[str]) -> None:
    """Each pattern in `given`, else all of telecine's; the name of each goes out before it is run."""
    patterns = {one: re.compile(one) for one in given} or known()
    for name, pattern in patterns.items():
        print(name, flush=True)  # noqa: T201 - the test reads it
        _bounded(1 if given else SECONDS)
        worst(pattern)
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
