"""Passwords: Argon2id in a thread, a few at a time, and the same time spent on names that do not exist."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.access.secret import fresh_secret
from app.errors import ControlRoomError

SHORTEST: Final = 12
LONGEST: Final = 200
AT_ONCE: Final = 2
"""Each takes 64 MiB and half a second of two busy cores; more at once would be a way to stop the control room."""


class WeakPassword(ControlRoomError):
    """Too short, too long, or the person's own name."""

    code = "weak_password"


class Passwords:
    """Owns the turn-taking; knows no names."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._decoy = ""

    async def hashed(self, password: str, name: str) -> str:
        """Return the hash to keep. Raises WeakPassword."""
        if not SHORTEST <= len(password) <= LONGEST or password.casefold() == name.casefold():
            raise WeakPassword("a password has 12 to 200 characters and is not your name", least=SHORTEST, most=LONGEST)
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, hash_: str | None, password: str) -> bool:
        """Return whether the password belongs to the hash; with no hash the same work is done, for nothing."""
        async with self._turns:
            return await asyncio.to_thread(self._verify, hash_, password[:LONGEST])

    def _verify(self, hash_: str | None, password: str) -> bool:
        self._decoy = self._decoy or self._hasher.hash(fresh_secret())
        try:
            self._hasher.verify(hash_ or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return hash_ is not None
