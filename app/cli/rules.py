"""`cueroom rules check|test [FILE...]`: what is wrong with rule files, and whether their own tests pass."""

import argparse
import sys
from typing import TextIO

import msgspec

from app.cli.terminal import CannotRead, add_json, complain, language, read_file, show
from app.operations.answer import Answer
from app.rules.check import CaseResult, check, run_tests
from app.rules.pack import pack_files
from app.rules.problems import Problem
from app.rules.rule import RuleSet
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, what in (("check", "say everything that is wrong"), ("test", "check, then run the tests in the files")):
        action = actions.add_parser(name, help=what)
        action.add_argument("files", metavar="FILE", nargs="*", help="rule files; else those that the server runs")
        add_json(action, action=True)


def rules(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    """Exit 1 when a file has a mistake or a test fails."""
    try:
        files = {name: read_file(name) for name in args.files} or _running(settings)
    except CannotRead as refusal:
        complain(refusal, sys.stderr)
        return 1
    report = check(files)
    if report.rules is None:
        return show(_mistakes(report.problems), out, as_json=args.json)
    answer = _good(report.rules, len(files)) if args.action == "check" else _tested(list(run_tests(report.rules)))
    return show(answer, out, as_json=args.json)


def _running(settings: Settings) -> dict[str, bytes]:
    """Return the shipped pack with the data folder's own files over it, as the server reads them."""
    files = {name: text.encode() for name, text in pack_files().items()}
    own = sorted((settings.data / "rules").glob("*.yaml"))
    return files | {path.name: read_file(str(path)) for path in own}


def _mistakes(problems: tuple[Problem, ...]) -> Answer:
    lines = [each.told(language()) for each in problems]
    return Answer(errors=tuple(lines), code=1, data={"problems": [msgspec.to_builtins(each) for each in problems]})


def _good(found: RuleSet, files: int) -> Answer:
    lines = [f"{rule.file}: {rule.id}: {len(rule.cases)} tests" for rule in found.rules]
    lines.append(f"{len(found.rules)} rules in {files} files, no mistakes")
    return Answer(tuple(lines), data={"rules": [rule.id for rule in found.rules], "hash": found.hash})


def _tested(results: list[CaseResult]) -> Answer:
    failed = [result for result in results if not result.passed]
    data = {
        "tests": [{"rule": each.rule, "place": f"{each.file}:{each.line}", "passed": each.passed} for each in results]
    }
    return Answer(
        (f"{len(results) - len(failed)} passed, {len(failed)} failed",),
        tuple(map(str, failed)),
        code=1 if failed else 0,
        data=data,
    )
