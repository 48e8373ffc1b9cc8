"""Commands: what people and drivers ask of a session, each with one outcome."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from app.domain import commands as cmd
from app.domain.commands import Issued, Outcome
from app.domain.plan import SessionPlan
from app.engine.alerts import Report, Subject
from app.engine.announcer import Announcer
from app.engine.changes import Changes
from app.engine.health import BUILTIN
from app.engine.life import Life
from app.engine.prompts import refusal, unread_at
from app.engine.state import Guide, State
from app.instants import HOUR

PROMPT: Final = "prompt|"
DONE: Final = "done"
OUTCOMES_KEPT_MS: Final = HOUR
OUTCOMES_KEPT: Final = 2_000


class Answer(NamedTuple):
    """What became of a command. `found`: the version the thing has now, or had when the command was refused."""

    code: str
    subject: str = ""
    found: int | None = None
    detail: str = ""


class Desk:
    """Carries out commands; a key seen within the last hour changes nothing and keeps its first outcome."""

    def __init__(self, state: State, plan: SessionPlan, life: Life, announcer: Announcer, changes: Changes) -> None:
        self._state, self._plan, self._life, self._announcer, self._changes = state, plan, life, announcer, changes
        self._carry: dict[type[Any], Callable[[Any, Issued, int], Answer]] = {
            cmd.AckAlert: self._acknowledge,
            cmd.UnackAlert: self._unacknowledge,
            cmd.SendPrompt: self._send,
            cmd.WithdrawPrompt: self._withdraw,
            cmd.ReceivePrompt: self._receive,
            cmd.MoveRundown: self._move,
            cmd.StartSession: self._start,
            cmd.EndSession: self._end,
            cmd.SetGuide: self._guide,
            cmd.Report: self._report,
        }

    def take(self, issued: Issued, position: int, at: int) -> None:
        """Carry out a command and note its outcome."""
        if issued.key in self._state.outcomes:
            return
        answer = self._carry[type(issued.command)](issued.command, issued, at)
        outcome = Outcome(
            key=issued.key,
            code=answer.code,
            position=position,
            at_ms=at,
            by=issued.by,
            command=cmd.command_name(issued.command),
            subject=answer.subject,
            found=answer.found,
            detail=answer.detail,
            digest=cmd.digest_of(issued.command, issued.by),
        )
        self._state.outcomes[issued.key] = outcome
        self._forget(at)
        self._changes.outcome(outcome)

    def _forget(self, at: int) -> None:
        """Drop the outcomes that are old; whoever issues such a key again is answered from the store."""
        outcomes = self._state.outcomes
        while len(outcomes) > OUTCOMES_KEPT or next(iter(outcomes.values())).at_ms <= at - OUTCOMES_KEPT_MS:
            del outcomes[next(iter(outcomes))]

    def _acknowledge(self, command: cmd.AckAlert, issued: Issued, at: int) -> Answer:
        alert = self._state.alerts.alerts.get(command.alert)
        if alert is None:
            return Answer("not_found", command.alert)
        if command.expects not in (None, alert.version):
            return Answer("stale", alert.id, alert.version)
        if alert.acked_ms is None:
            alert = self._announcer.acknowledge(alert, issued.by, at)
        return Answer(DONE, alert.id, alert.version)

    def _unacknowledge(self, command: cmd.UnackAlert, issued: Issued, at: int) -> Answer:
        alert = self._state.alerts.alerts.get(command.alert)
        if alert is None:
            return Answer("not_found", command.alert)
        if command.expects not in (None, alert.version):
            return Answer("stale", alert.id, alert.version)
        if alert.acked_ms is not None:
            alert = self._announcer.unacknowledge(alert, at)
        return Answer(DONE, alert.id, alert.version)

    def _send(self, command: cmd.SendPrompt, issued: Issued, at: int) -> Answer:
        if self._state.state == "ended":
            return Answer("ended")
        if code := refusal(command):
            return Answer(code)
        if command.alert and command.alert not in self._state.alerts.alerts:
            return Answer("not_found", command.alert)
        prompt = self._state.prompts.send(command, issued.key, issued.by, at)
        self._changes.prompt(prompt)
        unread = unread_at(prompt.level, at)
        if unread is not None:
            self._state.deadlines.set(PROMPT + prompt.id, unread, at)
        return Answer(DONE, prompt.id, prompt.version)

    def _withdraw(self, command: cmd.WithdrawPrompt, issued: Issued, at: int) -> Answer:
        prompt = self._state.prompts.prompts.get(command.prompt)
        if prompt is None:
            return Answer("not_found", command.prompt)
        if prompt.state in ("seen", "done"):
            return Answer("invalid", prompt.id, prompt.version, "the card has been read")
        if prompt.state != "withdrawn":
            prompt = self._state.prompts.withdraw(prompt)
            self._state.deadlines.drop(PROMPT + prompt.id)
            self._changes.prompt(prompt)
        return Answer(DONE, prompt.id, prompt.version)

    def _receive(self, command: cmd.ReceivePrompt, issued: Issued, at: int) -> Answer:
        prompt = self._state.prompts.prompts.get(command.prompt)
        if prompt is None:
            return Answer("not_found", command.prompt)
        after = self._state.prompts.receive(prompt, command, at)
        if after is not prompt:
            self._changes.prompt(after)
            if after.state != "sent":
                self._state.deadlines.drop(PROMPT + prompt.id)
        return Answer(DONE, prompt.id, after.version)

    def _move(self, command: cmd.MoveRundown, issued: Issued, at: int) -> Answer:
        rundown = self._state.rundown
        if self._state.state == "ended":
            return Answer("ended", found=rundown.version)
        if command.expects not in (None, rundown.version):
            return Answer("stale", found=rundown.version)
        index = rundown.target(command.to)
        if index is None:
            known = command.to in ("next", "back")
            return Answer("invalid" if known else "not_found", command.to, rundown.version, "no such segment")
        self._life.move_to(index, at)
        return Answer(DONE, rundown.plan[index].id, rundown.version)

    def _start(self, command: cmd.StartSession, issued: Issued, at: int) -> Answer:
        if self._state.state == "ended":
            return Answer("ended")
        if self._state.state != "live":
            self._life.start(at)
        return Answer(DONE)

    def _end(self, command: cmd.EndSession, issued: Issued, at: int) -> Answer:
        if self._state.state == "ended":
            return Answer("ended")
        self._life.end(at, command.reason)
        return Answer(DONE)

    def _guide(self, command: cmd.SetGuide, issued: Issued, at: int) -> Answer:
        if self._plan.kind != "demo":
            return Answer("invalid", detail="only a demo session has a guide")
        self._state.guide = Guide(command.line, command.hint, at)
        self._changes.touch("guide")
        return Answer(DONE)

    def _report(self, command: cmd.Report, issued: Issued, at: int) -> Answer:
        if self._state.state == "ended":
            return Answer("ended")
        subject = Subject(command.rule, BUILTIN, "session", "", {"team": command.team})
        alert = self._state.alerts.current(subject.key)
        report = Report(command.title, {}, command.action, ())
        if command.over:
            self._announcer.end(subject.key, "clear", at)
        elif alert is None:
            self._announcer.enter(subject, command.severity, report, at)
        elif (alert.title, alert.action) != (command.title, command.action):
            self._announcer.hit(alert, report, at)
        return Answer(DONE, command.rule)
