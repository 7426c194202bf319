"""The documents say what is: links resolve, settings and names exist, and what the README shows runs."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, get_args

import aiohttp
import msgspec
import pytest
import typer

from telecine import config
from telecine.cli.app import tree
from telecine.dialects.dialect import Dialect
from telecine.dialects.served import DIALECTS
from telecine.nouns.errors import ERROR_CODES, GatewayError
from telecine.nouns.operations import OPERATIONS, Operation
from telecine.nouns.task import State
from telecine.providers.kling.answers import VERDICTS
from telecine.providers.sandbox.directives import Directives
from telecine.server.metrics import Metrics
from tests.cli.house import Served, environment, server, telecine

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = {
    str(file.relative_to(ROOT)): file.read_text(encoding="utf-8")
    for file in [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
}
READMES: Final = ("README.md", "README.zh-CN.md")
EXAMPLE: Final = ROOT / "telecine.example.toml"
SECRETS: Final = {
    "BIZYAIR_API_KEY": "b" * 32,
    "IMA_API_KEY": "i" * 32,
    "KLING_API_KEY": "k" * 32,
    "MJ_SECRET": "j" * 32,
    "KLING_ACCESS_KEY": "a" * 32,
    "KLING_SECRET_KEY": "s" * 32,
    "KLING_WEBHOOK_SECRET": "w" * 32,
    "RELAY_KEY": "r" * 32,
    "STUDIO_KEY": "w4tL0n8qZ2xV7bK3mR9cT1",
    "STUDIO_ACCESS_KEY": "a" * 32,
    "STUDIO_SECRET_KEY": "p8xV7bK3mR9cT1w4tL0n8qZ2w4tL0n8qZ2xV7b",
    "METRICS_KEY": "m4kT0n8qZ2xV7bK3mR9cT1",
}
SECTIONS: Final[tuple[tuple[str, type[msgspec.Struct]], ...]] = (
    ("The top level", config.Config),
    ("`[[channels]]`", config.ChannelConfig),
    ("`models`", config.ModelMap),
    ("`[[pools]]`", config.PoolConfig),
    ("`[[accounts]]`", config.AccountConfig),
    ("`[[models]]`", config.ModelConfig),
    ("`[[models]]`", config.ModelConfig),
    ("`[[workflows]]`", config.WorkflowConfig),
    ("`[[keys]]`", config.KeyConfig),
    ("`[network]`", config.NetworkConfig),
    ("`[limits]`", config.LimitsConfig),
    ("`[retention]`", config.RetentionConfig),
)
_TABLES: Final = {"channels", "pools", "keys", "network", "limits", "retention"}
_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[[^\[\]]*\]\(([^()\s]+)\)")
_HEADING: Final = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_ROUTE: Final = re.compile(r"`(GET|POST|PATCH|PUT|DELETE) (/[^\s`?]*)`")
_NAME: Final = re.compile(r"`((?:\w+/)*\w+)\.py:([\w.]+)`")
_NO_ROUTE: Final = "There is nothing at this path"


def blocks(name: str, *languages: str) -> list[str]:
    """The fenced blocks of a document in these languages; all of them where none is named."""
    return [body for _, kind, body in _FENCE.findall(DOCS[name]) if not languages or kind in languages]


def prose(name: str) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", DOCS[name])


def section(name: str, heading: str) -> str:
    """What stands under one heading of a document, up to the next heading."""
    _, found, rest = re.split(rf"^#+ ({re.escape(heading)})$", DOCS[name], maxsplit=1, flags=re.MULTILINE)
    assert found
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def anchors(text: str) -> set[str]:
    """What headings are called in links, by GitHub's rule."""
    titles = (title for _, title in _HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", DOCS)
def test_links_resolve(name: str) -> None:
    for link in _LINK.findall(prose(name)):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.is_file(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("name", DOCS)
def test_configurations_are_valid(name: str, tmp_path: Path) -> None:
    for block in blocks(name, "toml"):
        file = tmp_path / "telecine.toml"
        file.write_text(re.sub(r'"file:[^"]*"', '"env:STUDIO_KEY"', block), encoding="utf-8")
        assert config.read(file, SECRETS) != config.Config()


def test_the_example_is_valid_with_and_without_what_is_left_out(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    short = config.read(EXAMPLE, {"KLING_API_KEY": SECRETS["KLING_API_KEY"]})
    assert [channel.name for channel in short.channels] == ["kling-main", "sandbox"]
    shutil.copy(ROOT / "docs" / "workflows" / "picture-book.json", tmp_path)
    whole = tmp_path / "whole.toml"
    whole.write_text(re.sub(r"^#(?=[\w\[])", "", text, flags=re.MULTILINE), encoding="utf-8")
    full = config.read(whole, SECRETS)
    assert len(full.channels) == 3
    assert (full.limits, full.retention) == (config.LimitsConfig(), config.RetentionConfig())
    for _, kind in SECTIONS:
        for field in kind.__struct_fields__:
            assert re.search(rf"\b{field} = |^#?\[+{field}\]+$", text, re.MULTILINE), field


@pytest.mark.parametrize(("heading", "kind"), SECTIONS, ids=[heading for heading, _ in SECTIONS])
def test_every_setting_is_documented_with_its_default(heading: str, kind: type[msgspec.Struct]) -> None:
    text = section("docs/configuration.md", heading)
    rows: dict[str, str] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), cells[1]) if len(cells) > 2 else {}
    fields = msgspec.structs.fields(kind)
    assert rows.keys() == {field.name for field in fields} - (_TABLES if kind is config.Config else set())
    for field in fields:
        if isinstance(field.default, bool | int | float) and field.name in rows:
            assert rows[field.name] == f"`{json.dumps(field.default)}`", field.name


def test_the_table_of_operations_is_the_one_that_is_read() -> None:
    said = re.findall(r"^\| (`.*) \|$", section("docs/dialects.md", "Operations"), re.MULTILINE)
    assert said == [" | ".join(cells(one)) for one in OPERATIONS.values()]
    families = dict.fromkeys(one.parameters for one in OPERATIONS.values() if one.parameters)
    said = re.findall(r"^\| (`.*) \|$", section("docs/dialects.md", "Parameters"), re.MULTILINE)
    assert said == [f"`{tag(one)}` | " + ", ".join(f"`{name}`" for name in one.__struct_fields__) for one in families]


def tag(family: type[msgspec.Struct]) -> str:
    """What the documents call a struct of parameters: as a stored request does."""
    return str(family.__struct_config__.tag)


def cells(one: Operation) -> tuple[str, ...]:
    """What the documents say of an operation."""
    inputs = [
        f"`{role}`"
        + (" (needed)" if slot.least or role in one.needs[:1] else "")
        + ("" if slot.most is None else f" ({slot.most})")
        for role, slot in one.inputs.items()
    ]
    parameters = [f"`{tag(one.parameters)}`"] if one.parameters else []
    return f"`{one.name}`", one.makes, *(", ".join(names) or "–" for names in (inputs, parameters, followed(one)))


def followed(one: Operation) -> list[str]:
    """What it goes on from: of the kinds all of which it takes, the kind alone."""
    left, said = set(one.follows), []
    for kind, word in (("video", "any video"), ("image", "any picture")):
        alike = {name for name, other in OPERATIONS.items() if other.makes == kind and name != "workflow"}
        if alike <= left:
            left -= alike
            said.append(word)
    return [*said, *(f"`{name}`" for name in sorted(left)), *(["always"] if one.needs_source else [])]


def test_every_command_and_option_is_documented() -> None:
    text = section("docs/configuration.md", "The command line")
    found = 0
    for path, command in commands(typer.main.get_command(tree())):
        (line,) = [line for line in text.splitlines() if re.match(rf"\| `telecine {path}\b", line)]
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        everywhere = {"--data", "--config", "--server", "--key", "--help"}
        assert set(re.findall(r"`(--[\w-]+)`", line)) == options - everywhere, path
        found += 1
    assert found == 42


def commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command of the tree that does something, with its path."""
    for name, one in getattr(command, "commands", {}).items():
        here = f"{path} {name}".strip()
        if hasattr(one, "commands"):
            yield from commands(one, here)
        else:
            yield here, one


def test_every_variable_is_documented() -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    said = set(re.findall(r"`(TELECINE_\w+)`", section("docs/configuration.md", "Environment")))
    assert said == set(re.findall(r"\bTELECINE_[A-Z_]+", source))


def test_metrics_are_those_of_the_server() -> None:
    said = set(re.findall(r"`(telecine_\w+)`", section("docs/operations.md", "Health")))
    metrics = list(Metrics().registry.collect())
    assert said == {metric.name + ("_total" if metric.type == "counter" else "") for metric in metrics}


def test_every_state_and_directive_is_documented() -> None:
    machine = "".join(blocks("docs/architecture.md", "mermaid"))
    assert set(re.findall(r"(\w+) -->", machine)) == set(get_args(State))
    directives = section("docs/providers.md", "Directives")
    assert set(re.findall(r"\[\[(\w+):", directives)) == set(Directives.__struct_fields__)


def test_errors_are_rendered_as_documented() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| `(\w+)`.* \| (\d+), (\d+).* \| (\d+), `(\w+)`.* \| (\d+), (\d+)",
        section("docs/dialects.md", "Errors"),
        re.MULTILINE,
    )
    assert tuple(code for code, *_ in rows) == ERROR_CODES
    by_name = {dialect.name: dialect for dialect in DIALECTS}
    for code, status, openai_code, kling_status, kling_code, suno_status, suno_code, *bizyair_told in rows:
        error = GatewayError(code, "What went wrong.", param=None if code == "authentication" else "prompt")
        own, openai, kling, suno = (answer(by_name[name], error) for name in ("tasks", "openai", "kling", "suno"))
        assert (own[0], own[1]["error"]["code"]) == (int(status), code)
        assert (openai[0], openai[1]["error"]["code"]) == (int(status), openai_code)
        assert (kling[0], kling[1]["code"]) == (int(kling_status), int(kling_code))
        assert (suno[0], suno[1]["code"]) == (int(suno_status), suno_code)
        bizyair = answer(by_name["bizyair"], error)
        assert [bizyair[0], bizyair[1]["code"]] == [int(one) for one in bizyair_told]


def answer(dialect: Dialect, error: Any) -> tuple[int, Any]:
    """The status and the body in which a dialect renders an error."""
    response = dialect.render_error(error, "r")
    return response.status_code, json.loads(bytes(response.body))


def test_klings_codes_are_all_in_the_table() -> None:
    said: set[int] = set()
    table = section("docs/providers.md", "What an answer to a create means")
    for first, last in re.findall(r"\b([15]\d{3})(?: to (\d{4}))?\b", table):
        said |= set(range(int(first), int(last or first) + 1))
    assert said == {int(word) for word in VERDICTS if word.isdecimal()}


def test_the_names_in_the_architecture_exist() -> None:
    names = _NAME.findall(DOCS["docs/architecture.md"])
    assert len(names) > 40
    for path, attribute in names:
        module = importlib.import_module(f"telecine.{path.replace('/', '.')}")
        assert attrgetter(attribute)(module), f"{path}.py:{attribute}"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    said = {target for text in DOCS.values() for target in re.findall(r"(?:`|^|=\S* )make (\w+)", text, re.MULTILINE)}
    assert {"run", "test", "lint", "lock"} <= said
    assert said <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_both_readmes_are_the_same() -> None:
    english, chinese = READMES
    assert blocks(english) == blocks(chinese)
    levels = [[marks for marks, _ in _HEADING.findall(prose(name))] for name in READMES]
    assert levels[0] == levels[1]
    assert _ROUTE.findall(DOCS[english]) == _ROUTE.findall(DOCS[chinese])
    assert [link for link in _LINK.findall(DOCS[english]) if link not in READMES] == [
        link for link in _LINK.findall(DOCS[chinese]) if link not in READMES
    ]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A sandbox server on its first run, in a folder of its own."""
    with server(tmp_path_factory.mktemp("readme") / "data") as running:
        yield running


def as_shown(block: str, served: Served) -> str:
    """A block of the README with this server's address and key in the place of those that it shows."""
    return re.sub(r"sk-tc-…", served.key("API key"), block).replace("http://127.0.0.1:8024", served.address)


def run(command: list[str], served: Served) -> str:
    """What a command prints, run beside the server's data as the README has it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = environment(
        PATH=path, NO_PROXY="127.0.0.1", TELECINE_API_KEY=served.key("API key"), PYTHONDONTWRITEBYTECODE="1"
    )
    folder = served.data.parent
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_start_prints_what_the_readme_shows(served: Served) -> None:
    (shown,) = blocks("README.md", "text")
    assert re.sub(r"sk-tc-\S+", "sk-tc-…", served.printed).startswith(shown)


def test_the_shell_of_the_readme_runs(served: Served) -> None:
    shell = [block for block in blocks("README.md", "sh") if not re.search(r"^(\w+=\S+ )*make ", block)]
    assert len(shell) == 3
    printed = run(["bash", "-euc", as_shown("\n".join(shell), served)], served)
    for name in ("paper-boat.mp4", "sailing.mp4"):
        assert (served.data.parent / name).read_bytes()[4:8] == b"ftyp"
    assert (served.data.parent / "paper-boat.png").read_bytes().startswith(b"\x89PNG")
    made, asked = (json.loads(line) for line in printed[printed.index('{"code"') :].replace("}{", "}\n{").splitlines())
    assert made["data"]["task_id"] == asked["data"]["task_id"]
    assert asked["data"]["task_info"] == {"external_task_id": "boat-1"}


def test_the_python_of_the_readme_runs(served: Served) -> None:
    (python,) = blocks("README.md", "python")
    run([sys.executable, "-c", as_shown(python, served)], served)
    assert (served.data.parent / "openai.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("source", ["README.md", "telecine.example.toml"])
def test_a_server_starts_with_the_kling_channel_that_is_shown(source: str, tmp_path: Path) -> None:
    file = tmp_path / "telecine.toml"
    file.write_text(blocks(source, "toml")[0] if source in DOCS else EXAMPLE.read_text("utf-8"), encoding="utf-8")
    with server(tmp_path / "data", "--config", str(file), KLING_API_KEY=SECRETS["KLING_API_KEY"]):
        listed = telecine("channels", "list", "--data", tmp_path / "data", cwd=tmp_path).stdout
    assert re.search(
        r"^kling-main +kling +.*kling-v2-5-turbo.*https://api-singapore\.klingai\.com", listed, re.MULTILINE
    )
    assert re.search(r"^sandbox +sandbox +sora-2, storyboard-1", listed, re.MULTILINE)


async def test_every_route_in_the_documents_is_served(served: Served) -> None:
    routes = {route for text in DOCS.values() for route in _ROUTE.findall(text)}
    paths = {route.path.replace(":path}", "}") for one in DIALECTS for route in one.routes}
    twins = {path for path in paths if path.startswith("/bizyair/") and path.removeprefix("/bizyair") in paths}
    assert paths - twins <= {path for _, path in routes}
    headers = {"authorization": f"Bearer {served.key('admin key')}"}
    async with aiohttp.ClientSession(served.address, headers=headers) as session:
        for method, path in sorted(routes):
            async with session.request(method, re.sub(r"\{\w+\}", "0", path)) as reply:
                text = await reply.text()
            assert reply.status != 405, (method, path)
            assert _NO_ROUTE not in text, (method, path)
