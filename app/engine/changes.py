"""What a step has changed so far: the effects for the ledger, and which topics of the boards moved."""

from collections.abc import Iterable
from typing import Final, get_args

from app.domain.alerts import Alert
from app.domain.board import Topic
from app.domain.commands import Outcome
from app.domain.deliveries import Delivery
from app.domain.effects import Effects, SessionChange
from app.domain.prompts import Prompt

OVERLAID: Final = frozenset({"deliveries", "channels", "devices", "health"})
"""Topics that others lay over the board; the engine knows nothing of them."""
TOPICS: Final[tuple[Topic, ...]] = tuple(topic for topic in get_args(Topic) if topic not in OVERLAID)


class Changes:
    """Owns the effects since they were last taken, and a number for each topic that grows when it may have changed."""

    __slots__ = ("effects", "versions")

    def __init__(self) -> None:
        self.effects = Effects()
        self.versions: dict[Topic, int] = dict.fromkeys(TOPICS, 1)

    def take(self) -> Effects:
        taken, self.effects = self.effects, Effects()
        return taken

    def touch(self, *topics: Topic) -> None:
        for topic in topics:
            self.versions[topic] += 1

    def alert(self, alert: Alert) -> None:
        self.effects.alerts[alert.id] = alert
        self.effects.urgent = True
        self.touch("alerts", "session")  # the head counts those that the board leaves out

    def prompt(self, prompt: Prompt) -> None:
        self.effects.prompts[prompt.id] = prompt
        self.effects.urgent = True
        self.touch("prompts")

    def outcome(self, outcome: Outcome) -> None:
        self.effects.outcomes.append(outcome)
        self.effects.urgent = True

    def deliveries(self, rows: Iterable[Delivery]) -> None:
        self.effects.deliveries.extend(rows)

    def cancel(self, alert: str) -> None:
        """Let what still waits of this alert's earlier changes be cancelled, once the rows of this step are written."""
        self.effects.cancels.append(alert)

    def session(self, change: SessionChange) -> None:
        self.effects.changes.append(change)
        self.effects.urgent = True
        self.touch("session", "rooms", "rundown", "rules")
