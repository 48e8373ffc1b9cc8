"""/docs: the API to read, made from the OpenAPI document; no script, nothing from another host."""

import secrets
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)
STYLE: Final = """
body { font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
h2 { margin-top: 3rem }
h3 { margin: 2rem 0 .25rem }
table { border-collapse: collapse; width: 100% }
td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884 }
p { margin: .25rem 0; white-space: pre-line }
"""
METHODS: Final = ("get", "post", "put", "patch", "delete")


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Return every operation and every record's fields on one page that can be searched and printed."""
    nonce = secrets.token_urlsafe(16)
    document = request.app.openapi()
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(document["info"]["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style nonce="{nonce}">{STYLE}</style>'
        f"<h1>{escape(document['info']['title'])} API</h1>"
        '<p>As a file: <a href="/openapi.json">openapi.json</a>. Errors are problem documents (RFC 9457) with a stable '
        "<code>code</code>.</p>" + _operations(document) + _schemas(document)
    )
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; frame-ancestors 'none'; base-uri 'none'"
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def _operations(document: dict[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if (operation := item.get(method)) is not None:
                by_tag.setdefault((operation.get("tags") or ["other"])[0], []).append(
                    _operation(path, method, operation)
                )
    return "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in by_tag.items())


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code><td>{escape(each['in'])}<td>{_type(each.get('schema', {}))}"
        for each in operation.get("parameters", [])
    )
    bodies = " or ".join(
        f"{escape(media)}: {_type(content.get('schema', {}))}"
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    return (
        f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
        f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>"
        + (f"<table>{rows}</table>" if rows else "")
        + (f"<p>Body: {bodies}</p>" if bodies else "")
    )


def _schemas(document: dict[str, Any]) -> str:
    parts = []
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        needed = set(schema.get("required", []))
        rows = "".join(
            f"<tr><td><code>{escape(field)}</code>{'' if field in needed else ' (optional)'}<td>{_type(shape)}"
            for field, shape in schema.get("properties", {}).items()
        )
        text = f"<p>{escape(schema.get('description', ''))}</p>"
        parts.append(f'<h3 id="{escape(name)}">{escape(name)}</h3>{text}' + (f"<table>{rows}</table>" if rows else ""))
    return "<h2>Records and bodies</h2>" + "".join(parts)


def _type(schema: dict[str, Any]) -> str:
    """Return a schema in a few words, with its bounds."""
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(each) for each in choices)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    bounds = {"minimum": "≥", "maximum": "≤", "minLength": "length ≥", "maxLength": "length ≤"}
    told = "".join(f", {word} {schema[name]}" for name, word in bounds.items() if name in schema)
    text = f" {escape(schema['description'])}" if schema.get("description") else ""
    return f"{escape(str(schema.get('type', 'anything')))}{told}{text}"
