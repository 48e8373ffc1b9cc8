"""`doctor`: what has come from each source of a room, how fresh it is, and what was wrong with it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from app.delivery.budget import FOR_GOOD
from app.delivery.channels import unready_of
from app.delivery.words import reason
from app.domain.deliveries import Standing
from app.domain.words import in_language
from app.domain.workspace import Channel, Room
from app.engine.health import CONFLICT
from app.instants import Instant
from app.operations.answer import Answer
from app.operations.installation import Installation
from app.operations.words import mebibytes, word
from app.store.alerts import of_session
from app.store.doctor import WHOLE_SOURCE, SourceCount, counts
from app.store.faults import TookTooLong
from app.store.quarantine import SetAside, set_aside_in
from app.store.sessions import SessionRow, last_session_of
from app.store.sizes import sizes
from app.store.standings import standings
from app.store.workspace import all_channels, all_rooms, room

SHOWN_BYTES: Final = 2**20
"""Tables that take less of the disk are only told to scripts."""
LATE_TIMES: Final = 3
"""A kind is late when nothing came for so many of its expected intervals."""


class Examine(Struct, frozen=True):
    """`room` empty: every room."""

    language: str
    room: str = ""


class Finding(Struct, frozen=True):
    """What is known of a room: its counts by source and kind, its newest session with what was set aside in it,
    conflicts by source."""

    room: Room
    session: SessionRow | None
    counts: list[SourceCount]
    conflicts: dict[str, int]
    aside: list[SetAside]


async def _disk(here: Installation) -> dict[str, int]:
    try:
        return await here.store.look(sizes)
    except TookTooLong:
        return {}  # a large file is not read through for this


def _told_of_disk(disk: Mapping[str, int], language: str) -> Iterator[str]:
    if disk:
        large = [(name, mebibytes(size)) for name, size in disk.items() if size >= SHOWN_BYTES]
        code = "disk_by_table" if large else "disk"
        yield word(code, language, size=mebibytes(sum(disk.values())))
        yield from (f"  {line}" for line in _table(large)) if large else ()


async def examine(here: Installation, wanted: Examine) -> Answer:
    """Tell what came, per room, source and kind. Raises NotFound for a room that is not there."""
    await here.counted()
    findings = await here.store.read(partial(_findings, room_id=wanted.room))
    now = here.clock.now()
    lines = [line for finding in findings for line in _told(finding, now, wanted.language)]
    data: dict[str, Any] = {"rooms": [_data(finding, now) for finding in findings]}
    if not wanted.room:
        channels, standings = await here.store.read(_channels)
        stood = [
            (each, standing_of(each, standings.get(each.name), here.environ, now, wanted.language)) for each in channels
        ]
        zone = findings[0].room.zone if findings else "Asia/Shanghai"  # a channel has none of its own
        lines += _told_of_channels(stood, zone, wanted.language)
        data["channels"] = [{"kind": each.kind} | msgspec.to_builtins(standing) for each, standing in stood]
        data["disk"] = disk = await _disk(here)
        lines += _told_of_disk(disk, wanted.language)
    return Answer(tuple(lines), data=data)


def _channels(conn: Connection) -> tuple[list[Channel], dict[str, Standing]]:
    return all_channels(conn), {name: standing for name, (standing, _) in standings(conn).items()}


def standing_of(
    channel: Channel, stood: Standing | None, environ: Mapping[str, str], now: Instant, language: str
) -> Standing:
    """Return how a channel stands: what its variables say, then what the pump wrote down last, in the group's words."""
    title = in_language(channel.title, channel.language) or channel.name
    if (unready := unready_of(channel, environ)) is not None:
        return Standing(channel.name, "stopped", title, reason(unready.code, language, name=unready.name))
    if stood is None or (stood.until_ms and stood.until_ms <= now):
        return Standing(channel.name, "open", title)
    return stood


def _told_of_channels(stood: Sequence[tuple[Channel, Standing]], zone: str, language: str) -> Iterator[str]:
    if not stood:
        return
    rows = [tuple(word(f"head_{head}", language) for head in ("channel", "platform", "standing"))]
    rows += [
        (f"{each.name} {standing.title}", each.kind, _standing_in_words(standing, zone, language))
        for each, standing in stood
    ]
    yield from _table(rows)


def _standing_in_words(standing: Standing, zone: str, language: str) -> str:
    for_good = standing.until_ms == 0 or standing.until_ms >= FOR_GOOD
    code = "channel_closed" if standing.state == "stopped" and for_good else f"channel_{standing.state}"
    until = "" if for_good else _clock(standing.until_ms, zone)
    return word(code, language, until=until, why=standing.why, name=standing.channel)


def _findings(conn: Connection, room_id: str) -> list[Finding]:
    return [_finding(conn, each) for each in ([room(conn, room_id)] if room_id else all_rooms(conn))]


def _finding(conn: Connection, of: Room) -> Finding:
    newest = last_session_of(conn, of.id)
    found = counts(conn, of.id)
    conflicts = {each.source: each.conflicts for each in found if each.kind == WHOLE_SOURCE and each.conflicts}
    aside = set_aside_in(conn, newest.session_no) if newest is not None else []
    return Finding(of, newest, found, conflicts | (_conflicts(conn, newest) if newest is not None else {}), aside)


def _conflicts(conn: Connection, session: SessionRow) -> dict[str, int]:
    """Return source -> records under a used id with other content, as the session's alerts say."""
    found: dict[str, int] = {}
    for alert in of_session(conn, session.session_no):
        if alert.rule == CONFLICT and alert.evidence:
            values = [int(each.value) for each in alert.evidence if isinstance(each.value, float)]
            source = alert.labels.get("source", "")
            found[source] = max([found.get(source, 0), *values])
    return found


def _told(finding: Finding, now: Instant, language: str) -> Iterator[str]:
    of, session = finding.room, finding.session
    state = f"{session.id} {session.kind} {session.state}" if session else word("no_session", language)
    yield f"{of.id}  {of.name} · {of.platform} · {state}"
    for each in finding.aside:
        last = _clock(each.last_ms, of.zone)
        told = word("set_aside", language, kind=each.kind, entries=each.entries, events=each.events, last=last)
        yield f"  {told}{each.reason}"
    if not finding.counts:
        yield f"  {word('no_records', language)}"
        return
    heads = ("source", "kind", "last", "age", "taken", "duplicates", "conflicts")
    rows = [tuple(word(f"head_{head}", language) for head in heads)]
    rows += [_row(finding, count, now, language) for count in finding.counts]
    yield from (f"  {line}" for line in _table(rows))
    for count in finding.counts:
        source = count.source_name or count.source
        if count.refused:
            yield f"  {source}: {word('refused', language, codes=_figures(count.refused))}"
        if count.unknown:
            yield f"  {source}: {word('unknown_fields', language, names=_figures(count.unknown))}"


def _row(finding: Finding, count: SourceCount, now: Instant, language: str) -> tuple[str, ...]:
    whole = count.kind == WHOLE_SOURCE
    last = "-" if count.last_ms is None else _clock(count.last_ms, finding.room.zone)
    return (
        count.source_name or count.source,
        word("whole_source", language) if whole else count.kind,
        last,
        _age(finding.room, count, now, language),
        "-" if whole else str(count.taken),
        str(count.duplicates) if whole else "-",
        str(finding.conflicts.get(count.source, 0)) if whole else "-",
    )


def _age(of: Room, count: SourceCount, now: Instant, language: str) -> str:
    if count.last_ms is None:
        return "-"
    age = max(0, now - count.last_ms)
    every = of.every_ms.get(count.kind)
    told = _length(age)
    return f"{told} {word('late', language)}" if every and age > LATE_TIMES * every else told


def _length(span: int) -> str:
    seconds = span // 1_000
    if seconds < 100:
        return f"{seconds}s"
    if seconds < 6_000:
        return f"{seconds // 60}m{seconds % 60:02}s"
    return f"{seconds // 3_600}h{seconds // 60 % 60:02}m"


def _clock(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def _figures(figures: Mapping[str, int]) -> str:
    ordered = sorted(figures.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} ×{count}" for name, count in ordered)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _width(text: Iterable[str]) -> int:
    """Return how many columns a text takes: a Chinese character takes two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _data(finding: Finding, now: Instant) -> dict[str, Any]:
    session = finding.session
    return {
        "room": finding.room.id,
        "session": None if session is None else {"id": session.id, "kind": session.kind, "state": session.state},
        "sources": [_counted(count, now) for count in finding.counts],
        "conflicts": finding.conflicts,
        "set_aside": msgspec.to_builtins(finding.aside),
    }


def _counted(count: SourceCount, now: Instant) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(count)
    plain.pop("room")
    plain["age_ms"] = None if count.last_ms is None else max(0, now - count.last_ms)
    return plain
