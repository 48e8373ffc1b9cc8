"""Commits: a group of steps in one transaction, each alone when the group cannot be stored."""

import asyncio
from collections.abc import Sequence

import structlog

from app.errors import ControlRoomError, Unavailable
from app.metrics.own import COMMIT_EVENTS, COMMIT_SECONDS, COMMIT_SESSIONS, COMMITS_FAILED, STEPS
from app.realtime.steps import Step
from app.store.database import Store
from app.store.ledger import commit_group

log = structlog.get_logger()


class CommitBroken(ControlRoomError):
    """The database will not have this step for a reason that is not its being away."""

    kind, code, retryable = "busy", "commit_broken", True


class Commits:
    """Writes steps; keeps nothing itself."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def commit(self, steps: Sequence[Step]) -> list[tuple[Step, ControlRoomError | None]]:
        """Write the steps and say of each why it could not be: one session's trouble is not the others'."""
        if not steps:
            return []
        refusal = await self.write(steps)
        if refusal is None or isinstance(refusal, Unavailable) or len(steps) == 1:
            return [(step, refusal) for step in steps]
        told: list[tuple[Step, ControlRoomError | None]] = []
        for step in steps:
            if not isinstance(refusal, Unavailable):
                refusal = await self.write([step])
            told.append((step, refusal))
        return told

    async def write(self, steps: Sequence[Step]) -> ControlRoomError | None:
        """Write the steps in one transaction; return why nothing of them was written, None when all was."""
        began = asyncio.get_running_loop().time()
        try:
            await self._store.write(lambda conn: commit_group(conn, [step.commit for step in steps]))
        except ControlRoomError as refusal:
            COMMITS_FAILED.add(1, refusal.code)
            return refusal
        except Exception as fault:
            log.exception("commit_breaks", sessions=[step.live.id for step in steps])
            return CommitBroken(f"the step cannot be stored ({type(fault).__name__})")
        COMMIT_SECONDS.see(asyncio.get_running_loop().time() - began)
        COMMIT_SESSIONS.see(len(steps))
        COMMIT_EVENTS.see(sum(each.last - each.first + 1 for step in steps for each in step.commit.chunks))
        STEPS.add(len(steps))
        return None
