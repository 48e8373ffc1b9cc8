"""Random sessions for the property tests, and the ways in which one record can be played."""

import random
from collections.abc import Iterable, Iterator
from functools import cache

import msgspec

from app.domain.board import Audience, Topic
from app.domain.commands import AckAlert, MoveRundown, ReceivePrompt, SendPrompt, Stage, UnackAlert
from app.domain.effects import Effects
from app.domain.events import EnterEvent, Event, FollowEvent, LikeEvent, ShareEvent
from app.domain.identity import Position
from app.domain.people import Clearance
from app.domain.records import Chunk, Events, size_of
from app.engine.changes import TOPICS
from app.engine.engine import Engine
from app.instants import Instant
from tests.engine.script import TABLET, TWO_ROOMS, Script, merged

LINES = ("天冷喝一杯，暖身御寒", "最后一分钟上车", "酒不能御寒，请理性饮酒", "大家好")


@cache
def random_session(seed: int, steps: int = 100) -> tuple[Script, Effects]:
    """Return a session with some of everything, and what came out while it was live.

    Both rooms, late and repeated events, silence, gaps, commands.
    """
    draw = random.Random(seed)
    script = Script(TWO_ROOMS, live=draw.random() < 0.7)
    second = 1.0
    sent: list[Event] = []
    for _ in range(steps):
        second += draw.choice((0.0, 0.004, 0.2, 0.9, 2.0, 7.0, 31.0)) * draw.random()
        kind = draw.random()
        if kind < 0.75:
            batch = [_event(draw, script, second) for _ in range(draw.randint(0, 6))]
            if sent and draw.random() < 0.2:
                batch.append(draw.choice(sent))
            sent.extend(batch)
            source = draw.choice(("feed", "obs", "erp"))
            script.send(second, *batch, source=source)
        elif kind < 0.85:
            _command(draw, script, second)
        elif kind < 0.88:
            script.gap(second, second + draw.choice((5, 90, 700)))
            second = (script.engine.now - script.starts) / 1_000
        elif kind < 0.92:
            wait = draw.choice((16, 65, 125, 320))
            if draw.random() < 0.5:
                for later in range(5, wait, 5):
                    script.send(second + later, *(script.viewers(second + later, 300, room) for room in ("r1", "r2")))
            second += wait
        else:
            script.say(second, draw.choice(LINES))
    return script, script.engine.take_effects()


@cache
def crowded_session(seed: int) -> Script:
    """Return a session whose batches hold hundreds of events of both rooms: of several seconds, some late or repeated,
    running totals, first viewer counts, rooms that pause and come back, and words that are judged, all mixed."""
    draw = random.Random(seed)
    script = Script(TWO_ROOMS, live=draw.random() < 0.5)
    sent: list[Event] = []
    for second in range(2, 60, 9):
        batch = [_event(draw, script, second) for _ in range(draw.randint(100, 300))]
        for _ in range(40):
            room, when = draw.choice(("r1", "r2")), second - draw.choice((0.0, 0.3, 1.4, 33.0))
            kind = draw.choice((LikeEvent, EnterEvent, ShareEvent, FollowEvent))
            batch.append(script.act(kind, when, draw.randint(1, 150), room, total=draw.randint(0, 900)))
        batch += [script.speech(second, draw.choice(LINES)) for _ in range(3)]
        batch += [script.status(second, draw.choice(("live", "paused")), draw.choice(("r1", "r2"))) for _ in range(2)]
        batch += draw.sample(sent, min(5, len(sent)))
        draw.shuffle(batch)
        sent += batch
        script.send(second, *batch, source=draw.choice(("feed", "obs")))
    script.wait(70)
    return script


def _event(draw: random.Random, script: Script, second: float) -> Event:
    when = second - draw.choice((0.0, 0.0, 0.1, 0.8, 3.0, 29.0, 45.0, 700.0, 2_000.0)) * draw.random()
    who, room = draw.randint(1, 150), draw.choice(("r1", "r1", "r2"))
    match draw.randint(0, 9):
        case 0 | 1:
            return script.viewers(when, draw.choice((40, 150, 400)), room)
        case 2:
            return script.like(when, draw.choice((who, None)), room, count=draw.randint(1, 5))
        case 3:
            return script.enter(when, who, room)
        case 4:
            return script.act(FollowEvent, when, who, room)
        case 5:
            return script.comment(when, draw.choice(("好喝", "暖身吗", "多少钱")), draw.choice((who, who, None)), room)
        case 6:
            return script.paid(when, f"o{draw.randint(1, 400)}", draw.randint(1, 30), f"SKU-{draw.randint(1, 3)}")
        case 7:
            fields = {"available": draw.randint(0, 600), "version": draw.randint(1, 60)}
            return script.stock(when, f"SKU-{draw.randint(1, 2)}", **fields)
        case 8:
            return script.stream(when, draw.choice((4000.0, 1500.0, 3900.0)), reconnecting=draw.random() < 0.1)
        case _:
            return script.click(when, "SKU-1", total=draw.randint(0, 90))


def _command(draw: random.Random, script: Script, second: float) -> None:
    alerts, prompts = script.topic("alerts"), script.topic("prompts")
    match draw.randint(0, 4):
        case 0 if alerts:
            script.order_to(second, AckAlert(draw.choice(sorted(alerts))))
        case 1 if alerts:
            script.order_to(second, UnackAlert(draw.choice(sorted(alerts))))
        case 2 if prompts:
            stages: tuple[Stage, ...] = ("shown", "seen", "done")
            stage = draw.choice(stages)
            at = script.at(second - draw.random())
            script.order_to(second, ReceivePrompt(draw.choice(sorted(prompts)), "d1", "平板", stage, at), by=TABLET)
        case 3:
            script.order_to(second, MoveRundown(draw.choice(("next", "back"))))
        case _:
            script.order_to(second, SendPrompt({"zh-CN": "讲一下价格"}, draw.choice(("urgent", "normal"))))


def play(engine: Engine, chunks: Iterable[Chunk]) -> Effects:
    """Apply chunks and return all effects."""
    parts = []
    for chunk in chunks:
        engine.apply(chunk)
        parts.append(engine.take_effects())
    return merged(parts)


def play_restless(engine: Engine, chunks: list[Chunk], seed: int) -> Effects:
    """The same, waking the engine between the chunks as an idle worker would, before time moves to the next of them."""
    draw = random.Random(seed)
    parts = []
    for chunk in chunks:
        gap = chunk.body.start_ms if hasattr(chunk.body, "start_ms") else chunk.applied_ms
        while engine.now < gap and draw.random() < 0.6:
            engine.advance(Instant(draw.randint(engine.now, gap)))
            parts.append(engine.take_effects())
        engine.apply(chunk)
    parts.append(engine.take_effects())
    return merged(parts)


def cut(chunks: list[Chunk], seed: int, most: int = 1_000) -> Iterator[Chunk]:
    """Yield the same events in smaller chunks of at most so many, each keeping its instant."""
    draw = random.Random(seed)
    for chunk in chunks:
        body = chunk.body
        if not isinstance(body, Events) or len(body.events) < 2:
            yield chunk
            continue
        first, rest = int(chunk.first), list(body.events)
        while rest:
            size = draw.randint(1, min(most, len(rest)))
            part = Events(body.source, body.rooms, rest[:size], body.source_name)
            last = first + size_of(part) - 1
            yield Chunk(Position(first), Position(last), chunk.applied_ms, chunk.received_ms, part, chunk.fence)
            first, rest = last + 1, rest[size:]


def told(effects: Effects) -> bytes:
    """Return effects as text, in which unknown seconds are equal."""
    return msgspec.json.encode(effects)


EYES: tuple[tuple[Audience, Clearance], ...] = (
    ("control", Clearance.RESTRICTED),
    ("wall", Clearance.OPEN),
    ("tablet", Clearance.OPEN),
)


def boards(engine: Engine) -> dict[tuple[Topic, Audience], object]:
    """Return every topic for every kind of eyes."""
    return {
        (topic, audience): engine.topic(topic, audience, clearance) for topic in TOPICS for audience, clearance in EYES
    }
