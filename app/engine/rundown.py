"""The rundown (流程) of a session as it runs: where the marker stands, planned and actual times."""

from msgspec import Struct, field

from app.domain.plan import SegmentPlan
from app.domain.rundown import Rundown, Segment


class RunningOrder(Struct):
    """The marker on the plan's segments. `index` -1: not begun. `version` grows with each move."""

    plan: tuple[SegmentPlan, ...]
    index: int = -1
    version: int = 1
    started: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    @property
    def segment(self) -> SegmentPlan | None:
        return self.plan[self.index] if self.index >= 0 else None

    @property
    def phase(self) -> str:
        return self.segment.kind if self.segment else ""

    def target(self, to: str) -> int | None:
        """Return the place of `next`, `back` or a segment's id; None when there is none."""
        if to in ("next", "back"):
            index = self.index + (1 if to == "next" else -1)
            return index if 0 <= index < len(self.plan) else None
        return next((index for index, segment in enumerate(self.plan) if segment.id == to), None)

    def move(self, index: int, at: int) -> SegmentPlan:
        """Put the marker on a segment; moving back opens it again, as if those after it had not begun."""
        leaving = self.segment
        arriving = self.plan[index]
        if leaving is not None and leaving is not arriving:
            if index > self.index:
                self.ended[leaving.id] = at
            else:
                self._undo(index)
        self.ended.pop(arriving.id, None)
        self.started.setdefault(arriving.id, at)
        self.index = index
        self.version += 1
        return arriving

    def finish(self, at: int) -> None:
        """End the running segment with the session."""
        if self.segment is not None and self.segment.id not in self.ended:
            self.ended[self.segment.id] = at
            self.version += 1

    def view(self, show_starts_ms: int | None, on_air: str, over: bool) -> Rundown:
        """Return the rundown as boards show it; `show_starts_ms`: planned start of the session, where one is known."""
        segments = tuple(self._view(index, show_starts_ms, over) for index in range(len(self.plan)))
        current = self.segment
        shift = 0
        if current is not None and show_starts_ms is not None:
            shift = self.started[current.id] - (show_starts_ms + current.starts_ms)
        return Rundown(self.version, current.id if current else "", segments, on_air, shift)

    def _undo(self, index: int) -> None:
        for segment in self.plan[index + 1 : self.index + 1]:
            self.started.pop(segment.id, None)
            self.ended.pop(segment.id, None)

    def _view(self, index: int, show_starts_ms: int | None, over: bool) -> Segment:
        plan = self.plan[index]
        state = "later"
        if index < self.index or (index == self.index and over):
            state = "done"
        elif index == self.index:
            state = "now"
        elif index == self.index + 1 and not over:
            state = "next"
        return Segment(
            id=plan.id,
            title=plan.title,
            kind=plan.kind,
            sku=plan.sku or "",
            planned_start_ms=None if show_starts_ms is None else show_starts_ms + plan.starts_ms,
            planned_length_ms=plan.length_ms,
            state=state,  # type: ignore[arg-type]  # one of the four above
            started_ms=self.started.get(plan.id),
            ended_ms=self.ended.get(plan.id),
            talking_points=plan.talking_points,
        )
