"""Promises of a board's track: from a place that is held no delta is missed or doubled, and it never grows too big."""

from hypothesis import given
from hypothesis import strategies as st

from app.bus.ports import Kept, Stored
from app.realtime.fanout_track import BATCH_BYTES, LATE_DELTAS, PRESENTS, Track
from app.realtime.fanout_wire import payload_of


def deltas(epoch: int, first: int, last: int) -> list[Stored]:
    return [Stored(epoch, seq, f"{epoch}/{seq}".encode()) for seq in range(first, last + 1)]


def kept(epoch: int, at: int, last: int) -> Kept:
    return Kept(epoch, at, (f"snapshot {epoch}/{at}".encode(),), tuple(deltas(epoch, at + 1, last)))


def follow(track: Track, seq: int) -> list[bytes]:
    """What a viewer gets who is at a place, batch after batch."""
    got: list[bytes] = []
    while seq < track.seq:
        batch = track.after(seq)
        assert batch.joined == b"".join(batch.frames)
        got += map(payload_of, batch.frames)
        seq += batch.count
    return got


@given(st.integers(0, 9), st.lists(st.integers(1, 7), max_size=12), st.integers(1, 12))
def test_from_every_place_that_is_held_comes_every_later_delta_once(at: int, steps: list[int], ring: int) -> None:
    track = Track(ring_frames=ring)
    track.take(kept(3, at, at))
    for step in steps:
        assert track.add(deltas(3, track.seq + 1, track.seq + step))
    newest = at + sum(steps)
    assert track.seq == newest
    held = [seq for seq in range(newest + 2) if track.holds(3, seq)]
    assert held == list(range(max(at, newest - ring), newest + 1))
    for seq in held:
        assert follow(track, seq) == [frame.data for frame in deltas(3, seq + 1, newest)]
        assert track.backlog(seq) == sum(len(frame.data) + 2 for frame in deltas(3, seq + 1, newest))


def test_deltas_that_are_held_already_do_nothing_and_a_gap_is_told() -> None:
    track = Track()
    track.take(kept(1, 5, 8))
    assert track.add(deltas(1, 6, 9))
    assert track.seq == 9
    assert not track.add(deltas(1, 11, 12))
    assert not track.add(deltas(2, 10, 10))
    assert track.seq == 9
    assert follow(track, 5) == [b"1/6", b"1/7", b"1/8", b"1/9"]


def test_what_a_gap_left_is_forgotten_and_the_present_leads_on() -> None:
    track = Track()
    track.take(kept(1, 0, 3))
    track.take(kept(1, 10, 12))
    assert not track.holds(1, 3)
    present = track.present
    assert present is not None
    assert [payload_of(frame) for frame in present.frames] == [b"snapshot 1/10", b"1/11", b"1/12"]
    assert (present.epoch, present.seq) == (1, 12)
    track.take(kept(1, 10, 11))  # read before, come after
    assert track.seq == 12
    track.take(kept(1, 10, 12))  # read twice
    assert track.present is present
    track.take(kept(2, 0, 0))
    assert not track.holds(1, 12)
    track.take(kept(1, 20, 20))
    assert (track.epoch, track.seq) == (2, 0)


def test_a_present_is_not_given_to_a_newcomer_when_much_has_come_after_it() -> None:
    track = Track()
    track.take(kept(1, 0, 0))
    track.add(deltas(1, 1, LATE_DELTAS))
    assert track.present is not None
    track.add(deltas(1, LATE_DELTAS + 1, LATE_DELTAS + 1))
    assert track.present is None


def test_one_write_is_of_some_frames_only_and_a_larger_frame_goes_alone() -> None:
    track = Track()
    track.take(Kept(1, 0, (b"snapshot",), ()))
    sizes = (BATCH_BYTES // 2 - 100, BATCH_BYTES // 2 - 100, BATCH_BYTES + 1, 10)
    track.add([Stored(1, seq, bytes(size)) for seq, size in enumerate(sizes, 1)])
    assert [track.after(seq).count for seq in (0, 2, 3)] == [2, 1, 1]


def test_older_deltas_go_in_front_as_far_as_there_is_room() -> None:
    track = Track(ring_frames=6)
    track.take(kept(1, 10, 12))
    track.add_before(1, deltas(1, 3, 12))
    assert not track.holds(1, 5)
    assert follow(track, 6) == [f"1/{seq}".encode() for seq in range(7, 13)]
    track.add_before(2, deltas(2, 1, 6))
    track.add(deltas(1, 13, 13))
    assert follow(track, 7) == [f"1/{seq}".encode() for seq in range(8, 14)]


def test_bytes_are_bounded_and_an_outdated_present_gives_its_memory_back() -> None:
    track = Track(ring_bytes=10_000)
    presents = []
    for n in range(PRESENTS + 3):
        track.take(Kept(1, n * 10, (bytes(5_000),), ()))
        presents.append(track.present)
        track.add([Stored(1, seq, bytes(3_000)) for seq in range(n * 10 + 1, n * 10 + 11)])
        assert track.backlog(track.first - 1) <= 10_000
    assert [present is not None and bool(present.frames) for present in presents] == [False] * 3 + [True] * PRESENTS
