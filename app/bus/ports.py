"""The ports between processes: session log, frames, ownership, news. Memory and Redis implement them, one test both.

Nothing above app.bus asks which implementation it was given; app.runtime picks it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.commands import Outcome
from app.domain.facts import Fact
from app.domain.identity import Fence
from app.domain.records import Entry
from app.errors import ControlRoomError, Unavailable


class LogFull(Unavailable):
    """So much of the session waits already that no more is taken; the log itself is well."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What the sender of one entry is told once it is in SQL. `outcome`: of a command's entry only."""

    first: int
    last: int
    duplicates: int = 0
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """Names one appended entry; opaque to the sender."""

    session: str
    token: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry the owner has read and must settle."""

    ticket: Ticket
    entry: Entry


class SessionLog(Protocol):
    """Transport of entries: one order per session, at least once in, once in effect. The truth is in SQL, not here."""

    async def append(self, session: str, entry: Entry) -> Ticket:
        """Append and return at once. Raises LogFull, and Unavailable when the log does not answer."""
        ...

    async def append_all(self, entries: Sequence[tuple[str, Entry]], weight: int = 0) -> list[Ticket]:
        """Append all or none: room for every entry is reserved before the first is appended.

        `weight`: the bytes they came in as, for a log that holds them in this process's memory.
        """
        ...

    async def committed(self, ticket: Ticket, within_ms: int) -> Committed:
        """Wait until the owner has settled the entry. Raises what it was refused with, Unavailable when time is up."""
        ...

    async def take(
        self, sessions: Collection[str] | None, most: int, within_ms: int
    ) -> Mapping[str, Sequence[Waiting]]:
        """For the owner: what waits, in order per session, at most `most` events in all (always a whole entry, the
        fullest sessions take turns); waits up to `within_ms` for the first. `sessions` None: whatever there is."""
        ...

    async def settle(self, waiting: Waiting, result: Committed | ControlRoomError) -> None:
        """For the owner: the entry is committed or refused; it is never read again."""
        ...

    async def settle_all(self, results: Sequence[tuple[Waiting, Committed | ControlRoomError]]) -> None:
        """Settle many at once. Never raises Unavailable: what cannot be told now is told when the log answers again,
        and its sender, who may have given up by then, sends the same ids."""
        ...

    async def waiting(self) -> Collection[str]:
        """The sessions in which something is not settled yet, whoever owns them."""
        ...

    def let_go(self, session: str) -> None:
        """For an owner that is one no more: whoever takes the session next, this process too, reads again all that is
        not settled."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A frame as kept by the frame log: encoded once."""

    epoch: int
    seq: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A board's newest snapshot (its encoded parts) and the deltas after it."""

    epoch: int
    seq: int
    snapshot: tuple[bytes, ...]
    deltas: tuple[Stored, ...]


class FrameReader(Protocol):
    """The side of the frame log from which boards are followed: snapshot, then every later delta, no gap."""

    async def since(self, board: str, epoch: int, seq: int) -> Sequence[Stored] | None:
        """The deltas after (epoch, seq), oldest first; None when not all are held, or the epoch is another."""
        ...

    async def newest(self, board: str) -> Kept | None: ...

    async def wait(self, board: str, epoch: int, seq: int, within_ms: int) -> Sequence[Stored]:
        """Deltas after (epoch, seq), waiting up to `within_ms` for the first; empty when none came."""
        ...


class FrameLog(FrameReader, Protocol):
    """Ring of encoded deltas and the newest snapshot of each board."""

    async def put_snapshot(self, board: str, epoch: int, seq: int, parts: Sequence[bytes]) -> None: ...

    async def publish(self, board: str, frame: Stored) -> None:
        """Raises FenceLost when a higher epoch has been published for this board."""
        ...

    async def publish_all(self, frames: Sequence[tuple[str, Stored]]) -> Collection[str]:
        """Publish the deltas of many boards, those of one board in their order; return the boards for which a higher
        epoch has been published, of which nothing was. Raises Unavailable; some may have been published then."""
        ...

    async def has(self, board: str) -> bool:
        """Whether a snapshot is held. Cheap; what is held, and may have an end, is held on for as long as before."""
        ...

    async def forget(self, board: str, epoch: int) -> None:
        """Give up what is held of a board that is shown no more; a newer owner's board stays. The same epoch may be
        shown again, with higher numbers than before."""
        ...


class Ownership(Protocol):
    """Who may apply a session: never two writers, and a fence that only grows."""

    def continue_from(self, fence: Fence) -> None:
        """Give only fences above `fence` from now on: the newest one in SQL."""
        ...

    async def free(self, names: Collection[str]) -> Collection[str]:
        """Those of the names that nobody holds at this moment."""
        ...

    async def acquire(self, name: str, within_ms: int) -> Fence | None:
        """Take `name` for `within_ms`; None while it is held, by whomever."""
        ...

    async def acquire_all(self, names: Collection[str], within_ms: int) -> Mapping[str, Fence]:
        """Take those of the names that nobody holds."""
        ...

    async def renew(self, name: str, fence: Fence, within_ms: int) -> bool:
        """Prolong; False when it was lost meanwhile."""
        ...

    async def renew_all(self, held: Mapping[str, Fence], within_ms: int) -> Collection[str]:
        """Prolong all of them; return the names that were lost meanwhile."""
        ...

    async def release(self, name: str, fence: Fence) -> None: ...

    async def release_all(self, held: Mapping[str, Fence]) -> None:
        """Give up those that are still held under these fences."""
        ...


class News(Protocol):
    """What processes tell each other at once: whoever listens hears it, soon and in order of its teller; nothing is
    kept, and what could not be carried is lost."""

    def tell(self, fact: Fact) -> None:
        """Tell those who listen in this process before returning, and the other processes soon. Never waits, never
        raises."""
        ...

    def listen(self, listener: Callable[[Fact], None]) -> None:
        """Be told every fact, those of this process too."""
        ...

    def missed(self, listener: Callable[[], None]) -> None:
        """Be told that facts of other processes may have been missed: what was learned from them must be read again."""
        ...
