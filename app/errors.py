"""Refusals: named for what happened, with a stable code; status codes are chosen in routers."""

from typing import ClassVar, Literal

Kind = Literal["invalid", "missing", "conflict", "forbidden", "unauthenticated", "busy", "too_large", "broken"]
"""Statuses: 422 · 404 · 409 · 403 · 401 · 503 · 413 · 500, in this order."""


class ControlRoomError(Exception):
    """A refusal with a stable `code`; `detail` is for people and may be reworded.

    `context` holds the place and the figures (never secrets); pages word a refusal by `error.<code>` of their catalogue
    and fall back to `detail`, which is English.
    """

    kind: ClassVar[Kind] = "invalid"
    code: ClassVar[str] = "invalid"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, **context: str | int | float) -> None:
        super().__init__(detail)
        self.detail, self.context = detail, context


class Unavailable(ControlRoomError):
    """The store or the log cannot take this now; the same request with the same ids may come again."""

    kind, code, retryable = "busy", "unavailable", True


class FenceLost(ControlRoomError):
    """Another owner has taken the session; what this one wanted to commit must not be told."""

    kind, code, retryable = "conflict", "fence_lost", True


class NotFound(ControlRoomError):
    """No such thing, or none that this person may see."""

    kind, code = "missing", "not_found"


class Forbidden(ControlRoomError):
    """The person is known, but the role, the brand or the clearance does not allow this."""

    kind, code = "forbidden", "forbidden"


class StaleExpectation(ControlRoomError):
    """A command expected another version of the thing it acts on; it was refused, not applied."""

    kind, code = "conflict", "stale"
