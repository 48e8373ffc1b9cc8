"""Promises: what was sent before is known again however it was cut, how long ago, and after a restore."""

from collections.abc import Iterator

from app.domain.events import Act, Event, LikeEvent
from app.engine.seen import LEAST_MS, MOST_IDS, SLICE_IDS, SeenIds, SeenSlices, Verdict

NOW = 1_764_000_000_000


def storm(number: int, prefix: str = "e") -> list[Event]:
    return [LikeEvent(room="r1", occurred_ms=NOW, id=f"{prefix}{n}") for n in range(number)]


def cut(events: list[Event], size: int) -> Iterator[list[Event]]:
    for start in range(0, len(events), size):
        yield events[start : start + size]


def told(size: int) -> tuple[SeenSlices, list[Verdict]]:
    """Send a storm with repetitions in it in batches of a size, all at one instant; return what is held and judged."""
    slices = SeenSlices()
    verdicts: list[Verdict] = []
    seen = SeenIds(slices)
    events = storm(2 * SLICE_IDS + 500)
    events[SLICE_IDS + 7 : SLICE_IDS + 7] = events[:3]
    for batch in cut(events, size):
        verdicts += seen.take(batch, NOW) or ["new"] * len(batch)
    seen.pack()
    return slices, verdicts


def test_a_storm_is_held_and_judged_alike_however_it_was_cut() -> None:
    whole = told(1_000)
    assert told(777) == whole
    slices, verdicts = whole
    assert [len(packed) // 12 for packed in slices.packed] == [SLICE_IDS, SLICE_IDS, 500]
    assert verdicts.count("same") == 3
    assert verdicts[SLICE_IDS + 7 : SLICE_IDS + 10] == ["same"] * 3


def test_a_restore_knows_what_was_sent_and_whether_it_was_the_same() -> None:
    slices, _ = told(1_000)
    again = SeenIds(slices)
    other = LikeEvent(room="r1", occurred_ms=NOW, id="e5", payload=Act(count=2))
    assert again.take([storm(2)[1], other, storm(1, "new")[0]], NOW + 1) == ["same", "conflict", "new"]


def test_beyond_the_most_ids_the_oldest_are_forgotten_little_by_little_but_never_within_two_minutes() -> None:
    slices = SeenSlices()
    seen = SeenIds(slices)
    for batch in cut(storm(MOST_IDS + 4 * SLICE_IDS), 1_000):
        seen.take(batch, NOW)
    assert len(seen) == MOST_IDS + 4 * SLICE_IDS
    seen.take(storm(1, "a"), NOW + LEAST_MS - 1)
    assert len(seen) == MOST_IDS + 4 * SLICE_IDS + 1
    seen.take(storm(1, "b"), NOW + 2 * LEAST_MS)
    assert len(seen) == MOST_IDS + 2 * SLICE_IDS + 2
    seen.take(storm(1, "c"), NOW + 3 * LEAST_MS)
    assert MOST_IDS - SLICE_IDS < len(seen) <= MOST_IDS + 3
    assert slices.forgotten_ms == NOW
