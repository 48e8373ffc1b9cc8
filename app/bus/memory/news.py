"""The news of one process: its listeners are all there are, so nothing can be missed."""

from collections.abc import Callable

from app.bus.listeners import Listeners
from app.domain.facts import Fact


class MemoryNews:
    """Owns who listens in this process."""

    def __init__(self) -> None:
        self._listeners = Listeners()

    def tell(self, fact: Fact) -> None:
        self._listeners.tell(fact)

    def listen(self, listener: Callable[[Fact], None]) -> None:
        self._listeners.listen(listener)

    def missed(self, listener: Callable[[], None]) -> None:
        self._listeners.missed(listener)  # for whoever asks which implementation it has: never called
