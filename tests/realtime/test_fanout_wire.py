"""Promises of frames on the wire: what we send is what the standard says, what comes is read whole or refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from app.realtime.fanout_wire import (
    MOST_FRAMES,
    MOST_IN,
    Inlet,
    WireFault,
    close_code,
    closing,
    framed,
    payload_of,
    ping,
    pong,
)


def sent(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A frame as a browser would send it."""
    return Frame(opcode, data, fin).serialize(mask=True)


@given(st.sampled_from([0, 1, 125, 126, 600, 65_535, 65_536, 70_000]))
def test_a_text_is_framed_as_the_library_frames_it(size: int) -> None:
    text = b"x" * size
    assert framed(text) == Frame(Opcode.TEXT, text).serialize(mask=False)
    assert payload_of(framed(text)) == text


def test_control_frames_are_as_the_library_makes_them() -> None:
    assert closing(1013, "too_slow") == Frame(
        Opcode.CLOSE, struct.pack("!H", 1013) + b"too_slow"
    ).serialize(mask=False)  # fmt: skip
    assert len(closing(1000, "长" * 100)) <= 127
    assert ping(b"p") == Frame(Opcode.PING, b"p").serialize(mask=False)
    assert pong(b"p") == Frame(Opcode.PONG, b"p").serialize(mask=False)


messages = st.one_of(
    st.tuples(st.just("text"), st.text(max_size=300).map(str.encode)),
    st.tuples(st.just("ping"), st.binary(max_size=125)),
    st.tuples(st.just("pong"), st.binary(max_size=125)),
)
OPCODES = {"text": Opcode.TEXT, "ping": Opcode.PING, "pong": Opcode.PONG}


@given(st.lists(messages, max_size=6), st.lists(st.integers(1, 400), max_size=12), st.integers(1, 4))
def test_messages_come_out_whole_however_they_were_cut(
    said: list[tuple[str, bytes]], cuts: list[int], pieces: int
) -> None:
    stream = b""
    for kind, data in said:
        if kind == "text" and pieces > 1:  # fragments, and a ping between them, as the standard allows
            size = len(data) // pieces + 1
            parts = [data[at : at + size] for at in range(0, max(len(data), 1), size)]
            for place, part in enumerate(parts):
                opcode = Opcode.TEXT if place == 0 else Opcode.CONT
                stream += sent(opcode, part, fin=place == len(parts) - 1)
        else:
            stream += sent(OPCODES[kind], data)
    inlet, at = Inlet(), 0
    got: list[tuple[str, bytes]] = []
    for cut in [*cuts, len(stream)]:
        got += inlet.take(stream[at : at + cut])
        at += cut
    assert got == said


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\x81\x02hi", 1002),  # no mask
        (b"\xc1\x80\0\0\0\0", 1002),  # an extension
        (b"\x83\x80\0\0\0\0", 1002),  # no such opcode
        (b"\x80\x80\0\0\0\0", 1002),  # goes on with nothing
        (sent(Opcode.TEXT, b"a", fin=False) + sent(Opcode.TEXT, b"b"), 1002),  # begins anew in the middle
        (b"\x09\x80\0\0\0\0", 1002),  # a ping in pieces
        (b"\x89\xfe\x00\x7e" + b"\0" * 130, 1002),  # a long ping
        (sent(Opcode.TEXT, b"x" * (MOST_IN + 1)), 1009),
        (b"\x81\xff" + struct.pack("!Q", 2**40), 1009),
        (sent(Opcode.TEXT, b"x" * 3_000, fin=False) + sent(Opcode.CONT, b"x" * 3_000), 1009),
        (sent(Opcode.TEXT, b"\xff\xfe"), 1007),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",  # masks are random, names must not be
)
def test_what_breaks_the_protocol_is_refused_with_its_code(frames: bytes, code: int) -> None:
    inlet = Inlet()
    with pytest.raises(WireFault) as refused:
        for at in range(len(frames)):
            list(inlet.take(frames[at : at + 1]))
    assert refused.value.close == code


@pytest.mark.parametrize("kind", [Opcode.PING, Opcode.TEXT, Opcode.CONT])
def test_one_that_talks_without_end_is_refused_before_it_is_read_to_its_end(kind: Opcode) -> None:
    inlet, small = Inlet(), sent(kind, b"", fin=kind is not Opcode.CONT)
    if kind is Opcode.CONT:
        list(inlet.take(sent(Opcode.TEXT, b"", fin=False)))
        inlet.breathe()
    for _ in range(3):  # as much as a thousand in a second is taken
        list(inlet.take(small * MOST_FRAMES))
        inlet.breathe()
    with pytest.raises(WireFault) as refused:
        list(inlet.take(small * 40_000))
    assert refused.value.close == 1008


@given(st.lists(st.binary(max_size=9_000), max_size=20))
def test_garbage_is_never_kept_beyond_one_message(pieces: list[bytes]) -> None:
    inlet = Inlet()
    try:
        for piece in pieces:
            list(inlet.take(piece))
            assert len(inlet._bytes) <= MOST_IN + 14
            assert len(inlet._message) <= MOST_IN
    except WireFault as fault:
        assert fault.close in (1002, 1007, 1009)  # noqa: PT017  either way is right


@pytest.mark.parametrize(
    ("payload", "code"), [(b"", 1005), (struct.pack("!H", 1001), 1001), (struct.pack("!H", 4401) + b"bye", 4401)]
)
def test_a_close_says_its_code(payload: bytes, code: int) -> None:
    assert close_code(payload) == code


@pytest.mark.parametrize("payload", [b"\x03", struct.pack("!H", 999), struct.pack("!H", 1006), b"\x03\xe8\xff"])
def test_a_close_that_may_not_be_sent_is_refused(payload: bytes) -> None:
    with pytest.raises(WireFault):
        close_code(payload)
