"""The installation an operation works on: its open database and settings, and what the running server must be told."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from app.access.access import Access
from app.clock import Clock
from app.delivery.robots import environment
from app.domain.workspace import Channel
from app.instants import Instant
from app.settings import Settings
from app.store.database import Store


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Handed to every operation. The defaults are those of an installation whose server does not run."""

    settings: Settings
    store: Store
    clock: Clock
    access: Access
    environ: Mapping[str, str] = field(default_factory=environment)
    """Where channels' secrets are: those of the process that will send."""
    address: Callable[[], str] | None = None
    """How people reach the running server; None: by what the settings say."""
    changed: Callable[[], Awaitable[None]] = _nothing
    """Called after the workspace changed in SQL: rooms, channels and people are read again."""
    counted: Callable[[], Awaitable[None]] = _nothing
    """Called before the doctor reads: what the door has counted is written down."""
    purged: Callable[[str, Instant], None] = lambda *_: None
    """Called when a session's log has been removed: it has no board any more."""
    rewritten: Callable[[str], None] = lambda _: None
    """Called when words have been taken out of an ended session's log: what was built of it before is forgotten."""
    mended: Callable[[Channel], None] = lambda _: None
    """Called when a channel has answered well to a test: its robots are tried again at once."""

    @property
    def url(self) -> str:
        """Return the address for links and examples, without a slash at its end."""
        if self.settings.public_url:
            return self.settings.public_url
        if self.address is not None and (reached := self.address()):
            return reached
        host = "127.0.0.1" if self.settings.host in ("", "0.0.0.0", "::") else self.settings.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"
