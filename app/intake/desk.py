"""The desk: commands of people, tablets and drivers go into their session's log and come back with their outcome."""

import asyncio
from collections import OrderedDict
from functools import partial
from typing import Final

from app.bus.ports import Committed, SessionLog, Ticket
from app.clock import Clock
from app.domain.commands import (
    AckAlert,
    Command,
    EndSession,
    Issued,
    MoveRundown,
    Outcome,
    ReceivePrompt,
    Report,
    SendPrompt,
    SetGuide,
    StartSession,
    UnackAlert,
    WithdrawPrompt,
    command_name,
    digest_of,
)
from app.domain.people import Actor, Role
from app.domain.records import CommandIssued, Entry
from app.errors import ControlRoomError, Forbidden, Unavailable
from app.instants import SECOND, Instant
from app.intake.directory import Directory, SessionRef
from app.store.database import Store
from app.store.outcomes import outcome

ANSWER_WITHIN_MS: Final = 2_000
GIVE_UP_MS: Final = 60_000
LOST_AFTER_MS: Final = 15 * SECOND
"""A command that has no outcome by then was lost on its way, as when the bus came back empty; sent again it is done,
and only once."""
LATE_KEYS: Final = 10_000
"""Commands that are remembered while they are waited for."""
_PEOPLE: Final = frozenset({Role.ADMIN, Role.CONTROLLER})
_TABLETS: Final = frozenset({Role.HOST, Role.ASSISTANT})

MAY_ISSUE: Final[dict[type, frozenset[Role]]] = {
    AckAlert: _PEOPLE,
    UnackAlert: _PEOPLE,
    SendPrompt: _PEOPLE,
    WithdrawPrompt: _PEOPLE,
    MoveRundown: _PEOPLE,
    StartSession: _PEOPLE,
    EndSession: _PEOPLE,
    ReceivePrompt: _TABLETS,
    SetGuide: frozenset(),
    Report: frozenset(),
}
"""Command -> roles of people and tablets that may issue it; drivers of the system may issue all. The one such table."""


class KeyReused(ControlRoomError):
    """An Idempotency-Key came again with something else, or from somebody else; what it did first stands."""

    kind, code = "conflict", "key_reused"


class NotTaken(Unavailable):
    """A command that was to come has not come: send it again with the same key."""

    code = "not_taken"


def check_may_issue(command: Command, actor: Actor) -> None:
    """Raise Forbidden unless the actor's role may issue this; a tablet only its own receipts, a person none."""
    if actor.kind == "system":
        return
    tablet = isinstance(command, ReceivePrompt)
    if actor.role not in MAY_ISSUE[type(command)] or tablet != (actor.kind == "device"):
        raise Forbidden("this role may not do that", role=actor.role.value, command=command_name(command))
    if isinstance(command, ReceivePrompt) and command.device != actor.id:
        raise Forbidden("a tablet gives its own receipts only", device=actor.id)


class Desk:
    """Knows who may issue what, and waits for outcomes; knows nothing of HTTP. Owns since when which are late."""

    def __init__(self, *, log: SessionLog, store: Store, directory: Directory, clock: Clock) -> None:
        self._log = log
        self._store = store
        self._directory = directory
        self._clock = clock
        self._late: OrderedDict[tuple[int, str], Instant] = OrderedDict()

    async def submit(
        self, session_id: str, key: str, command: Command, actor: Actor, within_ms: int = ANSWER_WITHIN_MS
    ) -> Outcome | None:
        """Issue a command and return its committed outcome; None when it is not committed yet but still will be.

        The same key again returns the first outcome and has no second effect. Raises NotFound, Forbidden, KeyReused,
        and Unavailable when the log or the store cannot take it.
        """
        check_may_issue(command, actor)
        session = await self._directory.find(session_id)
        if (before := await self.outcome(session, key)) is not None:
            return _same(before, command, actor)
        received = session.clock.at(self._clock.now())
        ticket = await self._log.append(session.id, Entry(received, CommandIssued(Issued(key, command, actor))))
        committed = await self._wait(ticket, within_ms)
        if committed is None or committed.outcome is None:
            self._late.pop((session.no, key), None)
            self._late_since((session.no, key), self._clock.now())
            return None
        return _same(committed.outcome, command, actor)

    async def outcome(self, session: SessionRef, key: str) -> Outcome | None:
        """Return the committed outcome of a key, None when there is none (yet)."""
        return await self._store.read(partial(outcome, session_no=session.no, key=key))

    async def late_outcome(self, session: SessionRef, key: str) -> Outcome | None:
        """Return what became of a command that was late, None while it may still come.

        Raises NotTaken when nothing has come 15 s after that was last said of it, or after it was first asked for here:
        another process may have said it.
        """
        found = await self.outcome(session, key)
        if found is not None:
            self._late.pop((session.no, key), None)
            return found
        now = self._clock.now()
        if now - self._late_since((session.no, key), now) >= LOST_AFTER_MS:
            del self._late[session.no, key]
            raise NotTaken("nothing has come of this command; send it again with the same key")
        return None

    def _late_since(self, command: tuple[int, str], now: Instant) -> Instant:
        """Return since when a command is late, `now` for one that was not; of very many the oldest are forgotten."""
        since = self._late.setdefault(command, now)
        while len(self._late) > LATE_KEYS:
            self._late.popitem(last=False)
        return since

    async def _wait(self, ticket: Ticket, within_ms: int) -> Committed | None:
        # A log says Unavailable both when the time is up and when the entry was refused; the two must not be confused,
        # so the time is kept here.
        asking = asyncio.ensure_future(self._log.committed(ticket, GIVE_UP_MS))
        try:
            await asyncio.wait({asking}, timeout=within_ms / 1_000)
            return asking.result() if asking.done() else None
        finally:
            asking.cancel()


def _same(found: Outcome, command: Command, actor: Actor) -> Outcome:
    if found.command != command_name(command) or found.digest not in ("", digest_of(command, actor)):
        raise KeyReused("this key was used for something else", command=found.command)
    return found
