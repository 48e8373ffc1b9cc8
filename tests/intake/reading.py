"""Reads a batch without an event loop: nothing is waited for in it but the others' turn."""

from app.intake.batch import Batch, Form, read_batch
from app.settings import Limits


def read_now(body: bytes, form: Form, limits: Limits) -> Batch:
    """Return what `read_batch` does, in one go."""
    reading = read_batch(body, form, limits)
    while True:
        try:
            reading.send(None)
        except StopIteration as read:
            batch: Batch = read.value
            return batch
