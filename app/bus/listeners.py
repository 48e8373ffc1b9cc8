"""Those who listen to the news in one process: told at once, in order, and none of them stops another."""

from collections import deque
from collections.abc import Callable

import structlog

from app.domain.facts import Fact

log = structlog.get_logger()


class Listeners:
    """Owns who listens; knows nothing of where a fact came from."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Fact], None]] = []
        self._missed: list[Callable[[], None]] = []
        self._untold: deque[Fact] = deque()
        self._telling = False

    def listen(self, listener: Callable[[Fact], None]) -> None:
        self._listeners.append(listener)

    def missed(self, listener: Callable[[], None]) -> None:
        self._missed.append(listener)

    def tell(self, fact: Fact) -> None:
        """Tell all. What a listener tells meanwhile comes after it, so that all hear both in the same order."""
        self._untold.append(fact)
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold:
                self._tell(self._untold.popleft())
        finally:
            self._telling = False

    def _tell(self, fact: Fact) -> None:
        for listener in self._listeners:
            try:
                listener(fact)
            except Exception:  # the others have a right to it, and its teller cannot help
                log.exception("news_listener_breaks", fact=type(fact).__name__)

    def tell_missed(self) -> None:
        """Say that facts may have been missed."""
        for listener in self._missed:
            try:
                listener()
            except Exception:
                log.exception("news_listener_breaks", fact="missed")
