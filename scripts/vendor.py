"""Brings the browser's library into static/vendor/: the version and the hash stand in package-lock.json.

Imports the standard library only. `python scripts/vendor.py` fetches it by itself. npm is asked when there is one: it
knows the person's registry. Without npm the same archive is read over HTTPS from the registry that the person's
settings name. Both are checked by the locked hash.

  NPM_CONFIG_REGISTRY=...    that registry, else the `registry` line of ~/.npmrc
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "static" / "vendor"
NAME = "uplot"
FILES = {
    "package/dist/uPlot.iife.min.js": "uplot.js",
    "package/LICENSE": "uplot.LICENSE",
}
STAMP = "uplot.version"
MOST_BYTES = 4_000_000
TIMEOUT_S = 15


class NotFetched(Exception):
    """The archive could not be had, or is not the one that is locked."""


def locked() -> tuple[str, str]:
    """Return version and integrity (`sha512-...`) of the library."""
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    entry = packages[f"node_modules/{NAME}"]
    return entry["version"], entry["integrity"]


def is_there(folder: Path = FOLDER, integrity: str = "") -> bool:
    """Tell whether the folder holds what the lock says."""
    files = all((folder / name).is_file() for name in (*FILES.values(), STAMP))
    return files and (folder / STAMP).read_text(encoding="utf-8") == (integrity or locked()[1])


def bring() -> None:
    """Fetch, check and unpack it; raises NotFetched."""
    version, integrity = locked()
    npm = shutil.which("npm")
    archive = (packed_by_npm(npm, version) if npm else None) or read_over_https(version)
    unpack(archive, integrity)


def packed_by_npm(npm: str, version: str) -> bytes | None:
    """Return the archive as npm fetched it, with the person's own settings; None when npm could not."""
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{NAME}@{version}", "--silent", "--fetch-retries=0", "--pack-destination", folder]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=4 * TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return None
        made = sorted(Path(folder).glob("*.tgz"))
        return made[0].read_bytes() if done.returncode == 0 and made else None


def read_over_https(version: str) -> bytes:
    registry = named_registry()
    if not registry:
        raise NotFetched("there is no npm here, and NPM_CONFIG_REGISTRY names no registry")
    url = f"{registry.rstrip('/')}/{NAME}/-/{NAME}-{version}.tgz"
    if not url.startswith("https://"):
        raise NotFetched("the registry is not an https address")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            body: bytes = answer.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:  # the second: an answer that ends in its middle
        raise NotFetched(str(error)) from error
    return body


def named_registry() -> str:
    """Return the npm registry of the person's settings; empty when they name none."""
    settings = Path.home() / ".npmrc"
    lines = settings.read_text(encoding="utf-8").splitlines() if settings.is_file() else []
    pairs = [line.partition("=") for line in lines]
    return os.environ.get("NPM_CONFIG_REGISTRY") or next(
        (value.strip() for name, _, value in pairs if name.strip() == "registry"), ""
    )


def unpack(archive: bytes, integrity: str, folder: Path = FOLDER) -> None:
    """Write the files that pages load, after the archive was found to be the locked one; raises NotFetched."""
    algorithm, _, wanted = integrity.partition("-")
    if algorithm != "sha512" or base64.b64encode(hashlib.sha512(archive).digest()).decode() != wanted:
        raise NotFetched("what came is not what package-lock.json locks")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STAMP).unlink(missing_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
            for member, name in FILES.items():
                source = packed.extractfile(member)
                if source is None:
                    raise NotFetched(f"the archive has no {member}")
                (folder / name).write_bytes(source.read())
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise NotFetched(f"the archive cannot be unpacked: {error}") from error
    (folder / STAMP).write_text(integrity, encoding="utf-8")


def main() -> int:
    """Bring the library when it is not there."""
    try:
        if not is_there():
            bring()
    except NotFetched as missing:
        print(f"uplot could not be fetched: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
