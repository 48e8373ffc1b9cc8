"""The way from uvicorn to the fast outlet: its WebSocket protocol, which can hand its connection over.

The handshake is uvicorn's and the routes' from the first byte to the accept, so whoever may not look is refused there.
"""

from typing import Any, Final, cast

from uvicorn.protocols.utils import is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.realtime.fanout_direct import DirectSocket

EXTENSION: Final = "cueroom.detach"


class Detachable(WebSocketsSansIOProtocol):
    """uvicorn's own, with one more key among the scope's extensions: `detach`, below."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = self.detach  # the application's task begins in the next turn

    def detach(self) -> DirectSocket | None:
        """Give the accepted connection away, for good. None, and nothing has happened, where that cannot be done: it
        is encrypted here, it is closing, or the other side has sent something already."""
        transport = self.transport
        early = not self.queue.empty() or self.conn.reader.buffer
        if not self.handshake_complete or self.close_sent or early or is_ssl(transport) or transport.is_closing():
            return None
        self.stop_keepalive()
        self.connections.discard(self)
        self.transport, self.disconnected = _GONE, True
        self.handshake_complete = True
        return DirectSocket(transport, self.connections)


class _Gone:
    """Where the transport was: uvicorn closes it when the route has returned."""

    def is_closing(self) -> bool:
        return True

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def resume_reading(self) -> None: ...


_GONE: Final = cast("Any", _Gone())
