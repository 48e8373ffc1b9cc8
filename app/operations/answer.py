"""The answer to an operation: lines for people, data for scripts, an exit code; a refusal on its way to a terminal."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct, field

from app.errors import ControlRoomError


class Refusal(Struct, frozen=True):
    """A ControlRoomError as it crosses the socket; the terminal words it by its code."""

    code: str
    detail: str
    context: dict[str, str | int | float] = field(default_factory=dict)


class Answer(Struct, frozen=True, omit_defaults=True):
    """`lines` go to stdout, `errors` to stderr, `data` to stdout instead of the lines when JSON is asked for.

    `code`: 0 done; 1 refused or failed; 2 (the command line itself was wrong) never comes from here.
    """

    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    code: int = 0
    data: Any = None
    refusal: Refusal | None = None


Handler = Callable[[dict[str, Any]], Awaitable[Answer]]
"""An operation on one installation: arguments in, an answer out."""


def refused(error: ControlRoomError) -> Answer:
    """Return a refusal as an answer."""
    return Answer(code=1, refusal=Refusal(error.code, error.detail, error.context))
