"""Promise: the example in docs/workspace.md is a file that setup takes, and the page names every key there is."""

import re
from pathlib import Path

from app.workspace.file import read_workspace
from app.workspace.plan import plan_session

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "workspace.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]


def test_the_example_is_taken_and_a_session_can_be_planned_from_it() -> None:
    plan = plan_session(read_workspace(EXAMPLE, "docs/workspace.md"), "tea-douyin", "live", {}, 1_795_000_000_000)
    assert plan.skus[0].price == 8_800
    assert plan.targets[0].value == 5_000_000
    assert plan.planned_length_ms == 30 * 60_000


def test_every_key_that_a_section_knows_is_on_the_page() -> None:
    sources = (ROOT / "app" / "workspace").glob("*.py")
    known: set[str] = set()
    for source in sources:
        text = source.read_text(encoding="utf-8")
        for listed in re.findall(
            r"(?:Fields\([^()]*(?:\([^()]*\))?[^()]*|_KEYS: Final = |_TARGETS: Final = )\(([^()]*)\)", text
        ):
            known |= set(re.findall(r'"([a-z_0-9]+)"', listed))
    assert {"stock_line", "session_rooms", "talking_points", "useful_for", "cart_adds", "per_minute"} <= known
    assert sorted(key for key in known if not re.search(rf"\b{key}\b", PAGE)) == []
