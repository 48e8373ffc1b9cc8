"""Promise: the sample livestream shows what its table says, at those times, and nothing else; loop after loop."""

from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from app.domain import events as ev
from app.domain.words import LANGUAGES
from app.replay.script import seconds, shipped_script, slope, step
from tests.replay.stage import Told, loop, matcher, played, workspace

LOOPS = (1, 2, 3)
TOLD = [
    Told(12, "banned-phrase", "", "firing", "P1"),
    Told(32, "banned-phrase", "", "ended", "P1"),
    Told(90, "stock-shortfall", "SKU-2", "firing", "P2"),
    Told(115, "stock-shortfall", "SKU-2", "firing", "P1"),
    Told(175, "interaction-low", "", "firing", "P2"),
    Told(260, "stock-shortfall", "SKU-2", "ended", "P1"),
    Told(281, "interaction-low", "", "ended", "P2"),
]
TOLERANCE_S = 2


@pytest.mark.parametrize("number", LOOPS)
def test_every_alert_comes_and_goes_at_its_time_and_no_other_comes(number: int) -> None:
    told = played(number).told
    assert [(each.rule, each.member, each.condition, each.severity) for each in told] == [
        (each.rule, each.member, each.condition, each.severity) for each in TOLD
    ]
    late = {each.rule: each.at_s - due.at_s for each, due in zip(told, TOLD, strict=True)}
    assert {rule: by for rule, by in late.items() if abs(by) > TOLERANCE_S} == {}


@pytest.mark.parametrize("number", LOOPS)
def test_only_the_interaction_rule_is_without_data_and_only_while_the_mirror_is_silent(number: int) -> None:
    found = played(number).unknown
    assert {rule for _, rule in found} == {"interaction-low"}
    assert found[0][0] == pytest.approx(315, abs=TOLERANCE_S)
    assert found[-1][0] == pytest.approx(324, abs=TOLERANCE_S)
    assert [at for at, _ in found] == list(range(found[0][0], found[-1][0] + 1))


@pytest.mark.parametrize("number", LOOPS)
def test_in_the_lead_in_every_sku_lies_above_its_stock_line_and_the_others_always_do(number: int) -> None:
    for at, rows in played(number).sellable.items():
        for sku, (sellable, line) in rows.items():
            assert sellable is not None
            assert sellable > line or (sku == "SKU-2" and at > 90), (at, sku)
    assert played(number).sellable[0]["SKU-2"][0] == pytest.approx(670, abs=2)


@pytest.mark.parametrize("number", LOOPS)
def test_the_interaction_rate_is_above_the_floor_except_where_the_alert_says_so(number: int) -> None:
    low = [at for at, rate in played(number).interaction.items() if at >= -1020 and rate is not None and rate < 0.05]
    assert low
    assert (min(low) >= 112, max(low) <= 225) == (True, True)


def test_one_sentence_is_one_alert_with_both_words_marked_and_the_law_cited() -> None:
    alert = played(1).first["banned-phrase", "P1"]
    *_, spoken = alert.evidence  # after what was said before it
    assert spoken.text == "天冷喝一杯，暖身御寒"
    assert [(mark.phrase, mark.exempt) for mark in spoken.marks] == [("暖身", ""), ("御寒", "")]
    assert all("食品安全法第七十三条" in mark.citation for mark in spoken.marks)
    assert alert.host["zh-CN"] == "更正：酒不能御寒，请理性饮酒"
    assert alert.count == 1


def test_the_stock_alert_forecasts_nine_point_seven_minutes_and_tells_the_group_stock_and_rate() -> None:
    amber = played(1).first["stock-shortfall", "P2"]
    assert "约 9.7 分钟售罄" in amber.title["zh-CN"]
    supply = [text for text in played(1).texts if "小坛礼盒" in text]
    assert any("可售" in text and "售罄" in text for text in supply)
    assert played(1).states == {"drill"}


def test_a_supply_moves_the_forecast_at_once() -> None:
    before, after = (played(1).sellable[at]["SKU-2"][0] for at in (149, 150))
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(2_000, abs=2)


def test_what_the_host_says_holds_no_banned_word_but_in_the_one_sentence_that_is_meant_to() -> None:
    said = [event.payload.text for second in loop(1) for event in second.feeds["main"] if type(event) is ev.SpeechEvent]
    guilty = {line for line in said if any(hit.counts for hit in matcher().find(line))}
    assert guilty == {"天冷喝一杯，暖身御寒"}
    pool = [line for lines in shipped_script().spoken.host.values() for line in lines]
    assert [line for line in pool if matcher().find(line)] == []


def test_the_correction_and_the_last_minute_are_let_pass_for_a_reason() -> None:
    (negated,) = matcher().find("酒不能御寒，请理性饮酒")
    assert (negated.counts, negated.exempt) == (False, "negated")
    assert not any(hit.counts for hit in matcher().find("最后一分钟上车"))


def test_the_comments_are_many_and_of_many_people() -> None:
    comments = [event for second in loop(1) for event in second.feeds["main"] if type(event) is ev.CommentEvent]
    assert len({event.payload.text for event in comments}) >= 150
    assert len({event.payload.user.id for event in comments if event.payload.user}) >= 100
    assert all(event.payload.user for event in comments)


def test_the_same_loop_is_the_same_to_the_letter_and_another_is_another() -> None:
    assert list(loop(7)) == list(loop(7))
    first, second = ([event for each in loop(n) for event in each.feeds["main"]] for n in (7, 8))
    assert {event.id for event in first}.isdisjoint(event.id for event in second)
    texts = [[event.payload.text for event in part if type(event) is ev.CommentEvent] for part in (first, second)]
    assert texts[0] != texts[1]


def test_every_event_lies_in_its_second_and_has_an_id_of_its_own() -> None:
    ids: Counter[str] = Counter()
    for second in loop(1):
        for feed, events in second.feeds.items():
            ids.update(event.id for event in events)
            for event in events:
                assert event.room == shipped_script().rooms[feed]
                late = (second.at_s + 22 * 60) * 1_000 + 1_764_072_000_000 - event.occurred_ms
                assert 0 <= late < 2_000
    assert max(ids.values()) == 1


def test_both_feeds_tell_their_viewers_at_least_every_three_seconds_unless_they_are_silent() -> None:
    for feed in ("main", "mirror"):
        told = [s.at_s for s in loop(1) if any(type(event) is ev.ViewersEvent for event in s.feeds[feed])]
        gaps = [(before, after) for before, after in pairwise(told) if after - before > 3]
        assert gaps == ([] if feed == "main" else [(300, 325)])


def test_the_mirror_says_nothing_at_all_while_it_is_silent_and_the_encoder_goes_on() -> None:
    silent = [second for second in loop(1) if 300 < second.at_s < 325]
    assert len(silent) == 24
    for second in silent:
        assert second.feeds["mirror"] == []
        assert any(type(event) is ev.StreamEvent for event in second.feeds["main"])


def test_about_eight_hundred_watch_when_the_page_opens() -> None:
    script = shipped_script()
    assert sum(slope(points, 0) for points in script.viewers.values()) == pytest.approx(800, abs=10)


def test_what_the_script_names_is_in_the_workspace() -> None:
    script, shop = shipped_script(), workspace()
    assert set(script.rooms.values()) <= {room.id for room in shop.rooms}
    assert set(script.sells) <= {sku.sku for sku in shop.skus}
    (rundown,) = shop.rundowns
    planned = {segment.id: segment.starts_ms for segment in rundown.segments}
    assert all(planned[segment] == (seconds(at) + 22 * 60) * 1_000 for at, segment in script.moves)
    quick = {each.id for each in shop.quick}
    assert all(act.send == "proposal" or act.send in quick for act in script.assistant.acts)
    (line,) = next(room for room in shop.rooms if room.id == script.rooms["main"]).lines
    assert (line.name, line.target_kbps) == (script.line.name, script.line.kbps)


def test_every_beat_that_shows_something_has_a_line_of_the_guide_in_three_languages() -> None:
    script = shipped_script()
    for guide in script.guide:
        assert set(guide.line) == set(guide.hint) == set(LANGUAGES)
        assert all(guide.line.values())
        assert all(guide.hint.values())
    times = [seconds(guide.at) for guide in script.guide]
    assert times == sorted(times)
    for at in (0, 12, 45, 90, 115, 150, 175, 210, 260, 281, 300, 325):
        assert any(0 <= said - at <= 3 for said in times), at


def test_the_steps_of_the_script_are_read_as_they_are_written() -> None:
    assert (seconds("0:12"), seconds("-3:00"), seconds("-0:30"), seconds("22:00")) == (12, -180, -30, 1320)
    points = (("-1:00", 2.0), ("0:00", 4.0))
    assert [step(points, at) for at in (-90, -60, -1, 0, 9)] == [2, 2, 2, 4, 4]
    assert [slope(points, at) for at in (-90, -60, -30, 0, 9)] == [2, 2, 3, 4, 4]


def test_events_travel_as_the_door_reads_them() -> None:
    for second in (next(loop(1)), list(loop(1))[1500]):
        body = msgspec.json.encode(second.feeds["main"])
        assert msgspec.json.decode(body, type=list[ev.Event]) == second.feeds["main"]
