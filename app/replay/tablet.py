"""The simulated tablet of the sample: it receives a card, reads it and does it, while no real tablet is there."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from app.clock import Clock
from app.domain.commands import Command, ReceivePrompt, Stage
from app.domain.identity import id_hash
from app.domain.people import Actor, Role
from app.domain.prompts import Prompt

DEVICE: Final = "sample-tablet"
NAME: Final = "模拟平板"
ACTOR: Final = Actor("system", DEVICE, NAME, Role.HOST)
SHOWN_MS: Final = 400
SEEN_MS: Final = 2_000
SEEN_SPREAD_MS: Final = 1_000
DONE_MS: Final = 8_000

AWAY_MS: Final = 90_000
"""A tablet that was there so lately comes back: its page after a restart, its socket after a tunnel."""

Issue = Callable[[str, Command, Actor], Awaitable[None]]
"""Issues a command under a key."""


class RealTablet:
    """Whether a real tablet of the room is there. `seen_ms`: when one that is still paired was last seen."""

    def __init__(self, connected: Callable[[], int], seen_ms: int, clock: Clock) -> None:
        self._connected, self._seen_ms, self._clock = connected, seen_ms, clock

    def is_here(self) -> bool:
        """Return whether one is connected, or was a moment ago."""
        now = self._clock.now()
        if self._connected():
            self._seen_ms = now
        return now - self._seen_ms < AWAY_MS


class Tablet:
    """Owns the cards it has not done yet. Times are of the wall; knows nothing of sessions and stores."""

    def __init__(self, issue: Issue, real_tablet: Callable[[], bool]) -> None:
        self._issue, self._real_tablet = issue, real_tablet
        self._cards: dict[str, list[tuple[int, Stage]]] = {}

    def clear(self) -> None:
        """Forget every card: another session begins."""
        self._cards.clear()

    def hear(self, prompts: Iterable[Prompt], wall: int) -> None:
        """Take cards that were sent, and drop those that were taken back."""
        for prompt in prompts:
            if prompt.state == "withdrawn":
                self._cards.pop(prompt.id, None)
            elif prompt.id not in self._cards and (stages := _stages(prompt, wall)):
                self._cards[prompt.id] = stages

    async def act(self, wall: int, session_ms: int) -> None:
        """Give the receipts that are due. A card that meets a real tablet is that one's from then on."""
        for prompt, stages in list(self._cards.items()):
            while stages and stages[0][0] <= wall:
                _, stage = stages.pop(0)
                if self._real_tablet():
                    stages.clear()
                else:
                    receipt = ReceivePrompt(prompt, DEVICE, NAME, stage, session_ms, simulated=True)
                    await self._issue(f"{DEVICE} {prompt} {stage}", receipt, ACTOR)


def _stages(prompt: Prompt, wall: int) -> list[tuple[int, Stage]]:
    """Return what is left to do with a card, and when; nothing for one that has been answered in full or by others."""
    mine = next((receipt for receipt in prompt.receipts if receipt.device == DEVICE), None)
    if (mine is None and prompt.receipts) or (mine is not None and mine.done_ms is not None):
        return []
    seen = SEEN_MS + id_hash(prompt.id) % SEEN_SPREAD_MS
    stages: list[tuple[int, Stage]] = [(wall + SHOWN_MS, "shown"), (wall + seen, "seen"), (wall + DONE_MS, "done")]
    reached = 0 if mine is None else 2 if mine.seen_ms is not None else 1
    return stages[reached:]
