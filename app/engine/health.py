"""The sources' own alerts: one that fell silent, and one that sent different content under one id (team 技术)."""

from typing import Final, Literal

from app.domain.alerts import Evidence
from app.domain.records import Events
from app.engine.alerts import Report, Subject
from app.engine.announcer import Announcer
from app.engine.freshness import patience_of
from app.engine.readings import Readings
from app.engine.sources import WATCHED_KINDS, Source
from app.engine.state import State
from app.engine.words import words

SILENT: Final = "source-silent"
CROWD: Final = "unlisted"
CONFLICT: Final = "source-conflict"
BUILTIN: Final = "builtin"
SOURCE: Final = "source|"
CALM: Final = "calm|"
LEAST_SILENCE_MS: Final = 60_000
CONFLICT_RESTS_MS: Final = 10 * 60_000


class Health:
    """Hears the sources and judges them; knows nothing of what they say."""

    def __init__(self, state: State, readings: Readings, announcer: Announcer) -> None:
        self._state, self._readings, self._announcer = state, readings, announcer

    def hear(self, batch: Events, at: int) -> Source:
        """Note that a source spoke, if only to say that it is there."""
        source = self._state.sources.get(batch.source)
        if source is None:
            source = self._state.sources[batch.source] = Source(batch.source, batch.source_name, list(batch.rooms))
        for room in batch.rooms:
            if room not in source.rooms:
                source.rooms.append(room)
        source.name = batch.source_name or source.name
        source.seen_ms = source.heard_ms = self._state.heard_ms = at
        if self._state.alerts.open and (key := _subject(SILENT, source).key) in self._state.alerts.open:
            self._announcer.end(key, "clear", at)
        return source

    def expect(self, source: Source, room: str, kind: str, at: int) -> None:
        """A source has sent this kind for this room for the first time: from now on it is expected to go on."""
        if kind not in WATCHED_KINDS:
            return
        patience = max(LEAST_SILENCE_MS, patience_of(self._readings.every(room, kind)))
        source.patience_ms = min(source.patience_ms or patience, patience)
        self.watch(source, at)

    def watch(self, source: Source, at: int) -> None:
        """Wait for a source that is expected to go on."""
        name, due = SOURCE + source.id, self._state.deadlines.due
        if not source.patience_ms or self._state.state == "ended":
            return
        if name not in due or due[name] > at + source.patience_ms:
            self._state.deadlines.set(name, at + source.patience_ms, at)

    def silence(self, source_id: str, at: int) -> None:
        """A source may have been silent for too long: see whether it was."""
        source = self._state.sources[source_id]
        ends = source.heard_ms + source.patience_ms
        if ends > at:
            self._state.deadlines.set(SOURCE + source_id, ends, at)
        elif self._state.state != "live":
            self._state.deadlines.set(SOURCE + source_id, at + LEAST_SILENCE_MS, at)
        elif _subject(SILENT, source).key not in self._state.alerts.open:
            seconds = (at - source.heard_ms) // 1_000
            title = words("source_silent_title", name=source.name or source.id, seconds=seconds)
            evidence = Evidence(kind="reading", at_ms=at, name="silent_s", value=float(seconds))
            report = Report(title, {}, words("source_silent_action"), (evidence,))
            self._announcer.enter(_subject(SILENT, source), "P2", report, at)

    def conflict(self, source: Source, at: int) -> None:
        """A source sent different content under an id it had used: the first is an alert, the others count on it."""
        source.conflicts += 1
        if self._state.state == "ended":
            return
        subject = _subject(CONFLICT, source)
        title = words("source_conflict_title", name=source.name or source.id)
        evidence = Evidence(kind="reading", at_ms=at, name="conflicts", value=float(source.conflicts))
        report = Report(title, {}, words("source_conflict_action"), (evidence,))
        alert = self._state.alerts.current(subject.key)
        if alert is None:
            self._announcer.enter(subject, "P3", report, at)
        else:
            self._announcer.hit(alert, report, at)
        self._state.deadlines.set(CALM + source.id, at + CONFLICT_RESTS_MS, at)

    def calm(self, source_id: str, at: int) -> None:
        """No conflict for a while: its alert ends."""
        self._announcer.end(_subject(CONFLICT, self._state.sources[source_id]).key, "clear", at)

    def crowd(self, what: Literal["skus", "lines"], most: int, at: int) -> None:
        """There are more names than the session keeps apart: said once, and open until its end."""
        if self._state.state == "ended":
            return
        subject = Subject(f"{CROWD}-{what}", BUILTIN, "session", "", {"team": "av"})
        if self._state.alerts.current(subject.key) is None:
            report = Report(words(f"unlisted_{what}_title", most=most), {}, words("unlisted_action"), ())
            self._announcer.enter(subject, "P3", report, at)

    def gap(self, span: int) -> None:
        """Time in which nobody took events is no silence."""
        for source in self._state.sources.values():
            source.heard_ms += span


def _subject(rule: str, source: Source) -> Subject:
    labels = {"team": "av", "source": source.id, "source_name": source.name or source.id}
    return Subject(rule, BUILTIN, "source", source.id, labels)
