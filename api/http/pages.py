"""Draw the pages for people: where to go, and the OpenAPI document as HTML that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "h2{margin:2.5rem 0 .5rem;border-bottom:1px solid #ccd3da}h3{margin:1.6rem 0 .3rem;font-size:1.05rem}"
    "code,h3{font-family:ui-monospace,monospace}code{background:#f1f4f7;padding:0 .25em}"
    "table{border-collapse:collapse;width:100%;font-size:.92rem}"
    "td{padding:.2rem .8rem .2rem 0;vertical-align:top;border-top:1px solid #e6eaee}td:first-child{width:14rem}"
    "b.method{display:inline-block;min-width:3.2em;color:#0b5c8a}p{margin:.3rem 0}a{color:#0b5c8a}"
)


def pages_router(app: FastAPI) -> APIRouter:
    """The pages / and /docs."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", response_class=HTMLResponse)
    def get_front() -> str:
        """Links to everything that can be had without parameters."""
        return front_page(app.openapi())

    @router.get("/docs", response_class=HTMLResponse)
    def get_docs() -> str:
        """Every route with its parameters and answers."""
        return docs_page(app.openapi())

    return router


def front_page(document: Mapping[str, Any]) -> str:
    """The title and a list of links."""
    plain = [path for path, item in document["paths"].items() if "get" in item and not _needed(item["get"])]
    links = ["/docs", "/openapi.json", *sorted(path for path in plain if "{" not in path)]
    links += ["/schemas/action.schema.json", "/schemas/actions.asyncapi.json"]
    items = "".join(f'<li><a href="{escape(each)}">{escape(each)}</a></li>' for each in links)
    info = document["info"]
    return _page(
        info["title"], f"<h1>{escape(info['title'])}</h1><p>{escape(info['summary'])}</p><ul>{items}</ul>"
    )


def docs_page(document: Mapping[str, Any]) -> str:
    """The OpenAPI document, route by route."""
    info, sections = document["info"], []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            sections.append((operation["tags"][0], "".join(_operation(method, path, operation))))
    parts = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_text(info['description'])}</p>",
        '<p>The same as a document for programs: <a href="/openapi.json">/openapi.json</a>.</p>',
    ]
    for tag in dict.fromkeys(tag for tag, _ in sections):
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts += [text for each, text in sections if each == tag]
    return _page(f"{info['title']}: HTTP", "".join(parts))


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3><b class="method">{method.upper()}</b> {escape(path)}</h3>'
    yield "".join(f"<p>{_text(each)}</p>" for each in operation["description"].split("\n\n"))
    body = operation.get("requestBody")
    if body is not None:
        kinds = " ".join(f"<code>{escape(each)}</code>" for each in body["content"])
        yield f"<table><tr><td>body</td><td>{_text(body['description'])}<br>{kinds}</td></tr></table>"
    yield _table(
        (each["name"], f"{_kind(each)}. {each.get('description', '')}") for each in operation.get("parameters", ())
    )
    described = ((code, each["description"]) for code, each in sorted(operation["responses"].items()))
    yield _table((code, text) for code, text in described if text)


def _kind(parameter: Mapping[str, Any]) -> str:
    schema = parameter["schema"]
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice.get("type") != "null"]
    words = [" | ".join(choice["enum"]) if "enum" in choice else choice["type"] for choice in choices]
    if parameter.get("required"):
        words.append("required")
    elif schema.get("default") is not None:
        words.append(f"default {str(schema['default']).lower()}")
    return ", ".join(words)


def _needed(operation: Mapping[str, Any]) -> bool:
    return any(each.get("required") for each in operation.get("parameters", ()))


def _table(rows: Iterator[tuple[str, str]]) -> str:
    text = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{_text(said)}</td></tr>" for name, said in rows)
    return f"<table>{text}</table>" if text else ""


def _text(markdown: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    parts = escape(markdown).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'
