"""People, their sign-ins, and the links by which a first password is chosen. Hashes only; no rights are judged here."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from app.domain.people import Role
from app.errors import ControlRoomError, NotFound
from app.instants import Instant
from app.store import tables
from app.store.dialects import upsert


class NameTaken(ControlRoomError):
    """There is a person of that name."""

    kind, code = "conflict", "name_taken"


class PersonRow(Struct, frozen=True, kw_only=True):
    """`password`: an Argon2 hash, None until one was chosen. `brand` empty: the agency's own."""

    id: str
    name: str
    password: str | None
    role: Role
    brand: str
    created_ms: int
    disabled_ms: int | None = None


class OpenLink(Struct, frozen=True):
    """A link that can be used. `name`, `role`: whose password it sets; no name: it makes the first administrator."""

    expires_ms: Instant
    name: str
    role: Role = Role.ADMIN


class SignInRow(Struct, frozen=True, kw_only=True):
    """`hash`: of the cookie's random value. `browser`: how the person tells one from the other."""

    hash: str
    person: str
    created_ms: int
    last_seen_ms: int
    expires_ms: int
    browser: str = ""


def add_person(conn: Connection, row: PersonRow) -> None:
    """Raises NameTaken."""
    statement = upsert(conn, tables.people).values(_values(row)).on_conflict_do_nothing().returning(tables.people.c.id)
    if conn.execute(statement).first() is None:
        raise NameTaken("there is a person of that name", name=row.name)


def person(conn: Connection, person_id: str, *, hold: bool = False) -> PersonRow:
    """Return a person; `hold`: nobody changes that one before this transaction ends. Raises NotFound."""
    query = select(tables.people).where(tables.people.c.id == person_id)
    row = conn.execute(query.with_for_update(read=True) if hold else query).mappings().first()
    if row is None:
        raise NotFound("no such person", person=person_id)
    return _person(row)


def person_named(conn: Connection, name: str) -> PersonRow | None:
    """Return the person of that name, disabled or not."""
    row = conn.execute(select(tables.people).where(tables.people.c.name == name)).mappings().first()
    return None if row is None else _person(row)


def everybody(conn: Connection, *, brand: str | None = None) -> list[PersonRow]:
    """Return all people by name; of one brand only, if given."""
    query = select(tables.people).order_by(tables.people.c.name)
    if brand is not None:
        query = query.where(tables.people.c.brand == brand)
    return [_person(row) for row in conn.execute(query).mappings()]


def has_admin(conn: Connection) -> bool:
    """Tell whether somebody can sign in as administrator of the whole agency: one of a brand lets nobody in."""
    people = tables.people
    can = people.c.disabled_ms.is_(None) & people.c.password.is_not(None) & (people.c.brand == "")
    return conn.execute(select(people.c.id).where(people.c.role == Role.ADMIN, can).limit(1)).first() is not None


def change_person(
    conn: Connection,
    person_id: str,
    *,
    password: str | None = None,
    role: Role | None = None,
    brand: str | None = None,
) -> PersonRow:
    """Change what is given. A new password, role or brand ends the person's sign-ins, so that no old right lives on."""
    values = {"password": password, "role": role, "brand": brand}
    values = {name: value for name, value in values.items() if value is not None}
    if values:
        conn.execute(update(tables.people).where(tables.people.c.id == person_id).values(values))
        sign_out_everywhere(conn, person_id)
    return person(conn, person_id)


def disable_person(conn: Connection, person_id: str, at: Instant | None) -> None:
    """Shut a person out, with all sign-ins and links; or let the person in again (`at` None)."""
    conn.execute(update(tables.people).where(tables.people.c.id == person_id).values(disabled_ms=at))
    if at is not None:
        sign_out_everywhere(conn, person_id)
        conn.execute(delete(tables.entry_links).where(tables.entry_links.c.person == person_id))


def sign_in(conn: Connection, row: SignInRow) -> None:
    """Store a sign-in, and remove those that have expired by now."""
    table = tables.sign_ins
    conn.execute(delete(table).where(table.c.expires_ms <= row.created_ms))
    conn.execute(insert(table).values({name: getattr(row, name) for name in row.__struct_fields__}))


def signed_in(conn: Connection, hash_: str, now: Instant) -> tuple[PersonRow, SignInRow] | None:
    """Return who is signed in by that cookie; None when it is unknown, expired, or the person is disabled."""
    table = tables.sign_ins
    found = conn.execute(select(table).where(table.c.hash == hash_, table.c.expires_ms > now)).mappings().first()
    if found is None:
        return None
    row = SignInRow(**found)
    who = person(conn, row.person)
    return None if who.disabled_ms is not None else (who, row)


def see(conn: Connection, hash_: str, now: Instant) -> None:
    """Note that a sign-in is in use."""
    table = tables.sign_ins
    conn.execute(update(table).where(table.c.hash == hash_).values(last_seen_ms=now))


def sign_out(conn: Connection, hash_: str) -> None:
    conn.execute(delete(tables.sign_ins).where(tables.sign_ins.c.hash == hash_))


def sign_out_everywhere(conn: Connection, person_id: str, *, but: str = "") -> None:
    """End a person's sign-ins, except perhaps the one that asks."""
    table = tables.sign_ins
    conn.execute(delete(table).where(table.c.person == person_id, table.c.hash != but))


def make_link(conn: Connection, hash_: str, at: Instant, expires: Instant, person_id: str | None = None) -> None:
    """Store a link that is valid once. Of one purpose only the newest is valid: older ones are removed."""
    table = tables.entry_links
    conn.execute(delete(table).where(table.c.person.is_not_distinct_from(person_id)))
    values = {"hash": hash_, "person": person_id, "created_ms": at, "expires_ms": expires, "used_ms": None}
    conn.execute(insert(table).values(values))


def open_link(conn: Connection, hash_: str, now: Instant) -> OpenLink | None:
    """Return a link that can be used now, with the name and role of its person; None when it cannot."""
    table, people = tables.entry_links, tables.people
    query = (
        select(table.c.expires_ms, people.c.name, people.c.role)
        .join_from(table, people, people.c.id == table.c.person, isouter=True)
        .where(table.c.hash == hash_, table.c.used_ms.is_(None), table.c.expires_ms > now)
        .where(people.c.disabled_ms.is_(None))
    )
    found = conn.execute(query).first()
    if found is None or (found.name is None and has_admin(conn)):
        return None
    return OpenLink(Instant(found.expires_ms), found.name or "", Role(found.role) if found.role else Role.ADMIN)


def use_link(conn: Connection, hash_: str, now: Instant) -> str | None:
    """Use a link up and return whose it is (None: the first administrator's). Once only, by nobody who is shut out, and
    by nobody as the first where there is one already. Raises NotFound.
    """
    table = tables.entry_links
    used = (
        update(table)
        .where(table.c.hash == hash_, table.c.used_ms.is_(None), table.c.expires_ms > now)
        .values(used_ms=now)
        .returning(table.c.person)
    )
    row = conn.execute(used).first()
    if row is None:
        raise NotFound("the link is not valid any more")
    void = has_admin(conn) if row.person is None else person(conn, row.person, hold=True).disabled_ms is not None
    if void:
        raise NotFound("the link is not valid any more")
    return None if row.person is None else str(row.person)


def _person(row: Any) -> PersonRow:
    return PersonRow(**{**row, "role": Role(row["role"])})


def _values(row: PersonRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
