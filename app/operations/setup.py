"""`setup`: a workspace file in the place of the one before, whole or not at all."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from app import __version__
from app.access.principal import person_handle
from app.delivery.channels import SENDERS, told, unready_of
from app.delivery.robots import missing_variables
from app.domain.people import SYSTEM
from app.domain.workspace import Workspace
from app.engine.health import CONFLICT, SILENT
from app.intake.recipe import find_recipe
from app.operations.answer import Answer
from app.operations.installation import Installation
from app.operations.words import word
from app.rules.file import decode_rules
from app.rules.pack import shipped_rules
from app.rules.phrases.reading import parse_lexicon, shipped_text
from app.rules.rule import RuleSet
from app.store.audit import note
from app.store.people import person_named
from app.store.rulesets import current
from app.store.workspace import find_workspace, replace_workspace
from app.workspace.changes import Change, diff
from app.workspace.file import WorkspaceError, read_workspace

OWN_RULES: Final = (SILENT, CONFLICT)
"""Alerts that the engine raises without a rule file; routes may name them too."""


class Setup(Struct, frozen=True):
    """`name`: how the file is called in its problems. `check`: say what would change, write nothing."""

    text: str
    name: str
    language: str
    check: bool = False


async def setup(here: Installation, wanted: Setup) -> Answer:
    """Read the file, replace the workspace of its id, and say what changed; a mistake in it changes nothing."""
    rules, lexicon = await _bodies(here)
    try:  # in a thread: the server's loop must not wait for files to be parsed
        new = await asyncio.to_thread(lambda: _read(wanted, decode_rules(rules), lexicon.decode()))
    except WorkspaceError as mistakes:
        return _refused(mistakes, wanted.language)
    if wanted.check:
        old = await here.store.read(partial(find_workspace, workspace_id=new.id))
        return _checked(new, diff(old, new), wanted.language, tuple(_warnings(new, here, wanted.language)))
    changes = await here.store.write(partial(_replace, here=here, new=new, source=wanted.text))
    if changes:
        await here.changed()
        await _tell_people(here, changes)
    return Answer(
        tuple(_told(new, changes, wanted.language)),
        tuple(_warnings(new, here, wanted.language)),
        data=_data(new, changes),
    )


def check_alone(wanted: Setup) -> Answer:
    """Check a file where there is no installation: against the shipped rules and lexicon."""
    try:
        new = _read(wanted, shipped_rules(), shipped_text())
    except WorkspaceError as mistakes:
        return _refused(mistakes, wanted.language)
    return _checked(new, diff(None, new), wanted.language, ())


async def _bodies(here: Installation) -> tuple[bytes, bytes]:
    """Return the rules and the lexicon that run; where no server runs, those that the next one would."""
    if here.address is not None:
        rules = await here.store.read(partial(current, kind="rules"))
        lexicon = await here.store.read(partial(current, kind="lexicon"))
        if rules is not None and lexicon is not None:
            return rules.body, lexicon.body
    recipe, _ = await find_recipe(here.store, here.settings.data, here.clock.now(), __version__)
    return recipe.rules, recipe.lexicon


def _read(wanted: Setup, rules: RuleSet, lexicon: str) -> Workspace:
    names = [*(rule.id for rule in rules.rules), *OWN_RULES]
    categories = {phrase.category for phrase in parse_lexicon(lexicon).phrases}
    return read_workspace(wanted.text, wanted.name, rules=names, categories=categories)


def _replace(conn: Connection, here: Installation, new: Workspace, source: str) -> list[Change]:
    now = here.clock.now()
    changes = replace_workspace(conn, new, source=source, by=SYSTEM.name, at=now)
    if changes:
        note(conn, now, SYSTEM, "setup", new.id, detail={"changes": len(changes)})
    return changes


async def _tell_people(here: Installation, changes: Sequence[Change]) -> None:
    """Close what people have open whose role, brand or place the file took or changed: they sign in anew."""
    for change in changes:
        if change.section == "people" and change.kind != "added":
            person = await here.store.read(partial(person_named, name=change.id))
            if person is not None:
                here.access.revocations.tell(person_handle(person.id))


def _told(new: Workspace, changes: Sequence[Change], language: str) -> Iterator[str]:
    if not changes:
        yield word("nothing_changed", language)
        return
    yield word("changed", language, name=new.id)
    yield from _indented(changes, language)
    yield word("open_sessions_stay", language)


def _checked(new: Workspace, changes: Sequence[Change], language: str, warnings: Collection[str]) -> Answer:
    figures = {name: len(getattr(new, name)) for name in ("rooms", "skus", "channels", "people")}
    lines = [word("file_is_good", language, **figures)]
    if changes:
        lines += [word("would_change", language), *_indented(changes, language)]
    else:
        lines.append(word("nothing_changed", language))
    return Answer(tuple(lines), tuple(warnings), data=_data(new, changes))


def _indented(changes: Sequence[Change], language: str) -> Iterator[str]:
    for change in changes:
        yield f"  {change.words.get(language) or change.words['en']}"


def _warnings(new: Workspace, here: Installation, language: str) -> Iterator[str]:
    """Say what is no mistake of the file, but keeps messages from leaving."""
    for channel in new.channels:
        if channel.kind not in SENDERS:
            yield word("no_sender", language, name=channel.name, kind=channel.kind)
            continue
        missing = missing_variables(channel, here.environ)
        for variable in missing:
            yield word("variable_not_set", language, name=channel.name, variable=variable)
        if not missing and (unready := unready_of(channel, here.environ)) is not None:
            yield word("channel_unready", language, name=channel.name, why=told(unready, language))


def _refused(mistakes: WorkspaceError, language: str) -> Answer:
    problems = [msgspec.to_builtins(problem) for problem in mistakes.problems]
    return Answer(errors=tuple(mistakes.told(language).splitlines()), code=1, data={"problems": problems})


def _data(new: Workspace, changes: Sequence[Change]) -> dict[str, Any]:
    return {"workspace": new.id, "changes": [msgspec.to_builtins(change) for change in changes]}
