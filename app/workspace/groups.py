"""Sections `channels`, `routes`, `mutes` and `people` of the workspace file: who hears of what."""

import re
from typing import Final, get_args

from app.domain.alerts import Severity
from app.domain.people import Clearance, Role
from app.domain.plan import ChannelKind, MutePlan, RoutePlan, SendStep
from app.domain.words import LANGUAGES
from app.domain.workspace import Channel, Person
from app.instants import HOUR, SECOND
from app.workspace.document import Node
from app.workspace.fields import Fields
from app.workspace.names import Names, define, referred
from app.workspace.problems import Problems
from app.workspace.show import SEGMENT_KINDS

_SECRET: Final = re.compile(r"env:([A-Z][A-Z0-9_]{0,63})")
_CHANNEL_KEYS: Final = ("kind", "title", "robots", "secrets", "language", "per_minute", "reserve_critical", "clearance")
_PER_MINUTE: Final = 18
"""Of a robot; platforms refuse more than 20 for minutes."""
_PER_MINUTE_WEBHOOK: Final = 120
_WEBHOOK_SECRETS: Final = 4
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)


def read_channels(top: Fields, problems: Problems, names: Names) -> tuple[Channel, ...]:
    """Return the chat groups; an address or a secret that stands in the file itself is refused and never repeated."""
    channels: list[Channel] = []
    for key, node in top.entries("channels", 50):
        fields = Fields(node, problems, _CHANNEL_KEYS)
        name = fields.id_of(key)
        define(fields, names.channels, name, key.mark)
        channels.append(_channel(name, fields))
    return tuple(channels)


def _channel(name: str, fields: Fields) -> Channel:
    chosen = fields.choice("kind", get_args(ChannelKind))
    kind: ChannelKind = next((kind for kind in get_args(ChannelKind) if kind == chosen), "webhook")
    robots, secrets = _variables(fields, "robots", least=1), _variables(fields, "secrets")
    webhook = chosen == "webhook"
    if webhook:
        _check_webhook(fields, robots, secrets)
    elif secrets and len(secrets) != len(robots):
        fields.wrong(fields.place("secrets"), "secret_count", robots=len(robots), secrets=len(secrets))
    if "clearance" in fields and not webhook:
        fields.wrong(fields.place("clearance"), "clearance_of_group")
    usual = _PER_MINUTE_WEBHOOK if webhook else _PER_MINUTE
    per_minute = fields.count("per_minute", usual, least=1, most=600) or usual
    reserve = fields.count("reserve_critical", min(6, per_minute - 1), most=600) or 0
    if reserve >= per_minute:
        fields.wrong(fields.place("reserve_critical"), "reserve", limit=per_minute)
    return Channel(
        name=name,
        kind=kind,
        title=fields.words("title", limit=40, default=True),
        robots=robots,
        secrets=secrets,
        language=fields.choice("language", LANGUAGES, "zh-CN"),
        per_minute=per_minute,
        reserve_critical=reserve,
        clearance=Clearance(fields.choice("clearance", [str(one) for one in Clearance], str(Clearance.OPEN))),
    )


def _check_webhook(fields: Fields, robots: tuple[str, ...], secrets: tuple[str, ...]) -> None:
    """One receiver, which knows each message by its id; and a signature is its only proof of who speaks."""
    if len(robots) > 1:
        fields.wrong(fields.place("robots"), "webhook_addresses", count=len(robots))
    if not 1 <= len(secrets) <= _WEBHOOK_SECRETS:
        fields.wrong(fields.place("secrets"), "webhook_secrets", count=len(secrets), limit=_WEBHOOK_SECRETS)


def _variables(fields: Fields, key: str, least: int = 0) -> tuple[str, ...]:
    names: list[str] = []
    for node in fields.items(key, 10, least=least):
        match = _SECRET.fullmatch(getattr(node, "text", ""))
        if match is None:
            fields.wrong(node.mark, "secret_name")
        names.append(match[1] if match else "")
    return tuple(names)


def read_routes(top: Fields, problems: Problems, names: Names) -> tuple[RoutePlan, ...]:
    """Return which alerts go to which groups, and when."""
    lines: dict[str, int] = {}
    return tuple(_route(node, problems, names, lines) for node in top.items("routes", 50))


def _route(node: Node, problems: Problems, names: Names, lines: dict[str, int]) -> RoutePlan:
    fields = Fields(node, problems, ("name", "send", "teams", "rules", "gather", "repeat", "useful_for"))
    name = fields.id("name")
    define(fields, lines, name, fields.place("name"))
    plain = RoutePlan(name, ())
    gather = plain.gather_ms | {
        severity: span
        for severity, wanted in _by_severity(fields, "gather")
        if (span := fields.span_of(wanted)) is not None
    }
    repeat = plain.repeat_ms | {
        severity: _repeat(fields, wanted) for severity, wanted in _by_severity(fields, "repeat")
    }
    return RoutePlan(
        name=name,
        send=tuple(_step(item, problems, names) for item in fields.items("send", 10, least=1)),
        teams=tuple(filter(None, (fields.id_of(item) for item in fields.items("teams", 20)))),
        rules=_rules(fields, names),
        gather_ms=gather,
        repeat_ms=repeat,
        useful_ms=fields.span("useful_for", plain.useful_ms, least=10 * SECOND, most=2 * HOUR) or plain.useful_ms,
    )


def _by_severity(fields: Fields, key: str) -> list[tuple[str, Node]]:
    return [(referred(fields, severity, SEVERITIES, "choice"), node) for severity, node in fields.entries(key, 4)]


def _repeat(fields: Fields, node: Node) -> int | None:
    return None if getattr(node, "text", "") == "never" else fields.span_of(node, least=30 * SECOND, most=HOUR)


def _step(node: Node, problems: Problems, names: Names) -> SendStep:
    fields = Fields(node, problems, ("to", "min"))
    channel = referred(fields, fields.need("to"), names.channels, "unknown_channel")
    least = fields.choice("min", SEVERITIES, "P4")
    return SendStep(channel, next((severity for severity in SEVERITIES if severity == least), "P4"))


def _rules(fields: Fields, names: Names, least: int = 0) -> tuple[str, ...]:
    nodes = fields.items("rules", 100, least=least)
    if names.rules is None:
        return tuple(filter(None, (fields.id_of(node) for node in nodes)))
    return tuple(filter(None, (referred(fields, node, names.rules, "unknown_rule") for node in nodes)))


def read_mutes(top: Fields, problems: Problems, names: Names) -> tuple[MutePlan, ...]:
    """Return which rules are judged but not announced during which kinds of segment."""
    lines: dict[str, int] = {}
    mutes: list[MutePlan] = []
    for node in top.items("mutes", 50):
        fields = Fields(node, problems, ("name", "segments", "rules"))
        name = fields.id("name")
        define(fields, lines, name, fields.place("name"))
        kinds = (fields.one_of(item, SEGMENT_KINDS) for item in fields.items("segments", 20, least=1))
        mutes.append(MutePlan(name, tuple(filter(None, kinds)), _rules(fields, names, least=1)))
    return tuple(mutes)


def read_people(top: Fields, problems: Problems, names: Names) -> tuple[Person, ...]:
    """Return people and roles; without a brand a person is the agency's own."""
    lines: dict[str, int] = {}
    people: list[Person] = []
    for node in top.items("people", 500):
        fields = Fields(node, problems, ("name", "role", "brand"))
        name = fields.text("name", limit=40)
        define(fields, lines, name, fields.place("name"))
        role = fields.choice("role", [str(role) for role in Role])
        brand = referred(fields, fields.node("brand"), names.brands, "unknown_brand")
        people.append(Person(name, Role(role) if role else Role.VIEWER, brand))
    return tuple(people)
