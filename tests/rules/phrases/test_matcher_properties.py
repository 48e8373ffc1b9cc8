"""Promises, for any text: offsets lead to the phrase, a batch is its texts, a later sentence takes nothing back."""

from hypothesis import given
from hypothesis import strategies as st

from app.rules.phrases.fold import fold
from app.rules.phrases.hits import Hit, Source
from app.rules.phrases.lexicon import Lexicon
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon, shipped_text

LEXICON: Lexicon = parse_lexicon(shipped_text())
MATCHER = Matcher(LEXICON)
WORDS = [spelling.written for phrase in LEXICON.phrases for spelling in phrase.spellings]
SAMPLES = ["窖藏50年", "只剩3瓶", "原价9999", "三十年陈酿", "库存只剩3", "奖品6万元", "100%", "送茅台100%中"]
AROUND = [*LEXICON.surroundings.negators, *LEXICON.surroundings.quote_cues, *LEXICON.surroundings.question_forms]
NAMES = [name.name for name in LEXICON.names]
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(SAMPLES),
    st.sampled_from([*AROUND, *NAMES, "衣物", "的", "最", "先", "一", "1", "９", "v", "好好", "信信"]),
    st.sampled_from([*"。！？，、：；.-* \u200b🍶㎏⑩\n", "\ud800", "\uffff"]),
    st.text(st.characters(exclude_categories=[]), max_size=3),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
DISGUISED = st.tuples(st.sampled_from(WORDS), st.sampled_from(["", "*", " ", "\u200b", "🍶"]))
SOURCES = st.sampled_from(["speech", "comment", "script"])


def without_runs(text: str) -> str:
    return "".join(char for at, char in enumerate(text) if at == 0 or char != text[at - 1])


def spelled(hit: Hit) -> set[str]:
    return {spelling.folded for spelling in LEXICON.by_id[hit.phrase_id].spellings}


@given(TEXTS, SOURCES)
def test_offsets_lead_to_text_that_folds_to_the_phrase(text: str, source: Source) -> None:
    for hit in MATCHER.find(text, source):
        surface = text[hit.start : hit.end]
        assert surface == hit.surface
        pattern = LEXICON.by_id[hit.phrase_id].pattern
        if pattern:
            assert pattern.search(fold(surface))
        elif hit.how == "repeat":
            assert without_runs(fold(surface)) in {without_runs(word) for word in spelled(hit)}
        else:
            assert fold(surface) in spelled(hit)


@given(TEXTS)
def test_hits_come_in_order_and_none_lies_inside_another(text: str) -> None:
    hits = MATCHER.find(text)
    starts, ends = [hit.start for hit in hits], [hit.end for hit in hits]
    assert starts == sorted(set(starts))
    assert ends == sorted(set(ends))


@given(st.lists(TEXTS, max_size=12), SOURCES)
def test_a_batch_says_what_each_of_its_texts_says(texts: list[str], source: Source) -> None:
    assert MATCHER.find_many(texts, source) == [MATCHER.find(text, source) for text in texts]


@given(st.text(st.characters(exclude_categories=[])), SOURCES)
def test_no_text_is_too_strange(text: str, source: Source) -> None:
    MATCHER.find(text, source)


@given(TEXTS, TEXTS)
def test_a_later_sentence_neither_removes_nor_changes_what_was_found_before(text: str, later: str) -> None:
    before = [hit for hit in MATCHER.find(text) if not hit.suspect]
    after = MATCHER.find(f"{text}。{later}")
    assert [hit for hit in before if hit not in after] == []


@given(DISGUISED)
def test_every_spelling_is_found_also_with_separators_between_its_characters(disguised: tuple[str, str]) -> None:
    word, separator = disguised
    text = separator.join(word)
    hits = MATCHER.find(f"　{text}　", "comment")
    assert any(fold(hit.surface) == fold(word) for hit in hits)
