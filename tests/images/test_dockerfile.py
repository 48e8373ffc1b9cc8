"""Promises of the image: from locked packages, complete, without secrets, run by nobody in particular, stoppable."""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.cli import _parser
from app.settings import Settings
from scripts.vendor import FILES
from tests.images.files import DOCKERFILE, ROOT, copied, is_sent, stages

TEXT = DOCKERFILE.read_text(encoding="utf-8")
ARGUMENTS, STAGES = stages(TEXT)
VENDOR, BUILD, FINAL = STAGES


def linted(text: str) -> str:
    linter = Path(sys.executable).parent / "hadolint"
    if sys.platform == "win32":
        pytest.skip("NOT RUN without hadolint: there is none for Windows")
    done = subprocess.run([linter, "--no-color", "-"], input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_linter_finds_nothing_and_would_find_something() -> None:
    assert linted(TEXT) == ""
    assert "DL3025" in linted(TEXT.replace('CMD ["serve"]', "CMD serve"))
    assert "DL3002" in linted(TEXT.replace("USER 10001:10001", "USER root"))


def test_bases_are_named_by_tag_and_could_be_pinned_by_digest() -> None:
    assert {stage.base for stage in STAGES} == set(ARGUMENTS.values())
    for base in ARGUMENTS.values():
        assert re.fullmatch(r"[a-z]+:\d[\w.-]+", base), base
    assert "@sha256:" in TEXT


def test_packages_are_the_locked_ones_only() -> None:
    fetches = [part for stage in STAGES for step in stage.all("RUN") for part in step.text.split("&&")]
    installs = [part for part in fetches if re.search(r"\b(pip|npm|apt-get|apk|curl|wget)\b", part)]
    assert len(installs) == 3
    for part in installs:
        assert "--require-hashes -r requirements" in part or "npm ci --omit=dev --ignore-scripts" in part, part
    assert not [step for stage in STAGES for step in stage.all("ADD")]


def test_what_is_copied_exists_and_is_sent() -> None:
    for stage in STAGES:
        for source in copied(stage):
            assert (ROOT / source).exists(), source
            assert is_sent(Path(source)), source
    assert copied(FINAL) == {}


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "channels.env",
        ".git/config",
        "data/cueroom.sqlite3",
        "tests/conftest.py",
        "node_modules/uplot/package.json",
        "static/vendor/uplot.js",
        "app/__pycache__/main.cpython-311.pyc",
        "app/rules/__pycache__/x.pyc",
        "compose.yaml",
    ],
)
def test_secrets_data_and_leavings_are_not_sent(name: str) -> None:
    assert not is_sent(Path(name))


def test_the_browsers_library_is_brought_as_the_set_up_brings_it() -> None:
    brought = {}
    for step in BUILD.all("COPY"):
        if step.flags.get("from") == VENDOR.name:
            source, destination = step.rest.split()
            brought[source.replace("/vendor/node_modules/uplot/", "package/")] = Path(destination).name
            assert Path(destination).parent == Path("static/vendor")
    assert brought == FILES


def test_it_runs_as_nobody_and_writes_to_its_volume_alone() -> None:
    assert FINAL.only("USER").text == "10001:10001"
    assert FINAL.only("VOLUME").text == FINAL.env["CUEROOM_DATA"] == "/data"
    after_user = FINAL.steps[FINAL.steps.index(FINAL.only("USER")) :]
    assert not [step for step in after_user if step.name in ("RUN", "COPY")]
    assert (FINAL.env["PYTHONDONTWRITEBYTECODE"], FINAL.only("STOPSIGNAL").text) == ("1", "SIGTERM")


def test_signals_reach_python_itself_and_the_command_is_ours() -> None:
    assert FINAL.only("ENTRYPOINT").command == ["python", "-m", "app"]
    words = FINAL.only("CMD").command
    assert _parser(words).parse_args(words).role == "all"


def test_what_it_sets_are_settings() -> None:
    names = {f"CUEROOM_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in FINAL.env if name.startswith("CUEROOM_")} <= names


def test_it_says_what_it_is() -> None:
    labels = FINAL.only("LABEL").text
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server that gives one answer, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
def test_it_is_healthy_while_its_role_is_ready(status: int | None, healthy: bool) -> None:
    _, *words = FINAL.only("HEALTHCHECK").command
    with answering(status or 200) as (port, asked):
        environ = {"CUEROOM_PORT": str(port if status else 9)}
        done = subprocess.run([sys.executable, *words], env=environ, capture_output=True, check=False)
    assert (done.returncode == 0) is healthy
    assert asked == (["/readyz"] if status else [])


def test_its_files_are_enough_to_begin_with(tmp_path: Path) -> None:
    # Takes some seconds: nothing is compiled yet, as in the image before its last step.
    for source, destination in copied(BUILD).items():
        if source.endswith(".lock"):
            continue
        target = tmp_path / destination / source if destination == "./" else tmp_path / destination
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=_unsent)
        else:
            shutil.copy(ROOT / source, target)
    environ = {"PYTHONPATH": str(tmp_path), "CUEROOM_DATA": str(tmp_path / "data"), "PYTHONDONTWRITEBYTECODE": "1"}
    work = "from app.store import migrate; migrate.upgrade('sqlite:///made.db'); import app.main, app.cli.serve"
    done = subprocess.run([sys.executable, "-c", work], cwd=tmp_path, env=environ, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def _unsent(folder: str, names: list[str]) -> list[str]:
    here = Path(folder).relative_to(ROOT)
    return [name for name in names if not is_sent(here / name)]
