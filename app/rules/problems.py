"""What is wrong with rule files: one problem for each place, all collected, worded for people in three languages."""

from collections.abc import Iterable

from app.errors import ControlRoomError
from app.rules.sentences import sentence
from app.workspace.document import Mark
from app.workspace.problems import Problem

__all__ = ["Problem", "Problems", "RuleFileError"]


class RuleFileError(ControlRoomError):
    """Rule files that were refused; none of their rules is taken and nothing already running is replaced."""

    kind, code = "invalid", "rule_file"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)))
        first = self.problems[0]
        super().__init__(
            "\n".join(map(str, self.problems)),
            file=first.file,
            line=first.line,
            column=first.column,
            count=len(self.problems),
        )


class Problems:
    """Collects the problems of a set of files; a rule that got one is left out, the rest is still checked."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, file: str, mark: Mark, code: str, **context: str | int | float) -> None:
        self.found.append(Problem(file, mark.line, mark.column, code, sentence(code, context)))

    def refuse_if_any(self) -> None:
        """Raise RuleFileError with everything found, if anything was."""
        if self.found:
            raise RuleFileError(self.found)
