"""Promises about the project's frame: what is pinned, what is written down, what set-up refuses."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")
PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def asked_for(name: str) -> set[str]:
    """Return the packages an .in file names, spelt as the lock spells them."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    words = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if not line.startswith(("#", "-"))]
    return {re.sub(r"[._-]+", "-", word[0]).lower() for word in words if word}


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", [*LOCKS, "package-lock.json"])
def test_a_lock_names_no_host_so_that_any_mirror_works(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_carries_a_hash(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip())
    assert len(entries) == len(pins(name)) > 0
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-uv"])
def test_everything_asked_for_is_pinned(name: str) -> None:
    assert asked_for(f"{name}.in") <= pins(f"{name}.lock").keys()


def test_the_development_lock_holds_every_pin_of_the_run_time_lock() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def test_every_package_we_chose_has_its_reason_written_down() -> None:
    table = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Za-z0-9._-]+) \|", table, re.MULTILINE)
    named = {re.sub(r"[._-]+", "-", row).lower() for row in rows} - {"package"}
    assert named == asked_for("requirements.in") | asked_for("requirements-dev.in")


def test_an_unknown_command_is_answered_with_the_known_ones() -> None:
    asked = subprocess.run(
        [sys.executable, "scripts/dev.py", "fly"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 2
    assert "run, test, check" in asked.stderr


def test_make_offers_what_the_script_offers() -> None:
    asked = subprocess.run([sys.executable, "scripts/dev.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    offered = set(asked.stderr.partition("commands: ")[2].strip().split(", "))
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets - {"help"} == offered
