"""What sessions are run by: the rule files and the lexicon of this installation, or the last ones that were good.

The shipped pack and lexicon are the start; `rules/*.yaml` in the data folder adds to the pack (a file of the same name
replaces it), `lexicon.yaml` there replaces the lexicon. A broken file never replaces a working one: what was accepted
last is kept in SQL and goes on; with none accepted yet the program does not start.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from app.domain.words import LANGUAGES, Words
from app.errors import ControlRoomError
from app.instants import Instant
from app.intake.directory import Recipe
from app.rules.file import read_rules
from app.rules.pack import pack_files
from app.rules.phrases.reading import parse_lexicon, shipped_text
from app.rules.problems import RuleFileError
from app.store.database import Store
from app.store.rulesets import Kind, accept, current

RULES_FOLDER: Final = "rules"
LEXICON_FILE: Final = "lexicon.yaml"
MOST_BYTES: Final = 4 * 1024 * 1024


class NothingAccepted(ControlRoomError):
    """The files are broken and no earlier version was ever accepted; `faults` says what is wrong and where."""

    kind, code = "broken", "nothing_accepted"


@dataclass(frozen=True, slots=True)
class Fallback:
    """What is broken and goes on in its last accepted version. `fault`: all of it; `first`: its first place."""

    kind: Kind
    fault: str
    first: Words


async def find_recipe(store: Store, folder: Path, now: Instant, build: str) -> tuple[Recipe, list[Fallback]]:
    """Read the files of the data folder and accept them. Raises NothingAccepted, Unavailable."""
    rules, rules_fault = await _accepted(store, "rules", partial(_rules, folder / RULES_FOLDER), now)
    lexicon, lexicon_fault = await _accepted(store, "lexicon", partial(_lexicon, folder / LEXICON_FILE), now)
    return Recipe(rules, lexicon, build), [fault for fault in (rules_fault, lexicon_fault) if fault is not None]


async def _accepted(
    store: Store, kind: Kind, read: Callable[[], tuple[bytes, str]], now: Instant
) -> tuple[bytes, Fallback | None]:
    try:
        body, source = read()
    except (ControlRoomError, OSError, UnicodeDecodeError) as refusal:
        fault = refusal.detail if isinstance(refusal, ControlRoomError) else str(refusal)
        held = await store.read(partial(current, kind=kind))
        if held is None:
            raise NothingAccepted(f"the {kind} cannot be used, and none was accepted before: {fault}") from None
        return held.body, Fallback(kind, fault, _first(refusal, fault))
    await store.write(partial(accept, kind=kind, body=body, source=source, at=now))
    return body, None


def _first(refusal: Exception, fault: str) -> Words:
    if isinstance(refusal, RuleFileError):
        first = refusal.problems[0]
        return {language: f"{first.file}:{first.line}:{first.column} {text}" for language, text in first.words.items()}
    return dict.fromkeys(LANGUAGES, fault.partition("\n")[0])


def _rules(folder: Path) -> tuple[bytes, str]:
    files: dict[str, str] = pack_files()
    own = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    files.update({path.name: _text(path) for path in own})
    return read_rules(files).body(), f"shipped pack and {len(own)} own files" if own else "shipped pack"


def _lexicon(path: Path) -> tuple[bytes, str]:
    text = _text(path) if path.is_file() else shipped_text()
    parse_lexicon(text, path.name)
    return text.encode(), path.name if path.is_file() else "shipped lexicon"


def _text(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise ControlRoomError(f"{path.name} is larger than {MOST_BYTES} bytes", most=MOST_BYTES)
    return path.read_text(encoding="utf-8")
