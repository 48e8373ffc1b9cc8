"""Promises: the labelled texts come out right, and a case file is answered line by line in the scorer's format.

The figures are what is reached today, so a change that loses one case fails here; later layers' forms are named.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from app.rules.phrases.cases import CaseRefused, check_cases
from app.rules.phrases.hits import counting
from app.rules.phrases.matcher import Matcher

DATA = Path(__file__).parent / "data"
LATER = {"homophone", "pinyin", "split_char"}
"""Forms that need the layers for sound and for characters written in parts."""


def lines(name: str) -> list[str]:
    return (DATA / name).read_text(encoding="utf-8").splitlines()


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(name)]


def test_every_example_is_right_but_those_that_need_more_than_the_text(matcher: Matcher) -> None:
    wrong = []
    examples = cases("domain_examples.jsonl")
    for example in examples:
        categories = {hit.category for hit in counting(matcher.find(example["text"]))}
        right = example["category"] in categories if example["fires"] else not categories
        if not right:
            wrong.append(example)
    assert len(examples) == 259
    assert [example["text"] for example in wrong if example.get("needs") != "context"] == []
    assert len(wrong) == 6


def meets(match: dict[str, Any], expected: dict[str, Any]) -> bool:
    same = match["category"] == expected["category"]
    return bool(same and match["start"] < expected["end"] and expected["start"] < match["end"])


def scored(matcher: Matcher) -> dict[str, tuple[int, int, int, int]]:
    """Return for each form: expected, met, cases, cases with a false alarm."""
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    told = {answer["id"]: answer["matches"] for answer in check_cases(matcher, lines("dev_cases.jsonl"))}
    for case in cases("dev_cases.jsonl"):
        matches, row = told[case["id"]], tally[case["form"]]
        row[0] += len(case["expect"])
        row[1] += sum(any(meets(match, expected) for match in matches) for expected in case["expect"])
        row[2] += 1
        row[3] += any(not any(meets(match, expected) for expected in case["expect"]) for match in matches)
    return {form: (row[0], row[1], row[2], row[3]) for form, row in tally.items()}


def test_every_labelled_case_of_today_s_forms_is_met_without_a_false_alarm(matcher: Matcher) -> None:
    today = {form: row for form, row in scored(matcher).items() if form not in LATER}
    assert len(today) == 13
    assert {form: row for form, row in today.items() if row[1] < row[0] or row[3]} == {}


def test_the_forms_of_later_layers_are_met_as_far_as_known_spellings_go(matcher: Matcher) -> None:
    later = {form: row for form, row in scored(matcher).items() if form in LATER}
    assert later == {"homophone": (11, 8, 11, 1), "pinyin": (7, 3, 7, 0), "split_char": (5, 1, 5, 0)}


def test_the_named_phrase_and_its_span_are_those_of_the_label(matcher: Matcher) -> None:
    told = {answer["id"]: answer["matches"] for answer in check_cases(matcher, lines("dev_cases.jsonl"))}
    today = [case for case in cases("dev_cases.jsonl") if case["form"] not in LATER]
    expected = [(case["id"], label) for case in today for label in case["expect"]]
    keys = ("phrase", "category", "start", "end")
    differing = [id_ for id_, label in expected if {key: label[key] for key in keys} not in told[id_]]
    # 我我喝一杯: the repeated 我 is marked with the phrase
    assert differing == ["dev-0054", "dev-0170"]


def test_an_answer_has_the_id_and_the_spans_and_empty_lines_are_passed_over(matcher: Matcher) -> None:
    asked = ['{"id": "a", "source": "speech", "fragments": ["这酒御", "寒"]}\n', "\n", '{"id": "b", "text": "不养生"}']
    assert list(check_cases(matcher, asked)) == [
        {"id": "a", "matches": [{"phrase": "御寒", "category": "health", "start": 2, "end": 4}]},
        {"id": "b", "matches": []},
    ]


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"id": 1, "text": ""}', '{"id": "a", "fragments": [1]}', '{"id":"a","text":"","source":"tv"}'],
)
def test_a_line_that_is_no_case_is_refused_by_its_number(matcher: Matcher, line: str) -> None:
    with pytest.raises(CaseRefused) as refused:
        list(check_cases(matcher, ['{"id": "a", "text": "酒"}', line]))
    assert refused.value.context == {"line": 2}
