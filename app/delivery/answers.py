"""What came of one try to send, whichever platform it was."""

from typing import Literal

from msgspec import Struct

Verdict = Literal[
    "accepted",  # the platform took it; the strongest receipt there is
    "transient",  # again, later
    "throttled",  # too many: the robot rests (`after_ms`, where the platform says how long), the try is not counted
    "resign",  # the signature or its time was not liked: once more with the platform's own clock
    "fault",  # address, secret or settings are wrong: the robot is stopped
    "gone",  # the receiver wants nothing more: the robot is stopped until a person says otherwise
    "ours",  # our text was not liked: once more as plain short text
    "refused",  # a code nobody knows: not again
    "garbled",  # not the platform's answer: again, and after some tries a fault
    "unknown",  # it was written, and then nothing was heard
    "not_sent",  # it never left: again, later
]


Known = Literal["took", "refused", "not_allowed", "gone", "too_many", "redirect", "server_error", "not_an_answer"]


class Reply(Struct, frozen=True):
    """An HTTP answer as it came. `body` is cut at 64 KiB; `date_ms`: the other side's clock."""

    status: int
    body: bytes
    date_ms: int | None = None
    retry_after_ms: int = 0


class Answer(Struct, frozen=True, omit_defaults=True):
    """A reply, judged. `words`: the platform's code and sentence, cut, on one line; `most`: give up after so many.

    `known`: the sentence for it in `words.py`, where the platform sends none of its own.
    """

    verdict: Verdict
    words: str = ""
    after_ms: int = 0
    most: int | None = None
    known: Known | None = None
