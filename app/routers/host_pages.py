"""Pages before one is in, and the page of a paired tablet: sign-in, first administrator, pairing, /host/{room}.

`/host/sw.js` is the worker that opens the tablet's page without a network (offline.py).

Their forms post to the sign-in routes (`POST /login`, `POST /first`, `POST /api/devices/pair`). Without a script, a
refusal comes back here as `?problem=<code>&wait_s=<seconds>`; only codes that the catalogue words are shown, so that a
link cannot put words into the page.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from app.access.passwords import LONGEST, SHORTEST
from app.domain.people import Role
from app.routers.fields import LocalPath
from app.routers.offline import BUILD_HEADER, Shell, read_shell, worker_script
from app.routers.words import catalogue, fill, language_of, page, places

MOST_WAIT_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class Tablet:
    """A paired tablet that may open a room's page."""

    device: str
    device_name: str
    room: str
    room_name: str
    platform: str
    zone: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link that can be used. `name`, `role`: whose password it sets; no name: it makes the first administrator."""

    left_ms: int
    name: str = ""
    role: Role = Role.ADMIN

    @property
    def left(self) -> tuple[str, int]:
        """Return what is left in the largest unit that has at least two, for people: a word's name and its number."""
        minutes = max(1, self.left_ms // 60_000)
        if minutes >= 2 * 1_440:
            return "days", minutes // 1_440
        return ("hours", minutes // 60) if minutes >= 120 else ("minutes", minutes)


class Doors(Protocol):
    """What these pages ask of the house."""

    async def site(self) -> str:
        """Return the workspace's name, or nothing before there is one."""
        ...

    async def signed_in(self, request: Request) -> bool:
        """Tell whether a person is signed in already."""
        ...

    async def link(self, token: str) -> Link | None:
        """Return the link of a secret; None: used, expired or never given."""
        ...

    async def tablet(self, request: Request, room: str) -> Tablet | None:
        """Return the tablet whose cookie this is, when it is paired with the room."""
        ...


Wait = Annotated[int, Query(ge=0, le=MOST_WAIT_S)]
Short = Annotated[str, Query(max_length=64)]
Long = Annotated[str, Query(max_length=512)]


def host_pages(doors: Doors, shell: Shell | None = None) -> APIRouter:
    """Return the routes of these pages. `shell`: what a tablet keeps for offline; the files of this build."""
    router = APIRouter(include_in_schema=False)
    kept = shell or read_shell()

    @router.get("/login")
    async def login(request: Request, next: LocalPath = "/", problem: Short = "", wait_s: Wait = 0) -> Response:  # noqa: A002
        if await doors.signed_in(request):
            return RedirectResponse(next, 303)
        return await _form(request, doors, "login.html", problem, wait_s, next=next)

    @router.get("/first")
    async def first(request: Request, token: Long = "", problem: Short = "", wait_s: Wait = 0) -> Response:
        link = await doors.link(token) if token else None
        return await _form(
            request,
            doors,
            "first_admin.html",
            problem,
            wait_s,
            status=200 if link is not None else 410,
            token=token,
            link=link,
            left=_minutes(link.left_ms if link is not None else 0),
            least=SHORTEST,
        )

    @router.get("/pair")
    async def pair(request: Request, code: Short = "", problem: Short = "", wait_s: Wait = 0) -> Response:
        six = code if len(code) == 6 and code.isascii() and code.isdigit() else ""
        return await _form(request, doors, "pair.html", problem, wait_s, code=six)

    @router.get("/host/sw.js")  # before /host/{room}, which would take it for a room
    async def worker() -> Response:
        return worker_script(kept)

    @router.get("/host/{room}")
    async def host(request: Request, room: str) -> Response:
        tablet = await doors.tablet(request, room)
        if tablet is None:
            return RedirectResponse("/pair?problem=device_revoked" if request.cookies.get("device") else "/pair", 303)
        facts = {
            "me": {"id": tablet.device, "name": tablet.device_name, "role": "host"},
            "rooms": [],
            "room": {"id": tablet.room, "name": tablet.room_name, "platform": tablet.platform, "zone": tablet.zone},
        }
        response = page(request, "host.html", parts=("common", "host", "error"), facts=facts, tablet=tablet)
        response.headers[BUILD_HEADER] = kept.build
        return response

    return router


async def _form(
    request: Request, doors: Doors, template: str, problem: str, wait_s: int, status: int = 200, **context: Any
) -> Response:
    return page(
        request,
        template,
        parts=("common", "sign", "pair", "error"),
        status=status,
        site=await doors.site(),
        problem=problem_words(request, problem, wait_s),
        wait_s=wait_s,
        **context,
    )


def problem_words(request: Request, code: str, wait_s: int) -> str:
    """Return a refusal in the reader's words, or nothing for a code that has none or needs what the link lacks."""
    text = catalogue(language_of(request)).get(f"error.{code}", "")
    values = {"wait_s": wait_s, "least": SHORTEST, "most": LONGEST}
    return fill(text, values) if places(text) <= values.keys() else ""


def _minutes(ms: int) -> str:
    return f"{ms // 60_000:02d}:{ms // 1_000 % 60:02d}"
