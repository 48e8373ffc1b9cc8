"""Makes what Cueroom runs in: .venv with hash-pinned packages, and the browser files from npm.

Imports the standard library only: it runs on the machine's own Python before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from scripts import vendor

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
TSC = ROOT / "node_modules" / "typescript" / "bin" / "tsc"
NPM_TIMEOUT_S = 60
RUN, DEV = "requirements.lock", "requirements-dev.lock"


class Refusal(Exception):
    """Set-up cannot go on; the text says what the person can do."""


def say(text: str) -> None:
    """Tell the person at the terminal; standard output belongs to the program that follows."""
    print(f"cueroom: {text}", file=sys.stderr, flush=True)


def set_up(*, development: bool) -> None:
    """Make everything that is not there yet; costs some ms when it is."""
    install(DEV if development else RUN)
    fetch_charts()
    if development:
        fetch_type_check()


def make_venv() -> None:
    """Make .venv unless it is there and its Python still runs."""
    works = [str(BIN / "python"), "-m", "pip", "--version"]
    if (BIN / "python").exists() and subprocess.run(works, capture_output=True, check=False).returncode == 0:
        return
    say("making .venv")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if made.returncode:
        raise Refusal(
            f"{made.stdout.strip()}\ncueroom: {sys.executable} cannot make a virtual environment, see above. "
            "On Debian and Ubuntu: apt-get install python3-venv"
        )


def stamp_of(lock: str) -> Path:
    return VENV / f"installed-{lock}"


def is_installed(lock: str) -> bool:
    """Tell whether .venv holds what this lock says (a moved folder's .venv does not count)."""
    stamp = stamp_of(lock)
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint(lock)


def fingerprint(lock: str) -> str:
    return f"{hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()} {ROOT}"


def install(lock: str) -> None:
    """Install the locked packages, with uv unless INSTALLER=pip or uv fails."""
    if is_installed(lock):
        return
    make_venv()
    say(f"installing {lock} (about a minute, once)")
    installed = os.environ.get("INSTALLER", "uv") == "uv" and install_with_uv(lock)
    if not installed and pip("install", "--require-hashes", "-r", lock):
        raise Refusal("The packages could not be installed. If the network is slow: PIP_INDEX_URL=<a mirror near you>")
    write_command()
    # The development lock holds every pin of the run-time lock, so it satisfies both.
    for done in {lock, RUN}:
        stamp_of(done).write_text(fingerprint(done), encoding="utf-8")


def install_with_uv(lock: str) -> bool:
    if not (BIN / "uv").exists() and pip("install", "--require-hashes", "-r", "requirements-uv.lock"):
        return False
    command = [str(BIN / "uv"), "pip", "install", "--quiet", "--system-certs", "--python", str(BIN / "python")]
    command += ["--require-hashes", "-r", lock]
    return subprocess.run(command, cwd=ROOT, env=os.environ | mirror(), check=False).returncode == 0


def pip(*arguments: str) -> int:
    command = [str(BIN / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def mirror() -> dict[str, str]:
    """Return uv's setting for the package mirror pip would use; uv does not read pip's configuration."""
    if "UV_DEFAULT_INDEX" in os.environ:
        return {}
    url = os.environ.get("PIP_INDEX_URL", "")
    for key in () if url else ("install.index-url", "global.index-url"):
        asked = [str(BIN / "python"), "-m", "pip", "config", "get", key]
        url = url or subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return {"UV_DEFAULT_INDEX": url} if url else {}


def write_command() -> None:
    """Write .venv/bin/cueroom, which works from any folder and leaves it the current one."""
    if os.name == "nt":
        return
    command = BIN / "cueroom"
    # -P: a folder named `app` where the person stands is not ours.
    search = f"PYTHONPATH={shlex.quote(str(ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}"
    python = shlex.quote(str(BIN / "python"))
    command.write_text(f'#!/bin/sh\n{search} exec {python} -P -m app "$@"\n', encoding="utf-8")
    command.chmod(0o755)


def fetch_charts() -> None:
    """Bring the chart library into static/vendor/; without it the console shows its numbers in a table.

    A failed try is remembered, so that a machine without a network does not wait each time.
    """
    wanted = vendor.locked()[1]
    record = VENV / "fetched-charts"
    failed = record.exists() and record.read_text(encoding="utf-8") == f"failed {wanted}"
    if vendor.is_there() or failed:
        return
    say("fetching the chart library of the console")
    try:
        vendor.bring()
    except vendor.NotFetched as missing:
        say(f"it could not be fetched ({missing}); the console shows tables instead")
        say("remove .venv/fetched-charts to try again")
        record.write_text(f"failed {wanted}", encoding="utf-8")


def fetch_type_check() -> None:
    """Fetch the type checker of the browser modules with npm, when there is npm; the pages load nothing from it.

    A failed try is remembered, so that a machine without a network does not wait each time.
    """
    wanted = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    record = VENV / "fetched-npm"
    tried = record.read_text(encoding="utf-8") if record.exists() else ""
    npm = shutil.which("npm")
    if (tried == wanted and TSC.exists()) or not npm or tried == f"failed {wanted}":
        return
    say("fetching the type checker of the browser modules")
    command = [npm, "ci", "--ignore-scripts"]
    try:
        fetched = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=NPM_TIMEOUT_S, check=False)
        came = fetched.returncode == 0
    except subprocess.TimeoutExpired:
        came = False
    if not came:
        say("it could not be fetched; remove .venv/fetched-npm to try again")
    record.write_text(wanted if came else f"failed {wanted}", encoding="utf-8")
