"""Promise: the browser gets the library that is locked, or none."""

import base64
import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from scripts import vendor


def archive(text: bytes = b"var uPlot") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for name in vendor.FILES:
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text))
    return out.getvalue()


def integrity(body: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(body).digest()).decode()}"


def test_what_the_lock_says_is_unpacked_with_its_licence(tmp_path: Path) -> None:
    body = archive()
    vendor.unpack(body, integrity(body), tmp_path / "vendor")
    assert (tmp_path / "vendor" / "uplot.js").read_bytes() == b"var uPlot"
    assert (tmp_path / "vendor" / "uplot.LICENSE").is_file()
    assert vendor.is_there(tmp_path / "vendor", integrity(body))
    assert not vendor.is_there(tmp_path / "vendor", integrity(b"a newer one"))


@pytest.mark.parametrize("wanted", [integrity(archive(b"another")), "sha1-AAAA", ""], ids=["another", "weak", "none"])
def test_what_is_not_locked_is_refused_and_nothing_is_written(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(vendor.NotFetched):
        vendor.unpack(archive(), wanted, tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_the_lock_names_a_version_and_a_strong_hash() -> None:
    version, hash_ = vendor.locked()
    assert version[0].isdigit()
    assert hash_.startswith("sha512-")


def test_an_archive_that_cannot_be_unpacked_ends_nothing_but_the_fetching(tmp_path: Path) -> None:
    for body in (b"no archive", archive()[:40], gzip.compress(b"x" * 700)):
        with pytest.raises(vendor.NotFetched):
            vendor.unpack(body, integrity(body), tmp_path / "vendor")
    assert not vendor.is_there(tmp_path / "vendor", integrity(b"no archive"))
