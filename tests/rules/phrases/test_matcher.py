"""Promises: what counts is found where it stands in the original text, what does not count says why."""

import pytest

from app.domain.alerts import Mark
from app.rules.phrases.hits import Hit, Source, counting
from app.rules.phrases.lexicon import Lexicon, Name
from app.rules.phrases.matcher import MAX_HITS, Matcher


def found(matcher: Matcher, text: str, source: Source = "speech") -> list[tuple[str, str]]:
    return [(hit.phrase, hit.surface) for hit in counting(matcher.find(text, source))]


def exempt(matcher: Matcher, text: str, source: Source = "speech") -> list[tuple[str, str | None, str]]:
    hits = matcher.find(text, source)
    assert not counting(hits)
    return [(hit.phrase, hit.exempt, hit.because) for hit in hits]


def test_a_claim_of_health_is_two_red_hits_with_law_and_rewording(matcher: Matcher) -> None:
    hits = matcher.find("天冷喝一杯，暖身御寒")
    assert [(hit.phrase, hit.start, hit.end, hit.category, hit.severity, hit.grade) for hit in hits] == [
        ("暖身", 6, 8, "health", "block", 3.0),
        ("御寒", 8, 10, "health", "block", 3.0),
    ]
    assert {hit.law for hit in hits} == {"FOOD73"}
    assert all(hit.citation.startswith("食品安全法第七十三条") and hit.suggest and hit.counts for hit in hits)


def test_the_correction_does_not_count_and_says_why(matcher: Matcher) -> None:
    assert exempt(matcher, "酒不能御寒，请理性饮酒") == [("御寒", "negated", "不能")]
    assert matcher.find("最后一分钟上车") == ()


def test_a_mark_carries_the_reason_to_the_page(matcher: Matcher) -> None:
    (hit,) = matcher.find("酒不能御寒")
    assert hit.mark() == Mark(
        start=3,
        end=5,
        phrase="御寒",
        category="health",
        severity="block",
        law="FOOD73",
        citation=hit.citation,
        suggest=hit.suggest,
        how="exact",
        exempt="negated:不能",
    )


@pytest.mark.parametrize(
    ("text", "phrase", "surface", "how"),
    [
        ("御寒", "御寒", "御寒", "exact"),
        ("禦寒", "御寒", "禦寒", "folded"),
        ("喝了御*寒", "御寒", "御*寒", "folded"),
        ("加薇信", "加微信", "加薇信", "variant"),
        ("wx多少", "微信", "wx", "variant"),
        ("sxjy吗", "私下交易", "sxjy", "initials"),
        ("最最最便宜", "最便宜", "最最最便宜", "repeat"),
        ("必中中大奖", "必中大奖", "必中中大奖", "repeat"),
        ("老粉加加VVV", "加V", "加加VVV", "repeat"),
        ("窖藏㈡十年了", "窖藏N年", "窖藏㈡十年", "pattern"),
        ("只剩3瓶了", "只剩N瓶", "只剩3瓶", "pattern"),
    ],
)
def test_how_it_was_found_is_told(matcher: Matcher, text: str, phrase: str, surface: str, how: str) -> None:
    (hit,) = matcher.find(text, "comment")
    assert (hit.phrase, hit.surface, hit.how) == (phrase, surface, how)


@pytest.mark.parametrize("text", ["vxzmn", "TOP10好酒", "加vivo手机", "200元购物", "⑩元购物", "svx"])
def test_letters_and_digits_that_run_on_are_another_word(matcher: Matcher, text: str) -> None:
    assert found(matcher, text, "comment") == []


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("全网最低价", ["全网最低价"]),
        ("这是百分百保真的", ["百分百保真"]),
        ("最好喝", ["最好喝"]),
        ("窖藏三十年", ["窖藏三十年"]),  # a literal goes before the pattern on the same span
        ("窖藏四十年", ["窖藏N年"]),
    ],
)
def test_the_longest_wins_and_a_literal_before_a_pattern(matcher: Matcher, text: str, phrases: list[str]) -> None:
    assert [phrase for phrase, _ in found(matcher, text)] == phrases


@pytest.mark.parametrize(
    ("text", "phrase", "negator"),
    [
        ("这酒不养生", "养生", "不"),
        ("请勿“一口闷”", "一口闷", "请勿"),
        ("不 能 御 寒", "御寒", "不能"),
        ("這酒並不養生", "养生", "并不"),
        ("严禁引导加微信", "加微信", "严禁引导"),
    ],
)
def test_a_negator_directly_before_cancels_a_hit(matcher: Matcher, text: str, phrase: str, negator: str) -> None:
    assert exempt(matcher, text) == [(phrase, "negated", negator)]


def test_a_list_shares_its_negator_but_a_new_clause_does_not(matcher: Matcher) -> None:
    assert exempt(matcher, "禁止宣传壮阳、补肾") == [("壮阳", "negated", "禁止宣传"), ("补肾", "negated", "禁止宣传")]
    assert found(matcher, "不养生，御寒") == [("御寒", "御寒")]
    assert found(matcher, "不，御寒") == [("御寒", "御寒")]
    assert found(matcher, "不养生它御寒") == [("御寒", "御寒")]


@pytest.mark.parametrize(
    "text", ["能不能御寒", "提不提神", "这酒会不会助眠", "要不要加微信", "特别提神", "要不私下转账吧", "谁不想养生"]
)
def test_a_question_counts_and_a_lookalike_negates_nothing(matcher: Matcher, text: str) -> None:
    assert len(found(matcher, text)) == 1


def test_talk_about_the_ban_does_not_count(matcher: Matcher) -> None:
    assert exempt(matcher, "违禁词清单：全网第一、抗癌。") == [
        ("全网第一", "quoted", "违禁词"),
        ("抗癌", "quoted", "违禁词"),
    ]
    assert exempt(matcher, "说专供会被封的主播", "comment") == [("专供", "quoted", "被封")]
    assert found(matcher, "广告法学过了。这酒抗癌") == [("抗癌", "抗癌")]  # the next sentence is a claim again
    assert found(matcher, "这里会被封，加微信", "comment") == [("加微信", "加微信")]  # a cue without a verb of saying


def test_an_allow_phrase_cancels_what_it_overlaps_in_its_own_sentence(matcher: Matcher) -> None:
    assert exempt(matcher, "带好御寒衣物") == [("御寒", "allowed", "御寒衣")]
    assert exempt(matcher, "最佳飲用溫度") == [("最佳", "allowed", "最佳饮用温度")]
    assert found(matcher, "这酒御寒。衣物在三号链接") == [("御寒", "御寒")]


def test_an_everyday_word_needs_a_second_sign(matcher: Matcher) -> None:
    assert exempt(matcher, "卫星酒厂在哪", "comment") == [("微信", "everyday", "卫星")]
    assert found(matcher, "威信多少", "comment") == [("微信", "威信")]


def test_a_registered_name_covers_what_it_says_and_only_inside_itself(matcher: Matcher) -> None:
    assert exempt(matcher, "年份原浆古20") == [("原浆", "name", "年份原浆古20")]
    assert found(matcher, "金八年，足足八年陈") == [("N年陈", "八年陈")]
    assert found(matcher, "年份原浆古20是原浆") == [("原浆", "原浆")]
    assert found(matcher, "年份原浆。古20") == [("原浆", "原浆")]  # no name over the end of a sentence


def test_a_shops_own_names_cover_everything_inside_them_but_a_states_name(lexicon: Lexicon) -> None:
    shop = Matcher(lexicon, names=["云门养生酒", "原浆", "云门特供酒", Name("八年陈韵", "8年陈韵", frozenset())])
    assert exempt(shop, "云门養生酒来了") == [("养生酒", "name", "云门养生酒")]
    assert found(shop, "云门养生酒真养生") == [("养生", "养生")]
    assert found(shop, "原浆") == [("原浆", "原浆")]  # a name as short as the phrase would switch it off
    assert found(shop, "云门特供酒") == [("特供酒", "特供酒")]
    assert found(shop, "八年陈韵") == [("N年陈", "八年陈")]  # this one covers nothing


def test_a_shops_allow_phrase_may_be_the_phrase_itself(lexicon: Lexicon) -> None:
    shop = Matcher(lexicon, allow=["养生"])
    assert exempt(shop, "这酒养生") == [("养生", "allowed", "养生")]
    assert found(shop, "这酒养胃") == [("养胃", "养胃")]


def test_a_hit_over_the_end_of_a_sentence_is_only_suspected(matcher: Matcher) -> None:
    (spoken,) = matcher.find("加。微信")
    assert (spoken.phrase, spoken.surface) == ("微信", "微信")  # what lies in one sentence goes first
    (crossing,) = matcher.find("一口。闷了")
    assert (crossing.phrase, crossing.suspect, crossing.severity, crossing.grade) == ("一口闷", True, "warn", 2.0)


def test_a_typed_word_with_full_stops_between_all_its_characters_is_a_disguise(matcher: Matcher) -> None:
    (typed,) = matcher.find("一。口。闷", "comment")
    assert (typed.suspect, typed.severity) == (False, "block")
    (spoken,) = matcher.find("一。口。闷", "speech")
    assert (spoken.suspect, spoken.severity) == (True, "warn")


def test_offsets_count_characters_of_the_original_text(matcher: Matcher) -> None:
    text = "🍶㎏ 抗\ufeff癌 é"
    (hit,) = matcher.find(text)
    assert (hit.start, hit.end, text[hit.start : hit.end]) == (3, 6, "抗\ufeff癌")


def test_a_text_full_of_phrases_tells_the_first_of_them(matcher: Matcher) -> None:
    hits = matcher.find("御寒、" * 500)
    assert len(hits) == MAX_HITS
    assert hits[0].start == 0


def test_a_batch_with_a_barrier_in_a_text_or_nothing_in_any_is_read_all_the_same(matcher: Matcher) -> None:
    texts = ["", "御\uffff寒", "", "⑩㎏", "抗\ud800癌", ""]
    assert matcher.find_many(texts) == [matcher.find(text, "comment") for text in texts]
    assert matcher.find_many([""] * 5) == [()] * 5
    assert matcher.find_many([]) == []


def test_a_hit_counts_unless_it_is_exempt(matcher: Matcher) -> None:
    hits: tuple[Hit, ...] = matcher.find("不养生，但是御寒")
    assert [hit.counts for hit in hits] == [False, True]
    assert counting(hits) == hits[1:]
