"""What may go: rows removed by their age or on request, a few milliseconds of the writer at a time.

A session that has been marked is never rebuilt any more; its fence is taken from whoever still holds it, so that
nothing is written after the mark. What stays of it are its row with the totals, its readings, alerts, prompts and the
fact that messages were sent. Freed pages are overwritten on SQLite, so that the file does not keep what was removed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, update

from app.domain.alerts import Alert, Evidence
from app.domain.events import CommentEvent, Event
from app.domain.records import CODEC, SCHEMA, Events, decode_body, decode_entry, encode_body
from app.domain.session_clock import SessionClock
from app.errors import ControlRoomError
from app.instants import Instant
from app.store import tables
from app.store.counters import next_fence
from app.store.sessions import UNFINISHED, lock, removed_of

SLICE_S: Final = 0.003
"""Of the writer, before others have their turn; the commit comes on top."""
OF_SESSION: Final[tuple[Table, ...]] = (
    tables.chunks,
    tables.messages,
    tables.checkpoints,
    tables.quarantine,
    tables.outcomes,
    tables.alert_changes,
)
"""What goes with the texts. Outcomes and changes of alerts are only of use while the session can be asked to act."""
_STEP: Final = {"chunks": 2, "checkpoints": 1, "quarantine": 2}
"""Rows removed at once, of those that may be large; else _ROWS."""
_ROWS: Final = 50
_alert: Final = msgspec.json.Decoder(Alert)
_texts: Final = msgspec.json.Encoder()


class StillRuns(ControlRoomError):
    """A session that has not ended is not touched."""

    kind, code = "conflict", "still_runs"


class Ended(Struct, frozen=True, kw_only=True):
    """An ended session as retention sees it. `ended_wall_ms`: wall time, whatever the session's own clock says."""

    session_no: int
    id: str
    kind: str
    ended_wall_ms: int
    purged_ms: int | None
    whole: bool
    """False while a purge that was begun is not finished."""


class Slice(Struct, frozen=True):
    """What one transaction removed, and whether there may be more."""

    rows: int
    more: bool


Removal = Callable[[Connection], Slice]


def ended_sessions(conn: Connection) -> list[Ended]:
    """Return every session that has ended, oldest first."""
    table = tables.sessions
    query = select(table).where(table.c.state == "ended").order_by(table.c.session_no)
    return [_ended(row) for row in conn.execute(query).mappings()]


def _ended(row: Any) -> Ended:
    clock = SessionClock(row["clock_wall_ms"], row["clock_session_ms"], row["clock_rate"])
    at = row["ended_ms"] if row["ended_ms"] is not None else row["now_ms"]
    passed = (at - clock.session_ms) / clock.rate if clock.rate > 0 else 0
    return Ended(
        session_no=row["session_no"],
        id=row["id"],
        kind=row["kind"],
        ended_wall_ms=int(clock.wall_ms + passed) if row["kind"] != "live" else at,
        purged_ms=row["purged_ms"],
        whole=row["purged_ms"] is None or (row["removed"] is not None and UNFINISHED not in removed_of(row["removed"])),
    )


def mark(conn: Connection, session_no: int, at: Instant) -> None:
    """Begin: from this transaction on nobody may rebuild or commit the session. Raises StillRuns."""
    lock(conn, session_no)
    table = tables.sessions
    ended = update(table).where(table.c.session_no == session_no, table.c.state == "ended")
    values = {"purged_ms": func.coalesce(table.c.purged_ms, at), "fence": next_fence(conn)}
    if conn.execute(ended.values(values).returning(table.c.session_no)).first() is None:
        raise StillRuns("the session has not ended", session_no=session_no)


def counted(conn: Connection, session_no: int, name: str, cut: Removal) -> Slice:
    """Remove a slice, and add it to what is kept of it beside the session: whoever goes on counts on from there."""
    slice_ = cut(conn)
    removed = _removed(conn, session_no)
    _keep_removed(conn, session_no, removed | {name: removed.get(name, 0) + slice_.rows, UNFINISHED: 1})
    return slice_


def finish(conn: Connection, session_no: int) -> dict[str, int]:
    """All of it is done; return what was removed, by table."""
    removed = {name: rows for name, rows in _removed(conn, session_no).items() if name != UNFINISHED}
    _keep_removed(conn, session_no, removed)
    return removed


def _removed(conn: Connection, session_no: int) -> dict[str, int]:
    table = tables.sessions
    body = conn.scalar(select(table.c.removed).where(table.c.session_no == session_no).with_for_update())
    return {} if body is None else removed_of(body)


def _keep_removed(conn: Connection, session_no: int, removed: dict[str, int]) -> None:
    table = tables.sessions
    body = _texts.encode(removed).decode()
    conn.execute(update(table).where(table.c.session_no == session_no).values(removed=body))


def count_of_session(conn: Connection, session_no: int) -> dict[str, int]:
    """Return how many rows of a session would go, by table."""
    counts = {table.name: _count(conn, table, table.c.session_no == session_no) for table in OF_SESSION}
    return counts | {"alerts": len(_quoting(conn, session_no))}


def remove_of_session(conn: Connection, table: Table, session_no: int) -> Slice:
    """Remove a slice of a session's rows."""
    own = table.c.session_no == session_no
    first, *rest = table.primary_key
    if first.name != "session_no":
        return remove(conn, table, own)
    (key,) = rest
    return _in_slices(conn, table, lambda step: _remove_up_to(conn, table, own, key, step))


def _remove_up_to(conn: Connection, table: Table, own: ColumnElement[bool], key: ColumnElement[Any], step: int) -> int:
    """Remove the first `step` rows by a range of their key, which is one walk through the tree and no search a row."""
    last = conn.scalar(select(key).where(own).order_by(key).offset(step - 1).limit(1))
    gone = delete(table).where(own) if last is None else delete(table).where(own, key <= last)
    return conn.execute(gone).rowcount


def remove(conn: Connection, table: Table, which: ColumnElement[bool], key: ColumnElement[Any] | None = None) -> Slice:
    """Remove a slice of the rows that meet a condition. `key`: the column they are found by, else the table's first."""
    found_by = key if key is not None else next(iter(table.primary_key))

    def some(step: int) -> int:
        few = select(found_by).where(which).limit(step)
        return conn.execute(delete(table).where(which, found_by.in_(few))).rowcount

    return _in_slices(conn, table, some)


def _in_slices(conn: Connection, table: Table, some: Callable[[int], int]) -> Slice:
    """Remove some rows again and again until the time is used up. `some`: removes about so many, returns how many."""
    began, rows, step = perf_counter(), 0, _STEP.get(table.name, _ROWS)
    with _overwritten(conn):
        while True:
            gone = some(step)
            rows += gone
            if gone < step:
                return Slice(rows, False)
            if perf_counter() - began > SLICE_S:
                return Slice(rows, True)


@contextmanager
def _overwritten(conn: Connection) -> Iterator[None]:
    """While the block runs, SQLite writes zeros over what is freed; afterwards what others free is as it was before."""
    if conn.dialect.name != "sqlite":
        yield
        return
    before = conn.exec_driver_sql("PRAGMA secure_delete").scalar_one()
    conn.exec_driver_sql("PRAGMA secure_delete=ON").close()
    try:
        yield
    finally:
        conn.exec_driver_sql(f"PRAGMA secure_delete={int(before)}").close()


def _count(conn: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return int(conn.scalar(select(func.count()).select_from(table).where(which)) or 0)


# Quotes: what alerts and messages to groups repeat of what was said.


def unquote(conn: Connection, session_no: int) -> Slice:
    """Take what alerts of a session quote out of them, and the texts of the messages that told of those alerts."""
    began, rows, alerts, told = perf_counter(), 0, tables.alerts, tables.deliveries
    with _overwritten(conn):
        for alert in _quoting(conn, session_no):
            body = _texts.encode(_without_quotes(alert)).decode()
            conn.execute(update(alerts).where(alerts.c.id == alert.id).values(body=body))
            conn.execute(update(told).where(told.c.alert == alert.id, _worded()).values(title="", text=""))
            rows += 1
            if perf_counter() - began > SLICE_S:
                return Slice(rows, True)
    return Slice(rows, False)


def _quoting(conn: Connection, session_no: int) -> list[Alert]:
    table = tables.alerts
    bodies = conn.scalars(select(table.c.body).where(table.c.session_no == session_no))
    return [alert for alert in map(_alert.decode, bodies) if any(each.text for each in alert.evidence)]


def _without_quotes(alert: Alert) -> Alert:
    quotes = [each.text for each in alert.evidence if each.text]

    def worded(words: dict[str, str]) -> dict[str, str]:
        return {language: _blanked(text, quotes) for language, text in words.items()}

    return replace(
        alert,
        title=worded(alert.title),
        host=worded(alert.host),
        action=worded(alert.action),
        evidence=tuple(_emptied(each) for each in alert.evidence),
    )


def _blanked(text: str, quotes: Sequence[str]) -> str:
    for quote in quotes:
        text = text.replace(quote, "…")
    return text


def _emptied(evidence: Evidence) -> Evidence:
    return replace(evidence, text="", marks=()) if evidence.text else evidence


# What goes by its own age.


def sessions_with_orders(conn: Connection) -> list[int]:
    """Return the ended sessions that have orders."""
    table, sessions = tables.orders, tables.sessions
    some = exists().where(table.c.session_no == sessions.c.session_no)
    return list(conn.scalars(select(sessions.c.session_no).where(sessions.c.state == "ended", some)))


def orders_of(session_no: int) -> ColumnElement[bool]:
    return tables.orders.c.session_no == session_no


def old_audit(before: int) -> ColumnElement[bool]:
    return tables.audit.c.wall_ms < before


def old_sign_ins(before: int) -> ColumnElement[bool]:
    return tables.sign_ins.c.expires_ms < before


def old_links(before: int) -> ColumnElement[bool]:
    return tables.entry_links.c.expires_ms < before


def old_codes(before: int) -> ColumnElement[bool]:
    return tables.pairing_codes.c.expires_ms < before


def old_devices(before: int) -> ColumnElement[bool]:
    return tables.devices.c.revoked_ms < before


def unused_rule_sets(before: int) -> ColumnElement[bool]:
    """Rule sets that are not in force and by which no session was run."""
    return _unused(tables.rule_sets, tables.sessions.c.rules, before)


def unused_lexicons(before: int) -> ColumnElement[bool]:
    return _unused(tables.lexicons, tables.sessions.c.lexicon, before)


def _unused(table: Table, named: ColumnElement[str], before: int) -> ColumnElement[bool]:
    return and_(table.c.current.is_(False), table.c.accepted_ms < before, ~exists().where(named == table.c.hash))


def unused_contents(before: int) -> ColumnElement[bool]:
    """Plans, rules and lexicons that nothing names."""
    kept, sessions = tables.contents, tables.sessions
    named = (sessions.c.plan, sessions.c.rules, sessions.c.lexicon, tables.rule_sets.c.hash, tables.lexicons.c.hash)
    return and_(kept.c.kept_ms < before, *(~exists().where(column == kept.c.hash) for column in named))


def sessions_with_untold_words(conn: Connection) -> list[int]:
    """Return the sessions with words of messages that were never sent, such as a drill's: they have no end of their
    own and go by that of their session."""
    table = tables.deliveries
    return list(conn.scalars(select(table.c.session_no).where(table.c.settled_ms.is_(None), _worded()).distinct()))


def untold_in(session_no: int) -> ColumnElement[bool]:
    table = tables.deliveries
    return and_(table.c.session_no == session_no, table.c.settled_ms.is_(None), _worded())


def told_before(before: int) -> ColumnElement[bool]:
    return and_(tables.deliveries.c.settled_ms < before, _worded())


def blank_deliveries(conn: Connection, which: ColumnElement[bool]) -> Slice:
    """Empty a slice of the words of messages."""
    table = tables.deliveries

    def some(step: int) -> int:
        few = select(table.c.id).where(which).limit(step)
        return conn.execute(update(table).where(table.c.id.in_(few)).values(title="", text="")).rowcount

    return _in_slices(conn, table, some)


def _worded() -> ColumnElement[bool]:
    """A title may hold what the host said as well as a text may."""
    return or_(tables.deliveries.c.text != "", tables.deliveries.c.title != "")


def count_rows(conn: Connection, table: Table, which: ColumnElement[bool]) -> int:
    """Return how many rows would go."""
    return _count(conn, table, which)


def may_begin(conn: Connection, now: Instant, every_ms: int) -> bool:
    """Return True to one process of an installation each `every_ms`."""
    counters = tables.counters
    row = conn.execute(select(counters.c.value).where(counters.c.name == "purge")).first()
    if row is None:
        conn.execute(counters.insert().values(name="purge", value=now))
        return True
    due = update(counters).where(counters.c.name == "purge", counters.c.value <= now - every_ms)
    return conn.execute(due.values(value=now).returning(counters.c.value)).first() is not None


# One viewer's words.


def sessions_of_user(conn: Connection, user: str) -> list[tuple[int, str, str]]:
    """Return (number, id, state) of each session in which a viewer wrote, be it set aside alone."""
    table, sessions = tables.messages, tables.sessions
    wrote = exists().where(table.c.session_no == sessions.c.session_no, table.c.user_id == user)
    aside = exists().where(tables.quarantine.c.session_no == sessions.c.session_no)
    query = select(sessions.c.session_no, sessions.c.id, sessions.c.state, wrote.label("wrote"))
    found = conn.execute(query.where(or_(wrote, aside)).order_by(sessions.c.session_no)).all()
    return [
        (row.session_no, row.id, row.state) for row in found if row.wrote or _set_aside_of(conn, row.session_no, user)
    ]


def take_from_owner(conn: Connection, session_no: int) -> None:
    """Put a new fence on an ended session, and forget its checkpoints, which may repeat words. Raises StillRuns."""
    lock(conn, session_no)
    table = tables.sessions
    ended = update(table).where(table.c.session_no == session_no, table.c.state == "ended")
    if conn.execute(ended.values(fence=next_fence(conn)).returning(table.c.session_no)).first() is None:
        raise StillRuns("the session has not ended", session_no=session_no)
    with _overwritten(conn):
        conn.execute(delete(tables.checkpoints).where(tables.checkpoints.c.session_no == session_no))


def count_of_user(conn: Connection, user: str) -> dict[str, int]:
    """Return how many rows of a viewer would go, by table."""
    aside = conn.scalars(select(tables.quarantine.c.session_no).distinct()).all()
    return {
        "messages": _count(conn, tables.messages, tables.messages.c.user_id == user),
        "quarantine": sum(len(_set_aside_of(conn, session_no, user)) for session_no in aside),
    }


def remove_messages(conn: Connection, session_no: int, user: str) -> Slice:
    table = tables.messages
    return remove(conn, table, and_(table.c.session_no == session_no, table.c.user_id == user), table.c.position)


def silence_chunks(conn: Connection, session_no: int, user: str, after: int) -> tuple[Slice, int]:
    """Empty what a viewer wrote in a slice of the session's chunks; the position to go on from beside it."""
    with _overwritten(conn):
        return _silenced_chunks(conn, session_no, user, after)


def _silenced_chunks(conn: Connection, session_no: int, user: str, after: int) -> tuple[Slice, int]:
    began, rows, table = perf_counter(), 0, tables.chunks
    while True:
        query = select(table.c.first, table.c.codec, table.c.schema, table.c.body).order_by(table.c.first).limit(1)
        row = conn.execute(query.where(table.c.session_no == session_no, table.c.first > after)).first()
        if row is None:
            return Slice(rows, False), after
        after = row.first
        if (row.codec, row.schema) == (CODEC, SCHEMA):
            body = decode_body(row.body)
            if isinstance(body, Events) and (changed := _silenced(body, user)) is not None:
                which = and_(table.c.session_no == session_no, table.c.first == row.first)
                conn.execute(update(table).where(which).values(body=encode_body(changed)))
                rows += 1
        if perf_counter() - began > SLICE_S:
            return Slice(rows, True), after


def _silenced(body: Events, user: str) -> Events | None:
    """Return the records without a viewer's words, None when there are none. Positions and counts stay as they were."""
    events: list[Event] = [_without_words(event) if _by(event, user) else event for event in body.events]
    return replace(body, events=events) if any(_by(event, user) for event in body.events) else None


def _by(event: Event, user: str) -> bool:
    return isinstance(event, CommentEvent) and event.payload.user is not None and event.payload.user.id == user


def _without_words(event: Event) -> Event:
    assert isinstance(event, CommentEvent)
    assert event.payload.user is not None
    nameless = replace(event.payload.user, name="")
    return replace(event, payload=replace(event.payload, text="", user=nameless, ext=msgspec.UNSET))


def remove_set_aside(conn: Connection, session_no: int, user: str) -> int:
    """Remove what was set aside in a session and holds words of a viewer, or cannot be looked into any more."""
    gone = _set_aside_of(conn, session_no, user)
    table = tables.quarantine
    with _overwritten(conn):
        return sum(conn.execute(delete(table).where(table.c.id == each)).rowcount for each in gone)


def _set_aside_of(conn: Connection, session_no: int, user: str) -> list[int]:
    table = tables.quarantine
    query = select(table.c.id, table.c.codec, table.c.schema, table.c.body).where(table.c.session_no == session_no)
    return [row.id for row in conn.execute(query) if _may_repeat(row, user)]


def _may_repeat(row: Any, user: str) -> bool:
    if (row.codec, row.schema) != (CODEC, SCHEMA):
        return True
    body = decode_entry(row.body).body
    return isinstance(body, Events) and any(_by(event, user) for event in body.events)


Condition = Callable[[int], ColumnElement[bool]]
BY_AGE: Final[tuple[tuple[str, Table, Condition], ...]] = (
    ("audit_days", tables.audit, old_audit),
    ("sign_ins_days", tables.sign_ins, old_sign_ins),
    ("sign_ins_days", tables.entry_links, old_links),
    ("sign_ins_days", tables.pairing_codes, old_codes),
    ("devices_days", tables.devices, old_devices),
    ("texts_days", tables.rule_sets, unused_rule_sets),
    ("texts_days", tables.lexicons, unused_lexicons),
    ("texts_days", tables.contents, unused_contents),
)
"""Setting -> the table and the rows of it that go by their own age, in this order: contents after what names them."""
