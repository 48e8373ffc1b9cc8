"""Promises: a lexicon is taken whole or refused with every fault, each at its line and column under a stable code."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from yaml.nodes import MappingNode, Node, SequenceNode

from app.rules.phrases.lexicon import CATEGORIES, Lexicon, LexiconError
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.nodes import LOADER, Reader, compose
from app.rules.phrases.reading import parse_lexicon, shipped_text

HEAD = """\
version: 1
laws: {L: 某法第一条}
severities: {block: 红, warn: 黄}
negators: [不]
question_forms: [能不能]
whitelist_names: []
phrases:
"""


def entry(**fields: str) -> str:
    given_ = {"id": "A-1", "phrase": "最好", "category": "absolute", "severity": "block", "law": "L", "suggest": "改"}
    lines = [f"{key}: {value}" for key, value in {**given_, **fields}.items() if value]
    return "- " + "\n  ".join(lines) + "\n"


def faults(text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(LexiconError) as refused:
        parse_lexicon(text, "shop.yaml")
    return [(fault.code, fault.line, fault.column) for fault in refused.value.faults]


def test_the_shipped_lexicon_is_good_and_complete(lexicon: Lexicon) -> None:
    assert len(lexicon.phrases) == 892
    assert {phrase.category for phrase in lexicon.phrases} == CATEGORIES
    assert sum(phrase.pattern is not None for phrase in lexicon.phrases) == 18
    assert all(phrase.citation and phrase.suggest for phrase in lexicon.phrases)


def test_the_hash_is_that_of_the_text_and_the_version_is_what_it_says() -> None:
    lexicon = parse_lexicon(HEAD + entry())
    assert lexicon.version == "1"
    assert lexicon.hash == parse_lexicon(HEAD + entry()).hash
    assert lexicon.hash != parse_lexicon(HEAD + entry() + "\n").hash


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (entry() + entry(phrase="最佳"), [("doubled_id", 14, 7)]),
        (entry() + entry(id="A-2", phrase="最-好"), [("doubled_spelling", 15, 11)]),
        (entry() + entry(id="A-2", phrase="顶级", variants="[極品, 最 好]"), [("doubled_spelling", 20, 18)]),
        (entry(law="X"), [("unknown_law", 12, 8)]),
        (entry(category="abs"), [("unknown_category", 10, 13)]),
        (entry(severity="red"), [("unknown_severity", 11, 13)]),
        (entry(colour="red"), [("unknown_field", 14, 3)]),
        (entry(suggest=""), [("missing_field", 8, 3)]),
        (entry(phrase="最。"), [("too_short", 9, 11)]),
        (entry(phrase="最" * 65), [("too_long", 9, 11)]),
        (entry(phrase="[最好]"), [("shape", 9, 11)]),
        (entry(phonetic="maybe"), [("shape", 14, 13)]),
        (entry(allow="[最好*]"), [("allow", 14, 11)]),
        (entry(pattern="只剩[0-9]+瓶", samples="[只剩3瓶]"), [("pattern", 14, 12)]),
        (entry(pattern="只剩[0-9]{1,4}瓶"), [("sample", 14, 12)]),
        (entry(pattern="只剩[0-9]{1,4}瓶", samples="[只剩三瓶, 还剩三瓶]"), [("sample", 15, 19)]),
        (entry(pattern="酒?", samples="[酒]"), [("pattern", 14, 12)]),
        (entry() + "  id: A-9\n", [("doubled_field", 14, 3)]),
        ("- 最好\n", [("shape", 8, 3)]),
        ("  - [\n", [("not_yaml", 9, 1)]),
        ("- &a {}\n- *a\n", [("shape", 9, 3)]),
        ("- " + "[" * 9 + "\n", [("shape", 8, 9)]),
    ],
)
def test_a_fault_is_told_with_its_place_and_code(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert faults(HEAD + text) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("negators: [不]", "negators: [不, 別, 别]", [("doubled_word", 4, 18)]),
        ("negators: [不]", "negators: [不, 。]", [("too_short", 4, 15)]),
        ("negators: [不]", "negators: 不", [("shape", 4, 11)]),
        ("block: 红, warn: 黄", "block: 红, pink: 粉", [("unknown_severity", 3, 30)]),
        ("names: []", "names: [{name: 溪山酒, covers: [原浆]}]", [("unknown_phrase", 6, 40)]),
        ("names: []", "names: [{name: 酒, covers: []}]", [("too_short", 6, 26)]),
        ("version: 1\n", "version: 1\nversion: 2\n", [("doubled_field", 2, 1)]),
    ],
)
def test_the_words_around_the_phrases_are_checked_too(old: str, new: str, expected: list[tuple[str, int, int]]) -> None:
    assert faults(HEAD.replace(old, new) + entry()) == expected


def test_every_fault_is_found_at_once_and_the_first_is_the_message() -> None:
    with pytest.raises(LexiconError) as refused:
        parse_lexicon(HEAD + entry(law="X", category="abs") + entry(id="A-2", phrase="。"), "shop.yaml")
    error = refused.value
    assert error.code == "lexicon_invalid"
    assert [fault.code for fault in error.faults] == ["unknown_category", "unknown_law", "too_short"]
    assert error.context == {"file": "shop.yaml", "line": 10, "column": 13, "fault": "unknown_category", "faults": 3}
    assert error.detail == "shop.yaml:10:13: A-1: no category abs"


def test_numerals_may_tell_two_entries_apart_and_the_text_says_which_it_was() -> None:
    text = entry(phrase="零元购") + entry(id="A-2", phrase="0元购")
    matcher = Matcher(parse_lexicon(HEAD + text))
    assert [matcher.find(written)[0].phrase for written in ("零元购", "0元购", "0圆购", "０元购")] == [
        "零元购",
        "0元购",
        "0元购",
        "零元购",  # neither is nearer; the first entry stands
    ]


def test_words_that_look_like_numbers_or_truths_are_words() -> None:
    text = entry(phrase="1573", variants="[no1, 007]")
    assert [spelling.folded for spelling in parse_lexicon(HEAD + text).phrases[0].spellings] == ["1573", "no1", "007"]


def test_an_empty_list_of_phrases_is_a_lexicon_that_finds_nothing() -> None:
    assert Matcher(parse_lexicon(HEAD.replace("phrases:\n", "phrases: []\n"))).find("最好的酒") == ()


@pytest.mark.parametrize("text", ["", "\x00", "a: \ud800", "\ufffe", "- a", "酒", "{}"])
def test_what_is_no_lexicon_at_all_is_refused(text: str) -> None:
    assert faults(text)


def tree(node: Node | None) -> object:
    """Return a node as plain values: its place and what it holds."""
    assert node is not None
    at = (node.start_mark.line, node.start_mark.column)
    if isinstance(node, MappingNode):
        return at, [(tree(key), tree(value)) for key, value in node.value]
    return at, [tree(item) for item in node.value] if isinstance(node, SequenceNode) else node.value


def test_the_slow_parser_reads_what_the_c_parser_reads() -> None:
    text = shipped_text()[:40_000].rpartition("- id:")[0]
    assert tree(compose(text, Reader([]), yaml.SafeLoader)) == tree(compose(text, Reader([]), LOADER))


LINES = shipped_text().splitlines(keepends=True)


@given(st.integers(0, len(LINES) // 20), st.text(max_size=12), st.integers(0, 30))
def test_a_damaged_lexicon_is_refused_or_read_but_never_breaks(line: int, damage: str, column: int) -> None:
    lines = LINES[: len(LINES) // 20]
    broken = lines[line % len(lines)]
    lines[line % len(lines)] = broken[:column] + damage + broken[column:]
    try:
        parse_lexicon("".join(lines))
    except LexiconError as error:
        if any(fault.line < 1 or fault.column < 1 for fault in error.faults):
            raise
