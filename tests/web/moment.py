"""One moment of the sample evening as boards of the domain's own types, for pages that are looked at without a house.

Everything here is a picture: the numbers are made up and only have to be of the right kind and size.
`python -m tests.web.moment` writes the recording for the node tests.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from app.domain.alerts import Alert, Evidence, Mark
from app.domain.board import (
    Board,
    DeviceRow,
    GuideLine,
    LimitRow,
    LineRow,
    Message,
    RoomHead,
    SessionHead,
    SkuRow,
    SourceRow,
)
from app.domain.deliveries import Delivery
from app.domain.frames import Beat, Changed, Hello, RoomCard
from app.domain.people import Actor, Role
from app.domain.plan import QuickPrompt
from app.domain.prompts import Prompt, PromptReceipt
from app.domain.readings import MinuteRow, Reading, reading_key
from app.domain.rundown import Rundown, Segment
from app.domain.words import Words
from app.realtime.frames import apply, delta_frame, encode, snapshot_frames

RECORDING = Path(__file__).parent / "frames" / "console.ndjson"
S = 1_000
M = 60_000
START = 1_795_435_200_000  # 2026-11-23 20:00:00 in Shanghai
NOW = START + 36 * M + 24 * S
SESSION = "s-20261123-1"
ROOM = "room-1"
ZHOU = Actor("operator", "zhou", "周敏", Role.CONTROLLER)


def words(chinese: str, english: str) -> Words:
    return {"zh-CN": chinese, "en": english}


def wave(minute: float, seed: float) -> float:
    """Return a number in [-1, 1] that looks like noise and is the same every time."""
    return math.sin(minute * 12.9898 + seed * 78.233) * 0.6 + math.sin(minute * 3.7 + seed) * 0.4


def viewers_at(minute: float, seed: float = 1.0) -> float:
    return max(0.0, 850 * (1 - math.exp(-minute / 7)) + 18 * wave(minute, seed))


def rate_at(minute: float) -> float:
    dips = 0.020 * math.exp(-(((minute - 19) / 1.6) ** 2)) + 0.019 * math.exp(-(((minute - 32.5) / 1.9) ** 2))
    return 0.064 - dips + 0.0012 * wave(minute, 3)


def gmv_at(minute: float) -> float:
    early = 100_000 * max(0.0, minute - 7)
    late = 9_300_000 * max(0.0, 1 - math.exp(-max(0.0, minute - 30) / 4))
    return early + late


def sellable_at(minute: float) -> float:
    return 1150 - max(0.0, minute - 30) * 91


def mark(text: str, phrase: str, **kept: Any) -> Mark:
    start = text.index(phrase)
    base: dict[str, Any] = {"category": "health", "severity": "block"}
    return Mark(start=start, end=start + len(phrase), phrase=phrase, **{**base, **kept})


WARM = "天冷喝一杯，暖身御寒嘛"
LAST = "最后一分钟上车"
WARM_MARKS = (
    mark(WARM, "暖身", citation="食品安全法第七十三条", law="FS73"),
    mark(WARM, "御寒", citation="食品安全法第七十三条", law="FS73"),
)
LAST_MARKS = (mark(LAST, "最后一分钟", category="price", severity="warn", exempt="allowed:最后一分钟"),)


def alerts(now: int) -> list[Alert]:
    return [
        Alert(
            id="a-warm",
            rule="banned-phrase",
            rule_version="1",
            scope="session",
            scope_id="",
            labels={"team": "compliance"},
            severity="P1",
            condition="firing",
            opened_ms=now - 21 * S,
            changed_ms=now - 21 * S,
            version=1,
            title=words("主播说「暖身御寒」，疑似宣传保健功效", 'host said "暖身御寒", possible health claim'),
            host=words("更正：酒不能御寒，请理性饮酒", "Correction: liquor does not keep you warm"),
            action=words("请主播更正，复核录音并记录整改", "Have the host correct it; review and note it"),
            evidence=(
                Evidence("speech", now - 22 * S, text=WARM, marks=WARM_MARKS, start_ms=36 * M + 2 * S, speaker="host"),
            ),
        ),
        Alert(
            id="a-stock",
            rule="stock-shortfall",
            rule_version="1",
            scope="sku",
            scope_id="SKU-2",
            labels={"team": "supply", "sku_name": "小坛礼盒"},
            severity="P1",
            condition="firing",
            opened_ms=now - 74 * S,
            changed_ms=now - 59 * S,
            version=3,
            title=words("小坛礼盒可售 570 件，约 9.8 分钟售罄", "Gift box: 570 left, out in about 9.8 min"),
            host=words("主推款库存紧，先讲下一款", "Stock is short: show the next one"),
            action=words("催供应链回补货数量；先转讲单瓶装", "Chase supply for a number; move to the bottle"),
            count=2,
            acked_by="周敏",
            acked_ms=now - 58 * S,
            evidence=(Evidence("reading", now - 74 * S, name="i.sellable", value=570.0),),
            metrics=("sell_rate", "sell_rate_ok", "sellable", "stock_line"),
        ),
        Alert(
            id="a-rate",
            rule="interaction-low",
            rule_version="1",
            scope="session",
            scope_id="",
            labels={"team": "content"},
            severity="P2",
            condition="ended",
            opened_ms=now - 4 * M,
            changed_ms=now - 26 * S,
            ended_ms=now - 26 * S,
            ended_reason="clear",
            version=2,
            title=words("互动率 4.5%，低于 5% 已 60 秒", "Interaction 4.5%, under 5% for 60 s"),
            host=words("抛一个问题，引导扣 1", "Ask them a question"),
            action=words("发福袋或换话术", "Start a draw or change the talk"),
            evidence=(Evidence("reading", now - 4 * M, name="m.interaction_rate_5m", value=0.045),),
            metrics=("interaction_rate_5m",),
        ),
        Alert(
            id="a-notice",
            rule="questions",
            rule_version="1",
            scope="session",
            scope_id="",
            labels={},
            severity="P3",
            condition="firing",
            opened_ms=now - 52 * S,
            changed_ms=now - 52 * S,
            version=1,
            title=words(
                "23 人在问「几度、多少毫升」，52 秒没人答", "23 asked about strength and volume, open for 52 s"
            ),
            host=words("53 度，500 毫升一瓶", "53 % vol, 500 ml a bottle"),
        ),
    ]


def limits() -> dict[str, LimitRow]:
    drawn = [
        ("interaction-low", "P2", "interaction_rate_5m", "session", 0.05, ""),
        ("stock-shortfall", "P2", "sellable", "sku", 1.0, "stock_line"),
        ("stock-shortfall", "P2", "eta_min", "sku", 10.0, ""),
        ("stream-fault", "P1", "bitrate_kbps", "line", 0.6, "target_kbps"),
    ]
    return {
        f"{rule}|{number}": LimitRow(
            rule=rule,
            severity=severity,  # type: ignore[arg-type]  # P1 or P2
            metric=metric,
            scope=scope,
            below=True,
            value=value,
            of=of,
        )
        for number, (rule, severity, metric, scope, value, of) in enumerate(drawn)
    }


def segments() -> tuple[Segment, ...]:
    plan = [
        ("open", "开场", "Opening", "", 0, 6),
        ("bottle", "单瓶装", "Bottle", "SKU-1", 6, 17),
        ("draw", "福袋", "Draw", "", 23, 7),
        ("gift", "小坛礼盒", "Gift box", "SKU-2", 30, 22),
        ("trace", "溯源", "Tracing", "", 52, 4),
        ("taster", "品鉴小酒", "Taster", "SKU-3", 56, 20),
        ("jar", "坛装", "Jar", "SKU-4", 76, 20),
        ("pair", "双支", "Pair", "SKU-5", 96, 19),
        ("flash", "秒杀", "Flash sale", "SKU-7", 115, 5),
    ]
    actual = {"open": (0, 7), "bottle": (7, 24), "draw": (24, 30), "gift": (30, None)}
    rows = []
    for number, (id_, zh, en, sku, starts, length) in enumerate(plan):
        begun, over = actual.get(id_, (None, None))
        rows.append(
            Segment(
                id=id_,
                title=words(zh, en),
                kind="draw" if id_ == "draw" else "talk",
                sku=sku,
                planned_start_ms=START + starts * M,
                planned_length_ms=length * M,
                state="done" if number < 3 else ("now" if number == 3 else ("next" if number == 4 else "later")),
                started_ms=None if begun is None else START + begun * M,
                ended_ms=None if over is None else START + over * M,
            )
        )
    return tuple(rows)


def skus(now: int) -> list[SkuRow]:
    rest = [
        ("SKU-1", "单瓶装 500ml", 1832, 6.0, 305.0, 215_00_00, 168, 410, 52),
        ("SKU-3", "品鉴小酒", 936, None, None, 25_00_00, 40, 120, 13),
        ("SKU-4", "坛装 1.5L", 400, None, None, 0, 0, 0, 0),
        ("SKU-5", "双支对酒", 1200, None, None, 0, 0, 0, 0),
        ("SKU-6", "玻璃酒具", 350, None, None, 0, 0, 0, 0),
        ("SKU-7", "秒杀小酒", 300, None, None, 0, 0, 0, 0),
    ]
    seen: dict[str, Any] = {"stock_seen_ms": now - S, "orders_seen_ms": now - 2 * S}
    gift = SkuRow(
        sku="SKU-2",
        name="小坛礼盒",
        on_air=True,
        sellable=570,
        stock_line=200,
        planned=2000,
        sell_rate=58.0,
        eta_min=9.8,
        paid_units=761,
        paid_amount=974_000_0,
        price=128_00,
        clicks_5m=1204,
        cart_adds_5m=171,
        feeds={"platform": 570},
        **seen,
    )
    others = [
        SkuRow(
            sku=sku,
            name=name,
            sellable=left,
            planned=left,
            sell_rate=pace,
            eta_min=eta,
            paid_amount=paid,
            paid_units=units,
            clicks_5m=clicks,
            cart_adds_5m=carts,
            **seen,
        )
        for sku, name, left, pace, eta, paid, units, clicks, carts in rest
    ]
    return [gift, *others]


def messages(now: int) -> dict[str, Message]:
    said = [
        (118, "豆**", "这瓶送礼合适吗", ()),
        (96, "陈**", "上次买的收到了，包装很好", ()),
        (80, "晴**", "礼盒多少钱", ()),
        (61, "K**", "主播再讲一下产地", ()),
        (44, "老**", "已拍，等发货", ()),
        (26, "小**", "福袋什么时候开", ()),
        (22, "", WARM, WARM_MARKS),
        (18, "阿**", "上次那箱口感不错", ()),
        (15, "", LAST, LAST_MARKS),
        (10, "L**", "刚进来，现在讲的是哪一款", ()),
        (6, "木**", "拍了两箱，送长辈", ()),
        (3, "山**", "这款几度的，一坛多少毫升？", ()),
        (1, "柚**", "礼盒还有吗？刚刷到", ()),
    ]
    return {
        f"{number:012d}": Message(
            "speech" if not who else "comment", now - ago * S, who or "host", text, marks, ROOM if who else ""
        )
        for number, (ago, who, text, marks) in enumerate(said, start=100)
    }


def prompts(now: int) -> list[Prompt]:
    sent = now - 21 * S
    return [
        Prompt(
            id="p-1",
            n=1,
            text=words("溯源码怎么查：盒盖内侧扫一扫", "Tracing: scan the code inside the lid"),
            level="normal",
            by=ZHOU,
            sent_ms=now - 9 * M,
            state="done",
            receipts=(PromptReceipt("d-a", "平板 A", now - 9 * M + 280, now - 9 * M + 3_000, now - 8 * M),),
        ),
        Prompt(
            id="p-2",
            n=2,
            text=words("礼盒库存紧张，先讲单瓶装", "Gift box is short: show the bottle first"),
            level="normal",
            by=ZHOU,
            sent_ms=sent,
            alert="a-stock",
            state="seen",
            receipts=(PromptReceipt("d-a", "平板 A", sent + 300, sent + 2_100),),
        ),
        Prompt(
            id="p-3",
            n=3,
            text=words("报一下度数和容量", "Say the strength and the volume"),
            level="normal",
            by=ZHOU,
            sent_ms=sent - 4 * S,
            quick="abv",
            receipts=(),
        ),
    ][:2]


def delivery(n: int, channel: tuple[str, str], alert: str, text: str, planned: int, **kept: Any) -> Delivery:
    return Delivery(
        id=f"m-{n}",
        session=SESSION,
        kind="demo",
        alert=alert,
        change=1,
        channel=channel[0],
        channel_title=channel[1],
        recipient="",
        title="",
        text=text,
        language="zh-CN",
        severity="P1",
        planned_ms=planned,
        due_ms=planned,
        useful_until_ms=planned + 5 * M,
        **kept,
    )


def deliveries(now: int) -> list[Delivery]:
    return [
        delivery(
            1, ("legal", "法务群"), "a-warm", "【演练】主播说「暖身御寒」，请法务判定", now - 20 * S, state="drill"
        ),
        delivery(
            2,
            ("supply", "供应链群"),
            "a-stock",
            "【演练】#3 礼盒约 20:46 售罄，缺口 335 件。请回：可补几件、几点到",
            now - 73 * S,
            state="accepted",
            attempts=1,
            sent_ms=now - 73 * S,
            settled_ms=now - 72 * S - 200,
        ),
        delivery(
            3,
            ("ops", "运营群"),
            "a-rate",
            "【演练】互动率 4.5%，低于 5% 已 60 秒",
            now - 4 * M,
            state="unknown",
            attempts=2,
            retried_ambiguous=True,
            answer="发送后连接被重置",
        ),
    ]


def readings(now: int) -> list[Reading]:
    minute = (now - START) / M
    seen: dict[str, Any] = {"seen_ms": now - S, "every_ms": 3 * S}
    return [
        Reading(
            "viewers", "session", "", round(viewers_at(minute)), "ok", before=round(viewers_at(minute - 10)) + 34,
            target=800.0, **seen,
        ),
        Reading("viewers", "room", ROOM, round(viewers_at(minute)), "ok", **seen),
        Reading("viewers", "room", "room-2", round(viewers_at(minute, 5) * 0.15), "ok", **seen),
        Reading(
            "interaction_rate_5m", "session", "", rate_at(minute), "ok", num=49.0, den=841.0, before=0.049, **seen
        ),
        Reading(
            "gmv", "session", "", round(gmv_at(minute)), "ok", before=round(gmv_at(minute - 10)), target=30_000_000.0,
            **seen,
        ),
        Reading("gmv_60s", "session", "", round(gmv_at(minute) - gmv_at(minute - 1)), "ok", **seen),
        Reading("comments_60s", "session", "", 46.0, "ok", before=38.0, **seen),
        Reading("bitrate_kbps", "line", "主线", 3980.0, "ok", seen_ms=now - S, every_ms=S, before=4010.0),
    ]  # fmt: skip


def console_board(now: int = NOW) -> Board:
    """Return the board of a console at `now`, as the hub would hold it."""
    head = SessionHead(
        id=SESSION,
        no=1,
        kind="demo",
        state="live",
        title="青坛秋酿专场",
        brand="qingtan",
        rooms=(ROOM, "room-2"),
        zone="Asia/Shanghai",
        currency="CNY",
        opened_ms=START - 10 * M,
        started_ms=START,
        planned_length_ms=120 * M,
        position=51_203,
        history_ms=now,
    )
    return {
        "session": {"head": head},
        "rooms": {
            ROOM: RoomHead(ROOM, "抖音", "douyin", "live"),
            "room-2": RoomHead("room-2", "视频号", "channels", "live"),
        },
        "readings": {reading_key(r.metric, r.scope, r.scope_id): r for r in readings(now)},
        "skus": {row.sku: row for row in skus(now)},
        "lines": {"主线": LineRow("主线", 4000.0, 3980.0, 25.0, 0, False, now - S, words("主线路", "Main line"))},
        "alerts": {alert.id: alert for alert in alerts(now)},
        "rules": {},
        "limits": limits(),
        "prompts": {prompt.id: prompt for prompt in prompts(now)},
        "rundown": {"now": Rundown(version=4, current="gift", segments=segments(), on_air="SKU-2", shift_ms=40 * S)},
        "messages": messages(now),
        "sources": {"src-1": SourceRow("src-1", "抖音弹幕", (ROOM,), ("comment", "like"), now - S, 3 * S)},
        "quick": {
            id_: QuickPrompt(id_, words(zh, en), words(text, text_en))
            for id_, zh, en, text, text_en in (
                ("1", "先讲单瓶装", "Show bottle", "先讲单瓶装", "Show the bottle first"),
                ("2", "报度数容量", "Say strength", "报一下度数和容量", "Say the strength and the volume"),
                ("3", "抛个问题", "Ask them", "抛一个问题，引导扣 1", "Ask them a question"),
                ("4", "预告福袋", "Draw soon", "预告三分钟后福袋", "Announce the draw in three minutes"),
                ("5", "理性饮酒", "Drink wise", "提醒理性饮酒，未成年人勿饮", "Remind them to drink wisely"),
                ("6", "再报价格", "Repeat price", "再报一遍到手价", "Say the price once more"),
            )
        },
        "gaps": {},
        "guide": {
            "line": GuideLine(
                words(
                    "主播刚说了「暖身御寒」，红色告警 1 秒后就到了。",
                    'The host just said "暖身御寒"; the red alert came one second later.',
                ),
                now - 20 * S,
                words(
                    "试试点「发更正」，看平板上出现什么。",
                    'Try "Send correction" and watch the tablet.',
                ),
            )
        },
        "deliveries": {row.id: row for row in deliveries(now)},
        "devices": {"d-a": DeviceRow("d-a", "平板 A", True, now - S)},
        "health": {},
    }


def series(now: int = NOW) -> list[MinuteRow]:
    """Return the minute rows behind the board's curves; 视频号 was silent from 20:21:00 to 20:22:24."""
    keys: list[tuple[str, Any, str, Any]] = [
        ("viewers", "session", "", lambda m: viewers_at(m)),
        ("viewers", "room", ROOM, lambda m: viewers_at(m)),
        ("viewers", "room", "room-2", lambda m: math.nan if 21 < m < 22.4 else viewers_at(m, 5) * 0.15),
        ("interaction_rate_5m", "session", "", lambda m: math.nan if m < 5 else rate_at(m)),
        ("gmv", "session", "", gmv_at),
        ("gmv_60s", "session", "", lambda m: gmv_at(m) - gmv_at(max(0.0, m - 1)) + 8_000 * abs(wave(m, 2))),
        ("comments_60s", "session", "", lambda m: 42 + 6 * wave(m, 7)),
        ("sellable", "sku", "SKU-2", sellable_at),
        ("sell_rate", "sku", "SKU-2", lambda m: math.nan if m < 31 else 58 + 3 * wave(m, 4)),
        ("bitrate_kbps", "line", "主线", lambda m: 4000 + 60 * wave(m, 9)),
    ]
    rows = []
    for metric, scope, scope_id, value in keys:
        for minute in range((now - START) // M + 1):
            at = [minute + second / 60 for second in range(60)]
            values = tuple(value(m) if START + m * M <= now else math.nan for m in at)
            rows.append(MinuteRow(metric, scope, scope_id, START + minute * M, values))
    return rows


def series_json(now: int = NOW) -> bytes:
    """Return the answer of `/api/sessions/{id}/series`; JSON has no NaN, unknown is null."""
    return msgspec.json.encode({"rows": series(now)})


def room_cards(now: int = NOW, wall: int = NOW, count: int = 12) -> dict[str, RoomCard]:
    """Return the overview of the mock's evening: one room in trouble, one silent, two of twelve off the air.

    Rooms beyond the twelve are quiet ones of the same kinds.
    """
    evening = list(_cards(now, wall))
    more = [
        msgspec.structs.replace(
            evening[2 + n % 8], room=f"room-{n + 1}", session=f"s-{n + 1}", name=f"{n + 1} 号间 · 抖音", with_room="",
            worst=None, counts={}, listed=0,
        )
        for n in range(len(evening), count)
    ]  # fmt: skip
    return {card.room: card for card in [*evening, *more][:count]}


def _cards(now: int, wall: int) -> Iterator[RoomCard]:
    plan: list[tuple[str, str, str, str, int, float, int, float, float]] = [
        ("青坛酱酒 · 抖音", "douyin", "讲解 · 小坛礼盒", "Gift box", 36, 838, 12_140_000, 0.058, 46),
        ("青坛酱酒 · 视频号", "channels", "讲解 · 小坛礼盒", "Gift box", 36, 126, 940_000, 0.021, 4),
        ("安禾粮油 · 抖音", "douyin", "讲解 · 五常大米", "Rice", 72, 1206, 8_410_000, 0.039, 71),
        ("悦木护肤 · 抖音", "douyin", "福袋", "Draw", 125, 3310, 26_700_000, 0.052, 182),
        ("云岭茶事 · 抖音", "douyin", "讲解 · 古树生普", "Tea", 53, 412, 2_070_000, 0.064, 33),
        ("拾味零食 · 抖音", "douyin", "讲解 · 坚果礼盒", "Nuts", 108, 2048, 9_660_000, 0.068, 120),
        ("白泽家纺 · 视频号", "channels", "讲解 · 四件套", "Bedding", 25, 355, 1_320_000, 0.059, 18),
        ("小满母婴 · 抖音", "douyin", "讲解 · 湿巾", "Wipes", 190, 960, 14_200_000, 0.061, 54),
        ("山野生鲜 · 抖音", "douyin", "讲解 · 春笋", "Bamboo", 48, 702, 3_580_000, 0.075, 61),
        ("远行箱包 · 视频号", "channels", "讲解 · 登机箱", "Luggage", 62, 288, 1_100_000, 0.058, 9),
    ]
    worst = {
        0: alerts(now)[0],
        1: msgspec.structs.replace(
            alerts(now)[0], id="a-gap", severity="P2", title=words("视频号数据中断，规则暂停", "Feed is silent"),
            action=words("请技术查接入", "Ask the engineers"), opened_ms=now - 68 * S, rule="feed",
        ),
        2: msgspec.structs.replace(
            alerts(now)[0], id="a-drop", severity="P2", title=words("在线骤降 −38%（阈值 −30%）", "Viewers −38%"),
            action=words("看投流是否停了，让主播点名留人", "See whether the ads stopped"), opened_ms=now - 45 * S,
        ),
        4: msgspec.structs.replace(
            alerts(now)[3], id="a-ask", title=words("14 人在问「保质期」，36 秒没人答", "14 asked about shelf life"),
            opened_ms=now - 36 * S,
        ),
    }  # fmt: skip
    for number, (name, platform, zh, en, minutes, viewers, gmv, rate, comments) in enumerate(plan):
        silent = number == 1
        seen: dict[str, Any] = {"seen_ms": now - (68 * S if silent else S), "every_ms": 3 * S}
        alert = worst.get(number)
        yield RoomCard(
            room=f"room-{number + 1}",
            name=name,
            platform=platform,
            brand="b",
            session=f"s-{number + 1}",
            kind="demo" if number == 0 else "live",
            state="live",
            started_ms=now - minutes * M,
            clock_wall_ms=wall,
            clock_session_ms=now,
            segment=words(zh, en),
            worst=None if alert is None else msgspec.to_builtins(alert),
            listed=4 if number == 0 else int(alert is not None),
            counts={} if alert is None else {alert.severity: 1},
            readings={
                "viewers": Reading("viewers", "session", "", viewers, "ok", before=viewers * 0.96, **seen),
                "gmv": Reading("gmv", "session", "", gmv, "ok", **seen),
                "interaction_rate_5m": Reading("interaction_rate_5m", "session", "", rate, "ok", **seen),
                "comments_60s": Reading("comments_60s", "session", "", comments, "ok", **seen),
            },
            tablets=0 if number in (0, 6) else 1,
            simulated=int(number == 0),
            with_room=plan[2][0] if number == 3 else "",
        )
    yield RoomCard(room="room-11", name="北岸咖啡 · 抖音", platform="douyin", brand="b")
    yield RoomCard(room="room-12", name="二号机位测试", platform="douyin", brand="b")


def recorded_frames() -> list[bytes]:
    """Return a recording as a page would hear it: hello, a snapshot, deltas and a beat, then the same board afresh."""
    board = console_board()
    now, wall = NOW, NOW
    stamp: dict[str, Any] = {"epoch": 7, "rate": 1.0}
    frames = [encode(Hello(room=ROOM, session=SESSION, build="dev", wall_ms=wall))]
    frames += snapshot_frames(board, seq=1, now_ms=now, wall_ms=wall, **stamp)
    acked = msgspec.structs.replace(alerts(NOW)[0], version=2, acked_by="周敏", acked_ms=NOW)
    changes = [
        {"alerts": Changed({"a-warm": acked})},
        {"messages": Changed({f"{113:012d}": Message("comment", NOW, "新**", "拍了")}, [f"{100:012d}"])},
        {"alerts": Changed(gone=["a-rate"])},
        {"alerts": Changed({alert.id: alert for alert in alerts(NOW)})},
    ]
    for seq, topics in enumerate(changes, start=2):
        board = apply(board, topics)
        frames.append(delta_frame(topics, seq=seq, now_ms=now, wall_ms=wall, **stamp))
    frames.append(encode(Beat(epoch=7, seq=5, now_ms=now, wall_ms=wall, rate=1.0)))
    return [*frames, *snapshot_frames(board, seq=5, now_ms=now, wall_ms=wall, **stamp)]


def main() -> None:
    """Write the recording that the node tests read."""
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_bytes(b"\n".join(recorded_frames()) + b"\n")


if __name__ == "__main__":
    main()
