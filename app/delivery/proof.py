"""A test message to a channel, and the platform's own answer to it: what `cueroom channel test NAME` says."""

from collections.abc import Mapping

from msgspec import Struct

from app.clock import Clock
from app.delivery.answers import Answer
from app.delivery.channels import SENDERS, Sender, receivers
from app.delivery.courier import Courier, NotSent, Unheard
from app.delivery.event import test_event
from app.delivery.reach import OutOfReach, Reach
from app.delivery.robots import Message, Robot, Unready, environment, redacted
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
    reach: Reach | None = None,
    environ: Mapping[str, str] | None = None,
) -> Proof:
    """Send one marked message by each robot of a channel; `language`: of whoever reads the answer.

    The platform counts it like any other.
    """
    sender = SENDERS.get(channel.kind)
    if sender is None:
        return Proof(False, (reason("no_sender", language, kind=channel.kind),))
    try:
        robots = receivers(channel, environment() if environ is None else environ)
    except Unready as unready:
        return Proof(False, (reason(unready.code, language, name=unready.name),))
    title, now = in_language(channel.title, channel.language) or channel.name, clock.now()
    message = Message(
        title=word("test_title", channel.language),
        text=word("test_text", channel.language, channel=title),
        number=str(now),
        language=channel.language,
        stamps=("test",),
        id=f"test-{channel.name}-{now}".replace(".", "-"),  # an id holds no full stop: the signature sets it off by one
    )
    message = message.with_event(test_event(message.title, message.text, channel, message.number, now))
    async with Courier(reach=reach) as courier:
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
    except OutOfReach as why:
        return Answer("fault", reason(why.code, language))
    answer = sender.judge(reply)
    shown = redacted(answer.words or reply.body[:200].decode(errors="replace"), robot)
    return Answer(answer.verdict, f"HTTP {reply.status} {' '.join(shown.split())}".strip())
