"""Channels: what a platform's sender must be able to do, and which platforms have one.

A further platform is a module with a Sender and a line in SENDERS.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from app.delivery.answers import Answer, Reply
from app.delivery.dingtalk import DingTalk
from app.delivery.robots import Message, Post, Robot
from app.domain.plan import ChannelKind


class Sender(Protocol):
    """One platform's wire form. Pure: no clock, no network."""

    def post(self, message: Message, robot: Robot, at_ms: int) -> Post:
        """Return the request that sends a message by a robot, signed for the instant `at_ms`."""
        ...

    def judge(self, reply: Reply) -> Answer:
        """Return what a reply means."""
        ...


SENDERS: Final[Mapping[ChannelKind, Sender]] = {"dingtalk": DingTalk()}
