"""演练助理: does what a controller would, when nobody has for half a minute; keeps still as soon as somebody does."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from app.domain.alerts import Alert
from app.domain.commands import AckAlert, Outcome, SendPrompt
from app.domain.people import Actor, Role
from app.domain.plan import QuickPrompt
from app.domain.prompts import Prompt
from app.replay.script import Act, Assistant
from app.replay.tablet import Issue

ACTOR: Final = Actor("system", "sample-assistant", "演练助理", Role.CONTROLLER)
_DEEDS: Final = frozenset({"ack_alert", "send_prompt"})


class Stand:
    """Owns which alerts wait for a person. Each rule has one turn in a loop: a person's, or this one's."""

    def __init__(self, script: Assistant, quick: Iterable[QuickPrompt], issue: Issue) -> None:
        self._after_ms = script.after_s * 1_000
        self._acts: Mapping[str, Act] = {act.rule: act for act in script.acts}
        self._quick = {each.id: each for each in quick}
        self._issue = issue
        self._waiting: dict[str, tuple[Alert, int]] = {}
        self._over: set[str] = set()

    def clear(self) -> None:
        """Forget every turn: another session begins."""
        self._waiting.clear()
        self._over.clear()

    def hear(self, alerts: Iterable[Alert], outcomes: Iterable[Outcome], wall: int) -> None:
        """Begin to wait for a person with each new alert; a person who acts takes the turn of all that wait."""
        for alert in alerts:
            if alert.rule in self._acts and alert.rule not in self._over:
                due = self._waiting[alert.rule][1] if alert.rule in self._waiting else wall + self._after_ms
                self._waiting[alert.rule] = (alert, due)
        for outcome in outcomes:
            if outcome.done and outcome.by.kind == "operator" and outcome.command in _DEEDS:
                self._over.update(self._waiting)
                self._waiting.clear()

    def take_up(self, alerts: Iterable[Alert], prompts: Iterable[Prompt], wall_of: Callable[[int], int]) -> None:
        """Go on after a stop: whose turn is over is seen by what was acknowledged and sent."""
        answered = {prompt.alert for prompt in prompts}
        for alert in alerts:
            if alert.rule in self._acts:
                if alert.acked_by or alert.id in answered:
                    self._over.add(alert.rule)
                else:
                    self._waiting[alert.rule] = (alert, wall_of(alert.opened_ms) + self._after_ms)

    async def act(self, wall: int) -> None:
        """Take the turns that nobody took: send the line, and acknowledge."""
        for rule, (alert, due) in list(self._waiting.items()):
            if due <= wall:
                await self._issue(f"assistant {rule} send", self._prompt(self._acts[rule], alert), ACTOR)
                await self._issue(f"assistant {rule} ack", AckAlert(alert.id), ACTOR)
                self._waiting.pop(rule, None)
                self._over.add(rule)

    def _prompt(self, act: Act, alert: Alert) -> SendPrompt:
        quick = self._quick.get(act.send)
        if quick is None:
            return SendPrompt(alert.host, act.level, alert.id)
        return SendPrompt(quick.text, act.level, alert.id, quick.id)
