"""Who is served next when more waits than may be taken at once."""

from collections import deque
from collections.abc import Iterable, MutableMapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def take_turns(
    queues: MutableMapping[str, deque[tuple[int, T]]], names: Iterable[str], most: int
) -> dict[str, Sequence[T]]:
    """Take from the named queues of (size, thing), in order within each, things of at most `most` in size together.

    Each queue gives one thing a turn, so short ones are emptied and the fullest share what is left. A thing larger
    than `most` is taken alone. Queues that gave something are put last and emptied ones are removed from `queues`.
    """
    taken: dict[str, list[T]] = {}
    turn = [name for name in names if queues.get(name)]
    left = most
    while turn:
        again = []
        for name in turn:
            queue = queues[name]
            size = queue[0][0]
            if size > left and taken:
                continue  # its turn comes with the next call, before those that were served
            left -= size
            taken.setdefault(name, []).append(queue.popleft()[1])
            if queue:
                again.append(name)
        turn = again if left > 0 else []
    for name in taken:
        queue = queues.pop(name)
        if queue:
            queues[name] = queue
    return dict(taken)
