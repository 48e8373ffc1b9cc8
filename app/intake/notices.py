"""What stands wrong with the installation itself, said on the console of every open session as an alert.

A rule file or a lexicon that is broken at the start is such a thing: the last accepted version runs meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import structlog

from app.domain.commands import Report
from app.domain.people import SYSTEM
from app.domain.words import Words
from app.errors import ControlRoomError, Unavailable
from app.intake.desk import Desk
from app.intake.directory import Directory, SessionRef
from app.intake.recipe import Fallback
from app.store.alerts import of_session
from app.store.database import Store
from app.store.rulesets import Kind
from app.store.sessions import open_sessions

log = structlog.get_logger()
T = TypeVar("T")

RETRY_S: Final = 1.0
RULES: Final[dict[Kind, str]] = {"rules": "rules-fallback", "lexicon": "lexicon-fallback"}
"""The ids of these alerts, beside those of rules."""
_TITLES: Final[dict[Kind, Words]] = {
    "rules": {
        "zh-CN": "规则文件有错，正在用上一次通过的规则",
        "zh-TW": "規則檔案有錯，正在使用上一次通過的規則",
        "en": "A rule file is broken; the last accepted rules run",
    },
    "lexicon": {
        "zh-CN": "词库有错，正在用上一次通过的词库",
        "zh-TW": "詞庫有錯，正在使用上一次通過的詞庫",
        "en": "The lexicon is broken; the last accepted one runs",
    },
}
_ACTIONS: Final[Words] = {
    "zh-CN": "改好后重启：{fault}",
    "zh-TW": "改好後重新啟動：{fault}",
    "en": "Mend it, then restart: {fault}",
}


class Notices:
    """Owns which sessions have yet to hear of this start; knows nothing of screens. `start` tells starts apart."""

    def __init__(
        self, fallbacks: Sequence[Fallback], *, start: int, desk: Desk, directory: Directory, store: Store
    ) -> None:
        self._faults = {fallback.kind: fallback.first for fallback in fallbacks}
        self._start, self._desk, self._directory, self._store = start, desk, directory, store
        self._waiting: asyncio.Queue[SessionRef] = asyncio.Queue()

    async def run(self) -> None:
        """Tell the sessions that are open, and each that opens while something is wrong, until cancelled."""
        if self._faults:
            self._directory.listen(self._waiting.put_nowait)
        for row in await _in_the_end(lambda: self._store.read(open_sessions)):
            await _in_the_end(partial(self._tell, row.id, row.session_no))
        while True:
            session = await self._waiting.get()
            if session.open:
                await _in_the_end(partial(self._tell, session.id, session.no))

    async def _tell(self, session: str, session_no: int) -> None:
        for kind, rule in RULES.items():
            if (fault := self._faults.get(kind)) is not None:
                action = {language: text.format(fault=fault[language]) for language, text in _ACTIONS.items()}
                await self._report(session, Report(rule, _TITLES[kind], action))
            elif await self._stands(session_no, rule):
                await self._report(session, Report(rule, over=True))

    async def _stands(self, session_no: int, rule: str) -> bool:
        """Whether an earlier start said so, and nobody has said since that it is over."""
        alerts = await self._store.read(partial(of_session, session_no=session_no, listed=True))
        return any(alert.rule == rule and alert.open for alert in alerts)

    async def _report(self, session: str, report: Report) -> None:
        try:
            await self._desk.submit(session, f"{report.rule}-{self._start}", report, SYSTEM)
        except Unavailable:
            raise
        except ControlRoomError as refusal:
            log.warning("notice_refused", session=session, code=refusal.code, detail=refusal.detail)


async def _in_the_end(work: Callable[[], Awaitable[T]]) -> T:
    """Do something that changes nothing when it is done again, until the store takes it."""
    while True:
        try:
            return await work()
        except Unavailable:
            await asyncio.sleep(RETRY_S)
