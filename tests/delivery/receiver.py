"""A receiver of webhooks on a real socket: checks signatures as the standard says, apart from the code under test."""

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from app.domain.people import Clearance
from app.domain.workspace import Channel
from tests.delivery.chat import Answer, Chat, Received
from tests.delivery.outbox import Outbox

FIRST = "whsec_ZmFrZS1zdGFuZGFyZC13ZWJob29rcy1rZXktMzJieXQ="
SECOND = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = Channel(
    name="hook", kind="webhook", title={"zh-CN": "工单"}, robots=("HOOK",), secrets=("NEW", "OLD"), per_minute=120
)
TOOK = Answer("", status=204)


@dataclass(frozen=True)
class Event:
    """An event as it came in. `verified`: by which of the two secrets its signatures are good."""

    id: str
    at_s: int
    raw: bytes
    verified: tuple[bool, bool]

    @property
    def body(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.raw)
        return decoded

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["data"]
        return found


@dataclass
class Receiver(Chat):
    events: list[Event] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in/cueroom?shop=7"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.script:
            self.script.append(TOOK)
        await super().serve(reader, writer)

    def _read(self, head: str, body: bytes) -> Received:
        assert head.startswith("POST /in/cueroom?shop=7 HTTP/1.1\r\n")
        lines = (line.split(": ", 1) for line in head.splitlines()[1:] if line)
        headers = {name.lower(): value for name, value in lines}
        assert headers["content-type"] == "application/json"
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        sent = headers["webhook-signature"].split(" ")
        verified = (expected(FIRST, signed) in sent, expected(SECOND, signed) in sent)
        self.events.append(Event(headers["webhook-id"], int(headers["webhook-timestamp"]), body, verified))
        return Received({}, {}, len(body), any(verified))


def expected(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def listened(outbox: Outbox, receiver: Receiver, *, clearance: Clearance = Clearance.OPEN) -> Channel:
    """Make the receiver the channel `hook` of an outbox."""
    outbox.environ |= {"HOOK": receiver.url, "NEW": FIRST, "OLD": SECOND}
    outbox.channels["hook"] = channel = replace(HOOK, clearance=clearance)
    return channel
