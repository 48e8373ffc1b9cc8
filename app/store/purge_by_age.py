"""What goes by its own age: order events, words of messages, audit, sign-ins, and texts that nothing names any more."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, or_, select, update

from app.instants import Instant
from app.store import tables
from app.store.slices import Slice, in_slices


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
    return list(conn.scalars(select(table.c.session_no).where(table.c.settled_ms.is_(None), worded()).distinct()))


def untold_in(session_no: int) -> ColumnElement[bool]:
    table = tables.deliveries
    return and_(table.c.session_no == session_no, table.c.settled_ms.is_(None), worded())


def told_before(before: int) -> ColumnElement[bool]:
    return and_(tables.deliveries.c.settled_ms < before, worded())


def blank_deliveries(conn: Connection, which: ColumnElement[bool]) -> Slice:
    """Empty a slice of the words of messages."""
    table = tables.deliveries

    def some(step: int) -> int:
        few = select(table.c.id).where(which).limit(step)
        return conn.execute(update(table).where(table.c.id.in_(few)).values(title="", text="")).rowcount

    return in_slices(conn, table, some)


def worded() -> ColumnElement[bool]:
    """A title may hold what the host said as well as a text may."""
    return or_(tables.deliveries.c.text != "", tables.deliveries.c.title != "")


def may_begin(conn: Connection, now: Instant, every_ms: int) -> bool:
    """Return True to one process of an installation each `every_ms`."""
    counters = tables.counters
    row = conn.execute(select(counters.c.value).where(counters.c.name == "purge")).first()
    if row is None:
        conn.execute(counters.insert().values(name="purge", value=now))
        return True
    due = update(counters).where(counters.c.name == "purge", counters.c.value <= now - every_ms)
    return conn.execute(due.values(value=now).returning(counters.c.value)).first() is not None


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
