"""What will happen by itself and when: one heap a session."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from msgspec import Struct, field

from app.instants import Instant


class Deadlines(Struct):
    """Deadlines by name; setting one again moves it. At one instant they act in the order of their names.

    Shape: name -> instant is the truth; the heap may hold entries that were moved, which are skipped.
    """

    due: dict[str, int] = field(default_factory=dict)
    heap: list[tuple[int, str]] = field(default_factory=list)

    def set(self, name: str, at: int, now: int) -> None:
        """Let `name` act at `at`, which lies after the instant that sets it."""
        at = max(at, now + 1)
        if self.due.get(name) != at:
            self.due[name] = at
            heappush(self.heap, (at, name))

    def drop(self, name: str) -> None:
        self.due.pop(name, None)

    def next(self) -> Instant | None:
        """Return the earliest deadline."""
        heap, due = self.heap, self.due
        while heap:
            at, name = heap[0]
            if due.get(name) == at:
                return Instant(at)
            heappop(heap)
        return None

    def pop(self) -> tuple[Instant, str]:
        """Take the earliest deadline; there must be one."""
        at, name = heappop(self.heap)
        del self.due[name]
        return Instant(at), name

    def postpone(self, span: int, start: int, applies: Callable[[str], bool]) -> None:
        """Move the deadlines after `start` by `span`: time in which nobody took events does not count."""
        for name, at in self.due.items():
            if at > start and applies(name):
                self.due[name] = at + span
        self.heap = [(at, name) for name, at in self.due.items()]
        heapify(self.heap)
