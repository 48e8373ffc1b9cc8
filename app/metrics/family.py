"""Families of figures and the Prometheus text form (version 0.0.4) they are told in.

A figure is counted where it happens, by an addition; nobody is told before somebody asks. Every set of labels is
bounded: a family that meets more than MOST_SERIES different ones counts the rest under `other`.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

MOST_SERIES: Final = 256
OTHER: Final = "other"
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[str, ...]


class Family:
    """One name with its help, and a value for each set of labels seen."""

    kind = "untyped"

    def __init__(self, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self.name, self.meaning, self.labels = name, meaning, tuple(labels)
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}

    def value(self, *labels: str) -> float:
        """Return what stands under these labels, 0 for labels never met."""
        return self._values.get(labels, 0.0)

    def lines(self) -> Iterator[str]:
        """Yield the family in the text form."""
        yield f"# HELP {self.name} {_line(self.meaning)}"
        yield f"# TYPE {self.name} {self.kind}"
        yield from self._samples()

    def _samples(self) -> Iterator[str]:
        for labels, value in sorted(self._values.items()):
            yield f"{self.name}{_braces(self.labels, labels)} {_number(value)}"

    def _place(self, labels: Labels) -> Labels:
        if labels not in self._values and len(self._values) >= MOST_SERIES:
            return (OTHER,) * len(self.labels)
        return labels


class Counter(Family):
    """Only grows while the process lives."""

    kind = "counter"

    def add(self, times: float = 1, *labels: str) -> None:
        """Count."""
        values = self._values
        if labels in values:
            values[labels] += times
        else:
            place = self._place(labels)
            values[place] = values.get(place, 0.0) + times


class Gauge(Family):
    """Stands at a value; what is not known now is not told."""

    kind = "gauge"

    def set(self, value: float, *labels: str) -> None:
        self._values[self._place(labels)] = value

    def add(self, change: float) -> None:
        """Move the value of a gauge without labels."""
        self._values[()] += change

    def fill(self, values: Mapping[Labels, float]) -> None:
        """Take the place of everything told before: a set of labels that is not there any more is not told."""
        self._values.clear()
        for labels, value in values.items():
            self.set(value, *labels)

    def forget(self) -> None:
        """Nothing is known of it now."""
        self._values.clear()


class Histogram(Family):
    """How often values were at most each bound; in seconds, unless the name says otherwise. Without labels."""

    kind = "histogram"

    def __init__(self, name: str, meaning: str, bounds: Sequence[float]) -> None:
        super().__init__(name, meaning)
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def see(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def _samples(self) -> Iterator[str]:
        seen = 0
        for bound, times in zip((*self._bounds, math.inf), self._counts, strict=True):
            seen += times
            yield f'{self.name}_bucket{{le="{_number(bound)}"}} {seen}'
        yield f"{self.name}_sum {_number(self._sum)}"
        yield f"{self.name}_count {seen}"


F = TypeVar("F", bound=Family)


class Metrics:
    """Owns the families of a process, in the order they were declared."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def __iter__(self) -> Iterator[Family]:
        return iter(self._families.values())

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return self._declared(Counter(name, meaning, labels))

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return self._declared(Gauge(name, meaning, labels))

    def histogram(self, name: str, meaning: str, bounds: Sequence[float]) -> Histogram:
        return self._declared(Histogram(name, meaning, bounds))

    def text(self) -> bytes:
        """Return everything in the text form."""
        return "".join(f"{line}\n" for family in self for line in family.lines()).encode()

    def _declared(self, family: F) -> F:
        assert family.name not in self._families, family.name
        self._families[family.name] = family
        return family


def _braces(names: Iterable[str], values: Labels) -> str:
    pairs = ",".join(f'{name}="{_quoted(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else f"{value:.15g}"
