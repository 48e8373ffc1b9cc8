"""DingTalk custom robots (钉钉自定义机器人): the signed request, and what an answer means."""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec

from app.delivery.answers import Answer, Reply, Verdict
from app.delivery.robots import Message, Post, Robot
from app.delivery.words import word

BODY_BYTES: Final = 20_000
"""Of the whole request; one byte more is answered 460101."""
TITLE_CHARS: Final = 100
PLAIN_CHARS: Final = 300
WORDS_CHARS: Final = 200
THROTTLED: Final = frozenset({130101, 410100, 660026})
FAULTS: Final = frozenset({300001, 300005, 400101, 400102})
OURS: Final = frozenset({40035, 43004, 101002, 400105, 430101, 430102, 430103, 430104, 460101})
BUSY_MOST: Final = 3
GARBLED_MOST: Final = 3
_ELEMENT: Final = re.compile(r"<(?=[A-Za-z/!?])")
JOINERS: Final = ("\u200d", "\ufe0e", "\ufe0f")


def signature(secret: str, at_ms: int) -> str:
    """Return the base64 of a signature, not yet encoded for the URL: the client does that, once."""
    digest = hmac.digest(secret.encode(), f"{at_ms}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


class DingTalk:
    """Knows the wire form; keeps nothing."""

    by_id: Final = False

    def ready(self, robot: Robot, names: Sequence[str]) -> None:
        """Any text may be a secret here."""

    def post(self, message: Message, robot: Robot, at_ms: int) -> Post:
        """Return the request, signed when the robot has a secret."""
        parts = urlsplit(robot.address)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        if robot.secret:
            params |= {"timestamp": str(at_ms), "sign": signature(robot.secret, at_ms)}
        body = _plain(message) if message.plain else _markdown(message)
        return Post(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), params, body)

    def judge(self, reply: Reply) -> Answer:
        """Return what a reply means, by `errcode` alone: the texts change, and 200 is no success."""
        if reply.status == 429 or reply.status >= 500:
            return Answer("transient", after_ms=reply.retry_after_ms)
        answer = _object(reply.body)
        code = answer.get("errcode")
        if not isinstance(code, int) or isinstance(code, bool):
            return Answer("garbled", most=GARBLED_MOST)
        words = f"{code} {_line(answer.get('errmsg'))}".strip()
        if code == -1:
            return Answer("transient", words, after_ms=reply.retry_after_ms, most=BUSY_MOST)
        return Answer(_verdict(code), words)


def _verdict(code: int) -> Verdict:
    match code:
        case 0:
            return "accepted"
        case 310000:
            return "resign"
        case _ if code in THROTTLED:
            return "throttled"
        case _ if code in FAULTS:
            return "fault"
        case _ if code in OURS:
            return "ours"
    return "refused"


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _line(text: object) -> str:
    return " ".join(str(text).split())[:WORDS_CHARS] if isinstance(text, str) else ""


def _markdown(message: Message) -> bytes:
    title = _title(message)

    def body(text: str) -> bytes:
        return msgspec.json.encode({"msgtype": "markdown", "markdown": {"title": title, "text": text}})

    return _cut(body, _paragraphs(message), f"\n\n{message.number}")


def _plain(message: Message) -> bytes:
    text = f"{_title(message)[:PLAIN_CHARS]}\n{message.number}"
    return msgspec.json.encode({"msgtype": "text", "text": {"content": text}})


def _title(message: Message) -> str:
    """Return the line that the chat list shows: stamps, severity, what it is about."""
    severity = f"[{message.severity}] " if message.severity else ""
    return _stamped(message, f"{severity}{message.title}")[:TITLE_CHARS]


def _stamped(message: Message, line: str) -> str:
    stamps = "".join(f"【{word(stamp, message.language)}】" for stamp in message.stamps)
    known = [stamp for stamp in message.stamps if f"【{word(stamp, message.language)}】" in line]
    for stamp in known:  # the engine has written 【演练】 into the title already
        line = line.replace(f"【{word(stamp, message.language)}】", "", 1)
    return stamps + line


def _paragraphs(message: Message) -> str:
    """Return the text as markdown: a heading, then a paragraph a line. A single line break would be swallowed.

    Names in it may be of somebody else's: none becomes a link, a picture or an element.
    """
    text = _ELEMENT.sub("< ", message.text.replace("](", "] ("))
    first, *rest = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    return "\n\n".join((f"#### {_stamped(message, first)}", *rest))


def _cut(body: Callable[[str], bytes], text: str, number: str) -> bytes:
    """Return the body with as much of `text` as fits, and the number at its end in any case."""
    ending = "" if number.strip() in text else number
    whole = body(text + ending)
    if len(whole) <= BODY_BYTES:
        return whole
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if len(body(f"{text[:middle]}…{number}")) <= BODY_BYTES:
            fits = middle
        else:
            too_long = middle
    while fits and (unicodedata.combining(text[fits]) or text[fits] in JOINERS or text[fits - 1] == "\u200d"):
        fits -= 1  # not between a character and what is drawn onto it
    return body(f"{text[:fits]}…{number}")
