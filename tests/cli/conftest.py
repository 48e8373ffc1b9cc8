"""Places with the sample winery set up, with and without a running server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.place import WINERY, Place, serving


def make_place(folder: Path) -> Place:
    (folder / "home").mkdir()
    return Place(folder)


@pytest.fixture
def empty(tmp_path: Path) -> Place:
    """Return a place where nothing is yet."""
    return make_place(tmp_path)


@pytest.fixture(scope="module", params=["alone", "served"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return a place with the winery in it, once without and once with a running server."""
    made = make_place(tmp_path_factory.mktemp(request.param))
    made.done("setup", str(WINERY))
    if request.param == "served":
        with serving(made):
            yield made
    else:
        yield made
