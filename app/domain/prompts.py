"""Prompts (提词): one line for the host, and each tablet's receipts for it."""

from typing import Literal

from msgspec import Struct

from app.domain.commands import AnswerWord, PromptLevel
from app.domain.people import Actor
from app.domain.words import Words

UNREAD_AFTER_MS = {"urgent": 20_000, "normal": 90_000, "info": None}
"""When a card nobody has read is shown to the controller."""


class PromptReceipt(Struct, frozen=True, omit_defaults=True):
    """What one tablet did with one prompt; each instant None until it happened."""

    device: str
    device_name: str
    shown_ms: int | None = None
    seen_ms: int | None = None
    done_ms: int | None = None
    word: AnswerWord = ""
    simulated: bool = False


class Prompt(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`n` counts the session's prompts from 1; `unread` turns true when UNREAD_AFTER_MS passed without a `seen`."""

    id: str
    n: int
    text: Words
    level: PromptLevel
    by: Actor
    sent_ms: int
    version: int = 1
    alert: str = ""
    quick: str = ""
    state: Literal["sent", "seen", "done", "withdrawn"] = "sent"
    unread: bool = False
    receipts: tuple[PromptReceipt, ...] = ()
