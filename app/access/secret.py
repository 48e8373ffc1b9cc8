"""Secrets as they are made and looked up: random, told once, kept only as a hash."""

import secrets
from hashlib import sha256
from typing import Final

SECRET_BYTES: Final = 32
SECRET_CHARS: Final = 128
"""Longer ones are not ours; they are not even hashed."""


def fresh_secret(prefix: str = "") -> str:
    """Return a new secret of 256 random bits, safe in URLs, cookies and headers."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def fresh_id() -> str:
    """Return a new public id of a person, token or tablet: 16 hex characters."""
    return secrets.token_hex(8)


def secret_hash(secret: str) -> str:
    """Return the name under which a secret is kept.

    Looking a SHA-256 of 256 random bits up in an index tells an attacker nothing by its time: near misses of the hash
    say nothing of the secret. What is short (pairing codes) has few tries instead.
    """
    return sha256(secret[:SECRET_CHARS].encode("utf-8", "surrogatepass")).hexdigest()
