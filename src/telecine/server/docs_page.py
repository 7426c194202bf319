"""The page at `/docs`: the OpenAPI document made readable on the server. It needs no network and no script."""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine import __version__
from telecine.server.described import GROUPS
from telecine.server.openapi import GOOD, document, encoded

_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_REF: Final = "#/components/schemas/"
_CODE: Final = re.compile(r"`([^`]+)`")
_UNSAID: Final[tuple[Any, ...]] = (None, "", [], (), {})


def docs_routes() -> list[Route]:
    """The document, the page, and the page's style."""
    return [
        Route("/openapi.json", _document, name="openapi"),
        Route("/docs", _page, name="docs"),
        Route("/docs/style.css", _style, name="docs-style"),
    ]


async def _document(_: Request) -> Response:
    return Response(encoded(), media_type="application/json")


async def _page(request: Request) -> Response:
    base = str(request.base_url).rstrip("/")
    return Response(page(base), media_type="text/html", headers=_HEADERS)


async def _style(_: Request) -> Response:
    return Response(_css(), media_type="text/css", headers=_HEADERS)


@cache
def _css() -> str:
    return files("telecine.server").joinpath("docs.css").read_text(encoding="utf-8")


def page(base: str) -> str:
    """The page, with examples that call the server at `base`."""
    whole = document()
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {name: [] for name in GROUPS}
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]].append((method.upper(), path, operation))
    sent: dict[str, list[dict[str, Any]]] = {name: [] for name in GROUPS}
    for one in whole["webhooks"].values():
        sent[one["post"]["tags"][0]].append(one["post"])
    navigation = "".join(f'<a href="#{name}">{escape(one.title)}</a>' for name, one in GROUPS.items())
    schemas = whole["components"]["schemas"]
    sections = "".join(_section(name, groups[name], sent[name], base, schemas) for name in GROUPS)
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Telecine API</title>
<link rel="stylesheet" href="/docs/style.css"></head>
<body>
<header><h1>Telecine <small>{escape(__version__)}</small></h1>
<p>Any client dialect in, any provider out; every job is durable.</p>
<p lang="zh">任意客户端协议接入，任意模型服务输出；每个任务都持久可靠。</p>
<p class="how">Send your key as <code>Authorization: Bearer …</code>, <code>x-api-key</code>,
<code>x-goog-api-key</code> or <code>?key=</code>. The machine-readable document is
<a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
<nav>{navigation}</nav></header>
<main>{sections}</main>
</body></html>
"""


def _section(
    name: str,
    operations: list[tuple[str, str, dict[str, Any]]],
    sent: list[dict[str, Any]],
    base: str,
    schemas: dict[str, Any],
) -> str:
    shown = "".join(_operation(*one, base, schemas) for one in operations)
    shown += "".join(_sent(one, schemas) for one in sent)
    group = GROUPS[name]
    return f'<section id="{name}"><h2>{escape(group.title)}</h2><p>{escape(group.about)}</p>{shown}</section>'


_BODIES: Final = {
    "application/json": "JSON",
    "multipart/form-data": "a form (<code>multipart/form-data</code>)",
    "application/octet-stream": "the bytes of a file, with its type",
}


def _operation(method: str, path: str, operation: dict[str, Any], base: str, schemas: dict[str, Any]) -> str:
    parts = [_parameters(operation["parameters"])] if operation["parameters"] else []
    body = operation.get("requestBody")
    example = None
    if body is not None:
        content = body["content"].get("application/json", {"schema": {}})
        example = content.get("example")
        parts.append(f"<h4>Body</h4>{_either(content['schema'], schemas)}")
        if (
            len(ways := [words for kind, words in _BODIES.items() if kind in body["content"]]) > 1
            or not content["schema"]
        ):
            parts.append(f"<p>{', or '.join(ways)}.</p>")
    for status, response in operation["responses"].items():
        heading = "Errors" if status == "default" else f"Answer {status}"
        about = (
            ""
            if response["description"] == GOOD or status == "default"
            else f"<p>{escape(response['description'])}</p>"
        )
        parts.append(f"<h4>{heading}</h4>{about}{_content(response, schemas)}")
    parts.append(
        f"<h4>Example</h4><pre>{escape(_curl(method, path, base, example, open_=not operation['security']))}</pre>"
    )
    return (
        f'<details class="operation"><summary><b class="{method.lower()}">{method}</b> <code>{escape(path)}</code> '
        f"<span>{escape(operation['summary'])}</span></summary><div>{''.join(parts)}</div></details>"
    )


def _sent(sent: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A webhook: what the reader's own server is sent."""
    content = sent["requestBody"]["content"]["application/json"]
    example = escape(json.dumps(content["example"], indent=2))
    return (
        f'<details class="operation"><summary><b class="post">POST</b> <code>your URL</code> '
        f"<span>{escape(sent['summary'])}</span></summary><div>{_parameters(sent['parameters'])}"
        f"<h4>Body</h4>{_schema(content['schema'], schemas)}<h4>Example</h4><pre>{example}</pre></div></details>"
    )


def _content(response: dict[str, Any], schemas: dict[str, Any]) -> str:
    """The body of an answer, where it has one."""
    if "content" not in response:
        return ""
    ((kind, content),) = response["content"].items()
    if not content["schema"]:
        return f"<p><code>{escape(kind)}</code></p>"
    return _either(content["schema"], schemas)


def _either(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A schema, or several, of which one holds."""
    return "<p>or</p>".join(_schema(one, schemas) for one in schema.get("anyOf", [schema]))


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code>{_mark(one)}</td><td>{escape(one['in'])}</td>"
        f"<td>{escape(_type(one['schema']))}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for one in parameters
    )
    return f'<h4>Parameters</h4><table class="parameters">{rows}</table>'


def _mark(parameter: dict[str, Any]) -> str:
    """A path cannot do without its parts; anything else says so where it is required."""
    return " <em>required</em>" if parameter.get("required") and parameter["in"] != "path" else ""


def _schema(schema: dict[str, Any], schemas: dict[str, Any], seen: tuple[str, ...] = ()) -> str:
    """An object's fields as a table; the objects inside it fold away."""
    name = _reference(schema)
    if name is None:
        return f"<p><code>{escape(_type(schema))}</code></p>"
    target = schemas[name]
    if "properties" not in target or name in seen:
        return f"<p><code>{escape(_type(target))}</code></p>"
    required = set(target.get("required", ()))
    rows = []
    for field, inner in target["properties"].items():
        within = "".join(
            f"<details><summary>{escape(one.rpartition('.')[2])}</summary>"
            f"{_schema({'$ref': _REF + one}, schemas, (*seen, name))}</details>"
            for one in _inside(inner)
        )
        mark = " <em>required</em>" if field in required else ""
        default = f" = {escape(json.dumps(inner['default']))}" if inner.get("default") not in _UNSAID else ""
        rows.append(
            f"<tr><td><code>{escape(field)}</code>{mark}</td><td>{escape(_type(inner))}{default}{within}</td></tr>"
        )
    about = f"<p>{_prose(target['description'])}</p>" if target.get("description") else ""
    return f"{about}<table>{''.join(rows)}</table>"


def _prose(text: str) -> str:
    """Text of a docstring, its names set as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _reference(schema: dict[str, Any]) -> str | None:
    reference: str | None = schema.get("$ref")
    return reference.removeprefix(_REF) if reference is not None else None


def _inside(schema: dict[str, Any]) -> list[str]:
    """The names of the schemas that a field refers to."""
    name = _reference(schema)
    found = [name] if name is not None else []
    for inner in (*schema.get("anyOf", ()), *([schema["items"]] if isinstance(schema.get("items"), dict) else [])):
        found += _inside(inner)
    return found


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    name = _reference(schema)
    if name is not None:
        return name.rpartition(".")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(json.dumps(one) for one in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        items = schema.get("items")
        return f"list of {_type(items)}" if isinstance(items, dict) else "list"
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    if "format" in schema:
        return str(schema["format"])
    span = f" {lowest} to {highest}" if lowest is not None and highest is not None and highest < 2**53 else ""
    return f"{kind}{span}"


def _curl(method: str, path: str, base: str, example: Any, *, open_: bool) -> str:
    lines = [f"curl {base}{path}" if method == "GET" else f"curl -X {method} {base}{path}"]
    if not open_:
        lines.append('-H "Authorization: Bearer $TELECINE_API_KEY"')
    if example is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(example)}'"]
    return " \\\n  ".join(lines)
