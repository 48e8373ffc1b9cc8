"""The catalogue: the workspaces as last set up, in memory."""

from collections.abc import Sequence

from app.domain.plan import SessionKind, SessionPlan
from app.domain.workspace import Channel, Room, Workspace
from app.store.database import Store
from app.store.workspace import workspaces
from app.workspace.plan import Levels, plan_session


class Catalogue:
    """The workspaces as last set up, in memory: which rooms there are, and whose they are. Joined once a `load`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fill(())

    async def load(self) -> None:
        """Read them again; after a `setup`."""
        self._fill(await self._store.read(workspaces))

    def _fill(self, found: Sequence[Workspace]) -> None:
        self._joined = Workspace(
            id="*",
            name=found[0].name if found else "",
            brands=tuple(brand for each in found for brand in each.brands),
            rooms=tuple(room for each in found for room in each.rooms),
        )
        self._rooms = {room.id: room for room in self._joined.rooms}
        self._of_room = {room.id: each for each in found for room in each.rooms}
        self._channels = {channel.name: channel for each in found for channel in each.channels}
        self._name = " · ".join(each.name for each in found)

    def all(self) -> Workspace:
        """Every workspace's rooms and brands as one, for looking rooms up; plans are made from `of_room`."""
        return self._joined

    @property
    def name(self) -> str:
        """What the top bar calls this installation."""
        return self._name

    def rooms(self) -> Sequence[Room]:
        return self._joined.rooms

    def room(self, room_id: str) -> Room | None:
        return self._rooms.get(room_id)

    def of_room(self, room_id: str) -> Workspace:
        """The workspace that has the room; an unknown room gets the joined one, in which nobody finds it either."""
        return self._of_room.get(room_id, self._joined)

    def plan(self, workspace: Workspace, room_id: str, kind: SessionKind, levels: Levels, now_ms: int) -> SessionPlan:
        """Plan a session of a room from the workspace it belongs to, whatever joined view was asked."""
        return plan_session(self.of_room(room_id), room_id, kind, levels, now_ms)

    def channel(self, name: str) -> Channel | None:
        return self._channels.get(name)
