"""Authors' texts by language; words of the interface are never in here, the page adds those."""

import unicodedata
from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["zh-CN", "zh-TW", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh-CN", "zh-TW", "en")

Words = dict[str, str]
"""Language -> text. zh-CN is always there, but in what was typed on a page of another language; a page shows it, marked
with its `lang`, where its own is missing."""


def in_language(words: Words, language: str) -> str:
    """Return the text in `language`, else the Chinese, else whatever there is, else nothing."""
    return words.get(language) or words.get("zh-CN") or next(iter(words.values()), "")


_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs"})


def is_seen(text: str) -> bool:
    """Return whether every character shows: none is a control or format character, or half of a surrogate pair."""
    return not any(unicodedata.category(char) in _UNSEEN for char in text)


Sentences = Mapping[str, tuple[str, str, str]]
"""Code -> zh-CN, zh-TW, en, with `{name}` where a value is put in: what the house itself says away from its pages."""


def told(sentences: Sentences, code: str, values: Mapping[str, str | int | float]) -> Words:
    """Return the sentence of a code in every language, filled."""
    return {language: said.format_map(values) for language, said in zip(LANGUAGES, sentences[code], strict=True)}


def told_in(
    language: str,
    sentences: Sentences,
    code: str,
    values: Mapping[str, str | int | float],
    otherwise: Language = "zh-CN",
) -> str:
    """Return the sentence of a code in one language, or in `otherwise` where that one is not ours."""
    index = LANGUAGES.index(language if language in LANGUAGES else otherwise)
    return sentences[code][index].format_map(values)
