"""Which files a page loads: its module, and all that this imports."""

import re
from pathlib import Path

STATIC = Path(__file__).parents[2] / "static"
_IMPORT = re.compile(r"^import .*'(\..+\.js)'$", re.MULTILINE)


def modules(entry: Path) -> set[Path]:
    """Return a module and all that it imports, in turn."""
    found: set[Path] = set()
    waiting = [entry]
    while waiting:
        path = waiting.pop().resolve()
        if path not in found:
            found.add(path)
            waiting += [path.parent / name for name in _IMPORT.findall(path.read_text(encoding="utf-8"))]
    return found
