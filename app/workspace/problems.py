"""What is wrong with a workspace file: one problem for each place, all of them collected, worded in three languages."""

from typing import Final

from msgspec import Struct

from app.domain.words import Words
from app.errors import ControlRoomError
from app.workspace.document import Mark
from app.workspace.sentences import sentence

MOST_LISTED: Final = 200


class Problem(Struct, frozen=True):
    """One thing wrong, with its place (counted from 1) and a stable code; `words` says it in each language."""

    file: str
    line: int
    column: int
    code: str
    words: Words

    def told(self, language: str) -> str:
        """Return the line that a terminal prints: place, code, sentence."""
        return f"{self.file}:{self.line}:{self.column}: {self.code}: {self.words.get(language) or self.words['en']}"

    def __str__(self) -> str:
        return self.told("en")


class WorkspaceError(ControlRoomError):
    """A workspace file that was refused as a whole; `problems` names everything wrong in it, in file order."""

    kind, code = "invalid", "workspace_file"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        first = problems[0]
        super().__init__(
            "\n".join(map(str, problems)), file=first.file, line=first.line, column=first.column, count=len(problems)
        )

    def told(self, language: str) -> str:
        """Return every problem on a line of its own, in one language."""
        return "\n".join(problem.told(language) for problem in self.problems)


class Problems:
    """Collects the problems of one file; knows nothing of what the file means."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[Mark, str], Problem] = {}

    def add(self, mark: Mark, code: str, **context: str | int | float) -> None:
        """Note one problem; the same code at the same place is one problem."""
        problem = Problem(self.file, mark.line, mark.column, code, sentence(code, context))
        self._found.setdefault((mark, code), problem)

    def refuse_if_any(self) -> None:
        """Raise WorkspaceError with everything found, if anything was."""
        found = sorted(self._found.values(), key=lambda problem: (problem.line, problem.column))
        if len(found) > MOST_LISTED:
            last = found[MOST_LISTED]
            more = Problem(self.file, last.line, last.column, "more", sentence("more", {"limit": MOST_LISTED}))
            found = [*found[:MOST_LISTED], more]
        if found:
            raise WorkspaceError(tuple(found))
