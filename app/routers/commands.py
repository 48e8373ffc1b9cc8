"""Commands of a session: alerts acknowledged, prompts sent and answered, the rundown moved; outcomes asked for."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, BaseModel, Field
from starlette.responses import Response

from app.domain.commands import (
    PROMPT_CHARS,
    AckAlert,
    AnswerWord,
    Command,
    MoveRundown,
    PromptLevel,
    ReceivePrompt,
    SendPrompt,
    Stage,
    UnackAlert,
    WithdrawPrompt,
)
from app.domain.words import LANGUAGES
from app.errors import ControlRoomError, Forbidden
from app.routers.answers import json, outcome_answer, submitted
from app.routers.deps import IdempotencyKey, PrincipalDep, RuntimeDep, SessionDep
from app.routers.fields import Id
from app.routers.words import language_of

router = APIRouter(prefix="/api/sessions/{session_id}", tags=["commands"])
Version = Annotated[int, Field(ge=0, lt=2**53)]


class PromptTooLong(ControlRoomError):
    """A prompt has more characters than a host can read at a glance."""

    code = "prompt_too_long"


class PromptEmpty(ControlRoomError):
    """A prompt needs words."""

    code = "prompt_empty"


class Expected(BaseModel):
    """`expects`: the version of the thing that the page showed when the button was pressed."""

    expects: Version | None = None


def _words(text: dict[str, str]) -> dict[str, str]:
    said: dict[str, str] = {
        language: line.strip() for language, line in text.items() if language in LANGUAGES and line.strip()
    }
    if not said:
        raise PromptEmpty("a prompt needs words in one of our languages")
    if any(len(line) > PROMPT_CHARS for line in said.values()):
        raise PromptTooLong(f"a prompt has at most {PROMPT_CHARS} characters a language", most=PROMPT_CHARS)
    if any(not line.isprintable() for line in said.values()):
        raise ControlRoomError("a prompt is one line of visible characters", place="body.text")
    return said


class NewPrompt(BaseModel):
    """What the host is to read: a text by language, at most 60 characters each."""

    text: Annotated[dict[str, Annotated[str, Field(max_length=2_000)]], AfterValidator(_words)]
    level: PromptLevel = "normal"
    alert: Id | None = None
    quick: Id | None = None


class Receipt(BaseModel):
    """`at_ms`: when it happened on the tablet, by the server's session clock; also if sent later."""

    at_ms: int = Field(ge=0, le=10**14)
    word: AnswerWord = ""


Submit = Callable[[Command], Awaitable[Response]]


def _submit(
    request: Request, session: SessionDep, key: IdempotencyKey, principal: PrincipalDep, runtime: RuntimeDep
) -> Submit:
    return partial(submitted, runtime, session, key, principal=principal, language=language_of(request))


SubmitDep = Annotated[Submit, Depends(_submit)]


@router.post("/alerts/{alert_id}/ack")
async def acknowledge(alert_id: Id, body: Expected, submit: SubmitDep) -> Response:
    """Acknowledge an alert; what still waits to be told of it to groups is cancelled."""
    return await submit(AckAlert(alert_id, body.expects))


@router.post("/alerts/{alert_id}/unack")
async def unacknowledge(alert_id: Id, body: Expected, submit: SubmitDep) -> Response:
    """Take an acknowledgement back."""
    return await submit(UnackAlert(alert_id, body.expects))


@router.post("/prompts")
async def send_prompt(body: NewPrompt, submit: SubmitDep) -> Response:
    """Put a line before the host."""
    return await submit(SendPrompt(body.text, body.level, body.alert, body.quick))


@router.post("/prompts/{prompt_id}/withdraw")
async def withdraw_prompt(prompt_id: Id, submit: SubmitDep) -> Response:
    """Take a card back that nobody has read yet."""
    return await submit(WithdrawPrompt(prompt_id))


@router.post("/prompts/{prompt_id}/{stage}")
async def answer_prompt(
    prompt_id: Id, stage: Stage, body: Receipt, principal: PrincipalDep, submit: SubmitDep
) -> Response:
    """A tablet's receipt: it was painted, read, or done. Stages only rise; a repeat is no error."""
    if principal.kind != "device":
        raise Forbidden("only a paired tablet gives receipts")
    return await submit(ReceivePrompt(prompt_id, principal.id, principal.name, stage, body.at_ms, body.word))


@router.post("/rundown/{to}")
async def move_rundown(to: Id, body: Expected, submit: SubmitDep) -> Response:
    """Move the marker: `next`, `back`, or to a segment by its id; sets what is on air."""
    return await submit(MoveRundown(to, body.expects))


@router.get("/commands/{key}")
async def outcome(key: Id, session: SessionDep, _: PrincipalDep, runtime: RuntimeDep, request: Request) -> Response:
    """Return what became of a command; 202 while nothing has yet, 503 `not_taken` when it must be sent again."""
    found = await runtime.desk.late_outcome(session, key)
    if found is None:
        return json({"location": request.url.path}, 202, {"Retry-After": "1"})
    return outcome_answer(found, language_of(request))
