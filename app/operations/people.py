"""`user add`: a person with a role, who chooses a password by a link or has typed it on this terminal."""

from functools import partial

from msgspec import Struct

from app.access.people import checked_name
from app.domain.people import SYSTEM, Role
from app.errors import ControlRoomError
from app.operations.answer import Answer
from app.operations.installation import Installation
from app.operations.words import word
from app.store import people as rows
from app.store.people import PersonRow


class PersonDiffers(ControlRoomError):
    """The person is there with another role or brand than asked for."""

    kind, code = "conflict", "person_differs"


class NeedsRole(ControlRoomError):
    """A new person needs a role."""

    code = "needs_role"


class PersonDisabled(ControlRoomError):
    """The person is shut out."""

    kind, code = "conflict", "person_disabled"


class AddUser(Struct, frozen=True):
    """`role` None: of a person that is there already, from the workspace file or by hand."""

    name: str
    language: str
    role: Role | None = None
    brand: str | None = None
    password: str | None = None


async def add_user(here: Installation, wanted: AddUser) -> Answer:
    """Add the person, or take the one that is there; then set the password, or make a link by which it is chosen."""
    name = checked_name(wanted.name)
    person = await here.store.read(partial(rows.person_named, name=name))
    lines: list[str] = []
    if person is None:
        if wanted.role is None:
            raise NeedsRole("a new person needs --role", name=name)
        added = await here.access.people.add(name, wanted.role, wanted.brand or "", SYSTEM, wanted.password)
        identity, role = added.id, added.role
        lines.append(word("person_added", wanted.language, name=name, role=role.value))
    else:
        _require_same(person, wanted)
        identity, role = person.id, person.role
        if wanted.password is not None:
            await here.access.people.set_password(identity, wanted.password, SYSTEM)
    data = {"id": identity, "name": name, "role": role.value}
    if wanted.password is not None:
        lines.append(word("password_set", wanted.language, name=name))
        return Answer(tuple(lines), data=data)
    link = f"{here.url}/first?token={await here.access.people.invite(identity, SYSTEM)}"
    lines += [word("person_link", wanted.language, name=name), f"  {link}"]
    return Answer(tuple(lines), data=data | {"link": link})


def _require_same(person: PersonRow, wanted: AddUser) -> None:
    if person.disabled_ms is not None:
        raise PersonDisabled("the person is shut out; let the person in again first", name=person.name)
    if wanted.role not in (None, person.role) or wanted.brand not in (None, person.brand):
        raise PersonDiffers(
            "the person is there with another role or brand; change it in the workspace file or by the API",
            name=person.name,
            role=person.role.value,
            brand=person.brand,
        )
