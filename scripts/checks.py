"""Runs the checks that need no test: lint, format, import layers, types, and the browser code's own."""

from __future__ import annotations

import os
import shutil
import subprocess

from scripts.environment import BIN, ROOT, TSC


def checks() -> list[tuple[str, list[str]]]:
    """Return name and command of each check; the order puts the quick ones first."""
    folders = [name for name in ("app", "alembic", "tests", "bench", "scripts") if any((ROOT / name).rglob("*.py"))]
    found = [
        ("ruff check", [str(BIN / "ruff"), "check", "."]),
        ("ruff format", [str(BIN / "ruff"), "format", "--check", "."]),
        ("import layers", [str(BIN / "lint-imports")]),
        ("mypy", [str(BIN / "mypy"), *folders]),
    ]
    browser_tests = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "web").rglob("*.test.js"))
    if node := shutil.which("node"):
        if TSC.exists():
            found.append(("tsc", [node, str(TSC), "--project", "tsconfig.json"]))
        if browser_tests:
            found.append(("node --test", [node, "--test", "--test-reporter=spec", *browser_tests]))
    return found


def not_run() -> list[str]:
    """Return what cannot be checked on this machine and why."""
    if not shutil.which("node"):
        return ["tsc and node --test: no Node.js here"]
    if not TSC.exists():
        return ["tsc: `npm ci` has not worked"]
    return []


def run_checks() -> list[str]:
    """Run every check, also after one has failed; return the names of those that failed."""
    failed = []
    for name, command in checks():
        print(f"== {name}", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    required = "node" in os.environ.get("CUEROOM_TESTS_REQUIRE", "").split(",")
    for missing in not_run():
        print(f"== NOT RUN: {missing}", flush=True)
        if required:
            failed.append(missing)
    if failed:
        print(f"== FAILED: {', '.join(failed)}", flush=True)
    return failed
