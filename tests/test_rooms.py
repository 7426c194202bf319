"""Who writes what, and who may import whom: the picture is true, and the tables of tasks are changed in one place."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import telecine

SOURCE = Path(telecine.__file__).parent
OF_TASKS = {"tasks", "attempts", "outputs", "handles", "events", "schedule", "idempotency", "pools", "channel_use"}
STATEMENTS = {"insert", "update", "delete", "insert_missing", "insert_new", "upsert", "drop"}
MAY = ("tasks/writes/", "store/migrations/", "store/locks.py")
"""The last one only makes an empty row that can be locked."""


def table_of(node: ast.expr, names: dict[str, str]) -> str | None:
    """The table that an expression stands for: `tables.x`, or a name that was given to it."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tables":
        return node.attr
    return names.get(node.id) if isinstance(node, ast.Name) else None


def named(tree: ast.AST) -> dict[str, str]:
    """The names of tables in a file. One that stands for several is taken for the one of tasks."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        pairs: list[tuple[ast.expr, ast.expr]] = [(node.targets[0], node.value)]
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        for target, value in pairs:
            table = table_of(value, {})
            if isinstance(target, ast.Name) and table is not None and found.get(target.id) not in OF_TASKS:
                found[target.id] = table
    return found


def changed(source: str) -> Iterator[tuple[int, str]]:
    """The tables that the statements of a file change, and where."""
    tree = ast.parse(source)
    everywhere = named(ast.Module([one for one in tree.body if isinstance(one, ast.Assign)], []))
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _calls(scope, {**everywhere, **named(scope)})
    yield from _calls(tree, everywhere)


def _calls(scope: ast.AST, names: dict[str, str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call):
            continue
        given = [*node.args, *(one.value for one in node.keywords)]
        if isinstance(node.func, ast.Name) and node.func.id in STATEMENTS:
            told = given
        elif isinstance(node.func, ast.Attribute) and node.func.attr in STATEMENTS:
            told = [node.func.value, *given]
        elif isinstance(node.func, ast.Name) and node.func.id == "partial":
            told = given
        else:
            continue
        yield from ((node.lineno, table) for one in told if (table := table_of(one, names)) is not None)


def test_statements_that_change_the_tables_of_tasks_stand_in_one_place() -> None:
    elsewhere = {
        f"{name}:{line} changes {table}"
        for path in sorted(SOURCE.rglob("*.py"))
        if not (name := path.relative_to(SOURCE).as_posix()).startswith(MAY)
        for line, table in changed(path.read_text(encoding="utf-8"))
        if table in OF_TASKS
    }
    assert not elsewhere


def test_such_statements_are_seen() -> None:
    code = "def f(c):\n    table = tables.outputs\n    c.execute(update(table))\n_X = delete(tables.tasks)\n"
    assert set(changed(code)) == {(3, "outputs"), (4, "tasks")}
    writers = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "tasks" / "writes").glob("*.py")
        if any(table in OF_TASKS for _, table in changed(path.read_text(encoding="utf-8")))
    }
    assert {"tasks/writes/create.py", "tasks/writes/forgetting.py", "tasks/writes/slipped.py"} <= writers


def test_the_picture_of_the_layers_is_the_one_that_is_checked() -> None:
    root = SOURCE.parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    checked = [frozenset(name.removeprefix("telecine.") for name in one.split(" | ")) for one in contract["layers"]]
    rooms = frozenset().union(*checked)
    there = {one.stem for one in SOURCE.iterdir() if one.suffix in {".py", ""} and not one.name.startswith("_")}
    assert rooms == there
    picture = (root / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    shown = [frozenset(re.findall(r"[a-z]+", line)) & rooms for line in picture.strip().splitlines()]
    first = [line.split()[0].rstrip(",") for line in picture.strip().splitlines()]
    assert all(name in layer for name, layer in zip(first, checked, strict=True))
    assert all(layer <= said for layer, said in zip(checked, shown, strict=True))
