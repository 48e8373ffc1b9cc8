"""Copies the few browser files we take from npm into static/vendor/, and checks that they are the ones we know.

static/vendor/ is not in git. The pages work without it: charts are then drawn by our own sparkline module.
A new version of a package means new hashes here, seen in review.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
FILES = {
    "uplot/dist/uPlot.esm.js": "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
    "uplot/dist/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uplot/LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


def target_of(source: str) -> Path:
    """Return where a file of node_modules goes: package name first, no folders below."""
    package, _, rest = source.partition("/")
    return VENDOR / package / Path(rest).name


def differing(paths: dict[str, Path]) -> list[str]:
    """Return the sources whose file is absent or not the one we know."""
    return [
        source
        for source, path in paths.items()
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != FILES[source]
    ]


def vendored() -> bool:
    """Tell whether static/vendor/ holds every file, unchanged."""
    return not differing({source: target_of(source) for source in FILES})


def copy_files() -> list[str]:
    """Copy from node_modules; or copy nothing, and return the files that are not as expected."""
    sources = {source: ROOT / "node_modules" / source for source in FILES}
    if wrong := differing(sources):
        return wrong
    for source, path in sources.items():
        target = target_of(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return []


if __name__ == "__main__":
    if refused := copy_files():
        sys.exit(f"not copied to static/vendor, because absent or not the known content: {', '.join(refused)}")
