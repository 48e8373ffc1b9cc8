"""Channels: what a platform's sender must be able to do, and which platforms have one.

A further platform is a module with a Sender and a line in SENDERS.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from app.delivery.answers import Answer, Reply
from app.delivery.dingtalk import DingTalk
from app.delivery.robots import Message, Post, Robot, Unready, robots_of
from app.delivery.webhook import Webhook
from app.delivery.words import word
from app.domain.plan import ChannelKind
from app.domain.workspace import Channel


class Sender(Protocol):
    """One platform's wire form. Pure: no clock, no network.

    `by_id`: the receiver is a program and knows a message by its id. It gets the event beside the text, may be sent the
    same one again when nothing was heard, and never several in one.
    """

    @property
    def by_id(self) -> bool: ...

    def ready(self, robot: Robot, names: Sequence[str]) -> None:
        """Look at what only this platform knows of its secrets; `names`: their variables. Raises Unready."""
        ...

    def post(self, message: Message, robot: Robot, at_ms: int) -> Post:
        """Return the request that sends a message by a robot, signed for the instant `at_ms`."""
        ...

    def judge(self, reply: Reply) -> Answer:
        """Return what a reply means."""
        ...


SENDERS: Final[Mapping[ChannelKind, Sender]] = {"dingtalk": DingTalk(), "webhook": Webhook()}


def unready_of(channel: Channel, environ: Mapping[str, str]) -> Unready | None:
    """Return what keeps a channel from sending, as far as its variables show."""
    try:
        receivers(channel, environ)
    except Unready as unready:
        return unready
    return None


def told(unready: Unready, language: str) -> str:
    """Return it as a sentence."""
    return word(unready.code, language, name=unready.name)


def receivers(channel: Channel, environ: Mapping[str, str]) -> list[Robot]:
    """Return the robots of a channel, in order, fit to be used by its sender. Raises Unready."""
    robots, sender = robots_of(channel, environ), SENDERS.get(channel.kind)
    if sender is not None:
        for robot in robots:
            sender.ready(robot, channel.secrets)
    return robots
