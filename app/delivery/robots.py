"""Robots: the addresses and secrets behind a channel, and what is posted to them. Their values never show in a repr."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from dotenv import dotenv_values

from app.delivery.words import word
from app.domain.deliveries import Delivery
from app.domain.workspace import Channel

Stamp = Literal["drill", "resent", "test"]
SHORTEST_SECRET: Final = 8
"""Shorter values are not looked for in texts: they would blacken ordinary words."""
LINE_CHARS: Final = 180
"""Of a row in a digest: twenty of them, at four bytes a character, stay under a platform's 20,000 bytes."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a sender is given. `number`: of one change of one alert, so that people see a repeat; `plain`: no markup."""

    title: str
    text: str
    number: str
    language: str
    severity: str = ""
    stamps: tuple[Stamp, ...] = ()
    plain: bool = False
    id: str = ""
    """The same for every try: by it a receiver knows a repeat."""
    event: bytes = b""
    """For receivers that are programs; made by `event`."""

    def with_event(self, event: bytes) -> "Message":
        return replace(self, event=event)


@dataclass(frozen=True, slots=True)
class Robot:
    """One robot of a group, or a receiver. `key` names it without telling its address.

    `further`: secrets that are good beside the first, while one is being replaced.
    """

    key: str
    address: str = field(repr=False)
    secret: str = field(default="", repr=False)
    further: tuple[str, ...] = field(default=(), repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.secret, *self.further) if self.secret else ()


@dataclass(frozen=True, slots=True)
class Post:
    """A request that is ready to go. `params` are encoded once, by the client; None leaves the address as it stands.

    `by_status`: the status is the whole answer, whatever becomes of its body.
    """

    url: str = field(repr=False)
    params: dict[str, str] | None = field(repr=False)
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    by_status: bool = False


class Unready(Exception):
    """A channel's environment variable is missing or holds no address; the row and `channel test` say so."""

    def __init__(self, code: Literal["no_address", "bad_address", "bad_secret"], name: str) -> None:
        super().__init__(f"{code}: {name}")
        self.code, self.name = code, name


def environment() -> Mapping[str, str]:
    """Return the variables in which robots' addresses and secrets are: the process's, else those of the .env file."""
    written = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return {**written, **os.environ}


def robots_of(channel: Channel, environ: Mapping[str, str]) -> list[Robot]:
    """Return the robots of a channel, in order. Raises Unready."""
    if channel.kind == "webhook":  # one receiver, and all secrets are its own
        first, *further = [_value(name, environ) for name in channel.secrets] or [""]
        return [replace(_robot(_value(name, environ), first, name), further=tuple(further)) for name in channel.robots]
    secrets: tuple[str, ...] = channel.secrets or ("",) * len(channel.robots)
    return [
        _robot(_value(name, environ), _value(secret, environ) if secret else "", name)
        for name, secret in zip(channel.robots, secrets, strict=True)
    ]


def missing_variables(channel: Channel, environ: Mapping[str, str]) -> list[str]:
    """Return the names of a channel's variables that are not set."""
    return [name for name in (*channel.robots, *channel.secrets) if not environ.get(name, "").strip()]


def message_of(delivery: Delivery, *, plain: bool = False) -> Message:
    """Return a row of the outbox as a message; what may have been sent before is marked 重发."""
    stamps: list[Stamp] = [] if delivery.kind == "live" else ["drill"]
    if delivery.retried_ambiguous:
        stamps.append("resent")
    return Message(
        title=delivery.title,
        text=delivery.text,
        number=number_of(delivery),
        language=delivery.language,
        severity=delivery.severity,
        stamps=tuple(stamps),
        plain=plain,
        id=delivery.id,
    )


def digest_of(rows: Sequence[Delivery]) -> Message:
    """Return several rows as one message: a line and a number for each, the most urgent first."""
    ordered = sorted(rows, key=lambda row: (row.priority, row.planned_ms, row.id))
    first = ordered[0]
    heading = word("digest", first.language, count=len(ordered))
    return Message(
        title=heading,
        text="\n".join((heading, *map(_line, ordered))),
        number=number_of(first),
        language=first.language,
        severity=first.severity,
        id=first.id,
    )


def number_of(row: Delivery) -> str:
    """Return the number of one change of one alert, by which people see a repeat."""
    return f"{row.alert[:6]}-{row.change}"


def _line(row: Delivery) -> str:
    """Return a row as one line: what, what to do, where; short enough that as many as may be joined fit."""
    said = " · ".join(part for part in map(str.strip, row.text.splitlines()) if part and number_of(row) not in part)
    return f"- {said[:LINE_CHARS]} · {number_of(row)}"


def redacted(text: str, robot: Robot) -> str:
    """Return the text without anything by which the robot could be used: its secret and the values in its address."""
    parts = urlsplit(robot.address)
    values = [robot.address, *robot.secrets, *(value for _, value in parse_qsl(parts.query)), *parts.path.split("/")]
    spellings = {spelling for value in values for spelling in (value, quote(value, safe=""))}
    for spelling in sorted(spellings, key=len, reverse=True):
        if len(spelling) >= SHORTEST_SECRET:
            text = text.replace(spelling, "…")
    return text


def _value(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise Unready("no_address", name)
    return value


def _robot(address: str, secret: str, name: str) -> Robot:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port  # raises when it is no number
    except ValueError:
        usable = False
    if not usable or not address.isprintable() or " " in address:
        raise Unready("bad_address", name)
    return Robot(blake2b(address.encode(), digest_size=8).hexdigest(), address, secret)
