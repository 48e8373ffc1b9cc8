"""What differs between two workspaces, in words: what `cueroom setup` says it changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from app.domain.words import LANGUAGES, Words
from app.domain.workspace import Workspace

Kind = Literal["added", "removed", "changed"]
_SECTIONS: Final[dict[str, tuple[str, str, str]]] = {
    "workspace": ("工作区", "工作區", "workspace"),
    "brands": ("品牌", "品牌", "brand"),
    "rooms": ("直播间", "直播間", "room"),
    "skus": ("商品", "商品", "SKU"),
    "targets": ("目标", "目標", "targets of"),
    "rundowns": ("流程", "流程", "rundown of"),
    "quick": ("快捷提词", "快捷提詞", "quick prompt"),
    "corrections": ("更正语", "更正語", "correction for"),
    "channels": ("群", "群", "channel"),
    "routes": ("通知路线", "通知路線", "route"),
    "mutes": ("静音", "靜音", "mute"),
    "people": ("人员", "人員", "person"),
}
_KEYS: Final = {"brands": "id", "rooms": "id", "skus": "sku", "rundowns": "room", "quick": "id"}  # the rest: `name`
_VERBS: Final[dict[Kind, tuple[str, str, str]]] = {
    "added": ("新增{what} {id}", "新增{what} {id}", "added {what} {id}"),
    "removed": ("删除{what} {id}", "刪除{what} {id}", "removed {what} {id}"),
    "changed": ("修改{what} {id}：{fields}", "修改{what} {id}：{fields}", "changed {what} {id}: {fields}"),
}
_LONGEST_SHOWN: Final = 40


class Change(Struct, frozen=True):
    """One entry of a section that came, went or is different; `words` says it in each language."""

    kind: Kind
    section: str
    id: str
    words: Words


def diff(old: Workspace | None, new: Workspace) -> list[Change]:
    """Return the changes from `old` (None: nothing yet) to `new`, in the order of the file's sections."""
    before, after = _entries(old), _entries(new)
    changes: list[Change] = []
    for section in _SECTIONS:
        had, has = before[section], after[section]
        changes += [_change("removed", section, key) for key in had if key not in has]
        for key, value in has.items():
            if key not in had:
                changes.append(_change("added", section, key))
            elif had[key] != value:
                changes.append(_change("changed", section, key, _fields(had[key], value)))
    if (
        old is not None
        and list(before["quick"]) != list(after["quick"])
        and set(before["quick"]) == set(after["quick"])
    ):
        changes.append(
            _change("changed", "quick", "1–9", " → ".join(("/".join(before["quick"]), "/".join(after["quick"]))))
        )
    return changes


def _entries(workspace: Workspace | None) -> dict[str, dict[str, Any]]:
    """Return section -> key -> plain value; defaults are written out, so that leaving one out is no change."""
    plain: dict[str, Any] = _plain(workspace) if workspace is not None else {}
    found: dict[str, dict[str, Any]] = {}
    for section in _SECTIONS:
        value = plain.get(section, {})
        if section == "workspace" and plain:
            found[section] = {plain["id"]: {key: plain[key] for key in ("name", "language")}}
        elif isinstance(value, Mapping):
            found[section] = dict(value)
        else:
            key = _KEYS.get(section, "name")
            found[section] = {entry[key]: {name: one for name, one in entry.items() if name != key} for entry in value}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: _plain(one) for name, one in msgspec.structs.asdict(value).items()}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value


def _fields(old: Any, new: Any) -> str:
    """Return `name old → new` for each field that differs; long and nested values are only named."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return f"{_shown(old)} → {_shown(new)}"
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(_field(name, old.get(name), new.get(name)) for name in names)


def _field(name: str, old: Any, new: Any) -> str:
    nested = any(isinstance(value, dict | list) for value in (old, new))
    return name if nested else f"{name} {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "—"
    text = msgspec.json.encode(value).decode() if isinstance(value, dict | list | bool) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _change(kind: Kind, section: str, key: str, fields: str = "") -> Change:
    words: Words = {
        language: _VERBS[kind][n].format(what=_SECTIONS[section][n], id=key, fields=fields)
        for n, language in enumerate(LANGUAGES)
    }
    return Change(kind, section, key, words)
