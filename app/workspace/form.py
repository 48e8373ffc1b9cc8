"""Sentences for what can be wrong with the form of any file that people write: code -> zh-CN, zh-TW, en."""

from typing import Final

from app.domain.words import Sentences

FORM: Final[Sentences] = {
    "file_big": ("文件超过 {limit} KiB", "檔案超過 {limit} KiB", "the file is larger than {limit} KiB"),
    "file_encoding": ("文件不是 UTF-8 编码", "檔案不是 UTF-8 編碼", "the file is not UTF-8"),
    "file_empty": ("文件是空的", "檔案是空的", "the file is empty"),
    "yaml_syntax": ("不是有效的 YAML：{detail}", "不是有效的 YAML：{detail}", "not valid YAML: {detail}"),
    "yaml_documents": ("一个文件只能有一份文档", "一個檔案只能有一份文件", "a file holds one document only"),
    "yaml_tag": ("不能使用类型标签 {tag}", "不能使用類型標籤 {tag}", "tags are not allowed: {tag}"),
    "yaml_deep": ("嵌套超过 {limit} 层", "巢狀超過 {limit} 層", "nested deeper than {limit} levels"),
    "yaml_many": ("内容超过 {limit} 项", "內容超過 {limit} 項", "more than {limit} values in one file"),
    "key_text": ("键必须是文字", "鍵必須是文字", "a key must be text"),
    "key_duplicate": (
        "「{key}」重复，第 {first} 行已有",
        "「{key}」重複，第 {first} 行已有",
        "'{key}' is given twice, first in line {first}",
    ),
    "key_unknown": (
        "没有「{key}」这一项，可用：{known}",
        "沒有「{key}」這一項，可用：{known}",
        "unknown key '{key}'; known here: {known}",
    ),
    "key_missing": ("缺少「{key}」", "缺少「{key}」", "'{key}' is missing"),
    "expected_mapping": ("这里应是键值对", "這裡應是鍵值對", "a mapping is expected here"),
    "expected_list": ("这里应是列表", "這裡應是清單", "a list is expected here"),
    "expected_number": ("这里应是数字", "這裡應是數字", "a number is expected here"),
    "expected_truth": ("这里应是 true 或 false", "這裡應是 true 或 false", "true or false is expected here"),
    "text_chinese": ("缺少 zh-CN 文字", "缺少 zh-CN 文字", "the zh-CN text is missing"),
    "too_many": ("「{key}」最多 {limit} 项", "「{key}」最多 {limit} 項", "'{key}' holds at most {limit} items"),
    "version": ("只支持 version: 1", "只支援 version: 1", "only version: 1 is known"),
    "choice": ("「{text}」不可用，可选：{known}", "「{text}」不可用，可選：{known}", "'{text}' is not one of: {known}"),
}
