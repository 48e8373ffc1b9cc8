"""`cueroom demo`: the control room with the sample winery and its livestream playing, all of it marked 演练."""

import argparse
import asyncio
from functools import partial
from importlib.resources import files
from typing import Final, TextIO

from app.cli.serve import serve
from app.clock import SystemClock
from app.intake.door import Source
from app.realtime.worker import Note
from app.replay.demo import Demo
from app.replay.process import Process
from app.replay.script import FEEDS, Script, shipped_script
from app.replay.tablet import RealTablet
from app.runtime import Runtime
from app.settings import Settings
from app.store.workspace import find_workspace, replace_workspace
from app.workspace.file import read_workspace

SAMPLE: Final = "winery.yaml"


def demo(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    """Run until SIGTERM or Ctrl-C. Rooms of one's own can be set up beside the sample."""
    if "log_level" not in settings.model_fields_set:  # in a terminal the link must stay in view
        settings = settings.model_copy(update={"log_level": "warning"})
    return serve(settings, args, out, playing)


async def playing(runtime: Runtime) -> tuple[asyncio.Task[None], asyncio.Event]:
    """Start the sample beside a running control room; the event is set when there is something to see."""
    text = (files("app.workspace") / "sample" / SAMPLE).read_text(encoding="utf-8")
    workspace = read_workspace(text, SAMPLE)
    if await runtime.store.read(partial(find_workspace, workspace_id=workspace.id)) != workspace:
        at = SystemClock().now()
        await runtime.store.write(partial(replace_workspace, new=workspace, source=text, by="cueroom demo", at=at))
        await runtime.reload_workspaces()
    script = shipped_script()
    main = script.rooms["main"]
    paired = [each.last_seen_ms for each in await runtime.access.devices.all(main) if each.revoked_ms is None]
    tablet = RealTablet(lambda: runtime.screens.tablets.count(main), max(paired, default=0), runtime.clock)
    driver = Demo(_process(runtime, script, tablet), workspace, script)
    runtime.worker.listen(partial(_hear, driver))
    return asyncio.create_task(driver.run(), name="sample"), driver.ready


def _hear(driver: Demo, note: Note) -> None:
    driver.hear(note.session, note.effects)


def _process(runtime: Runtime, script: Script, tablet: RealTablet) -> Process:
    return Process(
        door=runtime.door,
        sources={
            feed: Source(f"sample-{feed}", script.names[feed], frozenset({script.rooms[feed]}), operator=True)
            for feed in FEEDS
        },
        directory=runtime.directory,
        desk=runtime.desk,
        log=runtime.log,
        store=runtime.store,
        clock=runtime.clock,
        console_open=runtime.screens.console_open,
        real_tablet=tablet.is_here,
        show_device=runtime.worker.note_device,
        sleep=asyncio.sleep,
    )
