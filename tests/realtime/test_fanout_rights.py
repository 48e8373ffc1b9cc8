"""Promises of the open sockets: what is revoked is closed, what runs out is found, and everybody is counted once."""

from dataclasses import replace
from time import monotonic

from app.access.principal import NotSignedIn, Principal, person_handle, sign_in_handle
from app.domain.people import Role
from app.errors import Forbidden, Unavailable
from app.realtime.sockets import RECHECK_S, Held, Sockets

WHO = Principal("person", "p1", "周敏", Role.CONTROLLER, handles=frozenset({person_handle("p1"), sign_in_handle("h1")}))
OTHER = replace(WHO, id="p2", handles=frozenset({person_handle("p2")}))


class Socket:
    closed: tuple[int, str] | None = None

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class Door:
    """Answers who somebody is now."""

    def __init__(self, answer: Principal | Exception = WHO) -> None:
        self.answer, self.asked = answer, 0

    async def __call__(self) -> Principal:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def opened(sockets: Sockets, who: Principal = WHO, door: Door | None = None) -> tuple[Held, Socket]:
    socket = Socket()
    return sockets.hold(who, socket, door or Door(who), monotonic()), socket


def test_a_revocation_closes_every_socket_that_hangs_on_it_and_no_other() -> None:
    sockets = Sockets()
    (_, first), (_, second), (_, other) = opened(sockets), opened(sockets), opened(sockets, OTHER)
    sockets.revoke(sign_in_handle("h1"))
    assert [first.closed, second.closed, other.closed] == [(4401, "revoked"), (4401, "revoked"), None]


def test_a_revocation_between_the_look_and_the_opening_is_not_missed_and_an_older_one_is_over() -> None:
    sockets, socket, later = Sockets(), Socket(), Socket()
    looked_at = monotonic()
    sockets.revoke(person_handle("p1"))
    sockets.hold(WHO, socket, Door(), looked_at)
    assert socket.closed == (4401, "revoked")
    sockets.hold(WHO, later, Door(), monotonic())  # signed in again since
    assert later.closed is None


def test_sockets_are_counted_by_holder_until_they_are_released() -> None:
    sockets = Sockets()
    (first, _), (second, _), _ = opened(sockets), opened(sockets), opened(sockets, OTHER)
    assert (len(sockets), sockets.of(WHO), sockets.of(OTHER)) == (3, 2, 1)
    sockets.release(first)
    sockets.release(second)
    assert (len(sockets), sockets.of(WHO), sockets.kinds()) == (1, 0, ["person"])


async def test_whoever_is_due_is_asked_for_again_and_only_what_ended_is_closed() -> None:
    sockets = Sockets()
    doors = [
        Door(),
        Door(NotSignedIn("it has run out")),
        Door(Forbidden("not any more")),
        Door(Unavailable("the store is away")),
        Door(RuntimeError("a mistake of ours")),
        Door(replace(WHO, role=Role.VIEWER)),
    ]
    ends = [opened(sockets, WHO, door)[1] for door in doors]
    await sockets.recheck(monotonic())
    assert [door.asked for door in doors] == [0] * 6
    await sockets.recheck(monotonic() + RECHECK_S)
    codes = [end.closed and end.closed[0] for end in ends]
    assert codes == [None, 4401, 4403, None, None, 1012]
    await sockets.recheck(monotonic() + RECHECK_S)
    assert [door.asked for door in doors] == [1] * 6, "each is due again a minute later"
