"""After a rebuild: alerts and prompts as SQL has them, which is the record, and where the rebuilt ones differed."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from app.domain.alerts import Alert
from app.domain.prompts import Prompt
from app.engine.alerts import subject_key
from app.engine.changes import Changes
from app.engine.state import State


class Difference(NamedTuple):
    """`missing`: the rebuilt engine has it and SQL does not; it is written again. Else SQL's stands."""

    kind: Literal["alert", "prompt"]
    id: str
    what: Literal["missing", "other", "unknown_here"]


def adopt(state: State, changes: Changes, alerts: Sequence[Alert], prompts: Sequence[Prompt]) -> list[Difference]:
    """Put what SQL has in place of what was rebuilt."""
    known_alerts, known_prompts = {alert.id: alert for alert in alerts}, {prompt.id: prompt for prompt in prompts}
    found = [*_compare("alert", state.alerts.listed(), state.alerts.alerts, known_alerts)]
    found += _compare("prompt", state.prompts.prompts, state.prompts.prompts, known_prompts)
    for difference in found:
        if difference.what == "missing" and difference.kind == "alert":
            changes.alert(state.alerts.alerts[difference.id])
        elif difference.what == "missing":
            changes.prompt(state.prompts.prompts[difference.id])
    for alert in alerts:
        state.alerts.put(alert)
        key = subject_key(alert)
        if alert.open:
            state.alerts.open[key] = alert.id
        elif state.alerts.open.get(key) == alert.id:
            del state.alerts.open[key]
    for prompt in sorted(prompts, key=lambda prompt: prompt.n):
        state.prompts.prompts[prompt.id] = prompt
    return found


def _compare(
    kind: Literal["alert", "prompt"],
    listed: Mapping[str, Alert | Prompt],
    rebuilt: Mapping[str, Alert | Prompt],
    known: Mapping[str, Alert | Prompt],
) -> list[Difference]:
    found = [Difference(kind, key, "missing") for key in listed if key not in known]
    for key, value in known.items():
        if key not in rebuilt:
            found.append(Difference(kind, key, "unknown_here"))
        elif rebuilt[key] != value:
            found.append(Difference(kind, key, "other"))
    return found
