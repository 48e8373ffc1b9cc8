"""Promises about skips: what a machine lacks is said out loud, and fails where it must be there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import must_not_skip, required_parts

SUITE = """
import pytest
from tests.conftest import *
from tests.needs import skip_without

def test_with_a_database():
    skip_without("postgres", "no server here")

def test_for_another_machine():
    pytest.skip("only on Mars")
"""


def run_suite(folder: Path, require: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parent.parent
    (folder / "test_skipping.py").write_text(SUITE)
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    environment = os.environ | {"CUEROOM_TESTS_REQUIRE": require, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", str(folder / "empty.ini"), str(folder)]
    (folder / "empty.ini").write_text("[pytest]\n")
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("require", "reason", "fails"),
    [
        ("", "NOT RUN without postgres: x", False),
        ("postgres", "NOT RUN without postgres: x", True),
        ("valkey", "NOT RUN without postgres: x", False),
        ("", "only on Mars", False),
        ("valkey", "only on Mars", True),
    ],
)
def test_a_skip_fails_exactly_where_its_part_is_required(require: str, reason: str, fails: bool) -> None:
    assert must_not_skip(reason, frozenset(filter(None, [require]))) is fails


def test_a_missing_part_is_said_out_loud_and_the_run_stays_green(tmp_path: Path) -> None:
    run = run_suite(tmp_path, "")
    assert run.returncode == 0, run.stdout
    assert "NOT RUN without postgres: no server here (1 tests)" in run.stdout


def test_a_required_part_that_is_missing_fails_the_run(tmp_path: Path) -> None:
    run = run_suite(tmp_path, "postgres")
    assert run.returncode == 1, run.stdout
    assert "2 failed" in run.stdout


def test_a_misspelt_part_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUEROOM_TESTS_REQUIRE", "browser,postgras")
    with pytest.raises(pytest.UsageError, match="postgras"):
        required_parts()
