"""The shipped rules, and the twelve of the contract: every in-file test passes through the machine that runs live."""

import sys
from subprocess import run

import pytest

from app.domain.words import LANGUAGES
from app.rules.check import CaseResult, check, run_tests
from app.rules.pack import pack_files, shipped_rules
from app.rules.rule import Rule
from app.rules.text import Text
from app.rules.vocabulary import VOCABULARY, WINDOWS, Name
from tests.rules.extended import EXTENDED
from tests.rules.twelve import TWELVE

SHIPPED = list(run_tests(shipped_rules()))
TWELVE_REPORT = check({"twelve.yaml": TWELVE}, EXTENDED)
TWELVE_RESULTS = list(run_tests(TWELVE_REPORT.rules)) if TWELVE_REPORT.rules else []


@pytest.mark.parametrize("result", SHIPPED, ids=[f"{each.rule}:{each.line}" for each in SHIPPED])
def test_every_shipped_in_file_test_passes(result: CaseResult) -> None:
    assert result.passed, str(result)


@pytest.mark.parametrize("result", TWELVE_RESULTS, ids=[f"{each.rule}:{each.line}" for each in TWELVE_RESULTS])
def test_every_test_of_the_twelve_rules_passes(result: CaseResult) -> None:
    assert result.passed, str(result)


def test_the_twelve_rules_are_all_read_with_all_their_tests() -> None:
    assert TWELVE_REPORT.problems == ()
    assert TWELVE_REPORT.rules is not None
    assert (len(TWELVE_REPORT.rules.rules), len(TWELVE_RESULTS)) == (12, 15)


def test_the_pack_holds_the_four_rules_and_each_has_tests() -> None:
    rules = {rule.id: len(rule.cases) for rule in shipped_rules().rules}
    assert set(rules) == {"stock-shortfall", "interaction-low", "banned-phrase", "stream-fault"}
    assert min(rules.values()) >= 5


def texts(rule: Rule) -> list[Text]:
    given = (rule.texts.title, rule.texts.host, rule.texts.action, rule.texts.no_data)
    return [text for text in given if text is not None]


def test_the_pack_speaks_every_language() -> None:
    for rule in shipped_rules().rules:
        assert set(rule.title) == set(LANGUAGES)
        assert all(set(text.languages) == set(LANGUAGES) for text in texts(rule))
        assert rule.texts.action is not None


def test_a_failed_in_file_test_says_what_was_expected_and_found() -> None:
    text = pack_files()["interaction_low.yaml"].replace("[260, ok]", "[260, firing:warning]")
    report = check({"edited.yaml": text})
    assert report.rules is not None
    failed = [result for result in run_tests(report.rules) if not result.passed]
    assert [str(result) for result in failed] == [
        "edited.yaml:28: interaction-low: at 260 s expected firing:warning, found ok"
    ]


def test_reading_a_rule_set_is_what_loads_the_checking_binding_and_running_one_does_not() -> None:
    """A worker that only runs rules it was given pays for one binding."""
    script = "import sys, app.rules.machine, app.rules.file; print('cel_expr_python' in sys.modules)"
    assert run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_name_that_ends_in_a_window_says_which() -> None:
    for name in VOCABULARY.names:
        ending = name.path.rpartition("_")[2]
        assert name.window == (ending if ending in WINDOWS else "session" if name.path == "m.gmv" else "")
        assert name.path.partition(".")[2] in (name.metric, f"{name.metric}_{name.window}")


def test_a_rule_sees_the_names_of_its_own_members_and_no_others() -> None:
    assert VOCABULARY.kinds("member") == {"sku", "line"}
    assert VOCABULARY.kinds("event") == {"speech"}
    sku, line, speech = (
        VOCABULARY.visible(**kind) for kind in ({"each": "sku"}, {"each": "line"}, {"event": "speech"})
    )
    assert {"i.sellable", "labels.sku_name", "m.viewers", "s.live"} <= set(sku)
    assert "i.sellable" not in line
    assert "i.bitrate_kbps" in line
    assert {path for path in speech if path.startswith("i.")} == set()
    assert {"e.hits", "e.phrase"} <= set(speech)


def test_a_vocabulary_grows_and_replaces_by_path_and_kind() -> None:
    more = VOCABULARY.extended([Name("m.viewers", "text", "session"), Name("i.fps", "text", "member", "sku")])
    assert len(more.names) == len(VOCABULARY.names) + 1
    assert more.visible()["m.viewers"].type == "text"
    assert (more.visible(each="sku")["i.fps"].type, more.visible(each="line")["i.fps"].type) == ("text", "number")
