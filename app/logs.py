"""Logs: one JSON object a line on stderr, ours and the libraries' alike, with the ids of what the line is about.

A line holds codes, ids and counts. What an exception says is left out unless it is a refusal of ours: a message of a
library may repeat a viewer's words or somebody's password.
"""

import logging
import re
import secrets
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from itertools import count
from typing import Any, Final, Literal, TextIO, cast

import structlog

from app.errors import ControlRoomError

Level = Literal["debug", "info", "warning", "error"]
REQUEST: Final[ContextVar[str]] = ContextVar("request", default="")
"""The id of the HTTP request that is being answered; empty outside of one."""
_SANE: Final = re.compile(r"[A-Za-z0-9._:@/+=-]{1,64}")
_SECRET: Final = re.compile(r"cr_(?:ingest|read|admin)_")
_OWN: Final = secrets.token_hex(4)
_numbers: Final = count(1)

Line = MutableMapping[str, Any]


class Lasting:
    """A stream that loses a line where it cannot be written (a terminal that was closed, a full disk), and goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure(level: Level = "info", stream: TextIO | None = None) -> None:
    """Let every logger of the process write JSON lines. `level` is of our own lines; libraries tell warnings only.

    Below a warning they would tell headers, cookies and addresses of robots, which are secrets.
    """
    out = Lasting(stream if stream is not None else sys.stderr)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_story,
    ]
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, as_json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", out)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(cast("TextIO", out))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, as_json],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def request_named(given: str) -> str:
    """Return the id of a request: the sender's own where it is a plain word and no secret of ours, else a new one."""
    if given and _SANE.fullmatch(given) and not _SECRET.search(given):
        return given
    return f"{_OWN}-{next(_numbers):x}"


def about(**ids: str) -> None:
    """Let every further line of this task carry these ids; for what a request or a task turns out to be about."""
    structlog.contextvars.bind_contextvars(**ids)


def nothing_told() -> None:
    """Begin anew: lines of this task are about nothing yet."""
    structlog.contextvars.clear_contextvars()


def story(error: BaseException) -> str:
    """Return where a mistake happened and through what, without what a library says of it."""
    parts: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        said = f" {one.code}: {one.detail}" if isinstance(one, ControlRoomError) else ""
        frames = "".join(traceback.format_tb(one.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{type(one).__qualname__}{said}")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n\nbecause of\n\n".join(parts)


def _with_request(_: Any, __: str, line: Line) -> Line:
    if name := REQUEST.get():
        line.setdefault("request", name)
    return line


def _with_story(_: Any, __: str, line: Line) -> Line:
    found = line.pop("exc_info", None)
    if isinstance(found, tuple):
        found = found[1]
    elif found is True:
        found = sys.exc_info()[1]
    if isinstance(found, BaseException):
        line["trace"] = story(found)
    return line
