"""Fan-out: a thousand viewers of one board, beside naive FastAPI and, where it is installed, nginx with nchan.

The server has a core, the viewers another; both are busy all the time, so figures are ratios of one run.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench._fanout_load import Crowd, Window
from bench._server import Served, free_port, running, use_core

VIEWERS = 1_000
STEADY = 40
"""Deltas a second in the comparison of costs: 40,000 deliveries a second. A server may send those together that come
within a few hundredths of a second; `at once` says how many were."""
SINGLY = 18
"""The same where every delta is a write of its own, by ours too, whose passes are a twentieth of a second apart."""
STEADY_S = 4.0
STEPS = (50, 60, 70, 80, 90, 100, 125, 150, 200, 250, 300, 400, 500, 600, 800, 1_000, 1_250, 1_500, 2_000, 2_500, 3_000)
STEP_S = 1.5
HELD_SHARE, HELD_P99_MS = 0.97, 100.0
STALLED, STALL_RATE, STALL_S = 100, 40, 12.0
STORM_RATE = 10.0
BUSY = 1.5
NCHAN = ("/usr/lib/nginx/modules/ngx_nchan_module.so", "/usr/share/nginx/modules/ngx_nchan_module.so")
CONFIGURATION = """
load_module {module};
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error crit;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /pub {{ nchan_publisher websocket; nchan_channel_id bench; }}
    location = /sub {{ nchan_subscriber websocket; nchan_channel_id bench; nchan_subscriber_first_message newest; }}
    location = /healthz {{ return 200; }}
  }}
}}
"""


@dataclass
class Figures:
    """What was measured of one server."""

    name: str
    per_delivery_us: float = 0.0
    singly_us: float = 0.0
    p99_ms: float = 0.0
    most: float = 0.0
    idle_kb: float = 0.0
    handshake_us: float = 0.0


@dataclass(frozen=True)
class Peer:
    """A running server and how to look at it. `requests`: a path and a header line for each viewer."""

    name: str
    served: Served
    requests: list[tuple[bytes, bytes]]
    epoch: int = 0


def main() -> None:
    """Print the figures of each server, then ours as ratios, then what only ours is asked for."""
    use_core(1)
    if os.getloadavg()[0] > BUSY:
        print(
            f"the machine is busy (load {os.getloadavg()[0]:.1f}): what waits is sent together, and no rate may be held"
        )
    figures = []
    for start in (_naive, _nchan, _ours):
        with start() as peer:
            if peer is None:
                print("nginx with nchan is not installed (Debian: nginx-light libnginx-mod-nchan): left out")
                continue
            figure, told = _measured(peer)
            figures.append(figure)
            if peer.name == "ours":
                _storm(peer, _stalls(peer, told))
    ours = figures[-1]
    for each in figures[:-1]:
        print(
            f"ours / {each.name}: CPU per delivery {ours.per_delivery_us / each.per_delivery_us:.2f}, "
            f"one by one {ours.singly_us / each.singly_us:.2f}, "
            f"most deliveries {f'{ours.most / each.most:.1f}' if each.most else '-'}, "
            f"memory per idle viewer {ours.idle_kb / each.idle_kb:.2f}"
        )


def _measured(peer: Peer) -> tuple[Figures, int]:
    found = Figures(peer.name)
    crowd = Crowd(peer.served.port)
    try:
        crowd.open(peer.requests[:50])  # what a server makes once is made before anything is counted
        crowd.publish(20, 0.5)
        before, cpu = peer.served.resident_mb(), peer.served.cpu_seconds()
        crowd.open(peer.requests[50:])
        found.handshake_us = (peer.served.cpu_seconds() - cpu) / (VIEWERS - 50) * 1e6
        crowd.idle(1.0)
        found.idle_kb = (peer.served.resident_mb() - before) * 1e6 / 1024 / (VIEWERS - 50)
        found.singly_us, singly = _cost(peer, crowd, SINGLY)
        found.per_delivery_us, window = _cost(peer, crowd, STEADY)
        found.p99_ms = window.lag(0.99)
        found.most = _saturated(crowd)
    finally:
        crowd.close()
    held = f"at most {found.most:,.0f} deliveries/s" if found.most else "no rate was held"
    print(
        f"{found.name}: {found.per_delivery_us:.1f} us CPU a delivery at {STEADY * VIEWERS:,}/s "
        f"({_share(window):.0%} there, {window.at_once:.1f} at once, p99 {found.p99_ms:.0f} ms), "
        f"{found.singly_us:.1f} us at {SINGLY * VIEWERS:,}/s ({singly.at_once:.1f} at once); {held} with p99 < "
        f"{HELD_P99_MS:.0f} ms; {found.idle_kb:.1f} KB an idle viewer; {found.handshake_us:.0f} us a handshake",
        flush=True,
    )
    return found, crowd.number


def _cost(peer: Peer, crowd: Crowd, rate: int) -> tuple[float, Window]:
    """CPU microseconds a delivery at this rate, and what came."""
    crowd.publish(rate, 1.0)
    cpu = peer.served.cpu_seconds()
    window = crowd.publish(rate, STEADY_S)
    return (peer.served.cpu_seconds() - cpu) / max(window.deliveries, 1) * 1e6, window


def _saturated(crowd: Crowd) -> float:
    """The most deliveries a second that were held; after two steps that were not, no higher one is tried."""
    most, missed = 0.0, 0
    for rate in STEPS:
        window = crowd.publish(rate, STEP_S)
        per_second = window.deliveries / window.seconds
        if (
            _share(window) >= HELD_SHARE
            and window.lag(0.99) < HELD_P99_MS
            and per_second >= HELD_SHARE * rate * VIEWERS
        ):
            most, missed = max(most, per_second), 0
        else:
            missed += 1
            if missed == 2:
                break
            crowd.publish(1, 0.5)
    return most


def _share(window: Window) -> float:
    return window.deliveries / (window.told * VIEWERS) if window.told else 0.0


def _stalls(peer: Peer, told: int) -> int:
    """A tenth of the viewers stop reading; return how many deltas have been told by the end."""
    crowd = Crowd(peer.served.port, told=told)
    try:
        reading = VIEWERS - STALLED
        crowd.open(peer.requests[:reading])
        crowd.publish(STALL_RATE, 2.0)  # whoever comes is given the present first, older than what is measured here
        calm = crowd.publish(STALL_RATE, 3.0)
        resident, kernel = peer.served.resident_mb(), _kernel_kb()
        crowd.open(peer.requests[reading:], reads=False)
        crowd.publish(STALL_RATE, STALL_S - 3.0)
        stalled = crowd.publish(STALL_RATE, 3.0)
        used = (peer.served.resident_mb() - resident) * 1e6 / 1024 / STALLED, (_kernel_kb() - kernel) / STALLED
        print(
            f"ours, {STALLED} of {VIEWERS} stalled: "
            f"p99 {calm.lag(0.99):.0f} ms before, {stalled.lag(0.99):.0f} ms then; "
            f"{stalled.deliveries / (stalled.told * reading):.1%} of the others' deltas there; a stalled viewer costs "
            f"{used[0]:.0f} KB here and {used[1]:.0f} KB in the kernel (both ends)"
        )
    finally:
        crowd.close()
    return crowd.number


def _storm(peer: Peer, told: int) -> None:
    """All of them lose their connection at once and come back to their place."""
    time.sleep(0.5)
    crowd = Crowd(peer.served.port, told=told)
    try:
        crowd.open(peer.requests)
        crowd.publish(STORM_RATE, 1.0)
        places = [
            (path, header, client.number) for (path, header), client in zip(peer.requests, crowd.clients, strict=True)
        ]
        requests = [
            (path + f"?epoch={peer.epoch}&seq={number}".encode(), header, number) for path, header, number in places
        ]
        seconds, gaps, lost = crowd.storm(requests, STORM_RATE)
        print(
            f"ours, {VIEWERS} reconnect at once: {seconds:.2f} s until all have gone on, "
            f"{gaps} with a gap, {lost} never"
        )
    finally:
        crowd.close()


def _kernel_kb() -> float:
    """What TCP holds on this machine."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            return int(line.split()[-1]) * 4.0
    return 0.0


@contextlib.contextmanager
def _naive() -> Iterator[Peer | None]:
    port = free_port()
    command = [sys.executable, "-m", "bench._fanout_servers", "naive", str(port)]
    with running(command, port, "/healthz", core=0) as process:
        yield Peer("naive FastAPI", Served(port, process.pid, Path()), [(b"/sub", b"")] * VIEWERS)


@contextlib.contextmanager
def _nchan() -> Iterator[Peer | None]:
    module = next((path for path in NCHAN if Path(path).exists()), None)
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if module is None or nginx is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="cueroom-bench-") as name:
        port = free_port()
        configuration = Path(name) / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(module=module, folder=name, port=port))
        command = [nginx, "-c", str(configuration), "-e", f"{name}/error"]
        with running(command, port, "/healthz", core=0) as process:
            yield Peer("nginx + nchan", Served(port, process.pid, Path(name)), [(b"/sub", b"")] * VIEWERS)


@contextlib.contextmanager
def _ours() -> Iterator[Peer | None]:
    with tempfile.TemporaryDirectory(prefix="cueroom-bench-") as name:
        port, folder = free_port(), Path(name)
        command = [sys.executable, "-m", "bench._fanout_servers", "ours", str(port), name]
        with running(command, port, "/healthz", core=0) as process:
            ready = json.loads((folder / "ready.json").read_text())
            tokens = [f"Authorization: Bearer {token}\r\n".encode() for token in ready["tokens"]]
            requests = [(b"/ws/overview", tokens[n % len(tokens)]) for n in range(VIEWERS)]
            yield Peer("ours", Served(port, process.pid, folder), requests, ready["epoch"])


if __name__ == "__main__":
    main()
