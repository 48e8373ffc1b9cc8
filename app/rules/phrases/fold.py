"""One fold over Unicode, for phrases and for texts alike: width, case, script, numerals and separators disappear.

A character becomes NFKC, lower case, simplified, its numeral an Arabic digit; what is neither letter nor number goes.
Both sides pass through the same table, so a phrase cannot become unfindable by being written in another form.
"""

import unicodedata
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

SPOKEN: Final = {"+": "加", "➕": "加", "❤": "心", "♥": "心", "%": "%"}
"""Signs that are read aloud; dropped, 微❤ and 100% would be too short to mean anything."""
NUMERALS: Final = {
    **dict(zip("零一二三四五六七八九", "0123456789", strict=True)),
    **dict(zip("〇壹贰叁肆伍陆柒捌玖", "0123456789", strict=True)),
    **dict(zip("拾佰仟圆", "十百千元", strict=True)),
}
"""One numeral, one digit; 十 百 千 stay, since 二十 is not 210."""
LOOKALIKES: Final = {
    **dict(zip("аеорсухіѕјкмтнѵԝɡνοαχκτω", "aeopcyxisjkmthvwgvoaxktw", strict=True)),  # Cyrillic, IPA, Greek
    "蕞": "最",
}
INVISIBLE: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Hangul fillers: letters by category, blank on every screen."""
LETTER_BLOCKS: Final = (0x1F150, 0x1F170, 0x1F1E6)
"""Circled and squared white-on-black letters and flag letters, 26 each in order; NFKC leaves them alone."""

UNCHANGED: Final = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xAC00, 0xD7A4), range(0x20000, 0x2F800))
"""Ideographs and syllables that are their own NFKC form: only the maps above touch them."""
LIMIT: Final = 0x323B0
"""From here on Unicode has no letter and no number: everything folds to nothing."""
EXPANDS: Final = 0xFFFE
"""In the code table: this character folds to more than one (㎏, ⑩), so its text needs the slow way."""
BARRIER: Final = "\uffff"
"""Stands between the texts of a batch; a noncharacter, kept by the code table and by nothing else."""


@cache
def simplified() -> dict[str, str]:
    """Return traditional -> simplified, one character each: 5,119 pairs, about 1 ms to read."""
    text = resources.files(__package__).joinpath("simplified.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line[at]: line[at + 1] for line in lines for at in range(0, len(line) - 1, 2)}


def fold_character(char: str) -> str:
    """Return what one character folds to: usually one, sometimes none, rarely several."""
    if char in SPOKEN:
        return SPOKEN[char]
    for first in LETTER_BLOCKS:
        if first <= ord(char) < first + 26:
            return chr(ord("a") + ord(char) - first)
    lowered = unicodedata.normalize("NFKC", char).lower()
    return "".join(_fold_normalized(part) for part in lowered)


def _fold_normalized(char: str) -> str:
    if char in SPOKEN:
        return SPOKEN[char]
    char = LOOKALIKES.get(char, char)
    char = simplified().get(char, char)
    char = NUMERALS.get(char, char)
    if not char.isalnum() or char in INVISIBLE:
        return _small_number(char)
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    if char.isascii():
        return char
    bare = unicodedata.normalize("NFD", char)[0]  # é is e; a letter outside the alphabet keeps its own form
    return bare if bare.isascii() else _small_number(char) or char


def _small_number(char: str) -> str:
    """❶ and ➉ are numbers by category No that NFKC leaves alone."""
    value = unicodedata.numeric(char, None) if unicodedata.category(char) == "No" else None
    return str(int(value)) if value is not None and value.is_integer() and value <= 100 else ""


class FoldTable(dict[int, str]):
    """For `str.translate`: works each character out when it is first met, and remembers a bounded number."""

    def __missing__(self, code: int) -> str:
        folded = fold_character(chr(code))
        if len(self) < 50_000:
            self[code] = folded
        return folded


TABLE: Final = FoldTable()


def fold(text: str) -> str:
    """Return the folded text: what phrases are looked for in."""
    return text.translate(TABLE)


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """Return the folded text and, for each of its characters, its index in `text`: 10 µs, so on a hit only."""
    parts = list(map(TABLE.__getitem__, map(ord, text)))
    folded = "".join(parts)
    if len(folded) == len(text) and "" not in parts:
        return folded, list(range(len(text)))
    return folded, [at for at, part in enumerate(parts) for _ in part]


def readable(text: str) -> str:
    """Return the text simplified and at normal width, character for character: same length, punctuation kept."""
    return "".join(_readable_character(char) for char in text)


def _readable_character(char: str) -> str:
    normal = unicodedata.normalize("NFKC", char)
    if len(normal) != 1 or char in "，：；！？（）":  # expressions are written with Chinese punctuation
        normal = char
    return simplified().get(normal, normal)


@cache
def code_table() -> NDArray[np.uint32]:
    """Return code point -> folded code point for whole batches; 0 drops, EXPANDS needs the slow way.

    Built once per process: 0.8 MB and about 90 ms, so the first Matcher builds it, not the first batch.
    """
    table = np.zeros(LIMIT + 1, dtype=np.uint32)
    own_form = {code for block in UNCHANGED for code in block if chr(code).isalnum()}
    table[list(own_form)] = list(own_form)
    exceptions = {ord(char) for char in (*simplified(), *NUMERALS, *LOOKALIKES)}
    for code in range(LIMIT):
        if code not in own_form or code in exceptions:
            table[code] = _single_code(fold_character(chr(code)))
    table[ord(BARRIER)] = ord(BARRIER)
    return table


def _single_code(folded: str) -> int:
    return ord(folded) if len(folded) == 1 else EXPANDS if folded else 0
