"""The sentences in which a rule file's problems are told: code -> zh-CN, zh-TW, en."""

from collections.abc import Mapping
from typing import Final

from app.domain.words import LANGUAGES, Sentences, Words, told_in
from app.workspace.form import FORM

_SENTENCES: Final[Sentences] = {
    **FORM,
    "yaml_alias": (
        "不能使用锚点和引用（& 和 *）",
        "不能使用錨點和引用（& 和 *）",
        "anchors and aliases (& and *) are not allowed",
    ),
    "expected_text": (
        "这里应是文字（数字请加引号）",
        "這裡應是文字（數字請加引號）",
        "text is expected here (quote a number)",
    ),
    "too_long": ("文字超过 {limit} 个字符", "文字超過 {limit} 個字元", "longer than {limit} characters"),
    "rules_missing": ("文件里没有规则", "檔案裡沒有規則", "the file holds no rule"),
    "duration": (
        "「{text}」不是时长，请写成 500ms、30s、5m 或 1h",
        "「{text}」不是時長，請寫成 500ms、30s、5m 或 1h",
        "'{text}' is not a duration; write 500ms, 30s, 5m or 1h",
    ),
    "duration_long": ("时长超过 24 小时", "時長超過 24 小時", "longer than 24 hours"),
    "name_form": (
        "「{text}」只能用小写字母、数字、「{sign}」，以字母开头，最多 64 个字符",
        "「{text}」只能用小寫字母、數字、「{sign}」，以字母開頭，最多 64 個字元",
        "'{text}' may hold lower-case letters, digits and '{sign}' only, begins with a letter, at most 64",
    ),
    "id_duplicate": (
        "规则 {id} 已在 {other} 第 {first} 行定义",
        "規則 {id} 已在 {other} 第 {first} 行定義",
        "rule {id} is already defined in {other}, line {first}",
    ),
    "each_and_event": (
        "each 和 event 只能写一个",
        "each 和 event 只能寫一個",
        "a rule has either 'each' or 'event', not both",
    ),
    "event_without": (
        "事件规则（event）不能写「{key}」",
        "事件規則（event）不能寫「{key}」",
        "an event rule (event) has no '{key}'",
    ),
    "levels_order": (
        "等级要从重到轻排列",
        "等級要從重到輕排列",
        "levels are written worst first",
    ),
    "expression_long": (
        "表达式超过 {limit} 个字符",
        "運算式超過 {limit} 個字元",
        "an expression of more than {limit} characters",
    ),
    "expression_syntax": (
        "表达式写法有误：{detail}",
        "運算式寫法有誤：{detail}",
        "the expression cannot be read: {detail}",
    ),
    "expression_character": (
        "表达式里不能用「{text}」",
        "運算式裡不能用「{text}」",
        "'{text}' is not allowed in an expression",
    ),
    "expression_type": ("类型不符：{detail}", "類型不符：{detail}", "types do not fit: {detail}"),
    "expression_result": (
        "结果应是{wanted}，实际是{found}",
        "結果應是{wanted}，實際是{found}",
        "the result must be a {wanted}, it is a {found}",
    ),
    "expression_integer": (
        "数字都要带小数点：写 {text}.0，不写 {text}",
        "數字都要帶小數點：寫 {text}.0，不寫 {text}",
        "all numbers carry a point: write {text}.0, not {text}",
    ),
    "expression_function": (
        "不能用函数 {text}，可用：{known}",
        "不能用函式 {text}，可用：{known}",
        "function {text} is not allowed; allowed: {known}",
    ),
    "name_unknown": ("没有「{text}」这个名称{hint}", "沒有「{text}」這個名稱{hint}", "unknown name '{text}'{hint}"),
    "text_braces": (
        "模板写法有误：{{{{ 与 }}}} 不成对，或中间为空",
        "範本寫法有誤：{{{{ 與 }}}} 不成對，或中間為空",
        "braces do not pair up, or hold nothing",
    ),
    "text_expression": (
        "模板里只能写一个名称，或两个值的一次加减乘除：「{text}」",
        "範本裡只能寫一個名稱，或兩個值的一次加減乘除：「{text}」",
        "a template holds one name, or one sum, difference, product or quotient of two: '{text}'",
    ),
    "text_format": (
        "没有格式「{text}」，可用：{known}",
        "沒有格式「{text}」，可用：{known}",
        "unknown format '{text}'; known: {known}",
    ),
    "text_type": (
        "「{text}」是文字，不能计算，也不能用数字格式",
        "「{text}」是文字，不能計算，也不能用數字格式",
        "'{text}' is a text; it has no arithmetic and no number format",
    ),
    "rule_unknown": ("没有规则 {text}", "沒有規則 {text}", "there is no rule {text}"),
    "freeze_unused": (
        "规则没有用到 {text}，不能冻结",
        "規則沒有用到 {text}，不能凍結",
        "the rule does not use {text}, so it cannot freeze it",
    ),
    "value_kind": ("{text} 应是{wanted}", "{text} 應是{wanted}", "{text} must be a {wanted}"),
    "test_order": ("时间要从小到大", "時間要從小到大", "times must not fall"),
    "test_event": (
        "每条写成 [秒, {{名称: 值}}]",
        "每條寫成 [秒, {{名稱: 值}}]",
        "each entry is [seconds, {{name: value}}]",
    ),
    "test_expect": ("每条写成 [秒, 状态]", "每條寫成 [秒, 狀態]", "each entry is [seconds, condition]"),
    "test_input": (
        "要么写 series，要么写 events（事件规则）",
        "要麼寫 series，要麼寫 events（事件規則）",
        "a test has either 'series' or, for an event rule, 'events'",
    ),
}

_TYPES: Final = {
    "number": ("数字", "數字", "number"),
    "truth": ("是非值", "是非值", "truth"),
    "text": ("文字", "文字", "text"),
}


def codes() -> frozenset[str]:
    """Return every code there is a sentence for."""
    return frozenset(_SENTENCES)


def sentence(code: str, context: Mapping[str, str | int | float]) -> Words:
    """Return the sentence of `code` in each language, filled from `context`."""
    words: Words = {}
    for index, language in enumerate(LANGUAGES):
        types = {key: _TYPES[str(context[key])][index] for key in ("wanted", "found") if key in context}
        words[language] = told_in(language, _SENTENCES, code, {**context, **types})
    return words
