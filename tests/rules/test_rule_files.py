"""A rule file is taken whole or refused with every problem at its line and column, in three languages."""

import pytest

from app.domain.words import LANGUAGES
from app.rules.check import check
from app.rules.file import decode_rules, read_rules
from app.rules.problems import RuleFileError
from app.rules.rule import Rule
from app.rules.sentences import codes
from tests.rules.extended import EXTENDED

GOOD = """\
version: 1
defaults: {keep_firing_for: 7s, no_data: {as: keep}, route: desk}
rules:
  - id: quiet-chat
    title: {zh-CN: 弹幕冷场, en: Quiet chat}
    labels: {team: content}
    params: {floor: 5, back: 8.0}
    let: {pace: "m.comments_60s / 2.0"}
    when: "s.live && m.viewers >= 200.0"
    levels:
      - {severity: warning, light: yellow, fire: "v.pace < p.floor", for: 30s}
    clear: "m.comments_60s >= p.back"
    text:
      title: "一分钟只有 {{m.comments_60s|int}} 条弹幕"
"""

RULE = """\
id: r
title: 题
levels: [{severity: warning, fire: "m.viewers < 5.0"}]
text: {title: 短}
"""


def with_line(line: str) -> str:
    """Return the small rule with one more line, which is its fifth."""
    return RULE + line + "\n"


def found(text: str) -> list[tuple[int, int, str]]:
    """Return line, column and code of each problem of one file."""
    return [(problem.line, problem.column, problem.code) for problem in check({"f.yaml": text}, EXTENDED).problems]


def only(text: str) -> Rule:
    (rule,) = read_rules({"f.yaml": text}).rules
    return rule


REFUSED: list[tuple[str, list[tuple[int, int, str]]]] = [
    ("a: '" + "x" * 200_000 + "'", [(1, 1, "file_big")]),
    ("a: \ud800", [(1, 1, "file_encoding")]),
    ("# nothing\n", [(1, 1, "file_empty")]),
    ("id: [r\n", [(2, 1, "yaml_syntax")]),
    (RULE + "---\nid: s\n", [(5, 1, "yaml_documents")]),
    ("id: &a r\ntitle: *a\n", [(1, 5, "yaml_alias")]),
    ("id: !!binary aGk=\n", [(1, 5, "yaml_tag")]),
    ("a: " + "[" * 30 + "]" * 30, [(1, 23, "yaml_deep")]),
    ("a: [" + "1," * 25_000 + "1]", [(1, 39_999, "yaml_many")]),
    (with_line("1: x"), [(5, 1, "key_text")]),
    (with_line("id: s"), [(5, 1, "key_duplicate")]),
    (with_line("tittle: x"), [(5, 1, "key_unknown")]),
    ("id: r\nlevels: []\ntext: {}\n", [(1, 1, "key_missing"), (2, 1, "key_missing"), (3, 7, "key_missing")]),
    ("- 1", [(1, 1, "expected_mapping")]),
    (with_line("labels: [a]"), [(5, 9, "expected_mapping")]),
    (with_line("freeze: m.viewers"), [(5, 9, "expected_list")]),
    (with_line("route: 5"), [(5, 8, "expected_text")]),
    (with_line("params: {a: null}"), [(5, 13, "expected_number")]),
    (with_line("step_down: yes"), [(5, 12, "expected_truth")]),
    (with_line("freeze: [" + ", ".join(["m.viewers"] * 41) + "]"), [(5, 9, "too_many")]),
    (with_line("route: " + "x" * 501), [(5, 8, "too_long")]),
    ("version: 2\n" + RULE, [(1, 10, "version")]),
    ("version: 1\nrules: []\n", [(2, 8, "rules_missing")]),
    ("version: 1\n", [(1, 1, "rules_missing")]),
    (with_line("keep_firing_for: 30"), [(5, 18, "duration")]),
    (with_line("no_data: {after: -5s}"), [(5, 18, "duration")]),
    (with_line("keep_firing_for: 25h"), [(5, 18, "duration_long")]),
    (RULE.replace("id: r", "id: R 1"), [(1, 5, "name_form")]),
    (with_line("params: {A: 1.0}"), [(5, 10, "name_form")]),
    (
        "rules:\n" + ("- " + RULE.strip().replace("\n", "\n  ") + "\n") * 2,
        [(6, 7, "id_duplicate")],
    ),
    (with_line("no_data: {as: maybe}"), [(5, 15, "choice")]),
    (with_line("each: shop"), [(5, 7, "choice")]),
    (with_line("each: sku\nevent: speech"), [(6, 1, "each_and_event")]),
    (with_line("event: speech\nclear: s.live"), [(6, 1, "event_without")]),
    (
        RULE.replace("fire", "for: 5s, fire") + "event: speech\n",
        [(3, 30, "event_without")],
    ),
    (
        RULE.replace("}]", "}, {severity: critical, fire: s.live}]"),
        [(3, 1, "levels_order")],
    ),
    (with_line("when: '" + "s.live&&" * 70 + "s.live'"), [(5, 8, "expression_long")]),
    (with_line('when: "s.live &&"'), [(5, 17, "expression_syntax")]),
    (with_line('when: "s.live && [true]"'), [(5, 18, "expression_character"), (5, 23, "expression_character")]),
    (with_line('when: "s.live && m.viewers > s.phase"'), [(5, 28, "expression_type")]),
    (with_line("when: m.viewers"), [(5, 7, "expression_result")]),
    (with_line("when: m.viewers > 3"), [(5, 19, "expression_integer")]),
    (with_line("when: size(s.phase) > 3.0"), [(5, 7, "expression_function")]),
    (with_line("when: s.phase.matches('a')"), [(5, 15, "expression_function")]),
    (with_line("when: 's.live && m.veiwers > 3.0'"), [(5, 18, "name_unknown")]),
    (with_line("when: i.sellable > 3.0"), [(5, 7, "name_unknown")]),
    (with_line("when: |\n  s.live\n  && m.veiwers > 3.0"), [(7, 1, "name_unknown")]),
    (RULE.replace("短", '"a {{ b"'), [(4, 18, "text_braces")]),
    (RULE.replace("短", '"{{m.viewers + m.gmv + 1}}"'), [(4, 18, "text_expression")]),
    (RULE.replace("短", '"{{m.viewers|round}}"'), [(4, 28, "text_format")]),
    (RULE.replace("短", '"{{s.phase|int}}"'), [(4, 18, "text_type")]),
    (RULE.replace("短", '"{{m.veiwers|int}}"'), [(4, 18, "name_unknown")]),
    (RULE.replace("短", '"{{s.live}}"'), [(4, 18, "name_unknown")]),
    (RULE.replace("短", "{en: short}"), [(4, 15, "text_chinese")]),
    (RULE.replace("短", "{zh-CN: 短, fr: court}"), [(4, 26, "key_unknown")]),
    (with_line("inhibited_by: [nobody]"), [(1, 1, "rule_unknown")]),
    (with_line("freeze: [m.gmv]"), [(5, 10, "freeze_unused")]),
    (with_line("tests: [{series: [[0, {m.viewers: true}]], expect: []}]"), [(5, 35, "value_kind")]),
    (with_line("tests: [{series: [[0, {m.veiwers: 1.0}]], expect: []}]"), [(5, 24, "name_unknown")]),
    (with_line("tests: [{series: [[5, {}], [4, {}]], expect: []}]"), [(5, 28, "test_order")]),
    (with_line("tests: [{series: [[zero, {}]], expect: []}]"), [(5, 19, "test_event")]),
    (with_line("tests: [{series: [], expect: [[0]]}]"), [(5, 31, "test_expect")]),
    (with_line("tests: [{series: [], expect: [[0, fine]]}]"), [(5, 35, "choice")]),
    (with_line("tests: [{events: [], expect: []}]"), [(5, 9, "test_input")]),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED, ids=[problems[0][2] for _, problems in REFUSED])
def test_each_thing_wrong_is_refused_at_its_place(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert found(text) == expected


def test_every_sentence_there_is_belongs_to_a_refusal_that_can_happen() -> None:
    assert {code for _, problems in REFUSED for _, _, code in problems} == codes()


def test_a_refusal_is_worded_in_every_language_with_its_figures() -> None:
    (problem,) = check({"f.yaml": with_line("when: m.viewers > 3")}).problems
    assert str(problem) == ("f.yaml:5:19: expression_integer: all numbers carry a point: write 3.0, not 3")
    assert problem.words["zh-CN"] == "数字都要带小数点：写 3.0，不写 3"
    assert problem.words["zh-TW"] == "數字都要帶小數點：寫 3.0，不寫 3"
    for text, _ in REFUSED:
        for each in check({"f.yaml": text}, EXTENDED).problems:
            assert set(each.words) == set(LANGUAGES)
            assert all(each.words.values())


def test_a_misspelt_name_is_told_with_the_one_that_was_meant() -> None:
    (problem,) = check({"f.yaml": with_line("when: m.veiwers > 3.0")}).problems
    assert problem.words["en"] == "unknown name 'm.veiwers' (m.viewers?)"


def test_all_problems_of_all_files_are_told_at_once_in_order() -> None:
    wrong = with_line('when: "m.a > 1.0 && m.b > 1.0"\nkeep_firing_for: soon\nroute: 5')
    with pytest.raises(RuleFileError) as refused:
        read_rules({"b.yaml": wrong, "a.yaml": "- 1", "good.yaml": GOOD})
    assert [(problem.file, problem.line, problem.code) for problem in refused.value.problems] == [
        ("a.yaml", 1, "expected_mapping"),
        ("b.yaml", 5, "name_unknown"),
        ("b.yaml", 5, "name_unknown"),
        ("b.yaml", 6, "duration"),
        ("b.yaml", 7, "expected_text"),
    ]
    assert (refused.value.code, refused.value.context) == (
        "rule_file",
        {"file": "a.yaml", "line": 1, "column": 1, "count": 5},
    )


def test_a_wrong_let_is_told_once_and_not_again_where_it_is_used() -> None:
    text = RULE.replace("m.viewers < 5.0", "v.x < 5.0") + "let: {x: m.nobody * 2.0}\n"
    assert found(text) == [(5, 10, "name_unknown")]


def test_a_broken_rule_is_still_a_rule_that_others_may_name() -> None:
    broken = with_line("route: 5").replace("id: r", "id: cause")
    assert [code for _, _, code in found_in(a=broken, b=with_line("inhibited_by: [cause]"))] == ["expected_text"]


def found_in(**texts: str) -> list[tuple[int, int, str]]:
    return [(problem.line, problem.column, problem.code) for problem in check(texts).problems]


def test_the_same_id_in_two_files_is_refused() -> None:
    assert found_in(a=RULE, b=RULE) == [(1, 5, "id_duplicate")]


def test_what_a_file_says_becomes_a_rule() -> None:
    rule = only(GOOD)
    assert (rule.id, rule.title) == ("quiet-chat", {"zh-CN": "弹幕冷场", "en": "Quiet chat"})
    assert (rule.params, rule.labels, rule.route) == ({"p.floor": 5.0, "p.back": 8.0}, {"team": "content"}, "desk")
    assert [(level.severity, level.for_ms, level.light) for level in rule.levels] == [("P2", 30_000, "yellow")]
    assert (rule.keep_firing_ms, rule.no_data.policy, rule.no_data.after_ms) == (7_000, "keep", None)
    assert rule.judged_names() == {"m.comments_60s"}
    assert rule.names() == {"s.live", "m.viewers", "m.comments_60s"}
    assert rule.ageing == {"m.viewers", "m.comments_60s"}
    assert not rule.moving
    assert only(with_line("when: s.elapsed_min > 5.0")).moving


def test_a_version_follows_what_a_rule_says_and_not_how_it_is_laid_out() -> None:
    version = only(GOOD).version
    assert (
        only(
            "# a comment\n" + GOOD.replace("params: {floor: 5, back: 8.0}", "params:\n      floor: 5.0\n      back: 8")
        ).version
        == version
    )
    assert only(GOOD.replace("floor: 5,", "floor: 6,")).version != version
    assert only(GOOD.replace("keep_firing_for: 7s", "keep_firing_for: 8s")).version != version


def test_a_rule_set_is_the_same_after_storing_and_names_itself_by_its_text() -> None:
    rules = read_rules({"a.yaml": GOOD, "b.yaml": RULE})
    again = decode_rules(rules.body())
    assert (again.hash, again.source) == (rules.hash, rules.source)
    assert [rule.version for rule in again.rules] == [rule.version for rule in rules.rules]
    assert read_rules({"a.yaml": GOOD.replace("\n", "\r\n"), "b.yaml": "\ufeff" + RULE}).hash == rules.hash
    assert read_rules({"a.yaml": GOOD + "# more\n", "b.yaml": RULE}).hash != rules.hash
    assert rules.rule("r").id == "r"
    with pytest.raises(KeyError):
        rules.rule("nobody")
