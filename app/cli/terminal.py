"""The terminal: which language it speaks, which settings it gives, and how an answer is shown on it."""

import argparse
import contextlib
import errno
import os
import struct
import sys
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
from pydantic import ValidationError

from app.cli import DATA_HELP
from app.domain.words import Language
from app.errors import ControlRoomError
from app.operations.answer import Answer
from app.operations.reach import perform
from app.settings import Settings

_LAID_OUT: Final = frozenset("\n\t\u200d\u3000")
"""Lines and columns of our own; what joins parts of an emoji, and the wide space."""
FILE_BYTES: Final = 4 * 1024 * 1024


class BadSettings(ControlRoomError):
    """A variable of the environment or of the .env file holds what it must not; the value is not repeated."""

    code = "bad_settings"


class CannotRead(ControlRoomError):
    """A file named on the command line cannot be read."""

    kind, code = "missing", "cannot_read"

    @classmethod
    def because(cls, fault: OSError, name: str) -> "CannotRead":
        """Return it with what the system says."""
        why = fault.strerror or str(fault)
        return cls(f"{name}: {why}", file=name, why=why)


class CannotTell(ControlRoomError):
    """The answer cannot be written to where it was to go; what was asked for is done."""

    kind, code = "broken", "cannot_tell"


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings, with the data folder of the command line. Raises BadSettings, naming each variable."""
    try:
        settings = Settings()
    except ValidationError as mistakes:
        told = [f"{_variable(each['loc'])}: {each['msg']}" for each in mistakes.errors(include_input=False)]
        raise BadSettings("; ".join(told)) from None
    return settings.model_copy(update={"data": Path(args.data)}) if args.data else settings


def language() -> Language:
    """Return the language of this terminal: CUEROOM_LANG, else the locale's, else English."""
    for name in ("CUEROOM_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        tag = os.environ.get(name, "").replace("_", "-").partition(".")[0]
        if not tag:
            continue
        if tag.lower().startswith(("zh-tw", "zh-hk", "zh-mo", "zh-hant")):
            return "zh-TW"
        return "zh-CN" if tag.lower().startswith("zh") else "en"
    return "en"


def read_file(name: str) -> bytes:
    """Return a file named on the command line. Raises CannotRead."""
    try:
        with Path(name).open("rb") as file:
            body = file.read(FILE_BYTES + 1)
    except OSError as fault:
        raise CannotRead.because(fault, name) from None
    if len(body) > FILE_BYTES:
        raise CannotRead.because(OSError(errno.EFBIG, os.strerror(errno.EFBIG)), name)
    return body


def operate(
    settings: Settings,
    name: str,
    wanted: dict[str, Any],
    args: argparse.Namespace,
    out: TextIO,
    *,
    creates: bool = False,
) -> int:
    """Have an operation done, and show its answer."""
    answer = perform(settings, name, {"language": language(), **wanted}, creates=creates)
    return show(answer, out, as_json=getattr(args, "json", False))


def show(answer: Answer, out: TextIO, *, as_json: bool = False) -> int:
    """Write lines or JSON to `out`, what is wrong to stderr; return the exit code."""
    if answer.refusal is not None:
        complain(answer.refusal, sys.stderr)
    for line in answer.errors:
        sys.stderr.write(f"{harmless(line)}\n")
    try:
        if as_json:
            out.write(harmless(msgspec.json.format(msgspec.json.encode(answer.data)).decode()) + "\n")
        else:
            out.writelines(f"{harmless(line)}\n" for line in answer.lines)
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as fault:
        forget(out)
        why = fault.strerror or str(fault)
        complain(CannotTell(f"it is done, but the answer cannot be written: {why}", why=why), sys.stderr)
        return 1
    return answer.code


def harmless(text: str) -> str:
    """Return the text with what a terminal obeys, or cannot show, written out as \\uXXXX, which is JSON's way too: the
    names of fields, sources and machines far away are not ours, and must not move the cursor or hide a line."""
    if text.isprintable():
        return text
    return "".join(each if each in _LAID_OUT or each.isprintable() else _spelled(each) for each in text)


def _spelled(char: str) -> str:
    return "".join(f"\\u{unit:04x}" for (unit,) in struct.iter_unpack(">H", char.encode("utf-16-be", "surrogatepass")))


def forget(stream: TextIO) -> None:
    """Lose what a stream could not write, or Python would try it once more on its way out, and say so its own way."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(refusal: Any, err: TextIO) -> None:
    """Write a refusal (anything with code, detail and context): its code, its sentence, and what that does not say."""
    told = sentence(refusal)
    where = ", ".join(f"{name}={value}" for name, value in refusal.context.items() if str(value) not in told)
    err.write(harmless(f"cueroom: {refusal.code}: {told}{f' ({where})' if where else ''}") + "\n")


def add_json(parser: argparse.ArgumentParser, *, action: bool = False) -> None:
    """Add the options of a command that answers; `action`: the second word of one, where --data may stand too."""
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    if action:
        parser.add_argument("--data", metavar="DIR", default=argparse.SUPPRESS, help=DATA_HELP)


def sentence(refusal: Any) -> str:
    """Return the refusal in this terminal's language where it is worded, else its own English."""
    if language() == "en":
        return str(refusal.detail)
    from app.operations.refusals import worded

    told = worded(language(), refusal.code, str(refusal.detail), refusal.context)
    if told is not None:
        return told
    from app.routers.words import error_words  # only here: it brings the templates with it

    return error_words(language(), refusal)


def _variable(place: tuple[int | str, ...]) -> str:
    return "CUEROOM_" + "__".join(str(part).upper() for part in place)
