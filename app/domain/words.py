"""Authors' texts by language; words of the interface are never in here, the page adds those."""

from typing import Final, Literal

Language = Literal["zh-CN", "zh-TW", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh-CN", "zh-TW", "en")

Words = dict[str, str]
"""Language -> text. zh-CN is always there; a page shows it, marked with its `lang`, where its own is missing."""


def in_language(words: Words, language: str) -> str:
    """Return the text in `language`, else the Chinese, else whatever there is, else nothing."""
    return words.get(language) or words.get("zh-CN") or next(iter(words.values()), "")
