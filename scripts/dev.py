"""Sets up a fresh machine and starts what a developer starts: `python3 scripts/dev.py run|test|...`.

A stamp with the lock's hash makes the second start cost nothing.

  PIP_INDEX_URL=...          use this package mirror (pip's own configuration is read too)
  INSTALLER=pip              install with pip instead of uv
  CUEROOM_TESTS_WORKERS=2    run the tests on two processes instead of one more than there are cores
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)


def leave_old_python() -> None:
    """Go on under a newer Python when this one is too old and the machine has one, else say so and exit.

    Called before anything of ours is imported: Python 3.6 could not even read it.
    """
    if sys.version_info >= OLDEST:
        return
    for minor in range(19, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])
    have = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(
        f"cueroom: Python 3.11 or newer is needed; {sys.executable} is {have}. Install one, or set PYTHON=/path/to/it."
    )


leave_old_python()
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.checks import run_checks
from scripts.environment import (
    BIN,
    ROOT,
    Refusal,
    mirror,
    say,
    set_up,
)


def become(*command: str) -> int:
    """Hand over to a program, so that Ctrl-C and SIGTERM reach it and not us."""
    os.chdir(ROOT)
    if os.name == "nt":
        return subprocess.run(command, check=False).returncode
    os.execv(command[0], command)


def run_command(rest: list[str]) -> int:
    set_up(development=False)
    return become(str(BIN / "python"), "-m", "app", "demo", *rest)


def test_command(rest: list[str]) -> int:
    """Run the checks, then pytest; pytest is last, so its closing line is ours."""
    set_up(development=True)
    failed = run_checks()
    print("== pytest", flush=True)
    # One more than cores: a third of the time tests wait for processes to start, end and be missed. Each has servers
    # and a browser of its own, so a large machine is not filled with them.
    workers = os.environ.get("CUEROOM_TESTS_WORKERS") or str(min((os.cpu_count() or 2) + 1, 8))
    by_file = ["--dist", "loadfile", "--no-loadscope-reorder"]  # a file's servers once; the order of tests/conftest.py
    command = [str(BIN / "python"), "-m", "pytest", "-n", workers, *by_file, *rest]
    tests = subprocess.run(command, cwd=ROOT, check=False)
    return tests.returncode or int(bool(failed))


def check_command(_: list[str]) -> int:
    set_up(development=True)
    return int(bool(run_checks()))


def format_command(_: list[str]) -> int:
    set_up(development=True)
    fixed = subprocess.run([str(BIN / "ruff"), "check", "--fix", "."], cwd=ROOT, check=False).returncode
    return subprocess.run([str(BIN / "ruff"), "format", "."], cwd=ROOT, check=False).returncode or fixed


def shots_command(rest: list[str]) -> int:
    set_up(development=True)
    return become(str(BIN / "python"), "scripts/shots.py", *rest)


def cluster_command(rest: list[str]) -> int:
    set_up(development=True)
    return become(str(BIN / "python"), "scripts/cluster.py", *rest)


def bench_command(rest: list[str]) -> int:
    set_up(development=True)
    return become(str(BIN / "python"), "-m", "bench", *rest)


def lock_command(rest: list[str]) -> int:
    """Resolve again; `--upgrade` takes newer versions. No host name may get into the files."""
    set_up(development=True)
    options = ["--quiet", "--system-certs", "--universal", "--python-version", "3.11"]
    options += ["--generate-hashes", "--no-header", "--no-annotate", *rest]
    for name in ("requirements", "requirements-dev", "requirements-uv"):
        command = [str(BIN / "uv"), "pip", "compile", *options, "-o", f"{name}.lock", f"{name}.in"]
        if subprocess.run(command, cwd=ROOT, env=os.environ | mirror(), check=False).returncode:
            return 1
        if "://" in (ROOT / f"{name}.lock").read_text(encoding="utf-8"):
            raise Refusal(f"{name}.lock names a host; resolve it with the default index")
    return 0


def clean_command(_: list[str]) -> int:
    made = [".venv", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache"]
    for name in [*made, ".import_linter_cache", "static/vendor"]:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for folder in ("app", "tests", "bench", "scripts", "alembic"):
        for cache in (ROOT / folder).rglob("__pycache__"):
            shutil.rmtree(cache)
    return 0


COMMANDS = {
    "run": run_command,
    "test": test_command,
    "check": check_command,
    "fmt": format_command,
    "shots": shots_command,
    "cluster": cluster_command,
    "bench": bench_command,
    "lock": lock_command,
    "clean": clean_command,
}


def main(arguments: list[str]) -> int:
    """Run one command; what follows its name is handed on to the program it starts."""
    if not arguments or arguments[0] not in COMMANDS:
        print(f"{__doc__}\ncommands: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except Refusal as refusal:
        say(str(refusal))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
