"""The sentences in which a workspace file's problems are told: code -> zh-CN, zh-TW, en."""

from collections.abc import Mapping
from typing import Final

from app.domain.words import Sentences, Words, told
from app.workspace.form import FORM

_SENTENCES: Final[Sentences] = {
    **FORM,
    "yaml_alias": (
        "不能使用锚点和引用（& 和 *），含 * 的文字请加引号",
        "不能使用錨點和引用（& 和 *），含 * 的文字請加引號",
        "anchors and aliases (& and *) are not allowed; quote a text that begins with *",
    ),
    "expected_text": ("这里应是文字", "這裡應是文字", "text is expected here"),
    "expected_count": ("这里应是不小于 0 的整数", "這裡應是不小於 0 的整數", "a whole number from 0 is expected here"),
    "empty_text": ("文字不能为空", "文字不能為空", "the text is empty"),
    "one_line": ("只能是一行看得见的文字", "只能是一行看得見的文字", "one line of visible characters is expected"),
    "too_few": ("「{key}」至少要有一项", "「{key}」至少要有一項", "'{key}' holds at least one item"),
    "too_long": (
        "文字有 {length} 个字，最多 {limit} 个",
        "文字有 {length} 個字，最多 {limit} 個",
        "the text has {length} characters, at most {limit} are allowed",
    ),
    "too_big": (
        "数值超出范围：{least} 到 {most}",
        "數值超出範圍：{least} 到 {most}",
        "out of range: {least} to {most}",
    ),
    "duration": (
        "「{text}」不是时长，请写成 30s、2m、1h 或 1:30",
        "「{text}」不是時長，請寫成 30s、2m、1h 或 1:30",
        "'{text}' is not a duration; write 30s, 2m, 1h or 1:30",
    ),
    "duration_long": (
        "时长应在 {least} 到 {most} 之间",
        "時長應在 {least} 到 {most} 之間",
        "a duration from {least} to {most} is expected",
    ),
    "clock": (
        "「{text}」不是时刻，请写成 20:00",
        "「{text}」不是時刻，請寫成 20:00",
        "'{text}' is not a time of day; write 20:00",
    ),
    "money": (
        "「{text}」不是金额，请按主单位写成 128.00，{currency} 最多 {digits} 位小数",
        "「{text}」不是金額，請按主單位寫成 128.00，{currency} 最多 {digits} 位小數",
        "'{text}' is not an amount; write it in the main unit as 128.00, {currency} has {digits} decimals",
    ),
    "currency_mixed": (
        "一个直播间只能用一种币种：{room} 里已有 {first}",
        "一個直播間只能用一種幣種：{room} 裡已有 {first}",
        "a room has one currency: {room} already has {first}",
    ),
    "currency_open": (
        "商品有多种币种，成交额目标请写到具体直播间",
        "商品有多種幣種，成交額目標請寫到具體直播間",
        "goods have several currencies: give the gmv target of each room by itself",
    ),
    "share": (
        "「{text}」不是比例，请写成 5% 或 0.05",
        "「{text}」不是比例，請寫成 5% 或 0.05",
        "'{text}' is not a share; write 5% or 0.05",
    ),
    "zone": (
        "没有时区「{text}」，例如 Asia/Shanghai",
        "沒有時區「{text}」，例如 Asia/Shanghai",
        "no time zone '{text}'; for example Asia/Shanghai",
    ),
    "id_form": (
        "「{text}」只能用字母、数字、「-」「_」「.」，以字母或数字开头，最多 64 个字符",
        "「{text}」只能用字母、數字、「-」「_」「.」，以字母或數字開頭，最多 64 個字元",
        "'{text}' may hold letters, digits, '-', '_' and '.' only, begins with a letter or digit, at most 64",
    ),
    "id_duplicate": (
        "「{text}」重复，第 {first} 行已有",
        "「{text}」重複，第 {first} 行已有",
        "'{text}' is already there, in line {first}",
    ),
    "unknown_brand": ("没有品牌「{text}」", "沒有品牌「{text}」", "there is no brand '{text}'"),
    "unknown_room": ("没有直播间「{text}」", "沒有直播間「{text}」", "there is no room '{text}'"),
    "unknown_sku": ("没有商品「{text}」", "沒有商品「{text}」", "there is no SKU '{text}'"),
    "unknown_channel": (
        "没有群「{text}」，已有：{known}",
        "沒有群「{text}」，已有：{known}",
        "there is no channel '{text}'; known: {known}",
    ),
    "unknown_rule": ("没有规则「{text}」", "沒有規則「{text}」", "there is no rule '{text}'"),
    "unknown_category": (
        "词库里没有类别「{text}」",
        "詞庫裡沒有類別「{text}」",
        "the lexicon has no category '{text}'",
    ),
    "unknown_kind": (
        "没有事件「{text}」，可用：{known}",
        "沒有事件「{text}」，可用：{known}",
        "there is no event kind '{text}'; known: {known}",
    ),
    "other_brand": (
        "「{text}」属于品牌 {brand}，这里只能用 {wanted} 的",
        "「{text}」屬於品牌 {brand}，這裡只能用 {wanted} 的",
        "'{text}' belongs to brand {brand}; here it must be {wanted}",
    ),
    "room_itself": ("直播间不能与自己同播", "直播間不能與自己同播", "a room cannot be broadcast together with itself"),
    "room_taken": (
        "「{text}」已与 {first} 同播，一个直播间只能归一个主直播间",
        "「{text}」已與 {first} 同播，一個直播間只能歸一個主直播間",
        "'{text}' is already broadcast with {first}; a room has one leading room",
    ),
    "room_chain": (
        "「{text}」自己也带了同播直播间，不能再归到别的直播间",
        "「{text}」自己也帶了同播直播間，不能再歸到別的直播間",
        "'{text}' leads rooms of its own, so it cannot be led by another",
    ),
    "rundown_mirror": (
        "「{text}」随 {first} 同播，流程写在 {first} 下",
        "「{text}」隨 {first} 同播，流程寫在 {first} 下",
        "'{text}' is broadcast with {first}; its rundown is that of {first}",
    ),
    "sku_room": (
        "商品「{text}」不在直播间 {room} 出售",
        "商品「{text}」不在直播間 {room} 出售",
        "SKU '{text}' is not sold in room {room}",
    ),
    "secret_name": (
        "这里只写环境变量名 env:NAME，不能写地址或密钥本身",
        "這裡只寫環境變數名 env:NAME，不能寫網址或金鑰本身",
        "write the name of an environment variable, env:NAME, never the address or secret itself",
    ),
    "secret_count": (
        "有 {robots} 个机器人、{secrets} 个密钥：要么一一对应，要么不写密钥",
        "有 {robots} 個機器人、{secrets} 個金鑰：要麼一一對應，要麼不寫金鑰",
        "{robots} robots and {secrets} secrets: give one for each, or none",
    ),
    "webhook_addresses": (
        "webhook 只有一个地址，这里有 {count} 个；其他接收方另写一个群",
        "webhook 只有一個位址，這裡有 {count} 個；其他接收方另寫一個群",
        "a webhook has one address, not {count}; give each receiver a channel of its own",
    ),
    "webhook_secrets": (
        "webhook 要有 1 到 {limit} 个签名密钥（轮换时新旧都写），这里有 {count} 个",
        "webhook 要有 1 到 {limit} 個簽章金鑰（輪換時新舊都寫），這裡有 {count} 個",
        "a webhook needs 1 to {limit} secrets (old and new while one is replaced), not {count}",
    ),
    "clearance_of_group": (
        "clearance 只用于 webhook；群里看到的就是消息文字",
        "clearance 只用於 webhook；群裡看到的就是訊息文字",
        "clearance is for webhooks; a group sees the text of a message and nothing else",
    ),
    "reserve": (
        "reserve_critical 应小于 per_minute（{limit}）",
        "reserve_critical 應小於 per_minute（{limit}）",
        "reserve_critical must be less than per_minute ({limit})",
    ),
    "more": (
        "问题太多，只列出前 {limit} 个",
        "問題太多，只列出前 {limit} 個",
        "too many problems: only the first {limit} are listed",
    ),
}


def codes() -> frozenset[str]:
    """Return every code there is a sentence for."""
    return frozenset(_SENTENCES)


def sentence(code: str, context: Mapping[str, str | int | float]) -> Words:
    """Return the sentence of `code` in each language, filled from `context`."""
    return told(_SENTENCES, code, context)
