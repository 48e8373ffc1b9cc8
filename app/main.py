"""The application: every route and page over one runtime. Built by the command line and by tests alike."""

from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.routers.api import Front, install_api, install_inner
from app.routers.host_pages import host_pages
from app.routers.house import House
from app.routers.pages import desk_pages
from app.routers.requests import Requests
from app.routers.stream import install_streams
from app.runtime import Runtime

STATIC = Path(__file__).resolve().parent.parent / "static"
COMPRESSED = ("/static/", "/rooms/", "/host/", "/login", "/first", "/pair")


class Static(StaticFiles):
    """Our own files, asked again each time whether they changed: a new build must not meet old modules."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        response.headers["Cache-Control"] = "no-cache"
        return response


class Compress:
    """Sends pages and our own files compressed; answers, streams and downloads of the API go out as they are made."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._small = GZipMiddleware(app, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = scope["type"] == "http" and (scope["path"] == "/" or scope["path"].startswith(COMPRESSED))
        await (self._small if wanted else self._app)(scope, receive, send)


def build_inner(runtime: Runtime) -> ASGIApp:
    """Return what a process without screens answers: whether it is well."""
    app = FastAPI(title="Cueroom 控台", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.runtime = runtime
    install_inner(app)
    return Requests(app)


def build(runtime: Runtime) -> Front:
    """Return the ASGI application over a runtime that has been, or will be, started by its caller."""
    app = FastAPI(
        title="Cueroom 控台",
        version=__version__,
        summary="A real-time control room for livestream commerce",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # routers/docs.py serves it under our policy
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.runtime = runtime
    install_api(app)
    app.add_middleware(Compress)
    house = House(runtime.access, runtime.catalogue)
    install_streams(app)
    app.include_router(desk_pages(house))
    app.include_router(host_pages(house))
    app.mount("/static", Static(directory=STATIC), name="static")
    return Front(app, runtime, runtime.door)
