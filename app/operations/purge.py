"""`purge` and retention: what is old is removed in short transactions; what a viewer wrote, on request."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from app.clock import Clock
from app.domain.people import SYSTEM
from app.errors import ControlRoomError, NotFound, Unavailable
from app.instants import DAY, SECOND, Instant
from app.intake.seal import Seal
from app.metrics.own import PURGED
from app.operations.answer import Answer
from app.operations.installation import Installation
from app.operations.words import word
from app.settings import Keep
from app.store import purge_by_age, purge_session, purge_viewer, tables
from app.store.audit import note
from app.store.database import Store
from app.store.keys import find_key
from app.store.purge_by_age import BY_AGE
from app.store.purge_session import OF_SESSION, Ended, StillRuns
from app.store.sessions import session as session_row
from app.store.slices import Removal, Slice, count_rows, remove
from app.store.workspace import all_rooms

log = structlog.get_logger()

PAUSE_S: Final = 0.02
"""Between two slices: four of every twenty-four milliseconds of the writer, at most."""
FIRST_S: Final = 120.0
EVERY_S: Final = 3_600.0
Removed = dict[str, int]
Told = Callable[[str, Instant], None]


class BadDay(ControlRoomError):
    """--before is not a day such as 2026-11-24."""

    code = "bad_day"


class Purger:
    """Owns nothing but what it has been told to keep; every process may have one, one of them works at a time."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        keep: Keep,
        purged: Told = lambda *_: None,
        rewritten: Callable[[str], None] = lambda _: None,
        pause_s: float = PAUSE_S,
    ) -> None:
        """`purged`: told each session that cannot be rebuilt any more; `rewritten`: each that must be."""
        self._store, self._clock, self._keep = store, clock, keep
        self._purged, self._rewritten, self._pause_s = purged, rewritten, pause_s

    async def run(self) -> None:
        """Remove what is old every hour, until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                every = round(EVERY_S * SECOND)
                if await self._store.write(partial(purge_by_age.may_begin, now=self._clock.now(), every_ms=every)):
                    removed = {name: times for name, times in (await self.tidy()).items() if times}
                    if removed:
                        log.info("purged", rows=removed)
            except Unavailable as refusal:
                log.warning("purge_put_off", code=refusal.code)
            except ControlRoomError as refusal:
                log.error("purge_failed", code=refusal.code, detail=refusal.detail)
            await asyncio.sleep(EVERY_S)

    async def tidy(self, *, dry: bool = False) -> Removed:
        """Remove what is older than is to be kept; `dry`: only count it."""
        removed: Removed = {}
        ended = await self._store.read(purge_session.ended_sessions)
        for session in ended:
            if self._is_old(session):
                _add(removed, await self.session(session, dry=dry))
        _add(removed, await self._orders(ended, dry=dry))
        _add(removed, await self._deliveries(ended, dry=dry))
        for setting, table, which in BY_AGE:
            before = self._before(getattr(self._keep, setting))
            if before is None:
                continue
            if dry:
                times = await self._store.read(partial(count_rows, table=table, which=which(before)))
            else:
                times = await self._sliced(table.name, partial(remove, table=table, which=which(before)))
            _add(removed, {table.name: times})
        return removed

    async def session(self, session: Ended, *, dry: bool = False) -> Removed:
        """Remove the log and the texts of an ended session, which may be done in part; nothing when all of it is.

        Raises StillRuns.
        """
        if session.purged_ms is not None and session.whole:
            return {}
        if dry:
            return await self._store.read(partial(purge_session.count_of_session, session_no=session.session_no))
        at = self._clock.now()
        await self._store.write(partial(purge_session.mark, session_no=session.session_no, at=at))
        self._purged(session.id, at)
        for table in OF_SESSION:
            await self._removed_of(session, table.name, partial(purge_session.remove_of_session, table=table))
        await self._removed_of(session, "alerts", purge_session.unquote)
        return await self._store.write(partial(purge_session.finish, session_no=session.session_no))

    async def _removed_of(self, session: Ended, name: str, cut: Callable[..., Slice]) -> None:
        number = session.session_no
        own = partial(cut, session_no=number)
        await self._sliced(name, partial(purge_session.counted, session_no=number, name=name, cut=own))

    async def user(self, user: str, *, dry: bool = False) -> tuple[Removed, list[str]]:
        """Remove what a viewer wrote; `user`: the hashed id. The sessions that still run are returned beside it."""
        if dry:
            return await self._store.read(partial(purge_viewer.count_of_user, user=user)), []
        removed: Removed = {"messages": 0, "chunks": 0, "quarantine": 0}
        running: list[str] = []
        for session_no, name, state in await self._store.read(partial(purge_viewer.sessions_of_user, user=user)):
            try:
                await self._store.write(partial(purge_viewer.take_from_owner, session_no=session_no))
            except StillRuns:
                running.append(name)
                continue
            log.info("viewer_removed", session=name, state=state)
            removed["chunks"] += await self._silence(session_no, user)
            aside = partial(purge_viewer.remove_set_aside, session_no=session_no, user=user)
            removed["quarantine"] += await self._store.write(aside)
            # The messages last: by them a purge that was cut off finds the session again.
            cut = partial(purge_viewer.remove_messages, session_no=session_no, user=user)
            removed["messages"] += await self._sliced("messages", cut)
            # Whoever has taken it meanwhile has read words that are gone by now.
            await self._store.write(partial(purge_viewer.take_from_owner, session_no=session_no))
            self._rewritten(name)
        return removed, running

    async def _silence(self, session_no: int, user: str) -> int:
        done, after, more = 0, 0, True
        while more:
            silence = partial(purge_viewer.silence_chunks, session_no=session_no, user=user, after=after)
            slice_, after = await self._store.write(silence)
            done, more = done + slice_.rows, slice_.more
            await asyncio.sleep(self._pause_s)
        return done

    def _is_old(self, session: Ended) -> bool:
        before = self._before(self._keep.texts_days if session.kind == "live" else self._keep.rehearsals_days)
        done = session.purged_ms is not None and session.whole
        return not done and (not session.whole or (before is not None and session.ended_wall_ms < before))

    async def _orders(self, ended: list[Ended], *, dry: bool) -> Removed:
        before = self._before(self._keep.orders_days)
        if before is None:
            return {}
        table, times = tables.orders, 0
        for number in _of(await self._store.read(purge_by_age.sessions_with_orders), ended, before):
            if dry:
                times += await self._store.read(partial(count_rows, table=table, which=purge_by_age.orders_of(number)))
            else:
                cut = partial(purge_session.remove_of_session, table=table, session_no=number)
                times += await self._sliced("orders", cut)
        return {"orders": times}

    async def _deliveries(self, ended: list[Ended], *, dry: bool) -> Removed:
        before = self._before(self._keep.deliveries_days)
        if before is None:
            return {}
        untold = _of(await self._store.read(purge_by_age.sessions_with_untold_words), ended, before)
        times = 0
        for which in (purge_by_age.told_before(before), *map(purge_by_age.untold_in, untold)):
            if dry:
                times += await self._store.read(partial(count_rows, table=tables.deliveries, which=which))
            else:
                times += await self._sliced("deliveries", partial(purge_by_age.blank_deliveries, which=which))
        return {"deliveries": times}

    def _before(self, days: int) -> Instant | None:
        return Instant(self._clock.now() - days * DAY) if days else None

    async def _sliced(self, name: str, cut: Removal) -> int:
        done = 0
        while True:
            slice_: Slice = await self._store.write(cut)
            done += slice_.rows
            PURGED.add(slice_.rows, name)
            if not slice_.more:
                return done
            await asyncio.sleep(self._pause_s)


def _of(numbers: list[int], ended: list[Ended], before: Instant) -> list[int]:
    """Return those of the sessions that ended before."""
    old = {each.session_no for each in ended if each.ended_wall_ms < before}
    return [number for number in numbers if number in old]


def _add(total: Removed, more: Mapping[str, int]) -> None:
    for name, times in more.items():
        total[name] = total.get(name, 0) + times


class Purge(Struct, frozen=True):
    """`before`: sessions that ended before this day, where their rooms are; `session`, `user`: only these."""

    language: str
    dry_run: bool = False
    before: str = ""
    session: str = ""
    user: str = ""


async def purge(here: Installation, wanted: Purge) -> Answer:
    """Remove, or count what would be. Raises NotFound, StillRuns, BadDay."""
    purger = Purger(
        store=here.store, clock=here.clock, keep=here.settings.keep, purged=here.purged, rewritten=here.rewritten
    )
    running: list[str] = []
    if wanted.user:
        sealed = await _sealed(here, wanted.user)
        removed, running = await purger.user(sealed, dry=wanted.dry_run)
    elif wanted.session or wanted.before:
        removed = {}
        for session in await _chosen(here, wanted):
            _add(removed, await purger.session(session, dry=wanted.dry_run))
    else:
        removed = await purger.tidy(dry=wanted.dry_run)
    if not wanted.dry_run:
        detail = {"rows": removed, "session": wanted.session, "before": wanted.before, "user": bool(wanted.user)}
        await here.store.write(partial(note, at=here.clock.now(), by=SYSTEM, action="purge", detail=detail))
    lines = [f"  {name}  {times}" for name, times in sorted(removed.items()) if times or wanted.dry_run]
    head = "nothing_removed" if not lines else "would_remove" if wanted.dry_run else "removed"
    lines.insert(0, word(head, wanted.language))
    lines += [word("still_runs", wanted.language, session=each) for each in running]
    return Answer(tuple(lines), data={"rows": removed, "dry_run": wanted.dry_run, "running": running})


async def _chosen(here: Installation, wanted: Purge) -> list[Ended]:
    ended = await here.store.read(purge_session.ended_sessions)
    if wanted.session:
        found = [each for each in ended if each.id == wanted.session]
        if not found:
            row = await here.store.read(partial(session_row, session_id=wanted.session))
            raise StillRuns("the session has not ended", session=row.id)
        return found
    rooms = await here.store.read(all_rooms)
    before = _day(wanted.before, rooms[0].zone if rooms else "UTC")
    return [each for each in ended if each.ended_wall_ms < before and not (each.purged_ms and each.whole)]


def _day(text: str, zone: str) -> int:
    try:
        return round(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=ZoneInfo(zone)).timestamp() * SECOND)
    except ValueError:
        raise BadDay("a day is written like 2026-11-24", day=text[:20]) from None


async def _sealed(here: Installation, user: str) -> str:
    key = await here.store.read(partial(find_key, name="seal"))
    if key is None:
        raise NotFound("nothing has been taken yet, so nothing is known of anybody")
    return Seal(key).hashed(user)
