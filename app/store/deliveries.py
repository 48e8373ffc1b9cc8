"""The outbox: rows come in with the step that planned them; pumps claim them, send them and write what came of it.

A row can be claimed only when its session is of kind live: that is a condition of the query, not of a setting.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, insert, or_, select, text, update

from app.domain.alerts import Alert
from app.domain.deliveries import ENDED, Delivery
from app.instants import Instant
from app.store import tables
from app.store.statements import Row
from app.store.tables.outbox import OPEN_DELIVERY

Result = Literal["accepted", "failed", "unknown", "retry", "throttled"]
Wanted = Literal["wanted", "over", "superseded"]
_FIELDS: Final = tuple(Delivery.__struct_fields__)
_alert = msgspec.json.Decoder(Alert)


class Attempt(Struct, frozen=True):
    """One try to send: when, by which pump, what came of it, and the platform's own words."""

    n: int
    at_ms: int
    claimed_by: str
    result: Result
    answer: str
    took_ms: int


def delivery_row(session_no: int, row: Delivery) -> Row:
    """Return the row of a planned delivery, in the table's order."""
    return (
        row.id,
        session_no,
        row.session,
        row.kind,
        row.alert,
        row.change,
        row.channel,
        row.channel_title,
        row.recipient,
        row.title,
        row.text,
        row.language,
        row.severity,
        row.priority,
        row.planned_ms,
        row.due_ms,
        row.useful_until_ms,
        row.state,
        row.attempts,
        row.due_ms,
        "",
        None,
        row.sent_ms,
        row.settled_ms,
        row.answer,
        row.retried_ambiguous,
        row.restricted,
    )


def of_session(conn: Connection, session_no: int, *, most: int = 50) -> list[Delivery]:
    """Return the newest `most` deliveries of a session, oldest of them first."""
    table = tables.deliveries
    newest_first = (table.c.planned_ms.desc(), table.c.id.desc())
    query = select(table).where(table.c.session_no == session_no).order_by(*newest_first).limit(most)
    return [_delivery(row) for row in conn.execute(query).mappings()][::-1]


def named(conn: Connection, ids: Collection[str]) -> list[Delivery]:
    """Return the deliveries of those ids as they stand."""
    table = tables.deliveries
    query = select(table).where(table.c.id.in_(ids))
    return [_delivery(row) for row in conn.execute(query).mappings()] if ids else []


def attempts(conn: Connection, delivery_id: str) -> list[Attempt]:
    """Return the tries to send a delivery, oldest first."""
    table = tables.delivery_attempts
    query = select(table).where(table.c.delivery == delivery_id).order_by(table.c.n)
    return [_attempt(row) for row in conn.execute(query)]


def claim(
    conn: Connection,
    claimer: str,
    now: Instant,
    *,
    hold_ms: int,
    most: int,
    skip: Collection[str] = (),
    beside: str | None = None,
) -> list[Delivery]:
    """Take up to `most` due rows for one pump until `now + hold_ms`, most urgent first; others get other rows.

    `skip`: channels that have no hand free; their rows stay where they are. `beside`: only what may be joined into one
    message of this channel: rows below P1 that were never tried without an answer.

    A row whose claimer has gone without a word is taken over once and comes with `retried_ambiguous`: it may have
    been sent, so the message must say 重发. Its second such claimer leaves it to `expire`.
    """
    table = tables.deliveries
    due = or_(
        and_(table.c.state == "waiting", table.c.next_ms <= now),
        and_(table.c.state == "sending", table.c.claim_until_ms <= now, table.c.retried_ambiguous.is_(False)),
    )
    if beside is not None:
        due = and_(due, _joinable(beside))
    chosen = (
        select(table.c.id)
        .where(text(OPEN_DELIVERY), due, table.c.useful_until_ms > now, _of_a_real_session(), _not_of(skip))
        .order_by(table.c.priority, table.c.next_ms, table.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)  # SQLite has one writer and leaves this out
        .cte("chosen")
    )
    taken = (
        update(table)
        .where(table.c.id.in_(select(chosen.c.id)))
        .values(
            state="sending",
            claimed_by=claimer,
            claim_until_ms=now + hold_ms,
            attempts=table.c.attempts + 1,
            retried_ambiguous=or_(table.c.retried_ambiguous, table.c.state == "sending"),
        )
        .returning(table)
    )
    rows = [_delivery(row) for row in conn.execute(taken).mappings()]
    return sorted(rows, key=lambda row: (row.priority, row.due_ms, row.id))


def behind(conn: Connection, channel: str, now: Instant) -> int:
    """Return how many due rows of a channel might still be joined to one that is about to be sent."""
    table = tables.deliveries
    due = and_(table.c.next_ms <= now, table.c.useful_until_ms > now)
    query = select(func.count()).where(text(OPEN_DELIVERY), due, _joinable(channel), _of_a_real_session())
    return int(conn.scalar(query.select_from(table)) or 0)


def settle(
    conn: Connection, claimed: Delivery, claimer: str, attempt: Attempt, state: Literal["accepted", "failed", "unknown"]
) -> Delivery | None:
    """Write the end of a delivery with its last attempt; None when the claim was lost meanwhile, and then nothing."""
    settled = attempt.at_ms + attempt.took_ms
    sent = settled if state == "accepted" else None
    return _finish(conn, claimed, claimer, attempt, state=state, sent_ms=sent, settled_ms=settled)


def put_back(
    conn: Connection, claimed: Delivery, claimer: str, attempt: Attempt, next_ms: Instant, *, ambiguous: bool = False
) -> Delivery | None:
    """Let a delivery wait for its next attempt; None when the claim was lost meanwhile, and then nothing.

    A throttled attempt is not counted. `ambiguous`: it may have been sent, the next message must say 重发.
    """
    values: dict[str, Any] = {"state": "waiting", "next_ms": next_ms}
    if ambiguous:
        values["retried_ambiguous"] = True
    if attempt.result == "throttled":
        values["attempts"] = tables.deliveries.c.attempts - 1
    return _finish(conn, claimed, claimer, attempt, **values)


def release(conn: Connection, claimed: Delivery, claimer: str, next_ms: Instant) -> Delivery | None:
    """Let a claimed row wait that nothing was tried with: no robot may send now. None when the claim was lost."""
    return _let_go(conn, claimed, claimer, state="waiting", next_ms=next_ms, attempts=tables.deliveries.c.attempts - 1)


def wanted(
    conn: Connection, claimed: Sequence[Delivery], claimer: str, now: Instant, *, newest: bool
) -> dict[str, Wanted]:
    """The last look before claimed rows are sent. `over`: its alert was acknowledged or ended since it was planned, as
    a waiting row would have been cancelled for; `superseded`, asked for by `newest`: its channel has been told more of
    the alert, or is about to be. A row whose claim was lost or has ended is not in it."""
    alerts, table, others = tables.alerts, tables.deliveries, tables.deliveries.alias("others")
    since = or_(alerts.c.acked_ms >= table.c.planned_ms, alerts.c.ended_ms >= table.c.planned_ms)
    over = exists().where(alerts.c.id == table.c.alert, alerts.c.version > table.c.change, since)
    later_than = or_(
        others.c.planned_ms > table.c.planned_ms,
        and_(others.c.planned_ms == table.c.planned_ms, others.c.change > table.c.change),
    )
    newer = exists().where(
        others.c.alert == table.c.alert,
        others.c.channel == table.c.channel,
        others.c.recipient != ENDED,
        others.c.state.in_(("waiting", "sending", "accepted", "unknown")),
        later_than,
    )
    whens: list[tuple[ColumnElement[bool], Wanted]] = [(table.c.recipient == ENDED, "wanted"), (over, "over")]
    if newest:
        whens.append((newer, "superseded"))
    query = select(table.c.id, case(*whens, else_="wanted").label("wanted"))
    ids = [row.id for row in claimed]
    held = query.where(table.c.id.in_(ids), *_held_by(claimer), table.c.claim_until_ms > now)
    return {row.id: row.wanted for row in conn.execute(held)}


def cancel(conn: Connection, claimed: Delivery, claimer: str, now: Instant, answer: str = "") -> Delivery | None:
    """Cancel a claimed row that is no longer wanted, `answer`: why; None when the claim was lost."""
    values = {"answer": answer} if answer and not claimed.retried_ambiguous else {}
    return _let_go(conn, claimed, claimer, state=cancelled(), settled_ms=now, **values)


def cancelled() -> ColumnElement[str]:
    """The state of a row that is cancelled: what may have been sent already is not called unsent."""
    return case((tables.deliveries.c.retried_ambiguous, "unknown"), else_="cancelled")


def held(conn: Connection, claimer: str) -> list[Delivery]:
    """Return the rows that a pump has claimed now."""
    table = tables.deliveries
    query = select(table).where(text(OPEN_DELIVERY), *_held_by(claimer))
    return [_delivery(row) for row in conn.execute(query).mappings()]


def abandon(conn: Connection, claimer: str, now: Instant) -> None:
    """End all claims but one's own: for a pump that knows itself to be the only one left."""
    table = tables.deliveries
    others = update(table).where(text(OPEN_DELIVERY), table.c.state == "sending", table.c.claimed_by != claimer)
    conn.execute(others.values(claim_until_ms=now))


def story(conn: Connection, row: Delivery) -> tuple[bytes, Alert, bool] | None:
    """Return the plan of a row's session, its alert as it was then, and whether the channel hears of it for the first
    time; None when retention has taken one of them."""
    changes, table, sessions = tables.alert_changes, tables.deliveries, tables.sessions
    newer = changes.c.version >= row.change  # of several versions of one commit the last alone is kept
    then = select(changes.c.body).where(changes.c.alert == row.alert, newer).order_by(changes.c.version).limit(1)
    of_plan = sessions.join(tables.contents, tables.contents.c.hash == sessions.c.plan)
    plan = select(tables.contents.c.body).select_from(of_plan).where(sessions.c.id == row.session)
    earlier = or_(table.c.planned_ms < row.planned_ms, table.c.change < row.change)
    told = exists().where(table.c.alert == row.alert, table.c.channel == row.channel, table.c.id != row.id, earlier)
    alert, body = conn.scalar(then), conn.scalar(plan)
    if alert is None or body is None:
        return None
    return bytes(body), _alert.decode(alert), not conn.scalar(select(told))


def tried_since(conn: Connection, since: Instant) -> dict[str, list[Attempt]]:
    """Return the tries that were over after an instant, by channel: what a new pump must know of its budgets."""
    tried, table = tables.delivery_attempts, tables.deliveries
    joined = tried.join(table, table.c.id == tried.c.delivery)
    query = select(table.c.channel, tried).select_from(joined).where(tried.c.at_ms + tried.c.took_ms > since)
    found: dict[str, list[Attempt]] = {}
    for row in conn.execute(query):
        found.setdefault(row.channel, []).append(_attempt(row))
    return found


def on_their_way(conn: Connection) -> dict[str, int]:
    """Return how many rows of each channel somebody has claimed and said nothing of yet."""
    table = tables.deliveries
    query = select(table.c.channel, func.count().label("rows")).where(text(OPEN_DELIVERY), table.c.state == "sending")
    return {row.channel: row.rows for row in conn.execute(query.group_by(table.c.channel))}


def hasten(conn: Connection, channel: str, now: Instant) -> None:
    """Make due what waits for a channel until it may be tried again: a person has mended it."""
    table = tables.deliveries
    held = (table.c.channel == channel, table.c.state == "waiting", table.c.due_ms <= now, table.c.next_ms > now)
    conn.execute(update(table).where(text(OPEN_DELIVERY), *held).values(next_ms=now))


def expire(conn: Connection, now: Instant) -> list[Delivery]:
    """End what is of no use any more: 过时未发 when it never left, 未知 when it may have been sent without a word."""
    table = tables.deliveries
    gone = and_(table.c.state == "sending", table.c.claim_until_ms <= now)
    useless = table.c.useful_until_ms <= now
    never_left = and_(table.c.state == "waiting", table.c.retried_ambiguous.is_(False))
    over: ColumnElement[bool] = or_(
        and_(table.c.state == "waiting", useless), and_(gone, or_(useless, table.c.retried_ambiguous))
    )
    ended = (
        update(table)
        .where(text(OPEN_DELIVERY), over)
        .values(state=case((never_left, "expired"), else_="unknown"), settled_ms=now)
        .returning(table)
    )
    return [_delivery(row) for row in conn.execute(ended).mappings()]


def next_due(conn: Connection, *, skip: Collection[str] = ()) -> Instant | None:
    """Return the earliest instant at which a claim or an expiry may find something; None when the outbox is empty.

    Rows of channels to `skip` count by their expiry alone.
    """
    table = tables.deliveries
    first = case((table.c.next_ms < table.c.useful_until_ms, table.c.next_ms), else_=table.c.useful_until_ms)
    waiting = case((_not_of(skip), first), else_=table.c.useful_until_ms)
    at = case((table.c.state == "sending", table.c.claim_until_ms), else_=waiting)
    earliest = conn.scalar(select(func.min(at)).where(text(OPEN_DELIVERY)))
    return None if earliest is None else Instant(earliest)


def waiting(conn: Connection, now: Instant) -> tuple[dict[str, int], Instant | None]:
    """Return how many rows of real sessions are open, by state, and since when the oldest of those due has been."""
    table = tables.deliveries
    query = (
        select(table.c.state, func.count().label("rows"), func.min(table.c.due_ms).label("oldest"))
        .where(text(OPEN_DELIVERY))
        .group_by(table.c.state)
    )
    found = conn.execute(query).all()
    due = min((row.oldest for row in found if row.oldest <= now), default=None)
    return {row.state: row.rows for row in found}, None if due is None else Instant(due)


def _of_a_real_session() -> ColumnElement[bool]:
    """The session itself is asked as well as the row: no mistake in planning a message lets a drill out."""
    sessions = tables.sessions
    own = sessions.c.session_no == tables.deliveries.c.session_no
    return exists().where(own, sessions.c.kind == "live")


def _not_of(channels: Collection[str]) -> ColumnElement[bool]:
    return tables.deliveries.c.channel.not_in(sorted(channels))


def _joinable(channel: str) -> ColumnElement[bool]:
    table = tables.deliveries
    return and_(
        table.c.channel == channel,
        table.c.priority > 1,
        table.c.state == "waiting",
        table.c.retried_ambiguous.is_(False),
    )


def _held_by(claimer: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    table = tables.deliveries
    return table.c.state == "sending", table.c.claimed_by == claimer


def _let_go(conn: Connection, claimed: Delivery, claimer: str, **values: object) -> Delivery | None:
    table = tables.deliveries
    mine = update(table).where(table.c.id == claimed.id, *_held_by(claimer))
    row = conn.execute(mine.values(claimed_by="", claim_until_ms=None, **values).returning(table)).mappings().first()
    return None if row is None else _delivery(row)


def _finish(conn: Connection, claimed: Delivery, claimer: str, attempt: Attempt, **values: object) -> Delivery | None:
    changed = _let_go(conn, claimed, claimer, answer=attempt.answer, **values)
    if changed is None:
        return None
    tried = tables.delivery_attempts
    count = select(func.coalesce(func.max(tried.c.n), 0) + 1).where(tried.c.delivery == claimed.id).scalar_subquery()
    conn.execute(
        insert(tried).values(
            delivery=claimed.id,
            n=count,
            at_ms=attempt.at_ms,
            claimed_by=claimer,
            result=attempt.result,
            answer=attempt.answer,
            took_ms=attempt.took_ms,
        )
    )
    return changed


def _attempt(row: Any) -> Attempt:
    return Attempt(row.n, row.at_ms, row.claimed_by, row.result, row.answer, row.took_ms)


def _delivery(row: Any) -> Delivery:
    return Delivery(**{name: row[name] for name in _FIELDS})


def planned_for(conn: Connection, alerts: Sequence[str]) -> list[Delivery]:
    """Return the deliveries of some alerts, oldest first: the state of the message on an alert's row."""
    table = tables.deliveries
    query = select(table).where(table.c.alert.in_(alerts)).order_by(table.c.planned_ms, table.c.id)
    return [_delivery(row) for row in conn.execute(query).mappings()]
