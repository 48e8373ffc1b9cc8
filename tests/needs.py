"""What a test needs beyond Python: found, or said out loud to be missing.

CUEROOM_TESTS_REQUIRE lists the parts that must be there (browser, postgres, valkey, node). A test that
would be skipped for want of one of them fails instead, so that a green run on CI means that everything
ran. With the variable set, a skip for any other reason is a failure too.
"""

import os
from typing import NoReturn

import pytest

PARTS = ("browser", "postgres", "valkey", "node")
PREFIX = "NOT RUN without "


def required_parts() -> frozenset[str]:
    """Return the parts named in CUEROOM_TESTS_REQUIRE; an unknown name is a usage error."""
    named = frozenset(part.strip() for part in os.environ.get("CUEROOM_TESTS_REQUIRE", "").split(",") if part.strip())
    if unknown := named.difference(PARTS):
        raise pytest.UsageError(f"CUEROOM_TESTS_REQUIRE knows {', '.join(PARTS)}; not {', '.join(sorted(unknown))}")
    return named


def skip_without(part: str, why: str) -> NoReturn:
    """Skip the running test because `part` is not on this machine; see the module for when that fails."""
    assert part in PARTS, part
    pytest.skip(f"{PREFIX}{part}: {why}")


def must_not_skip(reason: str, required: frozenset[str]) -> bool:
    """Tell whether a skip with this reason has to count as a failure."""
    if not reason.startswith(PREFIX):
        return bool(required)
    return reason.removeprefix(PREFIX).partition(":")[0] in required
