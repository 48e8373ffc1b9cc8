"""/healthz: the process lives. /readyz: it may be sent work, or what keeps it from that. /metrics: its figures."""

import asyncio
from typing import Final, Protocol

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.errors import ControlRoomError, Unavailable
from app.metrics.family import TEXT
from app.routers.answers import json
from app.routers.deps import Runtime as Shared
from app.routers.deps import is_loopback, principal_of, reader, runtime_of
from app.store.migrate import head, revision

router = APIRouter(tags=["health"])

STORE_S: Final = 3.0
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class Observed(Protocol):
    async def text(self, *, ready: bool) -> bytes: ...


class Runtime(Shared, Protocol):
    """What these answers need of the process besides what other routes do."""

    @property
    def observed(self) -> Observed: ...
    async def troubles(self) -> dict[str, str]:
        """Part of this process -> what is wrong with it; empty while all is well."""
        ...


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Answer at all: for whoever restarts a process that hangs."""
    return json({"status": "ok", "build": runtime_of(request).build})


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Answer 200 when work should come here, else 503 with every part that is not ready and why."""
    troubles = await _troubles(request)
    if not troubles:
        return json({"status": "ready", "reason": "", "not_ready": {}})
    told = {"status": "not_ready", "reason": next(iter(troubles.values())), "not_ready": troubles}
    return json(told, 503, {"Cache-Control": "no-store"})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Tell the figures of this process in Prometheus' text form.

    To this machine, to tokens of scope read or admin and to signed-in people; to everybody with CUEROOM_METRICS_OPEN.
    """
    runtime = _runtime(request)
    if not (runtime.settings.metrics_open or from_this_machine(request)):
        reader(await principal_of(request, runtime))
    text = await runtime.observed.text(ready=not await _troubles(request))
    return Response(text, headers={"Content-Type": TEXT, "Cache-Control": "no-store"})


def from_this_machine(request: Request) -> bool:
    """Return whether a request came straight from this machine: not through a proxy, not by a name of its own."""
    if any(name in request.headers for name in FORWARDED):
        return False
    return is_loopback(request.client.host if request.client else "") and is_loopback(request.url.hostname or "")


async def _troubles(request: Request) -> dict[str, str]:
    runtime = _runtime(request)
    troubles = await runtime.troubles()
    try:
        async with asyncio.timeout(STORE_S):
            if await runtime.store.read(revision) != head():
                troubles["store"] = "not_migrated"
    except (Unavailable, TimeoutError):
        troubles["store"] = "store"
    except ControlRoomError as refusal:
        troubles["store"] = refusal.code
    return troubles


def _runtime(request: Request) -> Runtime:
    runtime: Runtime = runtime_of(request)  # type: ignore[assignment]  # the process has more than other routes need
    return runtime
