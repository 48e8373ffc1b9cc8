"""Promises: every command, file and answer in docs/ is true; the pages name every kind, field, code and setting."""

import asyncio
import base64
import importlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from app.access.attempts import LockedOut
from app.cli import COMMANDS
from app.delivery.event import EVENT_BYTES, VERSION, Story, Type, event_of
from app.delivery.robots import Message, Robot
from app.delivery.webhook import Webhook
from app.domain import frames
from app.domain.alerts import Evidence
from app.domain.events import KINDS
from app.domain.frames import Frame
from app.errors import ControlRoomError
from app.intake.batch import PAYLOADS
from app.intake.gate import Gate
from app.intake.refusals import REASONS, RETRYABLE
from app.intake.seal import Seal
from app.metrics.own import METRICS
from app.replay.plan import READERS, Part, read_plan
from app.routers.errors import problem_document, status_of
from app.routers.stream import AUDIENCES, install_streams
from app.rules.check import check, run_tests
from app.rules.file import _DEFAULT_KEYS, _FILE_KEYS
from app.rules.reading import _EVIDENCE_KEYS, _LEVEL_KEYS, _POLICIES, _RULE_KEYS, _TEXT_KEYS
from app.rules.text import FORMATS
from app.rules.vocabulary import VOCABULARY
from app.settings import Keep, Limits, Settings
from app.workspace.file import read_workspace
from bench.__main__ import names
from tests.cli.place import ROOT, Place, serving
from tests.cli.typed import typed
from tests.delivery.chat import SECRET, Chat, running_chat
from tests.delivery.receiver import HOOK
from tests.intake.reading import read_now
from tests.store import samples

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN_WITHIN_S = 30.0


@dataclass
class Block:
    kind: str
    text: str
    before: str
    """The line of prose before it."""


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    text = page(name)
    found = []
    for match in BLOCK.finditer(text):
        prose = [line for line in text[: match.start()].splitlines() if line.strip()]
        found.append(Block(match[1], match[2], prose[-1] if prose else ""))
    return found


def test_blocks_are_of_kinds_that_are_tried() -> None:
    known = {
        "connect": {"sh", "yaml", "json", "ini", "python"},
        "webhook": {"json"},
        "events": {"json"},
        "rules": {"yaml", "sh"},
        "operations": {"sh", "text", "yaml"},
        "recordings": {"sh", "yaml"},
        "api": {"json"},
    }
    for name, kinds in known.items():
        assert {block.kind for block in blocks(name)} == kinds, name
    # These are tried beside what they are about: tests/workspace/test_docs.py, tests/images/test_deploying.py,
    # tests/operations/test_sources_page.py.
    elsewhere = {"workspace", "deploy", "sources"}
    assert {file.stem for file in DOCS.glob("*.md") if blocks(file.stem)} == known.keys() | elsewhere


# connect.md, from top to bottom, as somebody with an empty folder would do it.


@dataclass
class Walk:
    """Does what the page says, in order: files are written, servers started, lines typed into one shell."""

    place: Place
    chat: Chat
    stack: ExitStack
    outputs: list[str] = field(default_factory=list)
    address: str = ""
    port: int = 0
    token: str = ""
    functions: dict[str, str] = field(default_factory=dict)
    """Of the shell: name -> definition."""

    def follow(self, steps: list[Block]) -> Iterator[Block]:
        """Do each step; yield it when it is done."""
        for step in steps:
            match step.kind:
                case "yaml":
                    self.place.file(re.findall(r"`([\w.]+)`", step.before)[-1], step.text)
                case "ini":
                    self.place.file(".env", f"OPS_URL={self.chat.url}\nOPS_SECRET={SECRET}\n")
                    assert re.findall(r"^(\w+)=", step.text, re.MULTILINE) == ["OPS_URL", "OPS_SECRET"]
                case "sh" if step.text == "cueroom serve\n":
                    self.stack.close()
                    self.port = self.port or free_port()  # the second one is where the first one was
                    self.address = self.stack.enter_context(serving(self.place, self.port))
                case "sh":
                    self.outputs.append(self.type(step.text))
            yield step

    def type(self, lines: str) -> str:
        """Type lines into the shell; its variables and functions are there for the next ones."""
        lines = lines.replace("http://127.0.0.1:8060", self.address or "http://127.0.0.1:1")
        script = "\n".join(["set -e", "[ ! -f .state ] || . ./.state", *self.functions.values(), lines])
        script += "\nset | grep -E '^(TOKEN|URL)=' > .state || true\n"
        self.functions.update({found[1]: found[0] for found in re.finditer(r"^(\w+)\(\) \{.*\}$", lines, re.MULTILINE)})
        ran = subprocess.run(
            ["sh", "-c", script],
            cwd=self.place.folder,
            env=self.place.environ,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ran.returncode == 0, f"{lines}\n{ran.stdout}{ran.stderr}"
        assert '"code"' not in ran.stdout, f"{lines}\n{ran.stdout}"
        return ran.stdout

    def board(self) -> dict[str, dict[str, Any]]:
        """Return what the console of the room shows now."""
        if not self.token:
            made = self.place.done_apart("token", "create", "--scope", "read", "--name", "test", "--json")
            self.token = json.loads(made)["token"]
        url = f"ws{self.address.removeprefix('http')}/ws/rooms/tea-douyin"
        headers = {"Authorization": f"Bearer {self.token}"}
        topics: dict[str, dict[str, Any]] = {}
        with connect(url, additional_headers=headers, subprotocols=[Subprotocol("cueroom.v1")]) as stream:
            while True:
                frame = json.loads(stream.recv(timeout=10))
                for topic, values in frame.get("topics", {}).items():
                    changed = values if frame["type"] == "snapshot" else values.get("set", {})
                    topics.setdefault(topic, {}).update(changed)
                if frame["type"] == "beat":  # a second after the snapshot: what was on its way has come
                    return topics


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty folder with `cueroom` on the path."""
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "cueroom"
    path = f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    with typed(command):
        yield Place(tmp_path, {"PATH": path, "CUEROOM_ALLOW_PRIVATE_WEBHOOKS": "true"})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def same(documented: Any, found: Any) -> bool:
    """Return whether an answer is as documented; … stands for what is different each time."""
    if documented == "…":
        return isinstance(found, str)
    if isinstance(documented, dict):
        return (
            isinstance(found, dict)
            and documented.keys() == found.keys()
            and all(same(documented[key], found[key]) for key in documented)
        )
    if isinstance(documented, list):
        return isinstance(found, list) and len(documented) == len(found) and all(map(same, documented, found))
    return bool(documented == found)


async def test_a_room_is_connected_by_the_page_alone(place: Place) -> None:
    async with running_chat() as chat:
        await asyncio.to_thread(walk_through, place, chat)
        titles = [one.body["markdown"]["title"] for one in chat.received]
    assert titles[0] == "【测试】控台连接测试"
    assert any(title.startswith("[P1] 明前绿茶 100g") for title in titles[1:])


def walk_through(place: Place, chat: Chat) -> None:
    with ExitStack() as stack:
        walk = Walk(place, chat, stack)
        shown = screens()
        for step in walk.follow(blocks("connect")):
            if step.kind == "json":
                assert same(json.loads(step.text), json.loads(walk.outputs[-1].splitlines()[-1])), step.text
            key = next((key for key in shown if key in step.text and step.kind == "sh"), None)
            if key is not None:
                look = shown.pop(key)
                wait_for(look, walk)
        assert not shown


def screens() -> dict[str, Callable[[Walk], bool]]:
    """What the page says is on screen, after the step that holds these words."""
    sku = "skus", "T-1"

    def value(walk: Walk, topic: str, key: str) -> Any:
        return walk.board().get(topic, {}).get(key, {})

    def delivered(walk: Walk) -> bool:
        rows = walk.board().get("deliveries", {}).values()
        return any(row.get("state") == "accepted" and "明前绿茶" in row["title"] for row in rows)

    return {
        '"id": "live-1"': lambda w: value(w, "session", "head").get("state") == "live",
        '"id": "stock-1"': lambda w: value(w, *sku).get("sellable") == 120,
        '"id": "stock-2"': lambda w: value(w, *sku).get("sellable") == 100,
        '"id": "paid-1001"': lambda w: value(w, *sku) | {"sellable": 98, "paid_amount": 17_600} == value(w, *sku),
        "chat.ndjson": lambda w: any(row.get("who") == "林**" for row in w.board()["messages"].values()),
        '"id": "s-1"': lambda w: any(row["kind"] == "speech" for row in w.board()["messages"].values()),
        '"id": "b-1"': lambda w: value(w, "lines", "main").get("bitrate_kbps") == 3_950,
        "channel test": lambda w: w.outputs[-1] == "OPS_URL: accepted: HTTP 200 0 ok\n",
        '"id": "stock-3"': delivered,
        "doctor": lambda w: "ERP" in w.outputs[-1],
        '"id": "end-1"': lambda w: value(w, "session", "head").get("state") == "ended",
    }


def wait_for(look: Callable[[Walk], bool], walk: Walk) -> None:
    """Wait until a screen shows what the page says; holds and gathering times are real here."""
    until = time.monotonic() + SHOWN_WITHIN_S
    while not look(walk):
        assert time.monotonic() < until, f"not on screen after {walk.outputs[-1]}: {walk.board()}"
        time.sleep(0.2)


# connect.md and webhook.md: a program that is told.


def test_the_receiver_on_the_page_knows_ours_from_others() -> None:
    (receiver,) = [block.text for block in blocks("connect") if block.kind == "python"]
    defined: dict[str, Any] = {}
    exec(compile(receiver, "connect.md", "exec"), defined)
    secrets = ["whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in range(3)]
    message = Message("题", "文", "1", "zh-CN", id="evt-1", event='{"语": 1}'.encode())
    robot = Robot("r", "https://tickets.example.com/in", secrets[0], further=(secrets[1],))

    def heard(known: list[str], *, late_s: int = 0, as_id: str = "evt-1") -> bool:
        post = Webhook().post(message, robot, round((time.time() - late_s) * 1_000))
        return bool(defined["is_ours"](known, {**post.headers, "webhook-id": as_id}, post.body))

    assert [heard([secrets[0]]), heard([secrets[1]]), heard([secrets[2], secrets[0]])] == [True, True, True]
    assert not heard([secrets[2]])
    assert not heard([secrets[0]], late_s=302)
    assert not heard([secrets[0]], as_id="evt-2")
    post = Webhook().post(message, robot, round(time.time() * 1_000))
    assert not defined["is_ours"](secrets, post.headers, post.body + b" ")


def test_the_channel_on_the_page_is_one_that_the_file_takes() -> None:
    (workspace,) = [block.text for block in blocks("connect") if block.kind == "yaml"]
    channel, route = re.findall(r"`(tickets: \{.*?\}|\{name: tickets.*?)`", page("connect"))
    whole = workspace.replace("routes:\n", f"  {channel}\nroutes:\n  - {route}\n")
    read = read_workspace(whole, "shop.yaml")
    assert [(each.name, each.kind) for each in read.channels] == [("ops", "dingtalk"), ("tickets", "webhook")]
    assert [each.name for each in read.routes] == ["tickets", "all"]


def shape(value: Any, path: str = "") -> set[str]:
    """Return the path of every field."""
    if isinstance(value, dict):
        return {f"{path}.{key}" for key in value}.union(*(shape(each, f"{path}.{key}") for key, each in value.items()))
    return shape(value[0], f"{path}[]") if isinstance(value, list) and value else set()


def test_the_event_on_the_page_has_the_fields_that_are_sent() -> None:
    (example,) = [json.loads(block.text) for block in blocks("webhook")]
    alert = replace(samples.alert("s"), evidence=(Evidence("reading", 1, name="sellable@sku:T-1", value=0.0),))
    story = Story(samples.plan(), alert, True)
    sent = json.loads(event_of(samples.delivery(alert, "s"), story, HOOK, "https://control.example.com"))
    assert shape(example) == shape(sent)
    assert example["version"] == sent["version"] == VERSION
    text = page("webhook")
    assert [name for name in get_args(Type) if f"`{name}`" not in text] == []
    assert f"at most {EVENT_BYTES // 1024} KiB" in text


# events.md: every record on it is taken, and every kind, field and code is on it.


def records() -> list[dict[str, Any]]:
    lines = [line for block in blocks("events") if block.kind == "json" for line in block.text.splitlines()]
    return [record for record in map(json.loads, lines) if "kind" in record]


def test_every_record_on_the_page_of_events_is_taken_as_it_stands() -> None:
    body = "\n".join(json.dumps(record, ensure_ascii=False) for record in records())
    batch = read_now(body.encode(), "lines", Limits())
    assert (batch.faults, dict(batch.unknown)) == ([], {})
    gate = Gate(Limits(), Seal(b"k" * 32))
    assert [gate.checks[type(event)](event.payload) for event in batch.events] == [None] * len(batch.events)


def test_the_page_of_events_shows_every_kind_with_every_field() -> None:
    assert {record["kind"] for record in records()} == set(KINDS)
    text = page("events")
    rows = {kind: line for line in text.splitlines() if line.startswith("| `") for kind in re.findall(r"`(\w+)`", line)}
    for kind, fields in PAYLOADS.items():
        for name in fields - {"ext"}:
            assert f"`{name}`" in rows[kind], f"{kind}: {name}"


def test_the_page_of_events_names_every_code() -> None:
    text = page("events")
    assert [code for code in REASONS if f"`{code}`" not in text] == []
    for line in text.splitlines():
        told = RETRYABLE & set(re.findall(r"^\| `(\w+)`", line))
        assert not told or "retryable" in line


def test_the_refusal_on_the_page_is_the_one_that_is_told() -> None:
    (answer,) = [json.loads(block.text) for block in blocks("events") if '"refused"' in block.text]
    (shown,) = answer["refused"]
    assert shown["reason"] == f"{shown['place']}: {REASONS[shown['code']]}"


def test_the_bounds_on_the_page_are_the_defaults() -> None:
    limits, text = Limits(), page("events")
    assert f"{limits.body_bytes // 2**20} MiB and {limits.batch_records:,} records" in text
    assert f"at most {limits.id_bytes} bytes" in text
    assert f"at most {limits.payload_bytes // 1024} KiB; unknown" in text
    assert f"at most {limits.text_chars:,} characters" in text
    assert f"{limits.records_per_second:,} records a second of one token (burst {limits.burst_records:,})" in text
    assert f"From {limits.past_ms // 86_400_000} days ago to {limits.ahead_ms // 60_000} minutes ahead" in text


# rules.md


def rule_file() -> str:
    (block,) = [block for block in blocks("rules") if block.kind == "yaml"]
    return block.text


def test_the_rule_on_the_page_is_good_and_passes_its_tests(place: Place) -> None:
    report = check({"docs/rules.md": rule_file()})
    assert report.problems == ()
    assert report.rules is not None
    assert [str(result) for result in run_tests(report.rules) if not result.passed] == []
    place.file("quiet_chat.yaml", rule_file())
    for block in blocks("rules"):
        if block.kind == "sh":
            assert place.shell(block.text)


def test_the_page_of_rules_names_every_key_and_every_name() -> None:
    text = page("rules")
    keys = {*_FILE_KEYS, *_DEFAULT_KEYS, *_RULE_KEYS, *_LEVEL_KEYS, *_TEXT_KEYS, *_EVIDENCE_KEYS, *_POLICIES, *FORMATS}
    assert sorted(key for key in keys if f"`{key}`" not in text) == []
    missing = []
    for name in VOCABULARY.names:
        windowed = f"`{name.metric}`" in text and f"`{name.window}`" in text
        if f"`{name.path}`" not in text and not (name.window and windowed):
            missing.append(name.path)
    assert missing == []


# operations.md


def test_the_page_of_operations_names_every_setting() -> None:
    text = page("operations")
    assert [name for name in Settings.model_fields if f"`CUEROOM_{name.upper()}" not in text] == []


def test_the_page_of_operations_names_every_figure_and_every_number_of_days() -> None:
    text = page("operations")
    assert [family.name for family in METRICS if f"`{family.name}`" not in text] == []
    for name, days in Keep.model_fields.items():
        assert f"| `CUEROOM_KEEP__{name.upper()}` | {days.default} |" in text


async def test_the_commands_of_operations_do_what_they_say(place: Place) -> None:
    (setup,) = [block for block in blocks("connect") if block.kind == "yaml"]
    place.done_apart("setup", place.file("shop.yaml", setup.text))
    with serving(place):
        for block in blocks("operations"):
            if block.kind == "sh":
                assert place.shell(block.text)
    for name in ("data/cueroom.sqlite3", "elsewhere/cueroom.sqlite3", "kept.backup"):
        with sqlite3.connect(place.folder / name) as database:
            found = database.execute("SELECT id FROM rooms").fetchall()
        database.close()
        assert found == [("tea-douyin",)]


def test_every_file_of_the_data_folder_is_on_the_page(place: Place) -> None:
    place.done("db", "upgrade")
    with serving(place):
        made = sorted(file.name for file in place.data.iterdir())
    text = page("operations")
    for name in made:
        assert f"`{name}`" in text or f"`{name.removeprefix('cueroom.sqlite3')}`" in text, name


# api.md


def refusals() -> dict[str, int]:
    """Return the status of every refusal there is, by its code."""
    importlib.import_module("app.main")  # and with it every room that refuses something
    kinds, found = [ControlRoomError], dict[str, int]()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found[kind.code] = status_of(kind.__new__(kind))
    return found


def test_the_refusals_of_the_api_have_the_status_the_page_gives_them() -> None:
    outcomes = {"ended"}  # no refusal, but what a command came to
    told = re.findall(r"^\| (\d{3}) \| ((?:`\w+` ?)+)", page("api"), re.MULTILINE)
    by_code = {code: int(status) for status, codes in told for code in re.findall(r"`(\w+)`", codes)}
    assert len(by_code) > 15
    known = refusals()
    assert {code: known.get(code) for code in by_code.keys() - outcomes} == {
        code: status for code, status in by_code.items() if code not in outcomes
    }


def test_the_problem_on_the_page_of_the_api_is_the_one_that_is_told() -> None:
    (shown,) = [json.loads(block.text) for block in blocks("api")]
    assert problem_document(LockedOut("too many attempts; wait 30 s", wait_s=30), "zh-CN") == shown


def test_the_page_of_the_api_names_every_stream_frame_and_close_code() -> None:
    app = FastAPI()
    install_streams(app)
    told = re.findall(r"^\| `(/ws/[^`?]+)", page("api"), re.MULTILINE)
    assert told == [re.sub(r"\{\w+_id\}", "{id}", route.path) for route in app.routes if route.path.startswith("/ws/")]  # type: ignore[attr-defined]
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+` ?)+)\|", page("api"), re.MULTILINE)
    assert {name: tuple(re.findall(r"`(\w+)`", fields)) for name, fields in rows} == {
        str(frame.__struct_config__.tag): frame.__struct_fields__ for frame in get_args(Frame)
    }
    closes = {str(code) for name, code in vars(frames).items() if name.startswith("CLOSE_")}
    assert closes <= set(re.findall(r"\b\d{4}\b", page("api")))
    assert all(f"`{audience}`" in page("api") for audience in AUDIENCES)


# recordings.md


def test_a_replay_by_the_page_alone_adds_up(place: Place) -> None:
    (place.folder / "app").symlink_to(ROOT / "app")
    (typed,) = [block.text for block in blocks("recordings") if block.kind == "sh"]
    with serving(place) as address:
        told = place.shell(typed.replace("--speed 600", f"--speed 2000 --url {address}"))
    assert "going on" not in told
    assert "does not add up" not in told
    assert re.search(r"^taken (\d+) = \1 on the board \+ 0 duplicates$", told, re.MULTILINE)


def test_the_page_of_recordings_names_every_source_and_key_and_its_plan_is_one(tmp_path: Path) -> None:
    text = page("recordings")
    keys = [field.encode_name for field in msgspec.structs.fields(Part)]
    assert [name for name in [*READERS, *keys] if f"`{name}`" not in text] == []
    (tmp_path / "plan.yaml").write_text(*[block.text for block in blocks("recordings") if block.kind == "yaml"])
    assert len(read_plan(tmp_path / "plan.yaml").recordings) == 4


# All pages


def test_every_link_leads_somewhere() -> None:
    for file in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (file.parent / target).exists(), f"{file.name}: {target}"


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [file.name for file in DOCS.glob("*.md") if f"(docs/{file.name})" not in text] == []


def test_every_cueroom_command_in_the_pages_is_one() -> None:
    for file in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        for words in re.findall(r"`cueroom ([a-z]+)", file.read_text(encoding="utf-8")):
            assert words in COMMANDS, f"{file.name}: cueroom {words}"


def rooms_of(files: list[Block]) -> set[str]:
    return {room for each in files if each.kind == "yaml" for room in re.findall(r"(?m)^  - id: (\S+)$", each.text)}


def test_the_rooms_of_the_pages_are_made_by_their_own_or_the_example_file() -> None:
    for file in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        own = rooms_of(blocks(file.stem)) if file.parent == DOCS else set()
        made = own or rooms_of(blocks("workspace"))
        for room in re.findall(r"cueroom token create[^`\n]*--room (\S+)", file.read_text(encoding="utf-8")):
            assert room in made, f"{file.name}: {room}"


def test_what_the_readme_tells_to_type_is_a_target_of_make() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    typed = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert typed
    for _, text in typed:
        for line in text.splitlines():
            assert line.split()[0] == "make"
            assert line.split()[1] in targets


def test_every_picture_of_the_docs_is_small_and_is_drawn_by_make_shots() -> None:
    drawn = set(re.findall(r"\b([a-z-]+)\b", (ROOT / "scripts/shots.py").read_text(encoding="utf-8")))
    for picture in (DOCS / "img").iterdir():
        assert picture.stat().st_size <= 200_000, picture.name
        assert picture.stem in drawn, picture.name


def test_what_the_page_of_benchmarks_tells_to_type_is_one() -> None:
    text = (ROOT / "bench/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert set(rows) <= set(names())
    for _, block in BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("make"):
                assert re.fullmatch(rf"make bench( ARGS=({'|'.join(rows)}))?", line.partition("#")[0].strip()), line
