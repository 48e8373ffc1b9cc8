"""How long something has been true without a break: a timer that unknown and gaps pause and only false resets."""

from app.instants import Instant, Span


class Hold:
    """Owns one running length. Time is an argument; looking at it more often changes nothing."""

    __slots__ = ("held", "since")

    def __init__(self, since: Instant | None = None, held: int = 0) -> None:
        self.since, self.held = since, held

    def follow(self, at: Instant, truth: bool | None) -> None:
        """Go on with what is the case from `at` on: true runs, unknown pauses, false resets."""
        if truth:
            if self.since is None:
                self.since = at
        elif truth is None:
            self.pause(at)
        else:
            self.reset()

    def pause(self, at: Instant) -> None:
        if self.since is not None:
            self.held += max(at - self.since, 0)
            self.since = None

    def reset(self) -> None:
        self.since, self.held = None, 0

    def reached(self, at: Instant, span: Span) -> bool:
        """Return whether it is running and has lasted `span` at `at`."""
        return self.since is not None and self.held + at - self.since >= span

    def due(self, at: Instant, span: Span) -> Instant | None:
        """Return the instant after `at` at which `span` is reached, if it runs and has not been yet."""
        if self.since is None:
            return None
        instant = Instant(self.since + span - self.held)
        return instant if instant > at else None
