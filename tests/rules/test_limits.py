"""Promise: the lines that charts draw are those of the rules in force, with the parameters that are set there."""

import pytest

from app.rules.file import read_rules
from app.rules.limits import Limit, limits_of
from app.rules.pack import pack_files, shipped_rules


def test_the_shipped_rules_draw_their_lines() -> None:
    lines = {rule.id: limits_of(rule) for rule in shipped_rules().rules}
    assert lines["interaction-low"] == (Limit("P2", "m.interaction_rate_5m", True, 0.05),)
    assert lines["stream-fault"] == (Limit("P1", "i.bitrate_kbps", True, 0.6, "i.target_kbps"),)
    assert Limit("P2", "i.sellable", True, 1.0, "i.stock_line") in lines["stock-shortfall"]
    assert Limit("P2", "v.eta_min", True, 10.0) in lines["stock-shortfall"]


def test_a_parameter_that_was_changed_moves_the_line() -> None:
    files = {"own.yaml": pack_files()["interaction_low.yaml"].replace("floor: 0.05", "floor: 0.04")}
    files["own.yaml"] = files["own.yaml"].partition("    tests:")[0]
    assert limits_of(read_rules(files).rule("interaction-low")) == (Limit("P2", "m.interaction_rate_5m", True, 0.04),)


@pytest.mark.parametrize(
    "fire",
    [
        "!(m.viewers < 5.0)",
        "m.gmv != 1.0 && m.viewers < 5.0",
        "m.viewers < m.gmv + 1.0",
        "m.viewers + 1.0 < 5.0",
        "m.viewers < 5.0 ? true : false",
    ],
)
def test_what_is_no_line_is_not_drawn(fire: str) -> None:
    text = f"""
version: 1
rules:
  - id: own
    title: {{zh-CN: 自定}}
    levels:
      - {{severity: warning, fire: "{fire}"}}
    text: {{title: {{zh-CN: 自定}}}}
"""
    assert limits_of(read_rules({"own.yaml": text}).rule("own")) == ()
