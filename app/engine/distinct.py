"""Distinct users of a sliding window: exact up to a bound, beyond it a sample of them, marked estimated."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

EXACT_LIMIT: Final = 50_000


class Distinct(Struct):
    """Who was active in the last `length` seconds.

    Shape:  hash of a user -> the last second in which the user was active, and how many users have each second as
            their last. The number of users of the window is then a sum that loses what falls out of it; late activity
            of a user who has been active since changes nothing.
    Source: beyond EXACT_LIMIT, adaptive sampling (P. Flajolet, Computing 43, 1990): only users whose hash has `depth`
            low zero bits are kept, each standing for 2^depth. The error at 25,000 kept is about 0.6 %.
    """

    length: int
    floor: int = -1
    """Users last active in this second or before have left the window."""
    count: int = 0
    depth: int = 0
    last: dict[int, int] = field(default_factory=dict)
    leaving: dict[int, int] = field(default_factory=dict)

    @property
    def estimated(self) -> bool:
        return self.depth > 0

    def add(self, second: int, users: Iterable[int]) -> None:
        """Note that users, given by their hashes, were active in `second`; all at once or one by one comes to the same.

        A hash must be as good in its low bits as in the others.
        """
        if second <= self.floor:
            return
        self.roll(second)
        if self.depth:
            rest = (1 << self.depth) - 1
            users = [user for user in users if not user & rest]
        last, leaving, floor = self.last, self.leaving, self.floor
        moved = come = 0
        for user in users:
            before = last.get(user, -1)
            if before < second:
                last[user] = second
                moved += 1
                if before > floor:
                    leaving[before] -= 1
                else:
                    come += 1
        if moved:
            leaving[second] = leaving.get(second, 0) + moved
        self.count += come
        while self.count > EXACT_LIMIT:
            self._thin()

    def at(self, second: int) -> int:
        """Return the number of users active in the `length` seconds up to and with `second`, the newest there is.

        Changes nothing: when somebody looks must not decide who is counted.
        """
        return (self.count - sum(map(self.leaving.__getitem__, self._left(second - self.length)))) << self.depth

    def roll(self, second: int) -> None:
        """Forget whom the window up to and with `second` has left behind; to be called as seconds end."""
        floor = second - self.length
        if floor <= self.floor:
            return
        for at in self._left(floor):
            self.count -= self.leaving.pop(at)
        self.floor = floor
        if len(self.last) > 2 * self.count + 1_000:
            self.last = {user: at for user, at in self.last.items() if at > floor}
        if not self.count:
            self.depth = 0

    def _left(self, floor: int) -> list[int]:
        """Return the seconds up to `floor` that somebody was last active in."""
        leaving = self.leaving
        if floor - self.floor > len(leaving):
            return [at for at in leaving if at <= floor]
        return [at for at in range(self.floor + 1, floor + 1) if at in leaving]

    def _thin(self) -> None:
        """Keep half of the users, by their hash."""
        self.depth += 1
        rest, floor = (1 << self.depth) - 1, self.floor
        self.last = {user: at for user, at in self.last.items() if at > floor and not user & rest}
        self.leaving = {}
        for at in self.last.values():
            self.leaving[at] = self.leaving.get(at, 0) + 1
        self.count = len(self.last)
