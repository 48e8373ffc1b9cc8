"""Promises: an expression is bounded or refused at the character to blame; what is said of it is true."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.phrases.expression import ExpressionFault, check_expression


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("酒*", 1),
        ("酒+", 1),
        ("酒{2,}", 1),
        ("酒{,3}", 1),
        ("酒{21}", 1),
        ("酒{3,2}", 1),
        ("酒??", 2),
        ("(酒{1,2}){2}", 1),
        ("(酒?){2}", 1),
        ("(?<=不)酒", 0),
        ("(?=酒)好", 0),
        ("(?P<n>酒)", 0),
        (r"\1酒", 0),
        (r"\d年", 0),
        ("^酒", 0),
        ("酒$", 1),
        ("(酒", 2),
        ("酒)", 1),
        ("[酒", 2),
        ("[]酒]", 1),
        ("[九-一]", 1),
        ("[\u4e00-\u9fff]酒", 1),
        ("." * 41, 0),
        ("酒" * 401, 400),
        ("(" * 13 + "酒" + ")" * 13, 12),
        ("(一|二)?" * 20, 0),
        (".{0,20}" * 2 + "(酒|水|茶){0,20}", 0),
    ],
)
def test_what_is_not_bounded_is_refused_where_it_stands(source: str, at: int) -> None:
    with pytest.raises(ExpressionFault) as refused:
        check_expression(source)
    assert refused.value.at == at


def test_only_an_allow_expression_may_look_ahead() -> None:
    assert check_expression("最好(?!的|喝)", look=True).high == 2
    with pytest.raises(ExpressionFault):
        check_expression("最好(?!的|喝)")


def test_the_longest_words_that_every_match_holds_are_its_anchors() -> None:
    assert check_expression("[0-9]{1,3}年的?老?陈酿?").anchors == frozenset(("年陈", "年的陈", "年老陈", "年的老陈"))
    assert check_expression("(只剩|仅剩)[0-9]{1,4}(瓶|箱)").anchors == frozenset(("只剩", "仅剩"))
    assert check_expression(".{2,4}").anchors is None
    assert check_expression("(酒)?.{2,4}").anchors is None


ATOMS = st.sampled_from(["酒", "水", "[酒水茶]", "[^酒]", ".", "[1-9]", r"\%"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: f"({'|'.join(branches)})"),
        st.tuples(ATOMS, st.sampled_from(["?", "{0,2}", "{1,3}", "{2}"])).map("".join),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, st.text("酒水茶1%好", max_size=30))
def test_every_match_lies_within_the_width_and_holds_an_anchor(source: str, text: str) -> None:
    shape = check_expression(source)
    for match in re.finditer(source, text):
        assert shape.low <= len(match.group()) <= shape.high
        assert shape.anchors is None or any(anchor in match.group() for anchor in shape.anchors)
        assert shape.words is None or match.group() in shape.words


@given(st.text("酒水()[]{}|?*+.^$\\-,123:=!<P", max_size=20))
def test_any_text_is_an_expression_or_a_fault(source: str) -> None:
    try:
        check_expression(source, look=True)
    except ExpressionFault as fault:
        places = range(len(source) + 1)
        if fault.at not in places:
            raise
    else:
        re.compile(source)
