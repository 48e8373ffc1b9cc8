"""Texts of a rule: names and formats checked at load, words that differ by language, unknown shown as such."""

import pytest

from app.rules.pack import shipped_rules
from app.rules.text import Shown, Template, Text, TextRefused, compile_template
from app.rules.vocabulary import ValueType

PATHS: dict[str, ValueType] = {"m.a": "number", "m.b": "number", "labels.name": "text", "e.line": "text"}


def shown(source: str, language: str = "zh-CN", zone_ms: int = 0, **values: float | str | dict[str, str] | None) -> str:
    template: Template = compile_template(source, PATHS)
    return template.render({name.replace("_", ".", 1): value for name, value in values.items()}, language, zone_ms)


@pytest.mark.parametrize(
    ("form", "number", "zh", "tw", "en"),
    [
        ("int", 1234.5, "1,234", "1,234", "1,234"),
        ("1f", 9.96, "10.0", "10.0", "10.0"),
        ("2f", 1.005, "1.00", "1.00", "1.00"),
        ("pct0", 0.05, "5%", "5%", "5%"),
        ("pct1", 0.0412, "4.1%", "4.1%", "4.1%"),
        ("units", 204.0, "可售 204 件", "可售 204 件", "204 left"),
        ("units", 0.0, "可售 0 件", "可售 0 件", "0 left"),
        ("units", -3.0, "超卖 3 件", "超賣 3 件", "oversold by 3"),
        ("eta", 0.9, "约 0.9 分钟售罄", "約 0.9 分鐘售完", "sold out in about 0.9 min"),
        ("eta", 9.7, "约 9.7 分钟售罄", "約 9.7 分鐘售完", "sold out in about 9.7 min"),
        ("eta", 240.0, "约 240 分钟售罄", "約 240 分鐘售完", "sold out in about 240 min"),
        ("eta", 9999.0, "销量不足，无法预计", "銷量不足，無法預估", "too few sales to forecast"),
        ("eta", 0.0, "已售罄", "已售完", "sold out"),
    ],
)
def test_each_format_has_its_words_in_each_language(form: str, number: float, zh: str, tw: str, en: str) -> None:
    source = f"{{{{ m.a | {form} }}}}"
    assert [shown(source, language, m_a=number) for language in ("zh-CN", "zh-TW", "en")] == [zh, tw, en]


def test_a_truth_is_shown_by_its_own_format_only() -> None:
    paths: dict[str, ValueType] = {"i.reconnecting": "truth", "i.fps": "number"}
    for source in ("{{i.reconnecting}}", "{{i.reconnecting|int}}", "{{i.fps|reconnecting}}"):
        with pytest.raises(TextRefused, match="name_unknown"):
            compile_template(source, paths)


def test_an_instant_is_shown_in_the_zone_of_the_room() -> None:
    assert shown("{{m.a|hms}}", m_a=1_700_000_000_000.0) == "22:13:20"
    assert shown("{{m.a|hms}}", zone_ms=8 * 3_600_000, m_a=1_700_000_000_000.0) == "06:13:20"


def test_one_arithmetic_step_is_done_and_no_more() -> None:
    assert shown("为基线的 {{m.a / m.b|pct0}}", m_a=3.0, m_b=4.0) == "为基线的 75%"
    assert shown("{{ m.a*60 | int }}次", m_a=1.5) == "90次"
    with pytest.raises(TextRefused):
        compile_template("{{m.a / m.b / m.b}}", PATHS)


def test_what_is_not_known_is_a_dash_and_never_a_number() -> None:
    assert shown("{{labels.name}} {{m.a|int}}") == "— —"
    assert shown("{{m.a / m.b|pct0}}", m_a=1.0, m_b=0.0) == "—"
    assert shown("{{m.a|int}}", m_a=float("inf")) == "—"


def test_a_text_by_language_is_shown_in_the_language_of_the_reader() -> None:
    line = {"zh-CN": "更正", "en": "Correction"}
    assert [shown("{{e.line}}", language, e_line=line) for language in ("zh-CN", "zh-TW", "en")] == [
        "更正",
        "更正",
        "Correction",
    ]


def test_values_are_put_in_as_they_are_and_not_read_again() -> None:
    assert shown("{{labels.name}}", labels_name="{{m.a}} <b>") == "{{m.a}} <b>"


def test_every_fault_of_a_text_is_told_with_its_place() -> None:
    with pytest.raises(TextRefused) as refused:
        compile_template("中{{m.x|int}} {{labels.name|int}} {{m.a|many}} {{}} }}", PATHS)
    assert [(fault.start, fault.code) for fault in refused.value.faults] == [
        (3, "name_unknown"),
        (15, "text_type"),
        (39, "text_format"),
        (48, "text_braces"),
        (51, "text_braces"),
    ]


def test_a_language_that_was_not_given_is_left_out_for_the_page_to_fall_back() -> None:
    text = Text({"zh-CN": compile_template("{{m.a|int}} 条", PATHS)})
    assert text.render({"m.a": 2.0}) == {"zh-CN": "2 条"}


def test_a_name_from_elsewhere_adds_no_line_and_no_command_to_a_text() -> None:
    evil = "主线\n# 假的\u2028[P1]\x1b[2J\x85\u202e 👩‍🔧"
    assert shown("{{ e.line }} 中断", e_line=evil) == "主线 # 假的 [P1] [2J 👩‍🔧 中断"


def test_an_oversold_sku_says_so_in_the_title() -> None:
    rule = shipped_rules().rule("stock-shortfall")
    values: dict[str, float | bool] = {"i.sellable": -3.0, "i.sell_rate_ok": False, "i.sell_rate": 0.0}
    rendered = rule.render(values, labels={"sku_name": "礼盒"})
    assert rendered.title["zh-CN"] == "礼盒 超卖 3 件，已售罄"
    assert rendered.title["en"] == "礼盒: oversold by 3, sold out"


def test_a_forecast_is_worded_as_the_group_should_read_it() -> None:
    rule = shipped_rules().rule("stock-shortfall")
    values: dict[str, float | bool] = {"i.sellable": 582.0, "i.sell_rate_ok": True, "i.sell_rate": 60.0}
    assert rule.render(values, labels={"sku_name": "礼盒"}).title["zh-CN"] == "礼盒 可售 582 件，约 9.7 分钟售罄"


def test_a_silent_line_is_told_as_silence_and_not_as_its_last_bitrate() -> None:
    rule = shipped_rules().rule("stream-fault")
    values: dict[str, Shown] = {"i.bitrate_kbps": 4000.0, "i.target_kbps": 4000.0, "i.reconnecting": False}
    assert rule.render(values, labels={"line": "主线"}).title["zh-CN"] == "主线 码率 4,000 kbps，目标 4,000"
    assert (
        rule.render(values, labels={"line": "主线"}, silent=True).title["zh-CN"] == "主线 推流中断：5 秒没有编码器数据"
    )


def test_a_line_that_reconnects_says_so_beside_a_bitrate_that_looks_healthy() -> None:
    rule = shipped_rules().rule("stream-fault")
    values: dict[str, Shown] = {"i.bitrate_kbps": 856.0, "i.target_kbps": 800.0, "i.reconnecting": True}
    title = rule.render(values, labels={"line": "main"}).title
    assert title == {
        "zh-CN": "main 正在重连，码率 856 kbps，目标 800",
        "zh-TW": "main 正在重連，位元率 856 kbps，目標 800",
        "en": "main: reconnecting, 856 kbps, target 800",
    }
