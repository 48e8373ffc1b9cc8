"""Promise: a workspace file is read exactly, or refused as a whole with every problem at its line and column."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.words import LANGUAGES
from app.domain.workspace import Workspace
from app.workspace import sentences
from app.workspace.file import MAX_BYTES, WorkspaceError, read_workspace

WINERY = (Path(__file__).parents[2] / "app/workspace/sample/winery.yaml").read_text(encoding="utf-8")

CATEGORIES = ("health", "absolute", "induce", "minors", "driving")
BASE = """\
version: 1
workspace: {id: w, name: 工作区}
brands:
- {id: b, name: 品牌}
- {id: c, name: 别的品牌}
rooms:
- {id: r, brand: b, name: 一号间, platform: douyin}
- {id: q, brand: c, name: 二号间, platform: douyin}
skus:
- {sku: S1, product: P1, brand: b, name: 一瓶, price: 128.00}
channels:
  ops: {kind: dingtalk, robots: [env:OPS_URL]}
"""


def refused(text: str, **known: list[str]) -> list[str]:
    """Return `line:column code` of every problem of a text that must be refused."""
    with pytest.raises(WorkspaceError) as caught:
        read_workspace(text, "w.yaml", **known)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in caught.value.problems)
    return [f"{problem.line}:{problem.column} {problem.code}" for problem in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert BASE.count(old) == 1, old
    return BASE.replace(old, new)


def test_the_sample_is_a_whole_workspace() -> None:
    winery = read_workspace(WINERY, "winery.yaml", rules=["interaction-low"], categories=list(CATEGORIES))
    assert [sku.name for sku in winery.skus][:2] == ["单瓶装 500ml", "小坛礼盒"]
    assert (winery.skus[0].price, winery.skus[2].price, winery.skus[6].price) == (12_800, 2_990, 990)
    assert {target.metric: target.value for target in winery.targets["*"]} == {
        "gmv": 30_000_000.0,
        "viewers": 800.0,
        "interaction_rate_5m": 0.05,
        "comments_60s": 40.0,
    }
    assert winery.rooms[0].session_rooms == ("qingtan-shipinhao",)
    assert winery.rooms[0].every_ms["viewers"] == 2_000
    assert len(winery.quick) == 6
    assert winery.corrections["health"]["zh-CN"] == "更正：酒不能御寒，请理性饮酒"
    assert winery.channels[0].robots == ("DINGTALK_OPS_URL",)
    assert winery.routes[0].repeat_ms == {"P1": 120_000, "P2": None}


def test_at_22_past_eight_of_the_sample_evening_the_gift_box_is_on_air() -> None:
    segments = read_workspace(WINERY, "winery.yaml").rundowns[0].segments
    on_air = next(one for one in segments if one.starts_ms <= 22 * 60_000 < one.starts_ms + one.length_ms)
    assert (on_air.sku, on_air.starts_ms, on_air.starts_ms + on_air.length_ms) == ("SKU-2", 19 * 60_000, 52 * 60_000)
    assert segments[-1].starts_ms + segments[-1].length_ms == 120 * 60_000


def test_the_smallest_file_is_enough() -> None:
    workspace = read_workspace(BASE, "w.yaml")
    assert workspace.language == "zh-CN"
    assert workspace.rooms[0].zone == "Asia/Shanghai"
    assert workspace.channels[0].per_minute == 18


def test_a_webhook_has_one_address_and_all_secrets_are_its_own() -> None:
    channel = "webhook, robots: [env:HOOK], secrets: [env:NEW, env:OLD], clearance: restricted"
    (hook,) = read_workspace(changed("dingtalk, robots: [env:OPS_URL]", channel), "w.yaml").channels
    assert (hook.kind, hook.robots, hook.secrets) == ("webhook", ("HOOK",), ("NEW", "OLD"))
    assert (hook.clearance, hook.per_minute, hook.reserve_critical) == ("restricted", 120, 6)


# ⌖ stands where the problem has to be found.
REFUSALS = [
    # the form of the file
    ("⌖", "file_empty"),
    ("⌖# nothing\n", "file_empty"),
    ("a: [1, 2⌖", "yaml_syntax"),
    ("a: 1\n⌖---\nb: 2\n", "yaml_documents"),
    ("a: ⌖&x 1\nb: *x\n", "yaml_alias"),
    ("a: ⌖!!python/object:os.system x\n", "yaml_tag"),
    ("⌖- 1\n- 2\n", "expected_mapping"),
    ("a: " + "[" * 19 + "⌖" + "[" * 21 + "]" * 40, "yaml_deep"),
    (changed("version: 1", "version: 1\n⌖version: 1"), "key_duplicate"),
    (changed("version: 1", "version: 1\n⌖7: x"), "key_text"),
    (changed("version: 1", "version: ⌖2"), "version"),
    (changed("version: 1", "⌖vorsion: 1"), "key_missing"),
    (changed("version: 1", "version: 1\n⌖rums: []"), "key_unknown"),
    ("⌖" + changed("workspace: {id: w, name: 工作区}\n", ""), "key_missing"),
    (changed("name: 工作区", "name: ⌖''"), "empty_text"),
    (changed("name: 工作区", "name: ⌖[a]"), "expected_text"),
    (changed("name: 工作区", 'name: ⌖"工\\n作区"'), "one_line"),
    (changed("name: 工作区", "name: 工作区, language: ⌖fr"), "choice"),
    # brands and rooms
    (changed("id: b,", "id: ⌖'b b',"), "id_form"),
    (changed("id: c,", "id: ⌖b,"), "id_duplicate"),
    (changed("brand: b, name: 一号间", "brand: ⌖x, name: 一号间"), "unknown_brand"),
    (changed("id: q, brand: c", "id: ⌖r, brand: c"), "id_duplicate"),
    (changed("name: 一号间", f"name: ⌖{'长' * 41}"), "too_long"),
    (changed("name: 一号间", "zone: ⌖Asia/Nowhere, name: 一号间"), "zone"),
    (changed("name: 一号间", "zone: ⌖../../etc/passwd, name: 一号间"), "zone"),
    (changed("name: 一号间", "every: {⌖viewer: 3s}, name: 一号间"), "unknown_kind"),
    (changed("name: 一号间", "every: {viewers: ⌖soon}, name: 一号间"), "duration"),
    (changed("name: 一号间", "every: {viewers: ⌖2h}, name: 一号间"), "duration_long"),
    (changed("name: 一号间", "lines: [{name: m, target_kbps: ⌖fast}], name: 一号间"), "expected_number"),
    (changed("name: 一号间", "lines: [{name: m, target_kbps: ⌖0}], name: 一号间"), "too_big"),
    (changed("name: 一号间", "lines: [⌖{name: m}], name: 一号间"), "key_missing"),
    (changed("name: 一号间", "opens_itself: ⌖maybe, name: 一号间"), "expected_truth"),
    (changed("name: 一号间", "session_rooms: [⌖z], name: 一号间"), "unknown_room"),
    (changed("name: 一号间", "session_rooms: [⌖r], name: 一号间"), "room_itself"),
    (changed("name: 一号间", "session_rooms: [⌖q], name: 一号间"), "other_brand"),
    (changed("name: 一号间", "session_rooms: ⌖q, name: 一号间"), "expected_list"),
    # goods
    (changed("price: 128.00", "price: ⌖128.005"), "money"),
    (changed("price: 128.00", "price: ⌖-1.00"), "money"),
    (changed("price: 128.00", "price: ⌖1e3"), "money"),
    (changed("price: 128.00", "price: 128.00, currency: ⌖XAU"), "choice"),
    (changed("price: 128.00", "price: ⌖128.50, currency: JPY"), "money"),
    (changed("price: 128.00", "price: 128.00, planned: ⌖1.5"), "expected_count"),
    (changed("price: 128.00", "price: 128.00, stock: ⌖-3"), "expected_count"),
    (changed("price: 128.00", "price: 128.00, stock: ⌖99999999999"), "too_big"),
    (changed("price: 128.00", "price: 128.00, authority: ⌖sap"), "choice"),
    (changed("price: 128.00", "price: 128.00, rooms: [⌖z]"), "unknown_room"),
    (changed("price: 128.00", "price: 128.00, rooms: [⌖q]"), "other_brand"),
    (changed("channels:", "- {sku: ⌖S1, product: P, brand: b, name: 又一瓶}\nchannels:"), "id_duplicate"),
    (
        changed("channels:", "- {sku: S2, product: P, brand: b, name: 二, currency: ⌖USD}\nchannels:"),
        "currency_mixed",
    ),
    (
        changed(
            "channels:",
            "- {sku: S2, product: P, brand: c, name: 二, currency: USD}\ntargets: {'*': {gmv: ⌖5.00}}\nchannels:",
        ),
        "currency_open",
    ),
    (BASE + "targets: {⌖z: {viewers: 8}}\n", "unknown_room"),
    (BASE + "targets: {r: {⌖likes_per_moon: 8}}\n", "key_unknown"),
    (BASE + "targets: {r: {interaction_rate_5m: ⌖120%}}\n", "share"),
    (BASE + "targets: {r: {interaction_rate_5m: ⌖5}}\n", "share"),
    # the show
    (BASE + "rundowns: [{room: ⌖z, segments: [{id: a, title: 一, length: 1m}]}]\n", "unknown_room"),
    (BASE + "rundowns: [{room: r, start: ⌖8pm, segments: [{id: a, title: 一, length: 1m}]}]\n", "clock"),
    (BASE + "rundowns: [{room: r, segments: ⌖[]}]\n", "too_few"),
    (BASE + "rundowns: [{room: r, segments: [⌖{id: a, title: 一}]}]\n", "key_missing"),
    (BASE + "rundowns: [{room: r, segments: [{id: a, title: 一, length: ⌖0s}]}]\n", "duration_long"),
    (BASE + "rundowns: [{room: r, segments: [{id: a, title: 一, length: 1m, sku: ⌖S9}]}]\n", "unknown_sku"),
    (BASE + "rundowns: [{room: q, segments: [{id: a, title: 一, length: 1m, sku: ⌖S1}]}]\n", "sku_room"),
    (BASE + "rundowns: [{room: r, segments: [{id: a, title: 一, length: 1m, kind: ⌖nap}]}]\n", "choice"),
    (BASE + "quick: [{id: a, label: 一, text: ⌖" + "长" * 61 + "}]\n", "too_long"),
    (BASE + "quick: [{id: a, label: 一, text: ⌖{en: only}}]\n", "text_chinese"),
    (BASE + "quick: [{id: a, label: 一, text: 好, level: ⌖loud}]\n", "choice"),
    (BASE + "quick: ⌖[" + "{id: a, label: 一, text: 好}," * 10 + "]\n", "too_many"),
    (BASE + 'quick: [{id: a, label: 一, text: ⌖"好\\u202e的"}]\n', "one_line"),
    (BASE + "corrections: {health: ⌖" + "长" * 61 + "}\n", "too_long"),
    # groups and people
    (changed("kind: dingtalk", "kind: ⌖telex"), "choice"),
    (changed("env:OPS_URL", "⌖https://oapi.dingtalk.com/robot/send?access_token=s3cret"), "secret_name"),
    (changed("env:OPS_URL", "⌖env:ops url"), "secret_name"),
    (changed("robots: [env:OPS_URL]", "robots: [env:A, env:B], secrets: ⌖[env:C]"), "secret_count"),
    (changed("robots: [env:OPS_URL]", "robots: ⌖[]"), "too_few"),
    (
        changed("dingtalk, robots: [env:OPS_URL]", "webhook, robots: ⌖[env:A, env:B], secrets: [env:C]"),
        "webhook_addresses",
    ),
    (BASE.replace("  ops: {kind: dingtalk, robots", "  ops: ⌖{kind: webhook, robots"), "webhook_secrets"),
    (
        changed("dingtalk, robots: [env:OPS_URL]", "webhook, robots: [env:A], secrets: ⌖[" + "env:S, " * 5 + "]"),
        "webhook_secrets",
    ),
    (changed("kind: dingtalk,", "kind: dingtalk, clearance: ⌖restricted,"), "clearance_of_group"),
    (changed("kind: dingtalk,", "kind: dingtalk, per_minute: 4, reserve_critical: ⌖4,"), "reserve"),
    (BASE + "routes: [{name: a, send: [{to: ⌖opps}]}]\n", "unknown_channel"),
    (BASE + "routes: [{name: a, send: [{to: ops, min: ⌖P9}]}]\n", "choice"),
    (BASE + "routes: [{name: a, send: [{to: ops}], repeat: {P1: ⌖sometimes}}]\n", "duration"),
    (BASE + "routes: [{name: a, send: [{to: ops}], gather: {⌖P7: 5s}}]\n", "choice"),
    (BASE + "mutes: [{name: a, segments: [⌖lunch], rules: [x]}]\n", "choice"),
    (BASE + "people: [{name: 周敏, role: ⌖boss}]\n", "choice"),
    (BASE + "people: [{name: 周敏, role: viewer, brand: ⌖z}]\n", "unknown_brand"),
    (BASE + "people: [{name: 周敏, role: viewer}, {name: ⌖周敏, role: viewer}]\n", "id_duplicate"),
]


@pytest.mark.parametrize(("text", "code"), REFUSALS, ids=[f"{n}-{code}" for n, (_, code) in enumerate(REFUSALS)])
def test_what_is_wrong_is_refused_where_it_stands(text: str, code: str) -> None:
    before, marker, after = text.partition("⌖")
    assert marker
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert f"{line}:{column} {code}" in refused(before + after)


@pytest.mark.parametrize(
    ("rooms", "problem"),
    [
        ("r1: [m], r2: [m], m: []", "room_taken"),
        ("r1: [r2], r2: [m], m: []", "room_chain"),
    ],
)
def test_a_room_is_led_by_one_room_that_nobody_leads(rooms: str, problem: str) -> None:
    wanted = dict(part.split(": ") for part in rooms.split(", "))
    lines = "".join(
        f"- {{id: {room}, brand: b, name: 间, platform: p, session_rooms: {led}}}\n" for room, led in wanted.items()
    )
    text = f"version: 1\nworkspace: {{id: w, name: w}}\nbrands: [{{id: b, name: b}}]\nrooms:\n{lines}"
    assert [found.split()[1] for found in refused(text)] == [problem]


def test_a_mirror_room_has_no_rundown_of_its_own() -> None:
    text = WINERY.replace("- room: qingtan-douyin\n", "- room: qingtan-shipinhao\n")
    assert any("rundown_mirror" in problem for problem in refused(text))


def test_rules_and_categories_are_checked_when_they_are_known() -> None:
    text = BASE + "mutes: [{name: a, segments: [break], rules: [quiet-chat]}]\ncorrections: {helth: 更正}\n"
    assert isinstance(read_workspace(text, "w.yaml"), Workspace)
    assert refused(text, rules=["interaction-low"], categories=["health"]) == [
        "13:46 unknown_rule",
        "14:15 unknown_category",
    ]


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        changed("brand: c, name: 二号间", "brand: x, nome: 二号间")
        .replace("128.00", "a lot")
        .replace("dingtalk", "telex")
    )
    assert refused(text) == ["8:3 key_missing", "8:18 unknown_brand", "8:21 key_unknown", "10:53 money", "12:15 choice"]


def test_a_secret_that_was_pasted_into_the_file_is_never_repeated() -> None:
    with pytest.raises(WorkspaceError) as caught:
        read_workspace(changed("env:OPS_URL", "https://host/send?access_token=s3cret"), "w.yaml")
    said = [caught.value.detail, *(caught.value.told(language) for language in LANGUAGES)]
    assert not any("s3cret" in text for text in said)


def test_an_unknown_key_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(WorkspaceError, match=r"w\.yaml:7:21: key_unknown: unknown key 'naem'; known here: name"):
        read_workspace(changed("name: 一号间", "naem: 一号间"), "w.yaml")


def test_every_code_has_its_sentence_in_three_languages() -> None:
    for code in sentences.codes():
        assert len({*sentences._SENTENCES[code]}) >= 2, code
        assert all(sentences._SENTENCES[code]), code


@pytest.mark.parametrize(
    ("written", "ms"),
    [("30s", 30_000), ("2m", 120_000), ("1:30", 90_000), ("1h", 3_600_000), ("1m30s", 90_000), ("1:00:05", 3_605_000)],
)
def test_a_length_of_time_has_these_forms(written: str, ms: int) -> None:
    text = BASE + f"rundowns: [{{room: r, segments: [{{id: a, title: 一, length: {written}}}]}}]\n"
    assert read_workspace(text, "w.yaml").rundowns[0].segments[0].length_ms == ms


@given(st.integers(0, 10**12))
def test_money_is_exact_to_the_smallest_unit(cents: int) -> None:
    text = changed("price: 128.00", f"price: {cents // 100}.{cents % 100:02d}")
    assert read_workspace(text, "w.yaml").skus[0].price == cents


def test_a_file_that_is_too_big_is_not_even_read() -> None:
    assert refused("#" * (MAX_BYTES + 1)) == ["1:1 file_big"]


def test_the_goods_of_a_whole_agency_fit_into_one_file() -> None:
    sku = "{{sku: S{0}, product: P{0}, brand: b, name: N{0}, price: 9.90, planned: 5, stock: 5}}"
    goods = "\n".join(f"  - {sku.format(n)}" for n in range(1_300))
    text = changed("- {sku: S1, product: P1, brand: b, name: 一瓶, price: 128.00}", goods)
    assert len(read_workspace(text, "w.yaml").skus) == 1_300


def test_a_thousand_problems_are_cut_with_a_word() -> None:
    text = BASE.replace("skus:\n", "skus:\n" + "- {}\n" * 1_000)
    problems = refused(text)
    assert len(problems) == 201
    assert problems[-1].endswith(" more")


@given(st.binary(max_size=400))
def test_no_bytes_do_worse_than_a_refusal(body: bytes) -> None:
    with pytest.raises(WorkspaceError):
        read_workspace(body, "w.yaml")


@given(st.data())
def test_no_damage_to_a_good_file_does_worse_than_a_refusal(data: st.DataObject) -> None:
    body = bytearray(BASE.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(body) - 1))
        cut = data.draw(st.integers(0, 12))
        body[place : place + cut] = data.draw(
            st.sampled_from(
                [b"", b"\t", b"{", b"]", b"'", b"*a", b"&a ", b": ", b"\xff", b"- ", b'"\\U0011ffff"', b"!!x "]
            )
        )
    with suppress(WorkspaceError):
        read_workspace(bytes(body), "w.yaml")
