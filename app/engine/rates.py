"""Interaction rate and sell rate."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from app.domain.readings import ReadingState
from app.engine.counts import INTERACTION_SECONDS, RoomCounts
from app.engine.windows import Tally

LEAST_AUDIENCE: Final = 100
LEAST_UNITS: Final = 20


class Interaction(NamedTuple):
    """A share of 1 with what it was made of. `judged`: rules may use it."""

    value: float | None
    state: ReadingState
    num: float | None
    den: float | None
    judged: bool


def audience_of(room: RoomCounts, second: int, at: int) -> tuple[float | None, bool]:
    """Return a room's audience of the last five minutes, and whether it is only estimated.

    The mean of its viewer count over the time in which that was known; of a room that has never sent one, the distinct
    users who entered.
    """
    if room.viewers.seen_ms is not None:
        mean = room.viewers.mean(at - INTERACTION_SECONDS * 1_000, at)
        return (room.viewers.at(at) if mean is None else mean), False
    entered = room.entered.at(second)
    return (float(entered) or None), True


def interaction(rooms: Iterable[RoomCounts], active: int, exact: bool, second: int, at: int) -> Interaction:
    """Return the share of the audience of `rooms` that commented, liked, shared or followed in the last five minutes.

    `active`: distinct users who did; `exact`: whether they are counted or sampled.
    """
    audience, estimated, comments, named = 0.0, not exact, 0, 0
    for room in rooms:
        present, guessed = audience_of(room, second, at)
        audience += present or 0.0
        estimated = estimated or (guessed and present is not None)
        comments += room.tallies["comments"].window(second, INTERACTION_SECONDS)
        named += room.named_comments.window(second, INTERACTION_SECONDS)
    if audience < LEAST_AUDIENCE:
        return Interaction(None, "few", float(active), audience, False)
    if comments and not named:  # comments without users: their number stands for the people, and no rule judges it
        return Interaction(comments / audience, "estimated", float(comments), audience, False)
    return Interaction(active / audience, "estimated" if estimated else "ok", float(active), audience, True)


def sell_rate(units: Tally, second: int) -> float | None:
    """Return paid units a minute, the faster of the last two and the last ten minutes; None under 20 in ten."""
    in_ten = units.window(second, 600)
    if in_ten < LEAST_UNITS:
        return None
    return max(units.window(second, 120) / 2, in_ten / 10)


def eta_min(sellable: int | None, rate: float | None) -> float | None:
    """Return in how many minutes the stock is sold out at this pace; None when that cannot be told."""
    if sellable is None or rate is None or rate <= 0:
        return None
    return max(sellable, 0) / rate
