"""What holds for every test: one event loop, fixed random cases, no quiet skip."""

import os
import shutil
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import InMemoryExampleDatabase

from app.store import migrate
from tests import servers
from tests.needs import PREFIX, must_not_skip, required_parts, skip_without
from tests.servers import (  # noqa: F401  fixtures: pytest finds them by their names here
    empty_valkey_url,
    fresh_postgres_url,
    own_postgres,
    own_valkey,
    postgres_server,
    postgres_url,
    run_folder,
    valkey_server,
    valkey_url,
    worker_no,
)

# "ci" draws the same cases on every machine, so a red run can be repeated; "explore" looks for new ones.
# too_slow judges the machine, not the code: two busy cores trip it.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    max_examples=2_000,
    deadline=None,
    print_blob=True,
    database=InMemoryExampleDatabase(),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

LONGEST_FIRST = (
    "faults/test_cluster_kills.py",
    "test_docs.py",
    "faults/test_kills.py",
    "system/test_cluster.py",
    "system/test_demo_in_a_browser.py",
    "engine/test_determinism.py",
    "replay/test_demo.py",
    "system/test_viewers.py",
    "web/test_screens.py",
    "web/test_host_pages.py",
    "web/test_desk_pages.py",
    "web/test_access.py",
    "system/test_postgres.py",
    "system/test_replay.py",
    "cli/test_served.py",
    "cli/test_commands.py",
    "cli/test_backup.py",
    "realtime/test_handover.py",
    "images/test_dockerfile.py",
)
"""Files of ten seconds and more: begun last, one of them would keep one worker busy while the other has nothing."""
CHROMIUM_NAMES = (
    "chromium-headless-shell",  # the same engine for a third of the processor's time
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run every `async def` test on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated SQLite file to copy: migrating takes longer than most tests."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the path of the machine's Chromium, for playwright's `executable_path`."""
    for name in (os.environ.get("CUEROOM_TESTS_CHROMIUM", ""), *CHROMIUM_NAMES):
        if name and (found := shutil.which(name)):
            return Path(found)
    skip_without("browser", "no Chromium on PATH (Debian: apt-get install chromium-headless-shell fonts-noto-cjk)")


@pytest.fixture(scope="session")
def node() -> Path:
    """Return the path of the machine's Node.js, 20 or newer."""
    if found := shutil.which("node"):
        return Path(found)
    skip_without("node", "no `node` on PATH")


def _skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return None
    return report.longrepr[2].removeprefix("Skipped: ")


def _fail_a_forbidden_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = _skip_reason(report)
    if reason is not None and must_not_skip(reason, required_parts()):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nCUEROOM_TESTS_REQUIRE forbids this skip"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip that CUEROOM_TESTS_REQUIRE forbids into a failure."""
    report = yield
    _fail_a_forbidden_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a module that skips itself while it is imported."""
    report = yield
    _fail_a_forbidden_skip(report)
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the others stay in their order."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST_FIRST)}
    assert all(file.exists() for file in places), "LONGEST_FIRST names a file that is gone"
    items.sort(key=lambda item: places.get(item.path, len(places)))


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")  # set by xdist


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a misspelt CUEROOM_TESTS_REQUIRE; make the folder in which this run's servers will live."""
    required_parts()
    if not _is_worker(config):
        os.environ[servers.RUN_FOLDER] = str(servers.make_run_folder())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers after the last worker has gone."""
    if not _is_worker(config) and (folder := os.environ.pop(servers.RUN_FOLDER, "")):
        servers.stop_all(Path(folder))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each missing part, in colour, how many tests did not run for want of it."""
    reasons = (_skip_reason(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, tests in sorted(Counter(reason for reason in reasons if reason).items()):
        if reason.startswith(PREFIX):
            terminalreporter.write_line(f"{reason} ({tests} tests)", yellow=True, bold=True)
