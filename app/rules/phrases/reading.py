"""Reading a lexicon text: every fault with its line and column, or a Lexicon that the matcher can trust."""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import Final

from yaml.nodes import Node

from app.domain.identity import content_hash
from app.rules.phrases.expression import ExpressionFault, check_expression
from app.rules.phrases.fold import SPOKEN, fold, readable
from app.rules.phrases.lexicon import (
    CATEGORIES,
    Fault,
    Lexicon,
    LexiconError,
    Name,
    Phrase,
    Severity,
    Spelling,
    SpellingKind,
    Surroundings,
)
from app.rules.phrases.nodes import Entries, Reader, Word, compose
from app.rules.phrases.shapes import Shape

MAX_PHRASES: Final = 100_000
MAX_SPELLING: Final = 64
SEVERITIES: Final[dict[str, Severity]] = {"block": "block", "warn": "warn"}
HEAD_FIELDS: Final = ("version", "laws", "severities", "negators", "question_forms", "phrases")
WORD_LISTS: Final = tuple(Surroundings.__dataclass_fields__)
TOP_FIELDS: Final = frozenset(
    (*HEAD_FIELDS, *WORD_LISTS, "language", "scope", "note", "match_policy", "whitelist_names")
)
NEEDED: Final = ("id", "phrase", "category", "severity", "law", "suggest")
PHRASE_FIELDS: Final = frozenset((*NEEDED, "pattern", "samples", "phonetic", "initials", "variants", "allow"))


def shipped_text(name: str = "liquor.zh.yaml") -> str:
    """Return the text of a lexicon that comes with the product."""
    return resources.files(__package__).joinpath("lexicons", name).read_text(encoding="utf-8")


def parse_lexicon(text: str, file: str = "lexicon") -> Lexicon:
    """Return the lexicon, or raise LexiconError with every fault; about 0.3 s for the shipped 892 entries."""
    read = _read(text)
    if not isinstance(read, Lexicon):
        raise LexiconError(file, read)
    return read


@lru_cache(maxsize=4)
def _read(text: str) -> Lexicon | tuple[Fault, ...]:
    """Read once what a start checks, and what each of its sessions is then matched with."""
    faults: list[Fault] = []
    reader = Reader(faults)
    root = compose(text, reader)
    lexicon = _Lexicon(reader).read(root, content_hash(text.encode())) if root is not None else None
    if lexicon is None or faults:
        return tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))
    return lexicon


class _Lexicon:
    """One reading: what has been seen so far, so that doubles can be named."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ids: set[str] = set()
        self._spelled: dict[str, str] = {}
        self._laws: dict[str, str] = {}

    def read(self, root: Node, hash_: str) -> Lexicon:
        reader = self._reader
        top = reader.mapping(root, TOP_FIELDS, HEAD_FIELDS)
        self._laws = {key: law.text for key, law in top.texts_by_key("laws").items()}
        for key, word in top.texts_by_key("severities").items():
            if key not in SEVERITIES:
                reader.fault("unknown_severity", f"severities are block and warn, not {key}", word)
        phrases = tuple(self._phrases(top))
        return Lexicon(
            version=top.text("version"),
            hash=hash_,
            laws=self._laws,
            phrases=phrases,
            names=tuple(self._names(top, frozenset(phrase.phrase for phrase in phrases))),
            surroundings=Surroundings(**{key: self._word_list(top, key) for key in WORD_LISTS}),
        )

    def _word_list(self, top: Entries, key: str) -> tuple[str, ...]:
        words: dict[str, None] = {}
        for word in top.words(key):
            folded = fold(word.text)
            if not folded:
                self._reader.fault("too_short", f"{key}: {word.text} is nothing when folded", word)
            if folded in words:
                self._reader.fault("doubled_word", f"{key}: {word.text} stands there twice", word)
            words[folded] = None
        return tuple(sorted(words, key=len, reverse=True))

    def _phrases(self, top: Entries) -> Iterator[Phrase]:
        entries = top.items("phrases", MAX_PHRASES)
        for node in entries:
            entry = self._reader.mapping(node, PHRASE_FIELDS, NEEDED)
            if entry.complete and (phrase := self._phrase(entry)):
                yield phrase

    def _phrase(self, entry: Entries) -> Phrase | None:
        reader, id_, name = self._reader, entry.word("id"), entry.word("phrase")
        if id_.text in self._ids:
            reader.fault("doubled_id", f"{id_.text} is used twice", id_)
        self._ids.add(id_.text)
        law, category, severity = entry.word("law"), entry.word("category"), entry.word("severity")
        if law.text not in self._laws:
            reader.fault("unknown_law", f"{id_.text}: no law {law.text} in `laws`", law)
        if category.text not in CATEGORIES:
            reader.fault("unknown_category", f"{id_.text}: no category {category.text}", category)
        if severity.text not in SEVERITIES:
            reader.fault("unknown_severity", f"{id_.text}: severity is block or warn, not {severity.text}", severity)
        spellings = self._spellings(entry, id_.text)
        pattern, shape = self._pattern(entry)
        return Phrase(
            id=id_.text,
            phrase=name.text,
            category=category.text,
            severity=SEVERITIES.get(severity.text, "warn"),
            law=law.text,
            citation=self._laws.get(law.text, ""),
            suggest=entry.text("suggest"),
            spellings=() if pattern else spellings,
            pattern=pattern,
            anchors=tuple(sorted(shape.anchors or ())) if shape else (),
            allow=tuple(self._allow(entry)),
            phonetic=entry.flag("phonetic"),
        )

    def _spellings(self, entry: Entries, id_: str) -> tuple[Spelling, ...]:
        """Fold every written form. 零元购 and 0元购 may be two entries: the text that is hit tells which."""
        written: list[tuple[SpellingKind, Word]] = [("phrase", entry.word("phrase"))]
        written += [("variant", word) for word in entry.words("variants")]
        written += [("initials", word) for word in entry.words("initials")]
        spellings: dict[str, Spelling] = {}
        for kind, word in written:
            folded = fold(word.text)
            if not 2 <= len(folded) <= MAX_SPELLING:
                code = "too_short" if len(folded) < 2 else "too_long"
                self._reader.fault(code, f"{id_}: {word.text} has {len(folded)} characters when folded", word)
            if (other := self._spelled.setdefault(_as_written(word.text), id_)) != id_:
                self._reader.fault("doubled_spelling", f"{id_}: {word.text} folds to the same as {other}", word)
            spellings.setdefault(folded, Spelling(folded, kind, word.text))
        return tuple(spellings.values())

    def _pattern(self, entry: Entries) -> tuple[re.Pattern[str] | None, Shape | None]:
        if not entry.has("pattern"):
            return None, None
        word, samples = entry.word("pattern"), entry.words("samples")
        shape = self._shape(word, "pattern", look=False)
        if shape is None:
            return None, None
        if shape.low < 2:
            self._reader.fault("pattern", f"{word.text} can match fewer than two characters", word)
        if not shape.anchors:
            self._reader.fault("pattern", f"{word.text} needs at least one fixed character", word)
        compiled = re.compile(word.text)
        if not samples:
            self._reader.fault("sample", f"{entry.text('id')}: a pattern needs samples that it must match", word)
        for sample in samples:
            if not compiled.search(fold(sample.text)):
                self._reader.fault("sample", f"{entry.text('id')}: the sample {sample.text} is not matched", sample)
        return compiled, shape

    def _allow(self, entry: Entries) -> Iterator[re.Pattern[str]]:
        for word in entry.words("allow"):
            if self._shape(word, "allow", look=True):
                yield re.compile(word.text, re.IGNORECASE)

    def _shape(self, word: Word, code: str, *, look: bool) -> Shape | None:
        try:
            return check_expression(word.text, look=look)
        except ExpressionFault as fault:
            self._reader.fault(code, f"{word.text}: {fault.reason} (character {fault.at + 1})", word)
            return None

    def _names(self, top: Entries, known: frozenset[str]) -> Iterator[Name]:
        for node in top.items("whitelist_names", MAX_PHRASES):
            entry = self._reader.mapping(node, frozenset(("name", "covers")), ("name", "covers"))
            name, covers = entry.word("name"), entry.words("covers")
            for covered in covers:
                if covered.text not in known:
                    self._reader.fault("unknown_phrase", f"{name.text}: no phrase {covered.text}", covered)
            if entry.complete and len(fold(name.text)) < 2:
                self._reader.fault("too_short", f"{name.text} has fewer than two characters when folded", name)
            yield Name(name.text, fold(name.text), frozenset(covered.text for covered in covers))


def _as_written(word: str) -> str:
    """Return the word as the fold leaves it, but with its numerals: what two entries must not share."""
    return "".join(SPOKEN.get(char, char if char.isalnum() else "") for char in readable(word).lower())
