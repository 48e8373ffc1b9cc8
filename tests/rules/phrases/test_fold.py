"""Promises: a disguise of width, script, numeral or separator folds away; offsets and both tables agree."""

import sys
import unicodedata

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.phrases.fold import (
    BARRIER,
    EXPANDS,
    LIMIT,
    code_table,
    fold,
    fold_character,
    fold_with_offsets,
    readable,
    simplified,
)

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates and unassigned code points too


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ＴＯＰ①", "top1"),
        ("史無前例", "史无前例"),
        ("全网第壹", "全网第1"),
        ("窖藏㈡十年", "窖藏2十年"),
        ("0圓購", "0元购"),
        ("微\u200b信\ufeff", "微信"),
        ("微❤️", "微心"),
        ("➕V", "加v"),
        ("+vx", "加vx"),
        ("１００％", "100%"),
        ("🆅🅧ⓥ", "vxv"),
        ("vх", "vx"),  # the second letter is Cyrillic
        ("é⑩㎏", "e10kg"),
        ("❶➉", "110"),
        ("٣", "3"),
        ("微\u3164信", "微信"),
        ("蕞好", "最好"),
        ("二十", "2十"),
        ("。！ *_~🍶", ""),
    ],
)
def test_a_disguise_folds_away(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_the_pairs_of_scripts_are_those_of_opencc() -> None:
    convert = opencc.OpenCC("t2s").convert
    chars = [chr(code) for code in range(0x2E80, LIMIT) if chr(code).isalnum() and not 0xAC00 <= code < 0xD7B0]
    expected = dict(zip(chars, convert("\n".join(chars)).split("\n"), strict=True))
    assert simplified() == {old: new for old, new in expected.items() if old != new and len(new) == 1}


def test_the_table_for_batches_says_the_same_as_the_one_for_single_texts() -> None:
    table = code_table()
    for code in range(LIMIT):
        folded = fold_character(chr(code))
        expected = ord(folded) if len(folded) == 1 else EXPANDS if folded else 0
        assert table[code] == (ord(BARRIER) if chr(code) == BARRIER else expected), hex(code)


def test_nothing_above_the_limit_is_a_letter_or_a_number() -> None:
    beyond = (chr(code) for code in range(LIMIT, sys.maxunicode + 1))
    assert not any(char.isalnum() or unicodedata.category(char) in ("Lo", "No", "Nd") for char in beyond)


@given(ANY_TEXT)
def test_offsets_lead_each_folded_character_back_to_where_it_came_from(text: str) -> None:
    folded, at = fold_with_offsets(text)
    assert folded == fold(text)
    assert len(at) == len(folded)
    assert at == sorted(at)
    assert all(char in fold_character(text[place]) for char, place in zip(folded, at, strict=True))


@given(ANY_TEXT)
def test_what_is_folded_stays_as_it_is_when_folded_again(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(ANY_TEXT)
def test_the_readable_form_keeps_every_character_in_its_place(text: str) -> None:
    assert len(readable(text)) == len(text)
    assert fold(readable(text)) == fold(text)
