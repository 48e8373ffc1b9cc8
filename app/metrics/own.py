"""The figures of this process. Parts add to them where something happens; docs/operations.md lists them all.

Labels are codes, kinds, states and names of rules, never ids of people, sessions, tokens or rooms.
"""

from typing import Final

from app.metrics.family import Metrics

METRICS: Final = Metrics()
_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
_EVENTS: Final = (1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000)

BUILD: Final = METRICS.gauge(
    "cueroom_build_info", "1, with the build, the role and the database", "version", "role", "database"
)
READY: Final = METRICS.gauge("cueroom_ready", "1 when /readyz answers 200")
STORE_UP: Final = METRICS.gauge("cueroom_store_available", "1 when the database answers and takes commits")

EVENTS_TAKEN: Final = METRICS.counter("cueroom_events_taken_total", "Events committed, duplicates among them", "kind")
EVENTS_DUPLICATE: Final = METRICS.counter(
    "cueroom_events_duplicate_total", "Events committed without effect: their id came before"
)
EVENTS_REFUSED: Final = METRICS.counter("cueroom_events_refused_total", "Records refused, by code", "code")
EVENTS_WAITING: Final = METRICS.gauge("cueroom_events_waiting", "Events at this door that wait for their commit")
INGEST_REFUSED: Final = METRICS.counter(
    "cueroom_ingest_refused_total", "Whole ingest requests refused, by code", "code"
)
INGEST_SECONDS: Final = METRICS.histogram("cueroom_ingest_seconds", "From an ingest request to its answer", _FAST)
REQUESTS: Final = METRICS.counter("cueroom_requests_total", "Other HTTP requests, by status", "status")
REQUEST_SECONDS: Final = METRICS.histogram(
    "cueroom_request_seconds", "From any other HTTP request to the end of its answer", _FAST
)

SESSIONS: Final = METRICS.gauge("cueroom_sessions", "Sessions in this process's memory, by state", "state")
STEPS: Final = METRICS.counter("cueroom_engine_steps_total", "Steps of engines committed")
COMMIT_SECONDS: Final = METRICS.histogram(
    "cueroom_commit_seconds", "A commit of a group of steps, its wait for the writer included", _FAST
)
COMMIT_SESSIONS: Final = METRICS.histogram("cueroom_commit_sessions", "Sessions in a commit", _SIZES)
COMMIT_EVENTS: Final = METRICS.histogram("cueroom_commit_events", "Positions in a commit", _EVENTS)
COMMITS_FAILED: Final = METRICS.counter(
    "cueroom_commits_failed_total", "Commits that were not written, by code", "code"
)
TURN_SECONDS: Final = METRICS.histogram(
    "cueroom_worker_turn_seconds", "A turn of the worker: step, commit, tell", _FAST
)
CHECKPOINT_AGE: Final = METRICS.gauge(
    "cueroom_checkpoint_age_seconds", "Age of the oldest checkpoint with events after it"
)
ALERTS: Final = METRICS.counter(
    "cueroom_alerts_opened_total", "Alerts opened, by rule and severity", "rule", "severity"
)

VIEWERS: Final = METRICS.gauge("cueroom_viewers", "Open live connections, by who holds them", "kind")
BOARDS: Final = METRICS.gauge("cueroom_boards", "Boards that somebody watches")
FRAMES: Final = METRICS.counter("cueroom_frames_sent_total", "Frames sent to viewers")
FRAME_BYTES: Final = METRICS.counter("cueroom_frame_bytes_total", "Bytes of frames sent to viewers")
SLOW_VIEWERS: Final = METRICS.counter(
    "cueroom_slow_viewers_closed_total", "Connections closed because nothing was taken from them"
)

OUTBOX: Final = METRICS.gauge("cueroom_outbox_rows", "Messages to groups that are not settled, by state", "state")
OUTBOX_AGE: Final = METRICS.gauge(
    "cueroom_outbox_oldest_seconds", "How long the oldest message that waits has been due"
)
SENDS: Final = METRICS.counter(
    "cueroom_sends_total", "Tries to send to groups, by kind of channel and what came of it", "channel_kind", "result"
)
SEND_SECONDS: Final = METRICS.histogram(
    "cueroom_send_seconds", "A try to send, from the choice of a robot to the answer", _SLOW
)

PURGED: Final = METRICS.counter("cueroom_purged_rows_total", "Rows removed by retention, by table", "table")

LOOP_LAG: Final = METRICS.histogram("cueroom_loop_lag_seconds", "How late a timer of the event loop is", _FAST)
LOOP_LAG_WORST: Final = METRICS.gauge("cueroom_loop_lag_worst_seconds", "The latest timer of the last minute")
RESIDENT: Final = METRICS.gauge("process_resident_memory_bytes", "Resident memory size in bytes")
CPU: Final = METRICS.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds")
OPEN_FILES: Final = METRICS.gauge("process_open_fds", "Number of open file descriptors")
STARTED: Final = METRICS.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds")
