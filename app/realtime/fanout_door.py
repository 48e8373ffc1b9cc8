"""The way from uvicorn to the fast outlet: the protocol it gives an upgraded connection to.

A stream's handshake is read and answered here, since a thousand pages may come back at once: uvicorn has parsed the
request already, and its own protocol would have it parsed again and build a parser that is thrown away. What may be
seen is still decided by the application's routes, from the first header to the accept. Everything else (other paths,
TLS in this process, a handshake that is not quite right) is uvicorn's own protocol's.
"""

import asyncio
import base64
import hashlib
import logging
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected, get_local_addr, get_remote_addr, is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from app.realtime.fanout_direct import DirectSocket

EXTENSION: Final = "cueroom.detach"
STREAMS: Final = b"/ws/"
MOST_BYTES, MOST_LINES = 16 * 1024, 100
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==")
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
_FORBIDDEN: Final = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_FAILED: Final = b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
Headers = list[tuple[bytes, bytes]]
log = logging.getLogger("uvicorn.error")


class Detachable(asyncio.Protocol):
    """Owns a connection from its upgrade to the end of its route, or to the moment it is given away.

    `detach` is among the scope's extensions, once accepted. A route that does not use it can only close.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._config, self._state, self._app_state = config, server_state, app_state
        self._transport: asyncio.Transport | None = None
        self._usual: WebSocketsSansIOProtocol | None = None
        self._socket: DirectSocket | None = None
        self._key = b""
        self._asked = self._accepted = self._connected = False
        self._gone = asyncio.Event()

    # What uvicorn and the transport call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's is none by name
        self._state.connections.add(self)  # type: ignore[arg-type]  # it has what they are asked for: shutdown

    def data_received(self, data: bytes) -> None:
        if self._usual is not None:
            self._usual.data_received(data)
        elif self._asked or not self._begin(data):
            self._cut()  # it speaks before it was let in

    def _begin(self, data: bytes) -> bool:
        transport, self._asked = self._transport, True
        assert transport is not None
        plain = transport.get_extra_info("socket") is not None and not is_ssl(transport)
        read = _read(data) if plain else None
        if read is None:
            self._state.connections.discard(self)
            usual = self._usual = WebSocketsSansIOProtocol(self._config, self._state, self._app_state)
            usual.connection_made(transport)
            usual.data_received(data)
            return True
        target, headers, self._key = read
        task = asyncio.get_running_loop().create_task(self._run(self._scope(transport, target, headers)))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)
        return True

    def eof_received(self) -> bool | None:
        if self._usual is None:
            self._cut()
        return None

    def pause_writing(self) -> None:
        if self._usual is not None:
            self._usual.pause_writing()

    def resume_writing(self) -> None:
        if self._usual is not None:
            self._usual.resume_writing()

    def connection_lost(self, fault: Exception | None) -> None:
        self._gone.set()
        if self._usual is not None:
            self._usual.connection_lost(fault)
        self._state.connections.discard(self)

    def shutdown(self) -> None:
        """The server stops: whoever is not in yet is not let in any more."""
        self._cut()

    def _cut(self) -> None:
        self._gone.set()
        if self._transport is not None:
            self._transport.abort()

    # What the application calls.

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self._config.loaded_app(scope, self._receive, self._send)
        except ClientDisconnected:
            pass
        except BaseException:
            log.exception("Exception in ASGI application\n")
            if not self._accepted:
                self._refuse(_FAILED)
        if self._transport is not None:  # neither given away nor closed
            self._transport.close()

    async def _receive(self) -> dict[str, Any]:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        await self._gone.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if self._transport is None or self._transport.is_closing():
            raise ClientDisconnected
        if not self._accepted and kind == "websocket.accept":
            self._accept(message.get("subprotocol"), message.get("headers", ()))
        elif not self._accepted and kind == "websocket.close":
            self._refuse(_FORBIDDEN)
        elif self._accepted and kind == "websocket.close":
            socket = self.detach()
            if socket is not None:
                socket.close(message.get("code", 1000), message.get("reason") or "")
        else:
            raise RuntimeError(f"a stream's route sends nothing by itself, not {kind}")

    def _accept(self, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]) -> None:
        assert self._transport is not None
        lines = [*self._state.default_headers, *headers]
        if subprotocol is not None:
            lines.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
        answer = base64.b64encode(hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest())
        fields = b"".join([b"%b: %b\r\n" % (name, value.translate(None, b"\r\n")) for name, value in lines])
        self._accepted = True
        self._transport.write(b"%bSec-WebSocket-Accept: %b\r\n%b\r\n" % (_SWITCHING, answer, fields))

    def _refuse(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)
            self._transport.close()

    def detach(self) -> DirectSocket | None:
        """Give the accepted connection away, for good; None when it is not there any more."""
        transport = self._transport
        if transport is None or not self._accepted or transport.is_closing():
            return None
        self._transport = None
        self._gone.set()
        self._state.connections.discard(self)
        return DirectSocket(transport, self._state.connections)

    def _scope(self, transport: asyncio.Transport, target: bytes, headers: Headers) -> dict[str, Any]:
        path, _, query = target.partition(b"?")
        root = self._config.root_path
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "server": get_local_addr(transport),
            "client": get_remote_addr(transport),
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "headers": headers,
            "subprotocols": [
                token.strip()
                for name, value in headers
                if name == b"sec-websocket-protocol"
                for token in value.decode("latin-1").split(",")
            ],
            "state": self._app_state.copy(),
            "extensions": {EXTENSION: self.detach},
        }


def _read(data: bytes) -> tuple[bytes, Headers, bytes] | None:
    """Return target, headers and key of a stream's handshake; None when it is another's, or not quite right."""
    lines = data.split(b"\r\n")
    first = lines[0].split(b" ")
    if len(first) != 3 or first[0] != b"GET" or not first[1].startswith(STREAMS) or not first[1].isascii():
        return None
    if len(data) > MOST_BYTES or len(lines) > MOST_LINES or lines[-2:] != [b"", b""]:
        return None
    headers: Headers = []
    key = version = b""
    for line in lines[1:-2]:
        name, _, value = line.partition(b": ")
        value = value.strip()
        headers.append((name, value))
        if name == b"sec-websocket-key":
            key = value if not key else b"twice"
        elif name == b"sec-websocket-version":
            version = value if not version else b"twice"
    if version != b"13" or _KEY.fullmatch(key) is None:
        return None
    return first[1], headers, key
