"""The script of the sample livestream: what its two files say, as values. Times count from 0:00, negative before it."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field
from ruamel.yaml import YAML

from app.domain.commands import PromptLevel
from app.domain.words import Words

Feed = Literal["main", "mirror"]
FEEDS: Final[tuple[Feed, ...]] = ("main", "mirror")
Points = tuple[tuple[str, float], ...]
"""(`m:ss`, value): at what time from 0:00 a rate or a level is what."""


class StreamSays(Struct, frozen=True):
    """The encoder's line."""

    name: str
    kbps: int


class Sell(Struct, frozen=True):
    """A burst: units beyond the pace, paid within `over_s` seconds."""

    sku: str
    units: int
    over_s: int


class Supply(Struct, frozen=True):
    sku: str
    units: int


class Silence(Struct, frozen=True):
    """A feed that says nothing for a while."""

    feed: Feed
    for_s: int


class Beat(Struct, frozen=True):
    """What happens at one moment of the loop. `say`: sentences of the host, one after the other."""

    at: str
    say: tuple[str, ...] = ()
    sell: Sell | None = None
    supply: Supply | None = None
    silent: Silence | None = None


class Guide(Struct, frozen=True):
    """A line of the 演练解说 strip."""

    at: str
    line: Words
    hint: Words


class Act(Struct, frozen=True):
    """What 演练助理 does when nobody did: `send` is `proposal` (the alert's own line) or the id of a quick prompt."""

    rule: str
    send: str
    level: PromptLevel = "normal"


class Assistant(Struct, frozen=True):
    after_s: int
    acts: tuple[Act, ...]


class Spoken(Struct, frozen=True):
    """What people say. `host`, `comments`: topic -> lines; `names`: of viewers."""

    host: dict[str, tuple[str, ...]]
    comments: dict[str, tuple[str, ...]]
    names: tuple[str, ...]


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole script. `starts`: wall-clock time at which the lead-in begins, in the room's zone."""

    version: int
    starts: str
    lead_in: str
    length: str
    rooms: dict[Feed, str]
    names: dict[Feed, str]
    line: StreamSays
    viewers: dict[Feed, Points]
    per_minute: dict[str, Points]
    sells: dict[str, Points]
    acts_s: int
    topics: tuple[tuple[str, str], ...]
    host_every_s: int
    moves: tuple[tuple[str, str], ...]
    beats: tuple[Beat, ...]
    guide: tuple[Guide, ...]
    assistant: Assistant
    spoken: Spoken = field(default_factory=lambda: Spoken({}, {}, ()))

    @property
    def first_s(self) -> int:
        """The second at which the lead-in begins."""
        return -seconds(self.lead_in)

    @property
    def length_s(self) -> int:
        return seconds(self.length)


@cache
def seconds(time: str) -> int:
    """Return the seconds of `m:ss`, with a sign before it where it lies before 0:00."""
    minutes, _, rest = time.lstrip("-").partition(":")
    whole = int(minutes) * 60 + int(rest)
    return -whole if time.startswith("-") else whole


def step(points: Sequence[tuple[str, Any]], second: int) -> Any:
    """Return the value that holds at a second: that of the last point at or before it."""
    return next((value for time, value in reversed(points) if seconds(time) <= second), points[0][1])


def slope(points: Points, second: int) -> float:
    """Return the value at a second on the straight lines between the points."""
    for (start, low), (end, high) in pairwise(points):
        if seconds(start) <= second < seconds(end):
            return low + (high - low) * (second - seconds(start)) / (seconds(end) - seconds(start))
    return points[0][1] if second < seconds(points[0][0]) else points[-1][1]


@cache
def shipped_script() -> Script:
    """Return the sample's script with its words; read once in a process."""
    return msgspec.convert({**_tree("script.yaml"), "spoken": _tree("words.yaml")}, Script, strict=False)


def _tree(name: str) -> dict[str, Any]:
    text = files("app.replay").joinpath("sample", name).read_text(encoding="utf-8")
    tree: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return tree
