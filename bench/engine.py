"""The engine alone: microseconds an event with the four rules on, against a deque that is summed at each question."""

import gc
import random
import time
from collections import deque

from app.domain import events as ev
from app.domain.identity import Position
from app.domain.plan import RoomPlan, SessionPlan, SkuPlan, StreamLine
from app.domain.records import Chunk, Events, Opened
from app.engine.engine import Engine
from app.instants import Instant
from app.rules.pack import shipped_rules
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon, shipped_text
from bench._events import TEXTS

EVENTS = 200_000
PER_SECOND = 1_000
START = 1_764_000_000_000
USERS = 20_000
PLAN = SessionPlan(
    kind="live",
    workspace="w",
    brand="b",
    brand_name="b",
    title="bench",
    rooms=(RoomPlan("r1", "r1", "douyin", lines=(StreamLine("main", 4000.0),)),),
    skus=tuple(SkuPlan(f"SKU-{n}", f"p{n}", f"p{n}", planned=100_000, opening_stock=90_000) for n in range(1, 8)),
)


def main() -> None:
    """Print microseconds an event by size of batch, and the ratio to the naive windows of the same run."""
    events = mix(EVENTS)
    naive = naive_windows(events)
    print(f"naive deque windows, three sums a second: {naive:.2f} us/event")
    for size in (100, 1_000):
        spent = min(run(events, size) for _ in range(3))
        print(f"engine, batches of {size:5}: {spent:.2f} us/event, {spent / naive:.2f} x naive")
    print(f"1,000 sessions, each touched every second: {many(1_000):.2f} of one core")


def mix(number: int) -> list[ev.Event]:
    """60 % like and enter, 30 % comment, the rest orders, clicks, viewers and stream health; PER_SECOND a second."""
    random.seed(7)
    made: list[ev.Event] = []
    for n in range(number):
        at, draw, user = START + n * 1_000 // PER_SECOND, random.random(), f"h:{random.randrange(USERS):016x}"
        name = f"e{n:09}"
        if draw < 0.4:
            made.append(ev.LikeEvent(room="r1", occurred_ms=at, id=name, payload=ev.Act(user=ev.User(user))))
        elif draw < 0.6:
            made.append(ev.EnterEvent(room="r1", occurred_ms=at, id=name, payload=ev.Act(user=ev.User(user))))
        elif draw < 0.9:
            text = ev.CommentText(random.choice(TEXTS), user=ev.User(user, "小**"))
            made.append(ev.CommentEvent(room="r1", occurred_ms=at, id=name, payload=text))
        elif draw < 0.96:
            made.append(ev.ClickEvent(room="r1", occurred_ms=at, id=name, payload=ev.SkuAct(f"SKU-{n % 7 + 1}")))
        elif draw < 0.98:
            order = ev.Order(name, "CNY", (ev.OrderLine(f"SKU-{n % 7 + 1}", 1, 9_900),))
            made.append(ev.OrderPaidEvent(room="r1", occurred_ms=at, id=name, payload=order))
        elif draw < 0.99:
            made.append(ev.ViewersEvent(room="r1", occurred_ms=at, id=name, payload=ev.Viewers(8_000)))
        else:
            health = ev.StreamHealth("main", bitrate_kbps=4_000.0)
            made.append(ev.StreamEvent(room="r1", occurred_ms=at, id=name, payload=health))
    return made


def opened_engine(session: str) -> Engine:
    """Return a live session that has just been opened."""
    opened = Opened(session, 1, PLAN.hash(), "rules", "lexicon", "bench")
    engine = Engine(opened, PLAN, shipped_rules(), _matcher())
    engine.apply(Chunk(Position(1), Position(1), Instant(START), Instant(START), opened))
    return engine


def run(events: list[ev.Event], size: int) -> float:
    """Apply everything in batches of one size; return microseconds an event, effects taken after each batch."""
    engine = opened_engine("bench")
    chunks = []
    for first in range(0, len(events), size):
        batch = events[first : first + size]
        at = Instant(batch[-1].occurred_ms + 5)
        span = Position(first + 2), Position(first + 1 + len(batch))
        chunks.append(Chunk(*span, at, at, Events("feed", ("r1",), batch)))
    gc.collect()
    gc.freeze()
    began = time.process_time()
    for chunk in chunks:
        engine.apply(chunk)
        engine.take_effects()
    return (time.process_time() - began) / len(events) * 1e6


def many(sessions: int) -> float:
    """Return the share of a core that many sessions take when each gets one event every second."""
    engines = [opened_engine(f"bench-{n}") for n in range(sessions)]
    seconds = 5
    spent = 0.0
    for second in range(1, seconds + 1):
        for n, engine in enumerate(engines):
            at = Instant(START + second * 1_000 + n)
            viewers = ev.ViewersEvent(room="r1", occurred_ms=at, id=f"{n}-{second}", payload=ev.Viewers(800))
            place = Position(engine.position + 1)
            chunk = Chunk(place, place, at, at, Events("feed", ("r1",), [viewers]))
            began = time.process_time()
            engine.apply(chunk)
            engine.advance(Instant(at + 900))
            engine.take_effects()
            spent += time.process_time() - began
    return spent / seconds


def naive_windows(events: list[ev.Event]) -> float:
    """The obvious way: every event into a deque of its kind, each question a sum over the last minute or five."""
    windows: dict[str, deque[tuple[int, str, int]]] = {}
    seen: set[str] = set()
    asked = 0
    began = time.process_time()
    for event in events:
        if event.id in seen:
            continue
        seen.add(event.id)
        kind = type(event).__name__
        user = getattr(getattr(event.payload, "user", None), "id", "")
        windows.setdefault(kind, deque()).append((event.occurred_ms, user, 1))
        if event.occurred_ms // 1_000 > asked:
            asked = event.occurred_ms // 1_000
            for window in windows.values():
                while window and window[0][0] <= event.occurred_ms - 300_000:
                    window.popleft()
            floor = event.occurred_ms - 60_000
            for kind in ("CommentEvent", "OrderPaidEvent"):
                sum(count for at, _, count in windows.get(kind, ()) if at > floor)
            len({user for kind in ("CommentEvent", "LikeEvent") for _, user, _ in windows.get(kind, ())})
    return (time.process_time() - began) / len(events) * 1e6


_matchers: list[Matcher] = []


def _matcher() -> Matcher:
    if not _matchers:
        _matchers.append(Matcher(parse_lexicon(shipped_text())))
    return _matchers[0]


if __name__ == "__main__":
    main()
