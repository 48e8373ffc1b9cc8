"""Promises: what docs/deploy.md tells people to type names services, files and commands that there are."""

import re
import shlex

import pytest

from app.cli import _parser
from app.settings import Settings
from tests.images.files import COMPOSE, ROOT, compose
from tests.images.test_compose import SET

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
LINES = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.startswith("docker")]
SERVICES = compose(COMPOSE.read_text(encoding="utf-8"), SET)["services"]


@pytest.mark.parametrize("line", [line for line in LINES if "compose exec " in line])
def test_what_is_run_in_a_container_is_there(line: str) -> None:
    words = [word for word in shlex.split(line.partition(" <<")[0])[3:] if word != "-T"]
    assert words[0] in SERVICES
    if words[1] == "python":
        assert words[2:4] == ["-m", "app"]
        assert _parser(words[4:]).parse_args(words[4:]).command == words[4]
    else:
        tools = {"postgres": {"pg_dump", "pg_restore", "psql", "createdb", "dropdb"}, "valkey": {"valkey-cli"}}
        assert words[1] in tools[words[0]]


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("docker exec cueroom python")])
def test_what_one_process_writes_is_where_it_can(line: str) -> None:
    parsed = _parser(words := shlex.split(line)[6:]).parse_args(words)
    assert (parsed.command, parsed.file.startswith("/data/")) == ("backup", True)


def test_the_page_has_all_the_steps() -> None:
    steps = ["build", "up --detach", "exec web python -m app setup", "pg_dump", "pg_restore", "flushall", "createdb"]
    for step in (*steps, "--scale worker="):
        assert [line for line in LINES if step in line], step


def test_variables_on_the_page_are_settings_or_of_the_compose_file() -> None:
    known = {f"CUEROOM_{name.upper()}" for name in Settings.model_fields} | set(SET) | {"CUEROOM_VERSION"}
    named = set(re.findall(r"\bCUEROOM_\w+", PAGE))
    assert named <= known
    assert set(SET) <= named


def test_the_proxy_knows_every_published_port() -> None:
    ((_, ports, _),) = (port.split(":") for port in SERVICES["web"]["ports"])
    first, last = map(int, ports.split("-"))
    assert [f"server 127.0.0.1:{port};" in PAGE for port in range(first, last + 1)] == [True, True]
