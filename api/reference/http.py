"""The reference page of the HTTP API: every route and parameter, from its OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from api.bootstrap import opened
from api.reference.command_line import GENERATED_NOTE
from api.settings import read_settings

_MOST: Final = 10**9
"""Beyond this a bound is that of the database, and of no use to a reader."""

_OPENING = """`kaoji serve` answers on `http://127.0.0.1:8000`. Its own description is at `/openapi.json`, and as \
a page at `/docs`. How to send actions: [send actions](../how-to/send-actions.md)."""


def http_page() -> str:
    """The whole page as Markdown."""
    description = openapi()
    routes = [
        _route(method, path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    parts = ["# HTTP", GENERATED_NOTE, _OPENING, str(description["info"]["description"]), *routes]
    return "\n\n".join(parts) + "\n"


def openapi() -> dict[str, Any]:
    """The OpenAPI description of the application; the ledger behind it is made for the purpose and thrown away."""
    from api.http.app import create_app

    with TemporaryDirectory() as folder:
        settings = read_settings({}, store=f"sqlite:///{Path(folder) / 'empty.db'}")
        with opened(settings) as kaoji:
            return create_app(kaoji).openapi()


def _route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [f"## `{method.upper()} {path}`", *_paragraphs(operation.get("description", ""))]
    if operation.get("requestBody"):
        parts.append(_body(operation["requestBody"]))
    if operation.get("parameters"):
        parts.append("\n".join(_parameters(operation["parameters"])))
    answers = [
        f"| {status} | {_line(answer['description'])} |"
        for status, answer in operation["responses"].items()
        if status != "default" and answer["description"] != "Successful Response"
    ]
    if answers:
        parts.append("\n".join(["| status | means |", "| --- | --- |", *sorted(answers)]))
    return "\n\n".join(parts)


def _parameters(parameters: Any) -> Iterator[str]:
    yield "| parameter | in | value | if left out | meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for each in parameters:
        schema = each.get("schema", {})
        default = "required" if each.get("required") else _code(schema.get("default"))
        meaning = _line(each.get("description", ""))
        yield f"| `{each['name']}` | {each['in']} | {_kind(schema)} | {default} | {meaning} |"


def _kind(schema: Mapping[str, Any]) -> str:
    options = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    if "enum" in options[0]:
        return ", ".join(f"`{each}`" for each in options[0]["enum"])
    kind = {"integer": "whole number", "boolean": "`true`, `false`"}.get(options[0].get("type", ""), "text")
    least, most = options[0].get("minimum"), options[0].get("maximum")
    if least is None and most is None:
        return kind
    return f"{kind} from {least}" + ("" if most is None or most > _MOST else f" to {most}")


def _code(value: object) -> str:
    return "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _body(body: Mapping[str, Any]) -> str:
    kinds = ", ".join(f"`{kind}`" for kind in body["content"])
    return f"Body ({kinds}): {_line(body['description'])}"


def _paragraphs(text: str) -> list[str]:
    return [_line(part) for part in text.split("\n\n") if part.strip()]


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
