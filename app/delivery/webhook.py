"""Webhooks of the Standard Webhooks specification: the signed request, and what a status means. docs/webhook.md."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from app.delivery.answers import Answer, Reply
from app.delivery.robots import Message, Post, Robot, Unready

PREFIX: Final = "whsec_"
KEY_BYTES: Final = (24, 64)
UNREADABLE: Final = frozenset({401, 403, 404, 405, 407})
"""Address, secret or path are wrong; the next message would fare no better."""
LATER: Final = frozenset({408, 409, 425})
REDIRECT_MOST: Final = 3


def key_of(secret: str) -> bytes:
    """Return the key that a secret `whsec_...` spells. Raises ValueError."""
    if not secret.startswith(PREFIX):
        raise ValueError("a secret begins with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ is not base64") from None
    if not KEY_BYTES[0] <= len(key) <= KEY_BYTES[1]:
        raise ValueError("a key has 24 to 64 bytes")
    return key


def signature(secret: str, message_id: str, at_s: int, body: bytes) -> str:
    """Return `v1,` and the base64 of the signature over id, time in seconds and exactly these bytes."""
    signed = b".".join((message_id.encode(), str(at_s).encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()}"


class Webhook:
    """Knows the wire form; keeps nothing. The body is made by `event`."""

    by_id: Final = True

    def ready(self, robot: Robot, names: Sequence[str]) -> None:
        """Look at the secrets. Raises Unready."""
        for secret, name in zip(robot.secrets, names, strict=True):
            try:
                key_of(secret)
            except ValueError:
                raise Unready("bad_secret", name) from None

    def post(self, message: Message, robot: Robot, at_ms: int) -> Post:
        """Return the request, with a signature by each secret: while one is being replaced both are good."""
        at_s, body = at_ms // 1_000, message.event
        headers = {
            "webhook-id": message.id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": " ".join(signature(secret, message.id, at_s, body) for secret in robot.secrets),
        }
        return Post(robot.address, None, body, headers=headers, by_status=True)

    def judge(self, reply: Reply) -> Answer:
        """Return what a reply means, by its status alone."""
        status = reply.status
        if 200 <= status < 300:
            return Answer("accepted", known="took")
        if status == 410:
            return Answer("gone", known="gone")
        if status == 429 or (status == 503 and reply.retry_after_ms):
            return Answer("throttled", after_ms=reply.retry_after_ms, known="too_many")
        if status >= 500 or status in LATER:
            return Answer("transient", after_ms=reply.retry_after_ms, known="server_error")
        if 300 <= status < 400:
            return Answer("garbled", most=REDIRECT_MOST, known="redirect")
        if status in UNREADABLE:
            return Answer("fault", known="not_allowed")
        return Answer("refused", known="refused")
