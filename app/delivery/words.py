"""Texts that delivery itself puts into messages and onto their rows, in three languages."""

from typing import Final

from app.domain.words import Sentences, told_in

_TEXTS: Final[Sentences] = {
    "drill": ("演练", "演練", "Drill"),
    "resent": ("重发", "重發", "Sent again"),
    "test": ("测试", "測試", "Test"),
    "test_title": ("控台连接测试", "控台連線測試", "Cueroom connection test"),
    "test_text": (
        "这是一条测试消息，收到即表示「{channel}」已接通，无需处理",
        "這是一則測試訊息，收到即表示「{channel}」已接通，無需處理",
        "This is a test. “{channel}” is connected; nothing needs doing",
    ),
    "no_channel": ("工作区里已没有这个群", "工作區裡已沒有這個群", "The workspace no longer has this group"),
    "no_sender": ("暂不支持向 {kind} 发送", "暫不支援向 {kind} 傳送", "Sending to {kind} is not supported yet"),
    "no_address": ("环境变量 {name} 未设置", "環境變數 {name} 未設定", "The variable {name} is not set"),
    "bad_address": (
        "环境变量 {name} 里不是可用的机器人地址",
        "環境變數 {name} 裡不是可用的機器人位址",
        "The variable {name} does not hold a usable address of a robot",
    ),
    "bad_secret": (
        "环境变量 {name} 里不是可用的签名密钥（whsec_ 加 24 到 64 字节的 base64）",
        "環境變數 {name} 裡不是可用的簽章金鑰（whsec_ 加 24 到 64 位元組的 base64）",
        "The variable {name} does not hold a usable secret (whsec_ and the base64 of 24 to 64 bytes)",
    ),
    "not_https": (
        "外网地址必须用 https，未发送",
        "外網位址必須用 https，未傳送",
        "An address of the internet must be https; nothing was sent",
    ),
    "odd_port": (
        "这个端口不能用于发送消息，未发送",
        "這個連接埠不能用於傳送訊息，未傳送",
        "Messages are not sent to this port; nothing was sent",
    ),
    "odd_address": (
        "地址写法不可用，未发送",
        "位址寫法不可用，未傳送",
        "The address is of no usable form; nothing was sent",
    ),
    "private_address": (
        "机器人地址指向内网，未发送",
        "機器人位址指向內網，未傳送",
        "The robot's address lies in a private network; nothing was sent",
    ),
    "channel_stopped": ("群机器人已停用：{why}", "群機器人已停用：{why}", "The group's robot is stopped: {why}"),
    "name_not_found": ("找不到对方的地址", "找不到對方的位址", "The platform's name could not be resolved"),
    "not_connected": ("连不上对方，未发送", "連不上對方，未傳送", "No connection; nothing was sent"),
    "timed_out": (
        "对方没有及时回答，可能已送达",
        "對方沒有及時回答，可能已送達",
        "No answer in time; it may have arrived",
    ),
    "connection_lost": (
        "发送后连接中断，可能已送达",
        "傳送後連線中斷，可能已送達",
        "The connection broke after sending; it may have arrived",
    ),
    "interrupted": (
        "发送途中程序停止，可能已送达",
        "傳送途中程式停止，可能已送達",
        "The program stopped while sending; it may have arrived",
    ),
    "server_error": ("对方出错（HTTP {status}）", "對方出錯（HTTP {status}）", "The platform failed (HTTP {status})"),
    "took": ("对方已接收（HTTP {status}）", "對方已接收（HTTP {status}）", "The receiver took it (HTTP {status})"),
    "refused": ("对方拒收（HTTP {status}）", "對方拒收（HTTP {status}）", "The receiver refused it (HTTP {status})"),
    "not_allowed": (
        "对方不认这个地址或签名（HTTP {status}）",
        "對方不認這個位址或簽章（HTTP {status}）",
        "The receiver does not know this address or signature (HTTP {status})",
    ),
    "gone": (
        "对方已停止接收（HTTP {status}）",
        "對方已停止接收（HTTP {status}）",
        "The receiver takes no more messages (HTTP {status})",
    ),
    "too_many": (
        "对方要求稍后再发（HTTP {status}）",
        "對方要求稍後再發（HTTP {status}）",
        "The receiver asks to wait (HTTP {status})",
    ),
    "redirect": (
        "对方要求转到别的地址（HTTP {status}），不跟随",
        "對方要求轉到別的位址（HTTP {status}），不跟隨",
        "The receiver points elsewhere (HTTP {status}); that is not followed",
    ),
    "superseded": (
        "同一告警已有更新的消息，未发送",
        "同一則告警已有更新的訊息，未傳送",
        "A newer message of the same alert took its place; nothing was sent",
    ),
    "no_event": (
        "这条告警的记录已不在",
        "這則告警的記錄已不在",
        "The record of this alert is gone",
    ),
    "digest": ("{count} 条消息合为一条", "{count} 則訊息合為一則", "{count} messages in one"),
    "joined": (
        "与另外 {others} 条合为一条发送",
        "與另外 {others} 則合為一則傳送",
        "sent in one message with {others} others",
    ),
    "not_an_answer": (
        "回答不是平台的格式（HTTP {status}），中间可能有代理",
        "回答不是平台的格式（HTTP {status}），中間可能有代理",
        "The answer is not the platform's (HTTP {status}); a proxy may stand between",
    ),
    "clock": (
        "本机时钟与平台相差 {seconds} 秒",
        "本機時鐘與平台相差 {seconds} 秒",
        "This machine's clock is {seconds} s off the platform's",
    ),
}


def word(code: str, language: str, **values: str | int | float) -> str:
    """Return a text in one language, the Chinese where it is not ours."""
    return told_in(language, _TEXTS, code, values)


def reason(code: str, language: str, **values: str | int | float) -> str:
    """Return what a row says of its fate: a stable code, then the sentence."""
    return f"{code}: {word(code, language, **values)}"
