"""Sentences that operations say on a terminal, in three languages."""

from typing import Final

from app.domain.words import Sentences, told_in

_TEXTS: Final[Sentences] = {
    "nothing_changed": ("没有变化", "沒有變化", "nothing changed"),
    "file_is_good": (
        "文件正确：{rooms} 个直播间，{skus} 个商品，{channels} 个群，{people} 人",
        "檔案正確：{rooms} 個直播間，{skus} 個商品，{channels} 個群，{people} 人",
        "the file is good: {rooms} rooms, {skus} SKUs, {channels} channels, {people} people",
    ),
    "would_change": ("将会改变（未写入）：", "將會改變（未寫入）：", "this would change (nothing was written):"),
    "changed": ("已更新工作区 {name}：", "已更新工作區 {name}：", "updated workspace {name}:"),
    "no_sender": (
        "提醒：群 {name} 的类型 {kind} 暂不能发送，消息会记为失败",
        "提醒：群 {name} 的類型 {kind} 暫不能傳送，訊息會記為失敗",
        "note: channel {name}: nothing can be sent to {kind} yet; its messages will be marked failed",
    ),
    "variable_not_set": (
        "提醒：群 {name} 的环境变量 {variable} 未设置",
        "提醒：群 {name} 的環境變數 {variable} 未設定",
        "note: channel {name}: the environment variable {variable} is not set",
    ),
    "channel_unready": (
        "提醒：群 {name} 不能发送：{why}",
        "提醒：群 {name} 不能傳送：{why}",
        "note: nothing can be sent to channel {name}: {why}",
    ),
    "channel_open": ("正常", "正常", "open"),
    "channel_resting": ("暂停发送，{until} 再试", "暫停傳送，{until} 再試", "resting, tries again at {until}"),
    "channel_stopped": (
        "已停用，{until} 再试：{why}",
        "已停用，{until} 再試：{why}",
        "stopped, tries again at {until}: {why}",
    ),
    "channel_closed": (
        "已停用：{why}；改好后运行 cueroom channel test {name}",
        "已停用：{why}；改好後執行 cueroom channel test {name}",
        "stopped: {why}; once it is mended run cueroom channel test {name}",
    ),
    "head_channel": ("群", "群", "channel"),
    "head_platform": ("类型", "類型", "kind"),
    "head_standing": ("状态", "狀態", "state"),
    "open_sessions_stay": (
        "正在进行的场次沿用开播时的计划",
        "正在進行的場次沿用開播時的計畫",
        "sessions that are open keep the plan they were opened with",
    ),
    "token_once": (
        "令牌只显示这一次：",
        "權杖只顯示這一次：",
        "the token, shown this once:",
    ),
    "token_try": ("试一下：", "試一下：", "try it:"),
    "token_try_ingest": (
        "试一下（送一条「在线 1 人」；没在播时会开一场）：",
        "試一下（送一筆「線上 1 人」；沒在播時會開一場）：",
        "try it (sends “1 viewer”; opens a session when none is live):",
    ),
    "person_link": (
        "{name} 用此链接设置密码（一次有效，3 天内）：",
        "{name} 用此連結設定密碼（一次有效，3 天內）：",
        "{name} chooses a password by this link (valid once, for 3 days):",
    ),
    "first_link": (
        "十分钟内打开一次，成为管理员：",
        "十分鐘內打開一次，成為管理員：",
        "Open once, within 10 minutes, to become the administrator:",
    ),
    "person_added": ("已添加 {name}（{role}）", "已新增 {name}（{role}）", "added {name} ({role})"),
    "password_set": ("已设置 {name} 的密码", "已設定 {name} 的密碼", "the password of {name} is set"),
    "upgraded": (
        "数据库已从 {old} 升级到 {new}",
        "資料庫已從 {old} 升級到 {new}",
        "upgraded the database from {old} to {new}",
    ),
    "is_current": ("数据库已是最新（{new}）", "資料庫已是最新（{new}）", "the database is current ({new})"),
    "empty_database": ("空", "空", "empty"),
    "no_session": ("还没有场次", "還沒有場次", "no session yet"),
    "no_records": ("还没有收到任何记录", "還沒有收到任何記錄", "no record has come yet"),
    "late": ("迟到", "遲到", "late"),
    "set_aside": (
        "已隔离 {entries} 批（{kind}，共 {events} 条），最近 {last}：",
        "已隔離 {entries} 批（{kind}，共 {events} 條），最近 {last}：",
        "set aside: {entries} × {kind} with {events} records, last at {last}: ",
    ),
    "refused": ("拒收：{codes}", "拒收：{codes}", "refused: {codes}"),
    "unknown_fields": ("不认识的字段：{names}", "不認識的欄位：{names}", "unknown fields: {names}"),
    "head_source": ("来源", "來源", "source"),
    "head_kind": ("类型", "類型", "kind"),
    "head_last": ("最近", "最近", "last"),
    "head_age": ("距今", "距今", "age"),
    "head_taken": ("收下", "收下", "taken"),
    "head_duplicates": ("重复", "重複", "duplicates"),
    "head_conflicts": ("冲突", "衝突", "conflicts"),
    "disk": ("数据库占用 {size}", "資料庫佔用 {size}", "the database takes {size}"),
    "disk_by_table": ("数据库占用 {size}：", "資料庫佔用 {size}：", "the database takes {size}:"),
    "backed_up": (
        "已备份到 {file}（{size}），已检查：",
        "已備份到 {file}（{size}），已檢查：",
        "backed up to {file} ({size}), checked:",
    ),
    "dumped": ("已备份到 {file}（{size}）", "已備份到 {file}（{size}）", "backed up to {file} ({size})"),
    "restored": ("已恢复为 {file}：", "已還原為 {file}：", "restored as {file}:"),
    "rehearsed": ("{file} 可以恢复，行数：", "{file} 可以還原，行數：", "{file} can be restored; rows:"),
    "session_rebuilt": (
        "  场次 {session} 已重建到第 {position} 条",
        "  場次 {session} 已重建到第 {position} 條",
        "  session {session} rebuilt to position {position}",
    ),
    "sessions_rebuilt": (
        "进行中的场次：重建 {sessions} 场",
        "進行中的場次：重建 {sessions} 場",
        "running sessions rebuilt: {sessions}",
    ),
    "removed": ("已清理（按表计行数）：", "已清理（按表計行數）：", "removed, in rows by table:"),
    "nothing_removed": (
        "没有可清理的：都还要保留，或那天以前没有结束的场次",
        "沒有可清理的：都還要保留，或那天以前沒有結束的場次",
        "nothing to remove: all of it is still to be kept, or no session ended before that day",
    ),
    "would_remove": (
        "将会清理（按表计行数，未清理）：",
        "將會清理（按表計行數，未清理）：",
        "this would be removed, in rows by table (nothing was):",
    ),
    "still_runs": (
        "场次 {session} 还没结束，未动；结束后请再执行一次",
        "場次 {session} 還沒結束，未動；結束後請再執行一次",
        "session {session} has not ended and was left; run this again after its end",
    ),
    "whole_source": ("（全部）", "（全部）", "(all)"),
}


def word(code: str, language: str, **values: str | int | float) -> str:
    """Return a sentence in one language, the English where it is not ours: terminals are where developers look."""
    return told_in(language, _TEXTS, code, values, otherwise="en")


def mebibytes(size: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / 2**20:.1f} MiB"
