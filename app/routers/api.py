"""The HTTP side put together: every route of the API, the guard before them, and the one handler of refusals."""

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.intake.door import Door
from app.routers import commands, devices, docs, errors, health, lists, people, sessions, signin, workspace
from app.routers.deps import Runtime
from app.routers.ingest import INGEST_PATH, Ingest
from app.routers.ingest_docs import document_ingest
from app.routers.requests import Requests
from app.routers.security import Guard


def install_api(app: FastAPI) -> None:
    """Add routes and handlers to an application whose `state.runtime` is set before the first request."""
    errors.install(app)
    for module in (signin, sessions, commands, lists, workspace, devices, people, health, docs):
        app.include_router(module.router)
    document_ingest(app)


def install_inner(app: FastAPI) -> None:
    """Add what a process without screens answers."""
    errors.install(app)
    app.include_router(health.router)


class Front:
    """The outermost application: one comparison a request, so that the door pays for no framework and no guard."""

    def __init__(self, app: FastAPI, runtime: Runtime, door: Door) -> None:
        settings = runtime.settings
        origins = [*settings.trusted_origins, *([settings.public_url] if settings.public_url else [])]
        self._guarded = Requests(Guard(app, origins=origins, body_bytes=settings.limits.request_bytes))
        self._ingest = Ingest(
            door,
            runtime.access.tokens,
            body_bytes=settings.limits.body_bytes,
            closed=lambda: runtime.closing,
        )
        runtime.last_words.append(self._ingest.tell)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == INGEST_PATH:
            await self._ingest(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)
