"""`channel test`: one marked message to a group, and the platform's answer."""

from functools import partial

from msgspec import Struct
from sqlalchemy import Connection

from app.delivery.proof import send_test
from app.delivery.reach import Reach
from app.domain.deliveries import Standing
from app.instants import Instant
from app.operations.answer import Answer
from app.operations.installation import Installation
from app.store.deliveries import hasten
from app.store.standings import stand
from app.store.workspace import channel


class ChannelTest(Struct, frozen=True):
    name: str
    language: str


async def try_channel(here: Installation, wanted: ChannelTest) -> Answer:
    """Send by each robot of the channel. Raises NotFound."""
    found = await here.store.read(partial(channel, name=wanted.name))
    reach = Reach.of(allow_private=here.settings.allow_private_webhooks, allow=here.settings.webhook_allow)
    proof = await send_test(found, clock=here.clock, language=wanted.language, reach=reach, environ=here.environ)
    data = {"channel": found.name, "passed": proof.passed, "answers": proof.lines}
    if not proof.passed:
        return Answer(errors=proof.lines, code=1, data=data)
    await here.store.write(partial(_opened, name=found.name, now=here.clock.now()))
    here.mended(found)
    return Answer(proof.lines, data=data)


def _opened(conn: Connection, name: str, now: Instant) -> None:
    stand(conn, Standing(name, "open"), robots="", now=now)
    hasten(conn, name, now)
