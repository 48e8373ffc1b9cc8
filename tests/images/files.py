"""The image's and the installation's files, as those who build and run them read them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = ROOT / "Dockerfile"
COMPOSE = ROOT / "compose.yaml"
IGNORED = ROOT / ".dockerignore"


@dataclass(frozen=True)
class Step:
    """An instruction of a Dockerfile. `flags`: `--name=value` before its words."""

    name: str
    text: str

    @property
    def flags(self) -> dict[str, str]:
        leading = re.match(r"(--\S+\s+)*", self.text)
        found = leading[0].split() if leading else []
        return dict(flag.removeprefix("--").partition("=")[::2] for flag in found)

    @property
    def rest(self) -> str:
        return re.sub(r"^(--\S+\s+)*", "", self.text)

    @property
    def command(self) -> list[str]:
        """The words of the exec form; the shell form is no JSON and fails."""
        words: list[str] = json.loads(self.rest.removeprefix("CMD "))
        return words


@dataclass(frozen=True)
class Stage:
    base: str
    name: str
    steps: tuple[Step, ...]

    def all(self, name: str) -> list[Step]:
        return [step for step in self.steps if step.name == name]

    def only(self, name: str) -> Step:
        (step,) = self.all(name)
        return step

    @property
    def env(self) -> dict[str, str]:
        return dict(pair.partition("=")[::2] for step in self.all("ENV") for pair in step.text.split())


def stages(text: str) -> tuple[dict[str, str], list[Stage]]:
    """Return the arguments before the first stage, and the stages with those filled in."""
    arguments: dict[str, str] = {}
    found: list[tuple[str, str, list[Step]]] = []
    for step in _steps(text):
        if step.name == "FROM":
            base, _, name = step.text.partition(" AS ")
            found.append((arguments.get(base.strip("${}"), base), name, []))
        elif found:
            found[-1][2].append(step)
        else:
            assert step.name == "ARG"
            arguments |= [step.text.partition("=")[::2]]
    return arguments, [Stage(base, name, tuple(steps)) for base, name, steps in found]


def _steps(text: str) -> Iterator[Step]:
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield Step(name, " ".join(rest.split()))


def is_sent(path: Path) -> bool:
    """Return whether a file is sent to the build: of the patterns of .dockerignore the last that fits decides, also one
    that fits a folder above it."""
    sent = True
    above = [path, *path.parents][:-1]
    for line in IGNORED.read_text(encoding="utf-8").splitlines():
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        if any(re.fullmatch(_expression(pattern), str(each)) for each in above):
            sent = line.startswith("!")
    return sent


def _expression(pattern: str) -> str:
    parts = [".*" if part == "**" else translate(part)[4:-3].replace(".*", "[^/]*") for part in pattern.split("/")]
    return "/".join(parts).replace(".*/", "(.*/)?")


def copied(stage: Stage) -> dict[str, str]:
    """Return what a stage copies from the work tree: source -> destination."""
    pairs: dict[str, str] = {}
    for step in stage.all("COPY"):
        if "from" not in step.flags:
            *sources, destination = step.rest.split()
            pairs |= dict.fromkeys(sources, destination)
    return pairs


def compose(text: str, variables: dict[str, str]) -> dict[str, Any]:
    """Return the file as Compose understands it. Raises KeyError, naming a variable that has to be set."""

    def filled(match: re.Match[str]) -> str:
        name, operator, word = match["name"], match["operator"], match["word"]
        if variables.get(name):
            return variables[name]
        if operator == ":-":
            return word
        raise KeyError(name)

    whole = re.sub(r"\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<word>[^}]*))?\}", filled, text)
    loaded: dict[str, Any] = YAML(typ="safe").load(whole)
    return loaded


def seconds(span: str) -> int:
    """Return a span such as 60s or 1m30s."""
    match = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", span)
    assert match is not None, span
    return int(match[1] or 0) * 60 + int(match[2] or 0)
