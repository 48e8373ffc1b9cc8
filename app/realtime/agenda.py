"""The agenda: which names are due next, so that a turn looks at those and at no others."""

from heapq import heappop, heappush


class Agenda:
    """Owns one instant a name; setting a name again moves it. Knows nothing of clocks.

    Shape: name -> instant is the truth; the heap may hold entries that were moved, which are skipped.
    """

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def set(self, name: str, at: int) -> None:
        """Let `name` be due at `at`."""
        if self._due.get(name) != at:
            self._due[name] = at
            heappush(self._heap, (at, name))

    def drop(self, name: str) -> None:
        self._due.pop(name, None)

    def clear(self) -> None:
        self._due.clear()
        self._heap.clear()

    @property
    def next(self) -> int | None:
        """The earliest instant; None when nothing is planned."""
        while self._heap:
            at, name = self._heap[0]
            if self._due.get(name) == at:
                return at
            heappop(self._heap)
        return None

    def take(self, now: int) -> list[str]:
        """Take every name that is due, the earliest first."""
        taken = []
        while (at := self.next) is not None and at <= now:
            _, name = heappop(self._heap)
            del self._due[name]
            taken.append(name)
        return taken
