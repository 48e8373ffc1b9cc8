"""Boards to frames: what changed between two boards, cut to the frame limit and encoded once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from app.domain.board import Board
from app.domain.frames import FRAME_LIMIT, Changed, Delta, Snapshot

_encoder = msgspec.json.Encoder()
_HEAD_ROOM = 512
"""Left free in every frame for its own fields and the topics' names."""


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changed | None:
    """Return what turns `old` into `new`, or None when they are equal. Values are compared by value."""
    added = {key: value for key, value in new.items() if key not in old or old[key] != value}
    gone = [key for key in old if key not in new]
    return Changed(added, gone) if added or gone else None


def apply(board: Board, topics: Mapping[str, Changed]) -> Board:
    """Return the board after a delta; the page does the same in static/js/feed/board.js."""
    after = dict(board)
    for topic, change in topics.items():
        values = {key: value for key, value in after.get(topic, {}).items() if key not in set(change.gone)}
        values.update(change.set)
        after[topic] = values
    return after


def encode(frame: msgspec.Struct) -> bytes:
    """Return the JSON that travels."""
    return _encoder.encode(frame)


def cut_deltas(topics: Mapping[str, Changed]) -> Iterator[dict[str, Changed]]:
    """Cut a change into pieces whose encoded form fits a frame; most changes are one piece.

    A single value larger than a frame (a text at its bound) goes alone: it is the door's bounds that keep it small.
    """
    piece: dict[str, Changed] = {}
    size = 0
    for topic, change in topics.items():
        for key, value in _entries(change):
            weight = len(_encoder.encode(value)) + len(key) + 8 if value is not _GONE else len(key) + 4
            if piece and size + weight > FRAME_LIMIT - _HEAD_ROOM:
                yield piece
                piece, size = {}, 0
            into = piece.setdefault(topic, Changed())
            if value is _GONE:
                into.gone.append(key)
            else:
                into.set[key] = value
            size += weight
    if piece:
        yield piece


_GONE = object()


def _entries(change: Changed) -> Iterator[tuple[str, Any]]:
    for key in change.gone:
        yield key, _GONE
    yield from change.set.items()


def cut_snapshot(board: Board) -> list[dict[str, dict[str, Any]]]:
    """Cut a board into the topics of its parts; an empty board is one empty part.

    Every topic of the board appears, so a page also learns which topics are empty.
    """
    parts: list[dict[str, dict[str, Any]]] = [{topic: {} for topic in board}]
    size = sum(len(topic) + 6 for topic in board)
    for topic, values in board.items():
        for key, value in values.items():
            weight = len(_encoder.encode(value)) + len(key) + 8
            if size + weight > FRAME_LIMIT - _HEAD_ROOM and any(parts[-1].values()):
                parts.append({})
                size = 0
            parts[-1].setdefault(topic, {})[key] = value
            size += weight
    return parts


def snapshot_frames(board: Board, *, epoch: int, seq: int, now_ms: int, wall_ms: int, rate: float) -> Iterable[bytes]:
    """Encode a board as its snapshot frames."""
    parts = cut_snapshot(board)
    for number, topics in enumerate(parts, start=1):
        yield encode(
            Snapshot(
                epoch=epoch,
                seq=seq,
                part=number,
                parts=len(parts),
                now_ms=now_ms,
                wall_ms=wall_ms,
                rate=rate,
                topics=topics,
            )
        )


def delta_frame(topics: dict[str, Changed], *, epoch: int, seq: int, now_ms: int, wall_ms: int, rate: float) -> bytes:
    """Encode one delta."""
    return encode(Delta(epoch=epoch, seq=seq, now_ms=now_ms, wall_ms=wall_ms, rate=rate, topics=topics))
