"""People: signing in and out, links that let somebody choose a password, and who is behind a cookie."""

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from app.access.attempts import FREE, Attempts, network_of
from app.access.passwords import Passwords
from app.access.principal import NotSignedIn, Principal, Revocations, person_handle, sign_in_handle
from app.access.secret import SECRET_CHARS, fresh_id, fresh_secret, secret_hash
from app.clock import Clock
from app.domain.people import SYSTEM, Actor, Role
from app.domain.words import is_seen
from app.errors import ControlRoomError, Forbidden, Unavailable
from app.instants import DAY, MINUTE, Instant, later
from app.store import people as rows
from app.store.audit import note
from app.store.database import Store
from app.store.people import PersonRow, SignInRow
from app.store.workspace import require_brand

SIGN_IN_MS: Final = 7 * DAY
LINK_MS: Final = 10 * MINUTE
INVITATION_MS: Final = 3 * DAY
SEEN_EVERY_MS: Final = MINUTE
SEEN_KNOWN: Final = 10_000
NAME_CHARS: Final = 40


class BadCredentials(ControlRoomError):
    """One of the two is wrong; it is not said which."""

    kind, code = "unauthenticated", "bad_credentials"


class LinkUsed(ControlRoomError):
    """The link was used, or its time is over."""

    kind, code = "forbidden", "link_used"


class BadName(ControlRoomError):
    """Empty, too long, or with characters that cannot be seen."""

    code = "bad_name"


class PersonView(Struct, frozen=True, kw_only=True):
    """A person as lists show them; never with the hash of a password."""

    id: str
    name: str
    role: Role
    brand: str
    created_ms: int
    has_password: bool
    disabled_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that can be used. `name`, `role`: whose password it sets; no name: it makes the first administrator."""

    left_ms: int
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Entered:
    """A sign-in: the cookie's value is told here and nowhere else."""

    cookie: str
    expires_ms: Instant
    principal: Principal


class People:
    """Owns attempts and password work; everything else of people lies in SQL."""

    def __init__(self, *, store: Store, clock: Clock, revocations: Revocations, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._revocations = revocations
        self._passwords = passwords
        self._attempts = Attempts()
        self._attempts_of_name = Attempts(free=4 * FREE)  # from many addresses at once
        self._attempts_of_address = Attempts(free=6 * FREE)  # with many names
        self._seen: dict[str, Instant] = {}

    # Coming in.

    async def sign_in(self, name: str, password: str, *, address: str = "", browser: str = "") -> Entered:
        """Return a new sign-in. Raises BadCredentials, and LockedOut with the seconds to wait."""
        now = self._clock.now()
        name, whence = unicodedata.normalize("NFC", name).strip()[:NAME_CHARS], network_of(address)
        self._attempts.begin((name.casefold(), whence), now)
        self._attempts_of_name.begin(name.casefold(), now)
        self._attempts_of_address.begin(whence, now)
        found = await self._store.read(partial(rows.person_named, name=name)) if _is_name(name) else None
        hash_ = found.password if found is not None and found.disabled_ms is None else None
        if not await self._passwords.matches(hash_, password) or found is None:
            await self._note(_stranger(found), "sign_in", code="bad_credentials")
            raise BadCredentials("name or password is wrong")
        self._attempts.succeeded((name.casefold(), whence))
        self._attempts_of_name.succeeded(name.casefold())
        self._attempts_of_address.succeeded(whence)
        return await self._enter(found, browser)

    async def signed_in(self, cookie: str) -> Principal:
        """Return who is signed in by a cookie. Raises NotSignedIn."""
        if not cookie or len(cookie) > SECRET_CHARS:
            raise NotSignedIn("sign in first")
        hash_, now = secret_hash(cookie), self._clock.now()
        found = await self._store.read(partial(rows.signed_in, hash_=hash_, now=now))
        if found is None:
            raise NotSignedIn("sign in first")
        person, row = found
        if now - max(row.last_seen_ms, self._seen.get(hash_, Instant(0))) >= SEEN_EVERY_MS:
            if len(self._seen) >= SEEN_KNOWN:
                self._seen.clear()
            self._seen[hash_] = now
            with suppress(Unavailable):  # who is in stays in, also when nothing can be written
                await self._store.write(partial(rows.see, hash_=hash_, now=now))
        return _principal(person, hash_)

    async def sign_out(self, cookie: str) -> None:
        """End the sign-in of a cookie, and its sockets; one that is not there is no error."""
        hash_ = secret_hash(cookie)
        await self._store.write(partial(rows.sign_out, hash_=hash_))
        self._revocations.tell(sign_in_handle(hash_))

    async def sign_out_everywhere(self, person_id: str, by: Actor) -> None:
        """End all sign-ins of a person. Raises NotFound."""

        def end(conn: Connection) -> None:
            rows.person(conn, person_id)
            rows.sign_out_everywhere(conn, person_id)
            note(conn, self._clock.now(), by, "sign_out_everywhere", person_id)

        await self._store.write(end)
        self._revocations.tell(person_handle(person_id))

    # Links.

    async def first_admin_link(self) -> str | None:
        """Return the secret of a link that makes its user administrator; None when somebody already is."""
        if await self._store.read(rows.has_admin):
            return None
        now, secret = self._clock.now(), fresh_secret()
        await self._store.write(
            partial(rows.make_link, hash_=secret_hash(secret), at=now, expires=later(now, LINK_MS), person_id=None)
        )
        return secret

    async def invite(self, person_id: str, by: Actor) -> str:
        """Return the secret of a link by which a person chooses a password. Raises NotFound."""
        now, secret = self._clock.now(), fresh_secret()

        def make(conn: Connection) -> None:
            person = rows.person(conn, person_id)
            rows.make_link(conn, secret_hash(secret), now, later(now, INVITATION_MS), person.id)
            note(conn, now, by, "invite_person", person.id)

        await self._store.write(make)
        return secret

    async def link(self, secret: str) -> OpenLink | None:
        """Return a link that could be used now, None for any other; for the page that asks for a password."""
        now = self._clock.now()
        found = await self._store.read(partial(rows.open_link, hash_=secret_hash(secret), now=now))
        return None if found is None else OpenLink(found.expires_ms - now, found.name, found.role)

    async def enter_by_link(self, secret: str, name: str, password: str, *, browser: str = "") -> Entered:
        """Use a link: its person chooses a password, or a first administrator is made; signed in at once.

        Raises LinkUsed, BadName, WeakPassword, NameTaken; after any of them but the first the link is still good.
        """
        if await self.link(secret) is None:
            raise LinkUsed("the link was used, or its time is over")
        name = checked_name(name)
        hash_ = await self._passwords.hashed(password, name)
        now = self._clock.now()
        person = await self._store.write(
            partial(_use_link, secret_hash=secret_hash(secret), name=name, password=hash_, now=now)
        )
        self._revocations.tell(person_handle(person.id))
        return await self._enter(person, browser)

    # Lists and changes.

    async def everybody(self, brand: str | None = None) -> Sequence[PersonView]:
        """Return all people, or those of one brand."""
        return [_view(row) for row in await self._store.read(partial(rows.everybody, brand=brand))]

    async def add(self, name: str, role: Role, brand: str, by: Actor, password: str | None = None) -> PersonView:
        """Add a person. Raises NameTaken, BadName, WeakPassword, and NotFound for a brand that is not there."""
        name = checked_name(name)
        hash_ = None if password is None else await self._passwords.hashed(password, name)
        now = self._clock.now()
        row = PersonRow(id=fresh_id(), name=name, password=hash_, role=role, brand=brand, created_ms=now)

        def add(conn: Connection) -> None:
            require_brand(conn, brand)
            rows.add_person(conn, row)
            note(conn, now, by, "add_person", row.id, detail={"name": name, "role": role.value, "brand": brand})

        await self._store.write(add)
        return _view(row)

    async def change(
        self,
        person_id: str,
        by: Actor,
        *,
        role: Role | None = None,
        brand: str | None = None,
        disabled: bool | None = None,
    ) -> PersonView:
        """Change a role or a brand, shut the person out or let that one in; what is so already is left alone.

        Another right, or none, ends the person's sign-ins. Raises NotFound, and Forbidden for the last administrator.
        """
        now = self._clock.now()

        def change(conn: Connection) -> tuple[PersonRow, PersonRow]:
            before, had_admin = rows.person(conn, person_id), rows.has_admin(conn)
            rights = before.role if role is None else role, before.brand if brand is None else brand
            if rights != (before.role, before.brand):
                require_brand(conn, rights[1])
                rows.change_person(conn, person_id, role=rights[0], brand=rights[1])
                detail = {"role": rights[0].value, "brand": rights[1]}
                note(conn, now, by, "change_person", person_id, detail=detail)
            if disabled is not None and disabled != (before.disabled_ms is not None):
                rows.disable_person(conn, person_id, now if disabled else None)
                note(conn, now, by, "disable_person" if disabled else "enable_person", person_id)
            _keep_an_admin(conn, had_admin)
            return before, rows.person(conn, person_id)

        before, row = await self._store.write(change)
        if row != before:
            self._revocations.tell(person_handle(person_id))
        return _view(row)

    async def set_password(self, person_id: str, password: str, by: Actor) -> None:
        """Give a person a password and end the sign-ins made with the one before. Raises NotFound, WeakPassword."""
        person = await self._store.read(partial(rows.person, person_id=person_id))
        hash_ = await self._passwords.hashed(password, person.name)

        def change(conn: Connection) -> None:
            rows.change_person(conn, person_id, password=hash_)
            note(conn, self._clock.now(), by, "set_password", person_id)

        await self._store.write(change)
        self._revocations.tell(person_handle(person_id))

    async def _enter(self, person: PersonRow, browser: str) -> Entered:
        """Sign a person in as that one was read. Raises BadCredentials when something was changed since."""
        now, cookie = self._clock.now(), fresh_secret()
        expires = later(now, SIGN_IN_MS)
        principal = _principal(person, secret_hash(cookie))
        row = SignInRow(
            hash=secret_hash(cookie),
            person=person.id,
            created_ms=now,
            last_seen_ms=now,
            expires_ms=expires,
            browser=browser[:200],
        )

        def enter(conn: Connection) -> None:
            if rows.person(conn, person.id, hold=True) != person:
                raise BadCredentials("the person was changed meanwhile")
            rows.sign_in(conn, row)
            note(conn, now, principal.actor, "sign_in", person.id)

        await self._store.write(enter)
        return Entered(cookie, expires, principal)

    async def _note(self, by: Actor, action: str, code: str) -> None:
        await self._store.write(partial(note, at=self._clock.now(), by=by, action=action, code=code))


def checked_name(name: str) -> str:
    """Return a person's or tablet's name as it is kept. Raises BadName."""
    name = unicodedata.normalize("NFC", name).strip()
    if not _is_name(name):
        raise BadName("a name has 1 to 40 characters that can be seen", most=NAME_CHARS)
    return name


def _is_name(text: str) -> bool:
    return 1 <= len(text) <= NAME_CHARS and is_seen(text)


def _use_link(conn: Connection, secret_hash: str, name: str, password: str, now: Instant) -> PersonRow:
    try:
        person_id = rows.use_link(conn, secret_hash, now)
    except ControlRoomError:
        raise LinkUsed("the link was used, or its time is over") from None
    if person_id is not None:
        row = rows.change_person(conn, person_id, password=password)
        note(conn, now, _actor(row), "choose_password", row.id)
        return row
    row = PersonRow(id=fresh_id(), name=name, password=password, role=Role.ADMIN, brand="", created_ms=now)
    rows.add_person(conn, row)
    note(conn, now, SYSTEM, "first_admin", row.id, detail={"name": name})
    return row


def _keep_an_admin(conn: Connection, had_admin: bool) -> None:
    if had_admin and not rows.has_admin(conn):
        raise Forbidden("the last administrator stays one")


def _principal(row: PersonRow, sign_in: str) -> Principal:
    handles = frozenset({person_handle(row.id), sign_in_handle(sign_in)})
    return Principal("person", row.id, row.name, row.role, row.brand, handles=handles)


def _actor(row: PersonRow) -> Actor:
    return Actor("operator", row.id, row.name, row.role)


def _stranger(row: PersonRow | None) -> Actor:
    """Who was tried. A name nobody has is not written down: it may be a password in the wrong field."""
    return Actor("operator", row.id if row else "", row.name if row else "?", row.role if row else Role.VIEWER)


def _view(row: PersonRow) -> PersonView:
    return PersonView(
        id=row.id,
        name=row.name,
        role=row.role,
        brand=row.brand,
        created_ms=row.created_ms,
        has_password=row.password is not None,
        disabled_ms=row.disabled_ms,
    )
