"""Promises: a command does the same whether a server runs or not, and says what it did or what is wrong."""

import json
import sqlite3
import stat
from pathlib import Path

from tests.cli.place import WINERY, Place

TOKEN = r"cr_ingest_"


def snapshot(place: Place) -> list[tuple[str, ...]]:
    """Return what a refused setup must leave as it was."""
    with sqlite3.connect(place.data / "cueroom.sqlite3") as conn:
        found = conn.execute("SELECT id, version, body FROM workspaces").fetchall()
        found += conn.execute("SELECT id, role, brand FROM people ORDER BY id").fetchall()
    conn.close()
    return found


def test_setup_again_changes_nothing(place: Place) -> None:
    assert place.done("setup", str(WINERY)).splitlines() == ["nothing changed"]


def test_setup_says_what_it_changed(place: Place) -> None:
    text = WINERY.read_text(encoding="utf-8")
    changed = place.file("changed.yaml", text.replace("price: 59.00", "price: 61.00"))
    assert "  changed SKU SKU-6: price 5900 → 6100" in place.done("setup", changed, "--check").splitlines()
    assert place.done("setup", str(WINERY)).splitlines() == ["nothing changed"]  # the check wrote nothing
    lines = place.done("setup", changed).splitlines()
    assert lines[:2] == ["updated workspace qingtan:", "  changed SKU SKU-6: price 5900 → 6100"]
    place.done("setup", str(WINERY))


def test_a_broken_file_is_refused_with_every_place_and_changes_nothing(place: Place) -> None:
    before = snapshot(place)
    text = WINERY.read_text(encoding="utf-8").replace("price: 59.00", "price: 59.001")
    text = text.replace("rules: [interaction-low]", "rules: [no-such-rule]")
    broken = place.file("broken.yaml", text)
    ran = place.run("setup", broken)
    assert ran.returncode == 1
    assert ran.stdout == ""
    lines = ran.stderr.splitlines()
    assert len(lines) == 2
    for line, wrong in zip(lines, ("59.001", "no-such-rule"), strict=True):
        file, row, column, code, sentence = line.split(":", 4)
        assert file == "broken.yaml"
        assert wrong in text.splitlines()[int(row) - 1][int(column) - 1 :]
        assert code.strip()
        assert sentence.strip()
    assert snapshot(place) == before


def test_mistakes_are_told_in_the_language_of_the_terminal(place: Place) -> None:
    broken = place.file("broken.yaml", WINERY.read_text(encoding="utf-8").replace("price: 59.00", "price: x"))
    told = {place.run("setup", broken, LANG=tag).stderr for tag in ("zh_CN.UTF-8", "zh_TW.UTF-8", "en_GB.UTF-8")}
    assert len(told) == 3


def test_a_file_that_is_not_there_or_not_unicode_is_refused(place: Place) -> None:
    ran = place.run("setup", "nowhere.yaml")
    assert (ran.returncode, ran.stderr) == (1, "cueroom: cannot_read: nowhere.yaml: No such file or directory\n")
    (place.folder / "odd.yaml").write_bytes(b"version: 1\nworkspace: {id: a, name: \xff}\n")
    ran = place.run("setup", "odd.yaml")
    assert ran.returncode == 1
    assert ran.stderr == "odd.yaml:1:1: file_encoding: the file is not UTF-8\n"


def test_a_token_is_told_once_and_kept_only_as_a_hash(place: Place) -> None:
    out = place.done("token", "create", "--scope", "ingest", "--room", "qingtan-douyin", "--name", "erp")
    secret = out.splitlines()[1].strip()
    assert secret.startswith(TOKEN)
    assert out.splitlines()[3].count(secret) == 1
    for file in place.data.iterdir():
        if file.is_file():
            assert secret.encode() not in file.read_bytes()


def test_a_token_for_a_room_that_is_not_there_or_for_none_is_refused(place: Place) -> None:
    ran = place.run("token", "create", "--scope", "ingest", "--room", "nope", "--name", "erp")
    assert (ran.returncode, ran.stderr) == (1, "cueroom: not_found: no such room (room=nope)\n")
    ran = place.run("token", "create", "--scope", "ingest", "--name", "erp", LANG="zh_CN.UTF-8")
    assert (ran.returncode, ran.stderr) == (1, "cueroom: needs_rooms: 接入令牌必须绑定至少一个直播间\n")


def test_a_person_of_the_file_gets_a_link_and_a_stranger_needs_a_role(place: Place) -> None:
    lines = place.done("user", "add", "周敏").splitlines()
    assert lines[0] == "周敏 chooses a password by this link (valid once, for 3 days):"
    assert "/first?token=" in lines[1]
    ran = place.run("user", "add", "林野")
    assert (ran.returncode, ran.stderr) == (1, "cueroom: needs_role: a new person needs --role (name=林野)\n")
    added = json.loads(place.done("user", "add", f"林野{place.data.parent.name[:5]}", "--role", "viewer", "--json"))
    assert added["role"] == "viewer"
    ran = place.run("user", "add", "周敏", "--role", "admin")
    assert ran.returncode == 1
    assert "person_differs" in ran.stderr
    ran = place.run("user", "add", "新人", "--role", "viewer", "--brand", "nope")
    assert (ran.returncode, ran.stderr) == (1, "cueroom: not_found: no such brand (brand=nope)\n")


def test_a_password_is_never_taken_from_a_pipe(place: Place) -> None:
    assert place.run("user", "add", "周敏", "--password").returncode == 2


def test_a_channel_without_its_variables_says_which(place: Place) -> None:
    ran = place.run("channel", "test", "dingtalk-ops")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "no_address: The variable DINGTALK_OPS_URL is not set\n"
    assert "not_found" in place.run("channel", "test", "nope").stderr


def test_the_doctor_knows_every_room(place: Place) -> None:
    out = place.done("doctor")
    assert "qingtan-douyin  1号间 青坛酱酒 · douyin · no session yet\n  no record has come yet" in out
    assert "qingtan-shipinhao" in out
    assert "qingtan-shipinhao" not in place.done("doctor", "qingtan-douyin")
    assert place.run("doctor", "nope").stderr == "cueroom: not_found: no such room (room=nope)\n"


def test_the_database_is_current(place: Place) -> None:
    assert place.done("db", "upgrade").startswith("the database is current (")


def test_what_is_written_is_for_this_account_only(place: Place) -> None:
    assert stat.S_IMODE(place.data.stat().st_mode) == 0o700
    for file in place.data.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_the_data_folder_may_be_named_before_or_after_the_action(place: Place) -> None:
    data = str(place.data)
    for words in (("db", "--data", data, "upgrade"), ("db", "upgrade", "--data", data)):
        assert "current" in place.run(*words, CUEROOM_DATA="/nowhere/at/all").stdout


def test_rules_are_checked_with_their_places(place: Place) -> None:
    assert place.done("rules", "check").splitlines()[-1] == "4 rules in 4 files, no mistakes"
    assert place.done("rules", "test").splitlines()[-1].endswith(" passed, 0 failed")
    shipped = Path(WINERY.parents[2] / "rules" / "builtin" / "interaction_low.yaml").read_text(encoding="utf-8")
    wrong = place.file("wrong.yaml", shipped.replace("for: 60s", "for: soon", 1))
    ran = place.run("rules", "check", wrong)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("wrong.yaml:")


def test_a_failing_test_of_a_rule_fails_the_command(place: Place) -> None:
    shipped = Path(WINERY.parents[2] / "rules" / "builtin" / "interaction_low.yaml").read_text(encoding="utf-8")
    failing = place.file("failing.yaml", shipped.replace("firing:warning", "ok", 1))
    ran = place.run("rules", "test", failing)
    assert ran.returncode == 1
    assert "expected ok, found firing:warning" in ran.stderr
