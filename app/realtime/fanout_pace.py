"""When the next pass over a board's viewers may begin. No clock is read here: seconds are an argument."""

from typing import Final

LEAST_S: Final = 0.02
"""From one pass to the next, at the least."""
USUAL_S: Final = 0.05
"""The same on a board that goes on changing faster: what comes meanwhile goes out with it, for a write of three frames
costs as much as a write of one."""
AHEAD_S: Final = 0.5
"""How far passes may run ahead of that, ten of them: a board that changes a dozen times a second never waits for it."""


class Pace:
    """Owns the passes of one board: each pays USUAL_S, and begins when it is no more than AHEAD_S in debt."""

    def __init__(self) -> None:
        self._least = self._paid_until = float("-inf")

    @property
    def next_s(self) -> float:
        """The instant from which the next pass may begin; it may lie in the past."""
        return max(self._least, self._paid_until - AHEAD_S)

    def begin(self, now: float) -> None:
        """A pass begins now."""
        self._least = now + LEAST_S
        self._paid_until = max(self._paid_until, now) + USUAL_S
