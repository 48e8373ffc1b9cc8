"""/healthz: the loop turns. /readyz: the database answers, is migrated, takes commits, and nobody is leaving."""

from fastapi import APIRouter
from starlette.responses import Response

from app.errors import Unavailable
from app.routers.answers import json
from app.routers.deps import RuntimeDep
from app.store.migrate import head, revision

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz(runtime: RuntimeDep) -> Response:
    """Answer at all: for whoever restarts a process that hangs."""
    return json({"status": "ok", "build": runtime.build})


@router.get("/readyz")
async def readyz(runtime: RuntimeDep) -> Response:
    """Answer 200 when requests should come here, else 503 with the reason."""
    reason = await _reason(runtime)
    return json({"status": "ready" if not reason else "not_ready", "reason": reason}, 503 if reason else 200)


async def _reason(runtime: RuntimeDep) -> str:
    if runtime.draining:
        return "draining"
    if runtime.worker.unsaved_since is not None:
        return "unsaved"
    try:
        return "" if await runtime.store.read(revision) == head() else "not_migrated"
    except Unavailable:
        return "store"
