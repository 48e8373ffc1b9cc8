"""Promises of compose.yaml: it is valid, confined, published at one place, begins in order and ends without haste."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from app.cli import _parser
from app.cli.serve import GRACE_S as ANSWERS_S
from app.cli.serve import STOP_S
from app.settings import Settings
from tests.images.files import COMPOSE, compose, seconds

TEXT = COMPOSE.read_text(encoding="utf-8")
SET = {
    "CUEROOM_DB_PASSWORD": "0123456789abcdef",
    "CUEROOM_BUS_PASSWORD": "fedcba9876543210",
    "CUEROOM_PUBLIC_URL": "https://control.example.com",
}
FILE = compose(TEXT, SET)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = ("migrate", "web", "worker", "pump")
SCHEMA = json.loads((Path(__file__).parent / "data" / "compose-spec.json").read_text(encoding="utf-8"))


def faults(text: str) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(compose(text, SET))]


def test_it_is_a_compose_file_and_a_misspelt_one_would_not_be() -> None:
    assert faults(TEXT) == []
    for right, wrong in (
        ("read_only:", "readonly:"),
        ("service_healthy", "service_ready"),
        ("start_period: 60s", "start_periods: 60s"),
    ):
        assert faults(TEXT.replace(right, wrong)), wrong


def linted(path: Path) -> set[str]:
    command = [str(Path(sys.executable).parent / "compose-lint"), "check", "--format", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {found["rule_id"] for found in json.loads(done.stdout)["findings"]}


def test_the_linter_finds_nothing_but_tags_and_would_find_more(tmp_path: Path) -> None:
    assert linted(COMPOSE) == {"CL-0019"}  # tags, not digests: so that a pull takes security fixes
    spoilt = tmp_path / "compose.yaml"
    spoilt.write_text(TEXT.replace("  cap_drop: [ALL]\n", "  privileged: true\n"))
    assert len(linted(spoilt)) > 2


def test_there_are_two_of_each_one_pump_and_a_migration() -> None:
    replicas = {name: service["deploy"].get("replicas", 1) for name, service in SERVICES.items()}
    assert replicas == {"migrate": 1, "web": 2, "worker": 2, "pump": 1, "postgres": 1, "valkey": 1}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert service["logging"]["options"]["max-size"]
    assert ":latest" not in service["image"]
    assert ":" in service["image"]


def test_only_web_is_reached_and_only_the_pump_reaches_out() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["web"]
    assert FILE["networks"]["inside"] == {"internal": True}
    assert {name: set(service["networks"]) for name, service in SERVICES.items()} == {
        "migrate": {"inside"},
        "web": {"inside", "front"},
        "worker": {"inside"},
        "pump": {"inside", "out"},
        "postgres": {"inside"},
        "valkey": {"inside"},
    }


def test_web_has_no_way_out_and_believes_what_its_own_network_says_of_clients() -> None:
    front = FILE["networks"]["front"]
    assert front["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert [{"subnet": SERVICES["web"]["environment"]["CUEROOM_TRUSTED_PROXIES"]}] == front["ipam"]["config"]


def test_web_is_published_to_this_machine_alone_one_port_for_each() -> None:
    ((address, ports, inner),) = (port.split(":") for port in SERVICES["web"]["ports"])
    first, last = map(int, ports.split("-"))
    assert (address, inner) == ("127.0.0.1", "8060")
    assert last - first + 1 == SERVICES["web"]["deploy"]["replicas"]


def test_everything_begins_after_what_it_needs() -> None:
    servers = {"postgres": {"condition": "service_healthy"}, "valkey": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["depends_on"] == servers
    for name in ("web", "worker", "pump"):
        after = {"migrate": {"condition": "service_completed_successfully"}}
        assert SERVICES[name]["depends_on"] == servers | after
    for name in servers:
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES["migrate"]["healthcheck"] == {"disable": True}
    assert not [name for name in ("web", "worker", "pump") if "healthcheck" in SERVICES[name]]  # the image's own


@pytest.mark.parametrize("name", OURS)
def test_commands_are_ours(name: str) -> None:
    words = SERVICES[name]["command"]
    parsed = _parser(words).parse_args(words)
    assert (parsed.command, getattr(parsed, "role", name)) == (words[0], name)


@pytest.mark.parametrize("name", OURS)
def test_what_is_set_are_settings_that_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = SERVICES[name]["environment"]
    names = {f"CUEROOM_{each.upper()}" for each in Settings.model_fields}
    assert set(environment) <= names
    for each, value in environment.items():
        monkeypatch.setenv(each, value)
    settings = Settings()
    assert settings.scaled_out
    assert "@postgres:5432/" in settings.database
    assert "@valkey:6379/" in settings.redis_url.get_secret_value()
    assert not settings.allow_private_webhooks


def test_nothing_secret_stands_in_it_and_what_is_missing_is_named() -> None:
    for name in SET:
        with pytest.raises(KeyError, match=name):
            compose(TEXT, {each: value for each, value in SET.items() if each != name})
    assert "secrets" not in FILE  # Compose refuses to write a variable into a read-only container
    assert not [name for name, service in SERVICES.items() if "secrets" in service]
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"] == SET["CUEROOM_DB_PASSWORD"]
    assert [name for name, service in SERVICES.items() if "env_file" in service] == ["pump"]


@pytest.mark.parametrize("name", ["web", "worker", "pump"])
def test_it_is_given_longer_to_stop_than_it_takes(name: str) -> None:
    drains = int(SERVICES[name]["environment"]["CUEROOM_DRAIN_S"])
    assert seconds(SERVICES[name]["stop_grace_period"]) > drains + ANSWERS_S + STOP_S + 10
