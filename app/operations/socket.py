"""The control socket: a command line asks the running server, one question a connection, on this machine only.

The socket lies in the data folder with mode 0600: whoever may read the database may ask. The kernel takes only short
paths of sockets; where the folder's is longer, the socket lies in a folder of its own among the temporary files, and a
symbolic link in the data folder leads to it.

Question: one line of JSON, `{"name": "doctor", "args": {...}}`. Answer: one line of JSON, an app.operations Answer.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from app.errors import ControlRoomError
from app.operations.answer import Answer, Handler, refused

SOCKET_FILE: Final = "cueroom.sock"
PATH_BYTES: Final = 100
"""Linux takes 107 bytes, macOS 103."""
QUESTION_BYTES: Final = 4 * 1024 * 1024
QUESTION_S: Final = 10.0
ANSWER_S: Final = 120.0
LONG_S: Final = 6 * 3_600.0
LONG: Final = frozenset({"backup", "purge"})
"""Operations that go through a whole database."""
AT_ONCE: Final = 8


class NotAnswering(ControlRoomError):
    """The server was asked and gave no answer; whether it was done is not known."""

    kind, code, retryable = "busy", "not_answering", True


class NobodyListens(NotAnswering):
    """No server listens at the socket; nothing was asked."""

    code = "nobody_listens"


class UnknownOperation(ControlRoomError):
    """The running server is of another release and does not know what it is asked for."""

    kind, code = "missing", "unknown_operation"


class Question(Struct, frozen=True):
    name: str
    args: dict[str, Any]


_question: Final = msgspec.json.Decoder(Question)
_answer: Final = msgspec.json.Decoder(Answer)


@asynccontextmanager
async def serve_socket(
    folder: Path, handlers: Mapping[str, Handler], *, patience_s: float = QUESTION_S
) -> AsyncIterator[None]:
    """Answer at the socket of a data folder while the block runs. The caller holds the folder's lock.

    `patience_s`: how long a connection may take over its question, and the stop over the last answers.
    """
    path = _make_room(folder)
    line = Line(handlers, patience_s)
    server = await asyncio.start_unix_server(line.answer, sock=_bound(path), limit=QUESTION_BYTES)
    try:
        yield
    finally:
        server.close()
        await line.finish()
        _clear(folder)


async def ask(folder: Path, name: str, args: dict[str, Any]) -> Answer:
    """Ask the running server. Raises NobodyListens, and NotAnswering once it was asked."""
    path = folder / SOCKET_FILE
    if path.is_symlink():
        path = path.readlink()
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=QUESTION_BYTES)
    except OSError:
        raise NobodyListens("no server listens at the socket") from None
    try:
        writer.write(msgspec.json.encode(Question(name, args)) + b"\n")
        async with asyncio.timeout(LONG_S if name in LONG else ANSWER_S):
            return _answer.decode(await reader.readuntil(b"\n"))
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, msgspec.MsgspecError):
        raise NotAnswering("the running server did not give an answer; whether it was done is not known") from None
    finally:
        writer.close()


class Line:
    """Owns the connections. A question that cannot be read closes its connection, nothing else."""

    def __init__(self, handlers: Mapping[str, Handler], patience_s: float) -> None:
        self._handlers = handlers
        self._patience_s = patience_s
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one question and write one answer."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout(self._patience_s):
                question = _question.decode(await reader.readuntil(b"\n"))
            async with self._turns:
                answer = await self._work(question)
            writer.write(msgspec.json.encode(answer) + b"\n")
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, msgspec.MsgspecError):
            pass  # whoever asks sees the connection close
        finally:
            self._tasks.discard(task)
            writer.close()

    async def finish(self) -> None:
        """Let questions that are being worked on have their answers."""
        if self._tasks:
            _, late = await asyncio.wait(tuple(self._tasks), timeout=self._patience_s)
            for task in late:
                task.cancel()

    async def _work(self, question: Question) -> Answer:
        handler = self._handlers.get(question.name)
        if handler is None:
            return refused(UnknownOperation("the running server does not know this command", name=question.name[:40]))
        try:
            return await handler(question.args)
        except Exception as fault:
            import structlog  # here: who only asks does without

            structlog.get_logger().error("operation_failed", operation=question.name, exc_info=fault)
            return Answer(errors=("the server failed on this; its log says how",), code=1)


def _bound(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)  # the file is made by bind: from its first instant it is for this account only
    try:
        listening.bind(os.fspath(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def _make_room(folder: Path) -> Path:
    """Return the path to listen at, with whatever a killed server left there removed."""
    _clear(folder)
    path = (folder / SOCKET_FILE).absolute()
    if len(os.fsencode(path)) <= PATH_BYTES:
        return path
    short = Path(tempfile.mkdtemp(prefix="cueroom-")) / SOCKET_FILE
    if len(os.fsencode(short)) > PATH_BYTES:
        raise ControlRoomError("the paths of the data folder and of the temporary folder are too long for a socket")
    path.symlink_to(short)
    return short


def _clear(folder: Path) -> None:
    path = folder / SOCKET_FILE
    with contextlib.suppress(OSError):
        if path.is_symlink():
            home = path.readlink().parent
            if home.name.startswith("cueroom-") and home.stat().st_uid == os.getuid():
                shutil.rmtree(home, ignore_errors=True)
    path.unlink(missing_ok=True)
