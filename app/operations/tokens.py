"""`token create`: a token for a machine, told once, with a line that tries it."""

import shlex
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from app.access.people import BadName
from app.domain.people import SYSTEM
from app.domain.words import is_seen
from app.operations.answer import Answer
from app.operations.installation import Installation
from app.operations.words import word
from app.store.tokens import Scope
from app.store.workspace import room

NAME_CHARS: Final = 64
"""As many as by HTTP."""


class CreateToken(Struct, frozen=True):
    """`rooms`: the only ones it may speak for or read; an ingest token needs one."""

    name: str
    scope: Scope
    language: str
    rooms: tuple[str, ...] = ()


async def create_token(here: Installation, wanted: CreateToken) -> Answer:
    """Make the token. Raises BadName, NotFound for a room that is not there, and NeedsRooms."""
    name = wanted.name.strip()
    if not 1 <= len(name) <= NAME_CHARS or not is_seen(name):
        raise BadName(f"a name has 1 to {NAME_CHARS} characters that can be seen", most=NAME_CHARS)
    for each in wanted.rooms:
        await here.store.read(partial(room, room_id=each))
    view, secret = await here.access.tokens.create(name, wanted.scope, wanted.rooms, SYSTEM)
    trial = _trial(here, wanted, secret)
    hint = "token_try_ingest" if wanted.scope == "ingest" else "token_try"
    lines = (word("token_once", wanted.language), f"  {secret}", word(hint, wanted.language), f"  {trial}")
    data = {"id": view.id, "token": secret, "scope": view.scope, "rooms": view.rooms, "curl": trial}
    return Answer(lines, data=data)


def _trial(here: Installation, wanted: CreateToken, secret: str) -> str:
    """Return a curl line that works as it stands in any shell: one reading of viewers of now, or the list of rooms."""
    bearer = shlex.quote(f"Authorization: Bearer {secret}")
    if wanted.scope != "ingest":
        return f"curl -sS -H {bearer} {here.url}/api/rooms"
    record = {"room": wanted.rooms[0], "kind": "viewers", "occurred_ms": here.clock.now(), "payload": {"online": 1}}
    body = shlex.quote(msgspec.json.encode(record).decode())
    return f"curl -sS -H {bearer} -H 'Content-Type: application/json' -d {body} {here.url}/api/ingest"
