"""What people and drivers ask of a session. Each becomes one record of its log with one outcome.

`expects` is the version of the alert, prompt or rundown the page showed when the button was pressed; another version is
refused as `stale`. A command's key is its Idempotency-Key: the same key again answers the first outcome.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct, field

from app.domain.alerts import Severity
from app.domain.identity import content_hash
from app.domain.people import Actor
from app.domain.words import Words

PROMPT_CHARS: Final = 60
"""Of one card in one language: what a host reads at a glance."""
PromptLevel = Literal["urgent", "normal", "info"]
Stage = Literal["shown", "seen", "done"]
AnswerWord = Literal["", "help", "out_of_stock", "repeat"]


class AckAlert(Struct, frozen=True, tag="ack_alert"):
    alert: str
    expects: int | None = None


class UnackAlert(Struct, frozen=True, tag="unack_alert"):
    alert: str
    expects: int | None = None


class SendPrompt(Struct, frozen=True, tag="send_prompt", omit_defaults=True):
    """`text`: at most PROMPT_CHARS a language. `alert`: the alert whose proposal this is."""

    text: Words
    level: PromptLevel = "normal"
    alert: str | None = None
    quick: str | None = None


class WithdrawPrompt(Struct, frozen=True, tag="withdraw_prompt"):
    """Takes an unread card back; one that was seen stays in the list as it was."""

    prompt: str


class ReceivePrompt(Struct, frozen=True, tag="receive_prompt", omit_defaults=True):
    """A tablet's receipt. `at_ms`: when it happened on the tablet (server-corrected), also if sent later.

    `word` (需要帮助, 缺货, 重复一遍) counts as seen and is shown. Stages only rise; a repeat is no error.
    """

    prompt: str
    device: str
    device_name: str
    stage: Stage
    at_ms: int
    word: AnswerWord = ""
    simulated: bool = False


class MoveRundown(Struct, frozen=True, tag="move_rundown"):
    """Moves the marker and sets what is on air. `to`: next, back, or a segment's id."""

    to: str
    expects: int | None = None


class EndSession(Struct, frozen=True, tag="end_session"):
    reason: Literal["command", "status", "driver"] = "command"


class StartSession(Struct, frozen=True, tag="start_session"):
    """A planned session goes live."""


class SetGuide(Struct, frozen=True, tag="set_guide"):
    """The line of the 演练解说 strip; sessions of kind demo only."""

    line: Words
    hint: Words = field(default_factory=dict)


class Report(Struct, frozen=True, tag="report", omit_defaults=True):
    """The system says what stands wrong with the installation: an alert, open until it is said to be `over`."""

    rule: str
    title: Words = field(default_factory=dict)
    action: Words = field(default_factory=dict)
    severity: Severity = "P2"
    team: str = "av"
    over: bool = False


Command = (
    AckAlert
    | UnackAlert
    | SendPrompt
    | WithdrawPrompt
    | ReceivePrompt
    | MoveRundown
    | StartSession
    | EndSession
    | SetGuide
    | Report
)


class Issued(Struct, frozen=True):
    """A command as it lies in the log."""

    key: str
    command: Command
    by: Actor


def command_name(command: Command) -> str:
    """Return the command's name as outcomes and the audit carry it."""
    return str(command.__struct_config__.tag)


_sorted = msgspec.json.Encoder(order="deterministic")


def digest_of(command: Command, by: Actor) -> str:
    """Return what tells one use of a key from another: the command's content, and who issued it."""
    return content_hash(_sorted.encode((command, by.kind, by.id)))


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What became of a command; committed in the same transaction as its effect.

    `code`: `done`, or why it was refused (`stale`, `not_found`, `ended`, ...). `found`: the version that was found.
    `digest`: of what was issued and by whom; empty in outcomes of earlier builds.
    """

    key: str
    code: str
    position: int
    at_ms: int
    by: Actor
    command: str
    subject: str = ""
    found: int | None = None
    detail: str = ""
    digest: str = ""

    @property
    def done(self) -> bool:
        return self.code == "done"
