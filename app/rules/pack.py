"""The shipped rule pack: the rule files that every workspace starts with."""

from functools import cache
from importlib.resources import files

from app.rules.file import read_rules
from app.rules.rule import RuleSet


def pack_files() -> dict[str, str]:
    """Return the shipped rule files, name -> text."""
    folder = files("app.rules") / "builtin"
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yaml")
    }


@cache
def shipped_rules() -> RuleSet:
    """Return the shipped rules, checked; read once in a process."""
    return read_rules(pack_files())
