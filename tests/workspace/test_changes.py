"""Promise: setup says what it changed, entry by entry, and says nothing when nothing changed."""

from pathlib import Path

from app.domain.words import LANGUAGES
from app.workspace.changes import diff
from app.workspace.file import read_workspace

TEXT = (Path(__file__).parents[2] / "app/workspace/sample/winery.yaml").read_text(encoding="utf-8")
WINERY = read_workspace(TEXT, "winery.yaml")


def said(old: str, new: str) -> list[str]:
    assert TEXT.count(old) == 1, old
    return [change.words["en"] for change in diff(WINERY, read_workspace(TEXT.replace(old, new), "w.yaml"))]


def test_the_same_file_again_changes_nothing() -> None:
    assert diff(WINERY, read_workspace(TEXT, "again.yaml")) == []


def test_writing_out_a_default_changes_nothing() -> None:
    assert said("name: 1号间 视频号\n", "name: 1号间 视频号\n    zone: Asia/Shanghai\n") == []


def test_the_first_file_adds_everything() -> None:
    changes = diff(None, WINERY)
    assert {change.kind for change in changes} == {"added"}
    assert [change.words["zh-CN"] for change in changes][:3] == [
        "新增工作区 qingtan",
        "新增品牌 qingtan",
        "新增直播间 qingtan-douyin",
    ]
    assert all(set(change.words) == set(LANGUAGES) for change in changes)


def test_a_changed_field_is_named_with_both_values() -> None:
    assert said("price: 59.00, planned: 350", "price: 49.00, planned: 360") == [
        "changed SKU SKU-6: planned 350 → 360; price 5900 → 4900"
    ]


def test_what_came_and_what_went_are_told_apart() -> None:
    assert said("  - {name: 何律, role: legal}\n", "  - {name: 何律师, role: legal}\n") == [
        "removed person 何律",
        "added person 何律师",
    ]


def test_nested_values_are_named_not_poured_out() -> None:
    assert said("        length: 33m\n", "        length: 30m\n") == ["changed rundown of qingtan-douyin: segments"]


def test_another_order_of_quick_prompts_is_a_change() -> None:
    lines = TEXT.splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.startswith("  - id: facts"))
    swapped = "".join([*lines[: at - 3], *lines[at : at + 3], *lines[at - 3 : at], *lines[at + 3 :]])
    changes = diff(WINERY, read_workspace(swapped, "w.yaml"))
    assert [(change.section, change.kind) for change in changes] == [("quick", "changed")]
