"""Refusals that only a command line meets, in Chinese; their English is what they say themselves."""

from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "no_installation": (
        "这个数据目录里还没有控台，先运行 `cueroom setup FILE`",
        "這個資料目錄裡還沒有控台，先執行 `cueroom setup FILE`",
    ),
    "bad_data_folder": ("数据目录 {folder} 用不了：{why}", "資料目錄 {folder} 用不了：{why}"),
    "bad_database_url": ("CUEROOM_DATABASE_URL 不对：{detail}", "CUEROOM_DATABASE_URL 不對：{detail}"),
    "bad_settings": ("环境变量不对：{detail}", "環境變數不對：{detail}"),
    "already_running": ("数据目录正被进程 {pid} 使用，先停掉它", "資料目錄正被行程 {pid} 使用，先停掉它"),
    "other_shape": (
        "数据库不是这个版本的结构，先运行 `cueroom db upgrade`",
        "資料庫不是這個版本的結構，先執行 `cueroom db upgrade`",
    ),
    "newer_release": (
        "数据库已由更新的版本升级过，用那个版本来运行",
        "資料庫已由更新的版本升級過，用那個版本來執行",
    ),
    "store_broken": ("数据库不能用：{detail}", "資料庫不能用：{detail}"),
    "unavailable": ("数据库现在用不了：{detail}", "資料庫現在用不了：{detail}"),
    "not_answering": (
        "正在运行的服务器没有回答，不知道做了没有；看它的日志，再运行一次",
        "正在執行的伺服器沒有回答，不知道做了沒有；看它的日誌，再執行一次",
    ),
    "unknown_operation": (
        "正在运行的服务器是别的版本，不认识这个命令；重启它",
        "正在執行的伺服器是別的版本，不認識這個命令；重新啟動它",
    ),
    "bad_arguments": (
        "正在运行的服务器是别的版本，看不懂这个命令；重启它",
        "正在執行的伺服器是別的版本，看不懂這個命令；重新啟動它",
    ),
    "cannot_read": ("读不了 {file}：{why}", "讀不了 {file}：{why}"),
    "cannot_tell": ("已经做完，但结果写不出来：{why}", "已經做完，但結果寫不出來：{why}"),
    "cannot_listen": ("不能监听 {where}：{why}；换一个 {other}", "不能監聽 {where}：{why}；換一個 {other}"),
    "needs_servers": ("缺少要连的服务器：{detail}", "缺少要連的伺服器：{detail}"),
    "nothing_accepted": (
        "规则或词库用不了，之前也没有可用的版本：{detail}",
        "規則或詞庫用不了，之前也沒有可用的版本：{detail}",
    ),
    "cannot_write": ("写不了 {file}：{detail}", "寫不了 {file}：{detail}"),
    "file_taken": (
        "{file} 已经在了；备份请换个名字，恢复请先把旧数据库的文件全部移走",
        "{file} 已經在了；備份請換個名字，還原請先把舊資料庫的檔案全部移走",
    ),
    "no_backup": ("这不是可用的备份：{detail}", "這不是可用的備份：{detail}"),
    "no_pg_dump": (
        "PostgreSQL 用 pg_dump 备份，这台机器没有装；到装了它的机器上运行",
        "PostgreSQL 用 pg_dump 備份，這台機器沒有裝；到裝了它的機器上執行",
    ),
    "dump_failed": ("pg_dump 失败：{detail}", "pg_dump 失敗：{detail}"),
    "not_of_here": (
        "PostgreSQL 用 pg_restore --clean --if-exists --no-owner -d DATABASE FILE 恢复",
        "PostgreSQL 用 pg_restore --clean --if-exists --no-owner -d DATABASE FILE 還原",
    ),
    "needs_role": ("新人员要加 --role", "新人員要加 --role"),
    "person_differs": (
        "此人已在，角色或品牌不同；在工作区文件或接口里改",
        "此人已在，角色或品牌不同；在工作區檔案或介面裡改",
    ),
    "person_disabled": ("此人已停用，先恢复再设密码", "此人已停用，先恢復再設密碼"),
    "room_in_use": ("直播间 {room} 还有一场在进行，先结束它", "直播間 {room} 還有一場在進行，先結束它"),
    "belongs_to_another_workspace": ("{id} 已属于另一个工作区", "{id} 已屬於另一個工作區"),
    "bad_plan": ("录制或计划不对：{detail}", "錄製或計畫不對：{detail}"),
    "not_this_recording": ("这个来源读不了这份录制：{detail}", "這個來源讀不了這份錄製：{detail}"),
    "remote_refused": ("控台没有接受：{detail}", "控台沒有接受：{detail}"),
    "left_open": (
        "{detail}（场次 {session} 还开着，再运行同一条命令就接着放）",
        "{detail}（場次 {session} 還開著，再執行同一條命令就接著放）",
    ),
    "cannot_note": ("回放的进度记不下来：{detail}", "回放的進度記不下來：{detail}"),
    "needs_token": (
        "需要管理令牌：用 --token 或 CUEROOM_TOKEN 给出；没有就运行 `cueroom token create --scope admin --name replay`",
        "需要管理權杖：用 --token 或 CUEROOM_TOKEN 給出；沒有就執行 `cueroom token create --scope admin --name replay`",
    ),
}


def worded(language: str, code: str, detail: str, context: Mapping[str, str | int | float]) -> str | None:
    """Return a refusal in Chinese; None for another language, code or context."""
    if language not in ("zh-CN", "zh-TW") or code not in _WORDS:
        return None
    try:
        return _WORDS[code][language == "zh-TW"].format_map({**context, "detail": detail})
    except KeyError:
        return None  # the same refusal of another place, which says less of itself
