"""Texts that the engine itself puts into alerts and group messages, in three languages."""

from typing import Final

from app.domain.words import Sentences, Words, told, told_in

_TEXTS: Final[Sentences] = {
    "source_silent_title": (
        "数据来源「{name}」已 {seconds} 秒没有数据",
        "資料來源「{name}」已 {seconds} 秒沒有資料",
        "Source “{name}” has sent nothing for {seconds} s",
    ),
    "source_silent_action": (
        "查采集程序、网络与令牌",
        "查採集程式、網路與權杖",
        "Check the collector, its network and its token",
    ),
    "source_conflict_title": (
        "数据来源「{name}」用同一编号发来不同内容",
        "資料來源「{name}」用同一編號送來不同內容",
        "Source “{name}” sent different content under an id it had used",
    ),
    "source_conflict_action": (
        "以先到的内容为准；查该来源如何生成编号",
        "以先到的內容為準；查該來源如何產生編號",
        "The first content stands; check how the source makes its ids",
    ),
    "unlisted_skus_title": (
        "未登记商品超过 {most} 个，其余合并为「其他」",
        "未登記商品超過 {most} 個，其餘合併為「其他」",
        "More than {most} SKUs that are not registered; the rest are one row “其他”",
    ),
    "unlisted_lines_title": (
        "未登记线路超过 {most} 条，其余合并为「其他」",
        "未登記線路超過 {most} 條，其餘合併為「其他」",
        "More than {most} stream lines that are not registered; the rest are one row “其他”",
    ),
    "unlisted_action": (
        "查数据来源发来的商品与线路编号，在工作区登记要用的",
        "查資料來源送來的商品與線路編號，在工作區登記要用的",
        "Check the SKU and line ids that the source sends; register those you use in the workspace",
    ),
    "message_action": ("处置：{action}", "處置：{action}", "Do: {action}"),
    "message_place": ("{brand}｜{session}", "{brand}｜{session}", "{brand} | {session}"),
    "message_severity_P1": ("紧急", "緊急", "Urgent"),
    "message_severity_P2": ("重要", "重要", "Important"),
    "message_severity_P3": ("提示", "提示", "Notice"),
    "message_severity_P4": ("记录", "記錄", "Log"),
    "message_number": ("编号 {alert}-{change}", "編號 {alert}-{change}", "No. {alert}-{change}"),
    "message_repeat": (
        "第 {times} 次提醒，尚未确认",
        "第 {times} 次提醒，尚未確認",
        "Reminder {times}, not acknowledged yet",
    ),
    "message_drill": ("演练", "演練", "Drill"),
    "rule_no_action": ("请打开控台查看", "請開啟控台查看", "See the console"),
}


def words(code: str, **values: str | int | float) -> Words:
    """Return a text in every language, filled."""
    return told(_TEXTS, code, values)


def word(code: str, language: str, **values: str | int | float) -> str:
    """Return a text in one language, the Chinese where it is not ours."""
    return told_in(language, _TEXTS, code, values)
