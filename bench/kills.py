"""Ten minutes of random kill -9 among two web, two worker and two pump processes while an evening is played into them:
nothing that was answered is lost, nothing is doubled. `BENCH_KILLS_S` sets another length."""

import asyncio
import os
import random
import shutil
import signal
import sys
import time

from scripts.cluster import ROLES, Cluster, Member, cluster
from tests.faults.evening import SENDERS, SIZE, ChatServer, Evening, prepared
from tests.servers import make_run_folder

SECONDS = 600.0
PACE_S = 0.2
"""Between two batches of a sender: about 300 events a second in all."""
EVERY_S = (2.0, 10.0)


def main() -> None:
    """Print what was killed, and raise when anything is lost or doubled."""
    seconds = float(os.environ.get("BENCH_KILLS_S", SECONDS))
    folder = make_run_folder()
    os.environ["CUEROOM_TESTS_RUN"] = str(folder)
    try:
        with cluster(folder) as made:
            asyncio.run(_play(made, seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _play(made: Cluster, seconds: float) -> None:
    chat = ChatServer()
    await chat.start()
    made.environ = {**chat.environ, "CUEROOM_ALLOW_PRIVATE_WEBHOOKS": "true"}
    tokens = await prepared(made.database)
    await asyncio.to_thread(made.start, **dict.fromkeys(ROLES, 2))

    def address() -> str:
        webs = made.of("web")
        return random.choice([web for web in webs if web.alive] or webs).address

    evening = Evening(made.database, address, *tokens, batches=round(seconds / PACE_S), pause_s=PACE_S)
    playing = asyncio.create_task(evening.play())
    killing = asyncio.create_task(_kill(made, seconds))
    await playing
    killed = await killing
    shown = await evening.settled()
    await evening.check(shown, chat)
    sys.stdout.write(
        f"{seconds:.0f} s, {len(evening.acked):,} events of {SENDERS} senders in batches of {SIZE}, all answered; "
        f"killed: {', '.join(f'{many} {role}' for role, many in killed.items())}; nothing lost, nothing doubled\n"
    )
    await chat.stop()


async def _kill(made: Cluster, seconds: float) -> dict[str, int]:
    """Kill one of the processes at random moments, and start it again at once."""
    killed = dict.fromkeys(ROLES, 0)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(random.uniform(*EVERY_S))
        victim = random.choice(list(made.members.values()))
        await asyncio.to_thread(_again, victim)
        killed[victim.role] += 1
    return killed


def _again(victim: Member) -> None:
    assert victim.alive, victim.log[-2_000:]
    os.kill(victim.pid, signal.SIGKILL)
    victim.kill()
    victim.start()
    victim.wait()


if __name__ == "__main__":
    main()
