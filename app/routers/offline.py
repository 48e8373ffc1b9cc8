"""What a tablet keeps so that its page opens without a network: the page's files, the build they make, the worker.

The worker is static/js/worker/host.js, served as /host/sw.js so that its scope is the tablet's pages and nothing else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from starlette.responses import Response

from app.routers.words import TEMPLATES

STATIC: Final = Path(__file__).parents[2] / "static"
WORKER: Final = "js/worker/host.js"
BUILD_HEADER: Final = "Cueroom-Build"
_ENTRY: Final = "js/pages/tablet.js"
_BESIDE: Final = ("css/tokens.css", "css/host.css", "icon.svg")
_TEMPLATES: Final = ("base.html", "host.html")
_IMPORT: Final = re.compile(r"""^(?:import|export)\b[^'"\n]*['"](\.[^'"]+)['"]""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shell:
    """The files of the tablet's page, as paths below /static/, and one name for exactly this content of them."""

    build: str
    files: tuple[str, ...]


@cache
def read_shell(static: Path = STATIC, templates: Path = TEMPLATES) -> Shell:
    """Return what the page loads: its style sheets, its mark, and every module that its entry imports."""
    files = (*_BESIDE, *sorted(set(_modules(static, static / _ENTRY))))
    content = blake2b(digest_size=8)
    for path in (*(static / name for name in (*files, WORKER)), *(templates / name for name in _TEMPLATES)):
        content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return Shell(content.hexdigest(), files)


def _modules(static: Path, entry: Path) -> Iterator[str]:
    waiting, seen = [entry.resolve()], set[Path]()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        yield module.relative_to(static.resolve()).as_posix()
        imported = _IMPORT.findall(module.read_text(encoding="utf-8"))
        waiting += [(module.parent / name).resolve() for name in imported]


def worker_script(shell: Shell, static: Path = STATIC) -> Response:
    """Return the worker of this build. It may ask this site, and nobody else, for files."""
    facts = msgspec.json.encode({"build": shell.build, "files": [f"/static/{name}" for name in shell.files]})
    body = b"self.SHELL = " + facts + b"\n" + (static / WORKER).read_bytes()
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; connect-src 'self'"}
    return Response(body, headers=headers, media_type="text/javascript")
