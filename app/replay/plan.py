"""A replay plan: which recordings, which slice of each, and when it begins; or one recording named on the command line.

    version: 1
    recordings:
      - {file: chat.json.gz, source: twitch_chat, from: "10:00", span: "49:00", start: "0:00"}

`from`: h:mm:ss or m:ss from the recording's beginning, or a point of its own clock (2010-12-09T14:30, or Unix seconds).
`start`: where in the session it begins. `pause`: a longer one between two records is played as this long (a recording
of several days). `line`: name of a stream line. Paths are relative to the plan.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from app.errors import ControlRoomError
from app.sources import nginx_rtmp, obs, tiktok_webcast, twitch_chat, uk_orders
from app.sources.record import Record

Reader = Callable[[bytes, str], Iterator[Record]]
READERS: Final[dict[str, Reader]] = {
    "twitch_chat": lambda body, _: twitch_chat.read(body),
    "tiktok_webcast": lambda body, _: tiktok_webcast.read(body),
    "uk_orders": lambda body, _: uk_orders.read(body),
    "obs": lambda body, line: obs.read(body, line or obs.LINE),
    "nginx_stat": lambda body, line: nginx_rtmp.read_stat(body, line or nginx_rtmp.LINE),
    "nginx_hooks": lambda body, line: nginx_rtmp.read_hooks(body, line or nginx_rtmp.LINE),
}
_NAMED: Final = {
    "twitch": "twitch_chat",
    "tiktok": "tiktok_webcast",
    "order": "uk_orders",
    "obs": "obs",
    "stat": "nginx_stat",
    "hook": "nginx_hooks",
}
"""Part of a file's name -> the source that reads it, where none is given."""
_LENGTH: Final = re.compile(r"(?:(\d+):)?(\d+):(\d\d)|(\d+(?:\.\d+)?)s?")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
UNIX_FROM: Final = 10**9
"""A number from here on is a point of Unix time, a smaller one seconds from the beginning."""


class BadPlan(ControlRoomError):
    """The plan, or what was said on the command line, cannot be played."""

    code = "bad_plan"


class Part(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """One recording. `source` empty: told by the file's name. `room` empty: the replay's own."""

    file: str
    source: str = ""
    from_: str = ""
    span: str = ""
    start: str = "0:00"
    pause: str = ""
    room: str = ""
    line: str = ""
    target_kbps: float | None = None

    @property
    def reader(self) -> Reader:
        """Return what reads it. Raises BadPlan."""
        return READERS[self.source_name]

    @property
    def source_name(self) -> str:
        name = self.source or next((source for word, source in _NAMED.items() if word in Path(self.file).name), "")
        if name not in READERS:
            known = ", ".join(READERS)
            raise BadPlan(f"{self.file}: say which source reads it: {known}", source=self.source)
        return name


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    recordings: tuple[Part, ...]
    folder: Path = field(default_factory=Path)

    def path(self, part: Part) -> Path:
        return self.folder / part.file


def read_plan(path: Path) -> Plan:
    """Return the plan of a YAML file. Raises BadPlan."""
    try:
        tree: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        plan = msgspec.convert(tree, Plan, strict=False)
    except (YAMLError, UnicodeDecodeError, msgspec.ValidationError) as broken:
        raise BadPlan(f"{path.name}: {broken}", file=path.name) from None
    if not plan.recordings:
        raise BadPlan(f"{path.name}: it names no recording", file=path.name)
    for part in plan.recordings:
        _check(part)
    return msgspec.structs.replace(plan, folder=path.parent)


def single(path: Path, *, source: str = "", from_: str = "", span: str = "") -> Plan:
    """Return the plan that plays one file alone. Raises BadPlan."""
    part = Part(path.name, source=source, from_=from_, span=span)
    _check(part)
    return Plan(1, (part,), path.parent)


def length_ms(text: str) -> int:
    """Return a length written h:mm:ss, m:ss or as seconds. Raises BadPlan."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise BadPlan(f"{text!r} is no length: write 49:00 or 1:02:30", text=text)
    hours, minutes, seconds, alone = found.groups()
    if alone is not None:
        return round(float(alone) * 1_000)
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1_000


def from_ms(text: str, beginning_ms: int) -> int:
    """Return the instant at which a slice begins, by the recording's own clock. Raises BadPlan."""
    if not text:
        return beginning_ms
    if _MOMENT.fullmatch(text):
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)
    span = length_ms(text)
    return span if ":" not in text and span >= UNIX_FROM * 1_000 else beginning_ms + span


def _check(part: Part) -> None:
    part.source_name  # noqa: B018  it raises
    from_ms(part.from_, 0)
    length_ms(part.start)
    for length in (part.span, part.pause):
        if length:
            length_ms(length)
