"""What a driver needs of the process it runs in. Runtime hands over the real parts; nothing here picks one."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from app.bus.ports import SessionLog
from app.clock import Clock
from app.domain.board import DeviceRow
from app.domain.commands import Command, Outcome
from app.domain.people import Actor
from app.domain.plan import SessionKind
from app.domain.session_clock import SessionClock
from app.replay.script import Feed
from app.store.database import Store


class Session(Protocol):
    """What the directory says of a session."""

    @property
    def id(self) -> str: ...
    @property
    def no(self) -> int: ...
    @property
    def clock(self) -> SessionClock: ...
    @property
    def open(self) -> bool: ...


class Directory(Protocol):
    """Opens sessions, and knows how each stands since the last commit."""

    async def open(
        self, room: str, kind: SessionKind, *, live: bool = ..., clock: SessionClock = ..., session_id: str = ...
    ) -> tuple[Session, bool]: ...
    def known(self, session_id: str) -> Session | None: ...


class Door(Protocol):
    """The public door. `source` is who knocks: an object of this process that no token stands for."""

    async def take(self, source: Any, body: bytes, form: Literal["json", "lines"], session_id: str = ...) -> object: ...


class Desk(Protocol):
    """Takes commands; None: not committed yet, but it will be."""

    async def submit(self, session_id: str, key: str, command: Command, actor: Actor) -> Outcome | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The parts. `sources`: who knocks at the door for each feed. `real_tablet`: one is there.

    `show_device`: the console shows this tablet of a session. `sleep`: seconds, of wall time.
    """

    door: Door
    sources: Mapping[Feed, Any]
    directory: Directory
    desk: Desk
    log: SessionLog
    store: Store
    clock: Clock
    console_open: Callable[[], bool]
    real_tablet: Callable[[], bool]
    show_device: Callable[[str, DeviceRow], None]
    sleep: Callable[[float], Awaitable[None]]
