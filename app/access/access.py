"""Access: the three ways in behind one door, for requests and sockets alike."""

from functools import partial
from typing import Any, Final

from app.access.devices import Devices
from app.access.passwords import Passwords
from app.access.people import People
from app.access.principal import NotSignedIn, Principal, Revocations
from app.access.tokens import Tokens
from app.clock import Clock
from app.domain.people import Actor
from app.store.audit import note
from app.store.database import Store

SIGN_IN_COOKIE: Final = "sign_in"
DEVICE_COOKIE: Final = "device"


class Access:
    """Builds people, tokens and devices over one store, and tells them apart at the door."""

    def __init__(self, *, store: Store, clock: Clock, passwords: Passwords | None = None) -> None:
        self._store = store
        self._clock = clock
        self.revocations = Revocations()
        self.people = People(store=store, clock=clock, revocations=self.revocations, passwords=passwords or Passwords())
        self.tokens = Tokens(store=store, clock=clock, revocations=self.revocations)
        self.devices = Devices(store=store, clock=clock, revocations=self.revocations)

    async def note(self, by: Actor, action: str, subject: str, detail: dict[str, Any] | None = None) -> None:
        """Write a line into the audit, for what is neither a command of a session nor done here."""
        await self._store.write(
            partial(note, at=self._clock.now(), by=by, action=action, subject=subject, detail=detail)
        )

    async def principal(self, *, authorization: str = "", sign_in: str = "", device: str = "") -> Principal:
        """Return who this is: by the Authorization header alone when there is one, else by cookie.

        Raises NotSignedIn (BadToken among them), and Forbidden for a token that may only send.
        """
        if authorization:
            return await self.tokens.principal(bearer(authorization))
        if sign_in:
            try:
                return await self.people.signed_in(sign_in)
            except NotSignedIn:
                if not device:
                    raise
        if device:
            return await self.devices.principal(device)
        raise NotSignedIn("sign in first")


def bearer(authorization: str) -> str:
    """Return the secret of an Authorization header. Raises NotSignedIn for any other kind of header."""
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NotSignedIn("the Authorization header must be: Bearer <token>")
    return secret.strip()
