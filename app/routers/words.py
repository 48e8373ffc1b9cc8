"""Words of the interface in three languages, and the pages made with them.

A catalogue is every `app/locale/<part>.<language>.json` of one language, merged: flat keys (`host.done`), values with
`{name}` for a value and `{n|card|cards}` for the form that fits the number `n` (first form for 1 and -1). The same two
rules are in static/js/words.js. zh-CN and en are written by hand; zh-TW is made by `python -m scripts.traditional`.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import jinja2
import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.domain.words import LANGUAGES, Language
from app.errors import ControlRoomError

LOCALE: Final = Path(__file__).parents[1] / "locale"
TEMPLATES: Final = Path(__file__).parents[1] / "templates"
THEMES: Final = ("dark", "light")
COOKIE_AGE_S: Final = 365 * 86_400

Value = str | int | float
_PLACE: Final = re.compile(r"\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}")
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(?::\d+)?|\[[0-9A-Fa-f:]+\](?::\d+)?")


class BrokenCatalogue(Exception):
    """A locale file that is not one flat map of texts, or a key that two files define."""


def read_catalogue(folder: Path, language: str) -> dict[str, str]:
    """Return every key of `language` below `folder`; raises BrokenCatalogue with the file and the key."""
    merged: dict[str, str] = {}
    for path in sorted(folder.glob(f"*.{language}.json")):
        try:
            pairs = _pairs(path.read_bytes())
        except msgspec.DecodeError as error:
            raise BrokenCatalogue(f"{path.name}: {error}") from error
        for key, text in pairs:
            if key in merged:
                raise BrokenCatalogue(f"{path.name}: {key} is already there")
            merged[key] = text
    return merged


_KEY_LINE: Final = re.compile(rb'^\s*("(?:[^"\\]|\\.)*")\s*:', re.MULTILINE)


def _pairs(data: bytes) -> list[tuple[str, str]]:
    """Return the pairs of one file. A key written twice is kept twice: JSON itself would keep the last one quietly."""
    texts = msgspec.json.decode(data, type=dict[str, str])
    keys = [msgspec.json.decode(key, type=str) for key in _KEY_LINE.findall(data)]
    return [(key, texts[key]) for key in (keys if len(keys) > len(texts) else texts)]


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return the product's own catalogue of one language, read once."""
    return read_catalogue(LOCALE, language)


def places(text: str) -> frozenset[str]:
    """Return the names of the values that a text wants."""
    return frozenset(match[1] for match in _PLACE.finditer(text))


def fill(text: str, values: dict[str, Any]) -> str:
    """Return the text with its values in place; raises KeyError where one is missing."""

    def value(match: re.Match[str]) -> str:
        found = values[match[1]]
        if match[2] is None:
            return str(found)
        return match[2] if found in (1, -1) else match[3]

    return _PLACE.sub(value, text)


def t(language: str, key: str, **values: Value) -> str:
    """Return the words under `key`; raises KeyError for an unknown key or a missing value."""
    return fill(catalogue(language)[key], values)


def error_words(language: str, error: ControlRoomError) -> str:
    """Return a refusal in words for people: `error.<code>`, else its English detail."""
    try:
        return t(language, f"error.{error.code}", **error.context)
    except KeyError:
        return error.detail


def _known(tag: str) -> Language | None:
    tag = tag.strip().lower()
    if tag in ("zh-tw", "zh-hk", "zh-mo") or tag.startswith("zh-hant"):
        return "zh-TW"
    if tag == "zh" or tag.startswith("zh-"):
        return "zh-CN"
    return "en" if tag == "en" or tag.startswith("en-") else None


def accepted_language(header: str) -> Language | None:
    """Return the first language of an Accept-Language header that we speak, by its weights."""
    wishes: list[tuple[float, Language]] = []
    for wish in header[:500].split(","):
        tag, _, weight = wish.partition(";q=")
        if (language := _known(tag)) is not None:
            try:
                wishes.append((float(weight or 1), language))
            except ValueError:
                continue
    return max(wishes, key=lambda wish: wish[0])[1] if wishes else None


def language_of(request: Request) -> Language:
    """Return what to speak: `?lang=`, else the cookie `lang`, else the browser's wish, else zh-CN."""
    for chosen in (request.query_params.get("lang"), request.cookies.get("lang")):
        if chosen in LANGUAGES:
            return next(language for language in LANGUAGES if language == chosen)
    return accepted_language(request.headers.get("accept-language", "")) or "zh-CN"


def theme_of(request: Request) -> str:
    """Return `?theme=`, else the cookie `theme`, else dark."""
    for chosen in (request.query_params.get("theme"), request.cookies.get("theme")):
        if chosen in THEMES:
            return str(chosen)
    return "dark"


@cache
def templates() -> jinja2.Environment:
    """Return the environment of all pages: everything is escaped, a name that is not there is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def boot(language: str, parts: Iterable[str], facts: dict[str, Any]) -> Markup:
    """Return the JSON for `<script type="application/json" id="boot">`: facts, and the words whose keys begin so.

    `parts` are the first names of keys (`host` for host.*). `<` and `&` are written as escapes, so that no text can end
    the element.
    """
    wanted = tuple(f"{part}." for part in parts)
    words = {key: text for key, text in catalogue(language).items() if key.startswith(wanted)}
    body = msgspec.json.encode({**facts, "lang": language, "words": words}).decode()
    return Markup(body.replace("&", "\\u0026").replace("<", "\\u003c"))  # noqa: S704  escaped on this line


def content_policy(nonce: str, host: str) -> str:
    """Return the Content-Security-Policy of a page. Older Safari does not count ws: of the same host as 'self'."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        f"font-src 'self'; connect-src 'self'{sockets}; manifest-src 'self'; worker-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def page(
    request: Request,
    template: str,
    *,
    parts: Iterable[str] = ("common",),
    facts: dict[str, Any] | None = None,
    status: int = 200,
    **context: Any,
) -> HTMLResponse:
    """Return a page in the reader's language and theme, with its own nonce and policy.

    The template sees `t(key, **values)`, `lang`, `theme`, `nonce`, `boot`, `path`, `status`, `switch(lang=…, theme=…)`
    and the context. `?lang=` and `?theme=` are kept in cookies, so that the switches work as plain links.
    """
    language, theme, nonce = language_of(request), theme_of(request), secrets.token_urlsafe(16)

    def words(key: str, **values: Value) -> str:
        return t(language, key, **values)

    made = templates().get_template(template)
    html = made.render(
        t=words,
        lang=language,
        theme=theme,
        nonce=nonce,
        path=request.url.path,
        status=status,
        switch=_switch(request),
        boot=boot(language, parts, {**(facts or {}), "theme": theme}),
        **context,
    )
    response = HTMLResponse(html, status_code=status)
    response.headers["Content-Security-Policy"] = content_policy(nonce, request.headers.get("host", ""))
    response.headers["Referrer-Policy"] = "same-origin"  # with no-referrer a form's Origin would be null
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Cookie, Accept-Language"
    for name, kept in (("lang", language), ("theme", theme)):
        if name in request.query_params:
            response.set_cookie(name, kept, max_age=COOKIE_AGE_S, samesite="lax", secure=request.url.scheme == "https")
    return response


def _switch(request: Request) -> Callable[..., str]:
    """Return a function for templates: the address of the same page in another language or theme."""
    path = quote(request.url.path)
    query = {key: value for key, value in request.query_params.items() if key not in ("problem", "wait_s")}

    def address(**chosen: str) -> str:
        return f"{path}?{urlencode(query | chosen)}"

    return address
