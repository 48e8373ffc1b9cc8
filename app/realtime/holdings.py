"""Holdings: the leases of one worker. They say which sessions it may apply, and how many are its fair share.

A lease keeps two workers from doing the same work; that neither can commit under an old fence is the ledger's promise
and does not hang on any clock here. Instants are seconds of the event loop, which no change of the wall clock moves.
"""

from collections.abc import Collection, Iterable, KeysView, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.bus.ports import Ownership
from app.domain.identity import Fence

LEASE_MS: Final = 5_000
"""After a kill -9 nobody takes a session before this has passed; a paused owner has lost it after as long."""
RENEW_PARTS: Final = 5
"""A lease is renewed so many times before it would end."""
SEEN_FREE: Final = 0.3
"""A session that was not given up is taken only after it was free for this share of a lease: an emptied Redis knows no
lease, and then the owners there are, who renew more often, shall have theirs back."""
PEER_S: Final = 4.0
"""A worker that has not been heard for this long takes no part any more; they are heard every second."""
PATIENCE: Final = 0.2
"""A free session beyond the fair share is left to the others for this share of a lease: none may stay free."""
REST_S: Final = 3.0
"""What was handed over is not taken back for this long, unless nobody else is there."""


@dataclass(slots=True)
class Peer:
    """Another worker: how many sessions it owns, and when that was heard."""

    sessions: int
    heard: float


@dataclass(slots=True)
class Holdings:
    """Owns the leases this worker has; knows nothing of what is in a session."""

    leases: Ownership
    lease_ms: int = LEASE_MS
    _held: dict[str, Fence] = field(default_factory=dict)
    _peers: dict[str, Peer] = field(default_factory=dict)
    _free_since: dict[str, float] = field(default_factory=dict)
    _resting: dict[str, float] = field(default_factory=dict)
    _renewed: float = float("-inf")
    _doubted: bool = False
    _careful_until: float = float("-inf")

    @property
    def held(self) -> KeysView[str]:
        """The sessions this worker may apply: a live view."""
        return self._held.keys()

    # The other workers.

    def heard(self, worker: str, sessions: int, now: float, *, stopping: bool = False) -> None:
        """Another worker says that it is there, or that it goes."""
        if stopping:
            self._peers.pop(worker, None)
        else:
            self._peers[worker] = Peer(sessions, now)

    def alone(self, now: float) -> bool:
        """Return whether no other worker is heard."""
        return not self._others(now)

    def _others(self, now: float) -> list[Peer]:
        self._peers = {name: peer for name, peer in self._peers.items() if now - peer.heard < PEER_S}
        return list(self._peers.values())

    def fair_share(self, running: int, now: float) -> int:
        """Return how many of `running` sessions one worker should have."""
        return -(-running // (len(self._others(now)) + 1))

    def surplus(self, running: Collection[str], now: float) -> list[str]:
        """Return what should be handed over, while another worker has less than its share: the smaller half at a time,
        so that two who act on old news do not throw everything at a third."""
        share = self.fair_share(len(running), now)
        wanting = sum(max(0, share - peer.sessions) for peer in self._others(now))
        mine = sorted(self._held.keys() & set(running))
        many = min(len(mine) - share, wanting)
        return mine[: -(-many // 2)] if many > 0 else []

    # Taking.

    def doubt(self) -> None:
        """The bus did not answer: when it is back it may have forgotten every lease, and the others could not be heard
        meanwhile. For the length of a lease they are taken to be there."""
        self._doubted = True
        self._free_since.clear()

    async def take(self, names: Iterable[str]) -> list[str]:
        """Take those that are free, whatever the share. Raises Unavailable."""
        wanted = [name for name in names if name not in self._held]
        if not wanted:
            return []
        taken = await self.leases.acquire_all(wanted, self.lease_ms)
        self._held.update(taken)
        for name in taken:
            self._free_since.pop(name, None)
        return [name for name in wanted if name in taken]

    async def take_fairly(
        self, given: Collection[str], wanted: Collection[str], running: Collection[str], now: float
    ) -> list[str]:
        """Take what is free: of those `given` up or just opened, and of the others `wanted` once they were seen free
        for a while; up to the fair share at once, more when nobody else has come for it. Raises Unavailable."""
        asked = dict.fromkeys(name for name in (*given, *wanted) if name not in self._held)
        free = await self.leases.free(asked.keys())
        lease_s, shared = self.lease_ms / 1_000, set(running)
        if self._doubted:
            self._doubted, self._careful_until = False, now + lease_s
        known = {name: at for name, at in self._free_since.items() if name not in asked and name in shared}
        self._free_since = known | {name: self._free_since.get(name, now) for name in free}
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        if self.alone(now):
            seen = SEEN_FREE * lease_s if now < self._careful_until else 0.0
            return await self.take(name for name in free if name in given or now - self._free_since[name] >= seen)
        room = max(0, self.fair_share(len(running), now) - len(self._held.keys() & shared))
        due, late = [], []
        for name in free:
            waited = now - self._free_since[name] - (0 if name in given else SEEN_FREE * lease_s)
            if waited >= PATIENCE * lease_s or (
                name in given and name not in shared
            ):  # one that has ended costs little
                late.append(name)
            elif waited >= 0 and name not in self._resting:
                due.append(name)
        return await self.take((*late, *due[:room]))

    async def renew(self, now: float) -> Collection[str]:
        """Prolong the leases when it is time; return the sessions that were lost meanwhile. Raises Unavailable."""
        if now - self._renewed < self.lease_ms / 1_000 / RENEW_PARTS or not self._held:
            return ()
        before = dict(self._held)
        missing = [name for name in await self.leases.renew_all(before, self.lease_ms) if self._still(name, before)]
        self._renewed = now
        # One that has run out, or was forgotten by an emptied Redis, and that nobody took, is as good as it was: should
        # somebody have had it meanwhile all the same, the ledger refuses the old fence.
        back = dict(await self.leases.acquire_all(missing, self.lease_ms)) if missing else {}
        given_up = [name for name in missing if not self._still(name, before)]  # while it was asked for
        await self.leases.release_all({name: back.pop(name) for name in given_up if name in back})
        self._held.update(back)
        lost = [name for name in missing if name not in back and name not in given_up]
        for name in lost:
            self.lost(name, now)
        return lost

    def _still(self, name: str, before: Mapping[str, Fence]) -> bool:
        """Whether it is held under the lease it was held under before: others give up and take while this one waits."""
        return self._held.get(name) == before[name]

    # Letting go.

    def lost(self, name: str, now: float) -> None:
        """Another has it by now, or it has run out: it is not taken at once again."""
        self._held.pop(name, None)
        self._resting[name] = now + REST_S

    async def free(self, names: Iterable[str], now: float) -> None:
        """Give sessions up in good order. Raises Unavailable; the leases then end by themselves."""
        given_up = {}
        for name in names:
            self._resting[name] = now + REST_S
            fence = self._held.pop(name, None)
            if fence is not None:
                given_up[name] = fence
        if given_up:
            await self.leases.release_all(given_up)
