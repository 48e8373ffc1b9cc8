"""Promises: backup, its rehearsal and restore from a terminal, beside a running server and alone; a full disk too."""

import json

import pytest

from tests.cli.conftest import make_place
from tests.cli.place import WINERY, Place


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with the winery, where no server runs: for what is the same beside one."""
    made = make_place(tmp_path_factory.mktemp("winery"))
    made.done("setup", str(WINERY))
    return made


def test_a_backup_is_made_rehearsed_and_restored(place: Place) -> None:
    made = place.done_apart("backup", "one.backup").splitlines()
    assert made[0].startswith(f"backed up to {place.folder / 'one.backup'} (")
    assert "  rooms  2" in made
    assert place.done("backup", "--verify", "one.backup").splitlines()[-1] == "running sessions rebuilt: 0"
    ran = place.run("backup", "one.backup")
    assert (ran.returncode, ran.stderr.split(": ")[1]) == (1, "file_taken")
    ran = place.run("restore", "one.backup")
    assert ran.returncode == 1  # the folder has a server, or a database
    assert place.done("restore", "one.backup", "--data", "other").splitlines()[0].startswith("restored as ")
    assert "qingtan-douyin" in place.done("doctor", "--data", "other")


def test_without_a_name_the_file_is_named_by_the_time(alone: Place) -> None:
    name = json.loads(alone.done("backup", "--json"))["file"]
    assert name.startswith(str(alone.folder / "cueroom-2"))
    assert alone.run("backup", "--verify").returncode == 2


def test_a_disk_that_is_full_in_the_middle_leaves_no_half_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Place(tmp_path_factory.mktemp("full"))
    (place.folder / "home").mkdir()
    place.done("db", "upgrade")
    before = sorted(each.name for each in place.folder.iterdir())
    size = (place.data / "cueroom.sqlite3").stat().st_size // 1_024
    # No file may grow beyond half of the database: the same as a quota that is used up on the way. With -B, or Python
    # itself would keep half of what it compiles on its first run, and every later one would break on it.
    line = f"ulimit -f {size}; '{place.python}' -B -P -m app backup half.backup"  # in units of 512 bytes
    ran = place.run_shell(line)
    assert ran.returncode == 1
    assert ran.stderr.startswith("cueroom: cannot_write: ")
    assert sorted(each.name for each in place.folder.iterdir()) == before


def test_what_is_old_is_counted_before_it_is_removed(alone: Place) -> None:
    assert alone.done("purge", "--dry-run").splitlines()[0].startswith("this would be removed")
    assert alone.done("purge").startswith("nothing to remove: ")
    ran = alone.run("purge", "--before", "yesterday")
    assert (ran.returncode, ran.stderr.split(": ")[1]) == (1, "bad_day")
    ran = alone.run("purge", "--session", "nope")
    assert (ran.returncode, ran.stderr.split(": ")[1]) == (1, "not_found")
    assert alone.run("purge", "--session", "x", "--user", "y").returncode == 2
    assert json.loads(alone.done("purge", "--before", "2026-01-01", "--json"))["rows"] == {}


def test_doctor_tells_how_much_of_the_disk_is_taken(alone: Place) -> None:
    assert any(line.startswith("the database takes ") for line in alone.done("doctor").splitlines())
    assert json.loads(alone.done("doctor", "--json"))["disk"]["chunks"] > 0
