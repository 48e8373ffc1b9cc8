"""A test message to a channel, and the platform's own answer to it: what `cueroom channel test NAME` says."""

from collections.abc import Mapping

from msgspec import Struct

from app.clock import Clock
from app.delivery.answers import Answer
from app.delivery.channels import SENDERS, Sender
from app.delivery.courier import Courier, NotSent, PrivateAddress, Unheard
from app.delivery.robots import Message, Robot, Unready, environment, redacted, robots_of
from app.delivery.words import reason, word
from app.domain.words import in_language
from app.domain.workspace import Channel


class Proof(Struct, frozen=True):
    """How the test went. `lines`: one for each robot, with the platform's words; no secret is in them."""

    passed: bool
    lines: tuple[str, ...]


async def send_test(
    channel: Channel,
    *,
    clock: Clock,
    language: str,
    allow_private: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Proof:
    """Send one marked message by each robot of a channel; `language`: of whoever reads the answer.

    The platform counts it like any other.
    """
    sender = SENDERS.get(channel.kind)
    if sender is None:
        return Proof(False, (reason("no_sender", language, kind=channel.kind),))
    try:
        robots = robots_of(channel, environment() if environ is None else environ)
    except Unready as unready:
        return Proof(False, (reason(unready.code, language, name=unready.name),))
    title = in_language(channel.title, channel.language) or channel.name
    message = Message(
        title=word("test_title", channel.language),
        text=word("test_text", channel.language, channel=title),
        number=str(clock.now()),
        language=channel.language,
        stamps=("test",),
    )
    async with Courier(allow_private=allow_private) as courier:
        answers = [await _ask(courier, sender, message, robot, clock, language) for robot in robots]
    lines = tuple(
        f"{name}: {'accepted' if answer.verdict == 'accepted' else answer.verdict}: {answer.words}"
        for name, answer in zip(channel.robots, answers, strict=True)
    )
    return Proof(all(answer.verdict == "accepted" for answer in answers), lines)


async def _ask(courier: Courier, sender: Sender, message: Message, robot: Robot, clock: Clock, language: str) -> Answer:
    try:
        reply = await courier.carry(sender.post(message, robot, clock.now()))
    except (NotSent, Unheard) as why:
        return Answer("not_sent" if isinstance(why, NotSent) else "unknown", reason(why.code, language))
    except PrivateAddress:
        return Answer("fault", reason("private_address", language))
    answer = sender.judge(reply)
    shown = redacted(answer.words or reply.body[:200].decode(errors="replace"), robot)
    return Answer(answer.verdict, f"HTTP {reply.status} {' '.join(shown.split())}")
