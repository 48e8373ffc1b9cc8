"""The operations by name: what a command line asks for, in this process or over the socket of a running server."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

import msgspec

from app.errors import ControlRoomError
from app.operations.answer import Answer, Handler, refused
from app.operations.backup import Backup, back_up
from app.operations.channels import ChannelTest, try_channel
from app.operations.database import Upgrade, upgrade
from app.operations.doctor import Examine, examine
from app.operations.installation import Installation
from app.operations.people import AddUser, add_user
from app.operations.purge import Purge, purge
from app.operations.setup import Setup, setup
from app.operations.tokens import CreateToken, create_token

W = TypeVar("W", bound=msgspec.Struct)


class BadArguments(ControlRoomError):
    """The other side of the socket is of another release."""

    code = "bad_arguments"


class _Operation(Generic[W]):
    def __init__(self, wanted: type[W], work: Callable[[Installation, W], Awaitable[Answer]]) -> None:
        self._wanted, self._work = wanted, work

    async def __call__(self, here: Installation, arguments: dict[str, Any]) -> Answer:
        try:
            wanted = msgspec.convert(arguments, self._wanted)
        except msgspec.ValidationError as mistake:
            return refused(BadArguments(f"the arguments are not understood: {mistake}"))
        try:
            return await self._work(here, wanted)
        except ControlRoomError as refusal:
            return refused(refusal)


OPERATIONS: Final[dict[str, _Operation[Any]]] = {
    "setup": _Operation(Setup, setup),
    "token create": _Operation(CreateToken, create_token),
    "user add": _Operation(AddUser, add_user),
    "channel test": _Operation(ChannelTest, try_channel),
    "doctor": _Operation(Examine, examine),
    "backup": _Operation(Backup, back_up),
    "purge": _Operation(Purge, purge),
    "db upgrade": _Operation(Upgrade, upgrade),
}


def handlers(here: Installation) -> dict[str, Handler]:
    """Return every operation on one installation, for `serve_socket`."""

    def bound(operation: _Operation[Any]) -> Handler:
        return lambda arguments: operation(here, arguments)

    return {name: bound(operation) for name, operation in OPERATIONS.items()}
