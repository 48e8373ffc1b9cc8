"""Prompts (提词) of a session: the queue, each tablet's receipts, and the timers of what nobody has read."""

from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from app.domain.commands import PROMPT_CHARS, AnswerWord, PromptLevel, ReceivePrompt, SendPrompt, Stage
from app.domain.identity import derived_id
from app.domain.people import Actor
from app.domain.prompts import UNREAD_AFTER_MS, Prompt, PromptReceipt

SHOWN: Final = 30
_RANK: Final[dict[str, int]] = {"sent": 0, "seen": 1, "done": 2}


class PromptBook(Struct):
    """Every prompt of the session by id, oldest first. Knows nothing of screens."""

    prompts: dict[str, Prompt] = field(default_factory=dict)

    def send(self, command: SendPrompt, key: str, by: Actor, at: int) -> Prompt:
        """Add a prompt to the queue."""
        n = len(self.prompts) + 1
        prompt = Prompt(
            id=derived_id(key, n),
            n=n,
            text={language: text.strip() for language, text in command.text.items() if text.strip()},
            level=command.level,
            by=by,
            sent_ms=at,
            alert=command.alert or "",
            quick=command.quick or "",
        )
        self.prompts[prompt.id] = prompt
        return prompt

    def withdraw(self, prompt: Prompt) -> Prompt:
        """Take an unread card back."""
        return self._put(replace(prompt, state="withdrawn", unread=False, version=prompt.version + 1))

    def receive(self, prompt: Prompt, command: ReceivePrompt, now: int) -> Prompt:
        """Note what a tablet did with a card. Stages only rise; the same prompt comes back when nothing rose."""
        mine = next((receipt for receipt in prompt.receipts if receipt.device == command.device), None)
        before = mine or PromptReceipt(command.device, command.device_name, simulated=command.simulated)
        at = max(prompt.sent_ms, min(command.at_ms, now))
        after = _risen(before, command.stage, command.word, at)
        if mine is not None and after == mine:
            return prompt
        receipts = tuple(after if receipt is mine else receipt for receipt in prompt.receipts)
        if mine is None:
            receipts = (*receipts, after)
        state = prompt.state
        reached = "done" if after.done_ms is not None else "seen" if after.seen_ms is not None else "sent"
        if state != "withdrawn" and _RANK[reached] > _RANK[state]:
            state = reached  # type: ignore[assignment]  # one of the three above
        return self._put(
            replace(
                prompt,
                receipts=receipts,
                state=state,
                unread=prompt.unread and state == "sent",
                version=prompt.version + 1,
            )
        )

    def expire(self, prompt_id: str) -> Prompt | None:
        """Mark a card that nobody has read in time; None when somebody has."""
        prompt = self.prompts.get(prompt_id)
        if prompt is None or prompt.state != "sent" or prompt.unread:
            return None
        return self._put(replace(prompt, unread=True, version=prompt.version + 1))

    def shown(self) -> dict[str, Prompt]:
        """Return the newest prompts, as boards carry them."""
        return dict(list(self.prompts.items())[-SHOWN:])

    def _put(self, prompt: Prompt) -> Prompt:
        self.prompts[prompt.id] = prompt
        return prompt


def refusal(command: SendPrompt) -> str:
    """Return why this may not be sent (a code), or nothing."""
    texts = [text.strip() for text in command.text.values()]
    if not any(texts):
        return "invalid"
    return "text_too_long" if any(len(text) > PROMPT_CHARS for text in texts) else ""


def unread_at(level: PromptLevel, sent_ms: int) -> int | None:
    """Return when a card of this level counts as unread, if ever."""
    after = UNREAD_AFTER_MS[level]
    return None if after is None else sent_ms + after


def _risen(receipt: PromptReceipt, stage: Stage, word: AnswerWord, at: int) -> PromptReceipt:
    """Return the receipt with this stage reached, and all stages before it; an answer word counts as seen."""
    seen = stage in ("seen", "done") or bool(word)
    return replace(
        receipt,
        shown_ms=at if receipt.shown_ms is None else receipt.shown_ms,
        seen_ms=at if seen and receipt.seen_ms is None else receipt.seen_ms,
        done_ms=at if stage == "done" and receipt.done_ms is None else receipt.done_ms,
        word=word or receipt.word,
    )
