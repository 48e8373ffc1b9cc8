"""Write zh-TW from zh-CN, in the catalogues and in what the sample ships: `python -m scripts.traditional [--check]`.

OpenCC with Taiwan's vocabulary does the characters and the common words; what a reader from Taiwan would still correct
stands here, found by reading every text by hand. (Not named `locale`: a script's folder comes first on the path, and
this would hide the standard module from every other one.)
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import opencc

APP: Final = Path(__file__).parents[1] / "app"
LOCALE: Final = APP / "locale"
SAMPLES: Final = (
    APP / "workspace" / "sample" / "winery.yaml",
    APP / "replay" / "sample" / "script.yaml",
    *sorted((APP / "rules" / "builtin").glob("*.yaml")),
)
"""Files people read in which a text has all its languages beside each other."""
_VALUE: Final = r'(?:"[^"\n]*"|[^",}\n][^,}\n]*)'
_INLINE: Final = re.compile(rf"zh-CN: (?P<text>{_VALUE})(?:, zh-TW: {_VALUE})?(?=[,}}])")
_BLOCK: Final = re.compile(r'^(?P<indent> +)zh-CN: (?P<text>"[^"\n]*")\n(?: +zh-TW: "[^"\n]*"\n)?', re.MULTILINE)

WHOLE: Final = {
    # what a word for word rendering leaves strange
    "{live} 间在播 · {off} 间未开播": "{live} 間直播中 · {off} 間未開播",
    "服务暂时不可用，请稍后再试": "服務暫時無法使用，請稍後再試",
    "此浏览器不能发声": "此瀏覽器無法播放聲音",
    "全员屏幕上的流程和在讲商品会跟着变。": "所有人螢幕上的流程和正在講的商品都會跟著變。",
    "在线峰值 {value}": "最高線上人數 {value}",
    "时长 {value}": "直播時長 {value}",
    "撤销": "復原",
    "平板不在线": "平板未連線",
    "服务器拒绝了这个连接，请刷新页面": "伺服器拒絕連線，請重新整理頁面",
    "屏幕可能熄灭，请在系统设置里关闭自动锁屏": "螢幕可能會關閉，請到系統設定關掉自動鎖定",
    "断网重开": "離線重新開啟",
    "平板页面需要浏览器允许运行脚本。": "平板頁面需要瀏覽器允許執行 JavaScript。",
    "用平板扫码，或打开网址输入这 6 位数字": "用平板掃 QR Code，或開啟網址輸入這 6 位數字",
    "奖项数据": "獎項數據",  # figures in a claim, not data
    "数据造假": "數據造假",
    "税票": "發票稅單",
    "投流": "廣告投放",
    "抛一个问题：家里待客喝什么香型？酱香扣 1，浓香扣 2": "拋一個問題：家裡請客喝哪一種？醬香打 1，濃香打 2",
    "预告福袋：三分钟后开，关注的都能参加": "預告福袋：三分鐘後開，有追蹤的都能參加",
    "评论、点赞、关注正在变少": "留言、按讚、追蹤都在變少",
    "看数字的更新时间，再打开平板页配一台平板": "看數字的更新時間，再開啟平板頁面配對一台平板",
    "15 秒后数字打斜线，互动率规则写「无数据」": "15 秒後數字會打上斜線，互動率規則顯示「無資料」",
}
"""Texts that are said in another way altogether."""

TERMS: Final = (
    ("影片號", "視頻號"),  # the platform's own name
    ("臺", "台"),
    ("要麼", "要嘛"),
    ("按流程講", "照流程講"),
    ("賬號", "帳號"),
    ("點選", "點按"),
    ("二維碼", " QR Code"),
    ("許可權", "權限"),
    ("運營", "營運"),
    ("是隻讀", "是唯讀"),
    ("只讀", "唯讀"),
    ("身份", "身分"),
    ("退出登入", "登出"),
    ("退出全屏", "結束全螢幕"),
    ("全屏", "全螢幕"),
    ("撤銷確認", "取消確認"),
    ("撤回", "收回"),
    ("令牌", "權杖"),
    ("已被吊銷", "已被撤銷"),
    ("繫結", "綁定"),
    ("日誌", "記錄檔"),
    ("出錯", "發生錯誤"),
    ("標籤頁", "分頁"),
    ("快捷鍵", "快速鍵"),
    ("導航", "導覽"),
    ("重連中", "重新連線中"),
    ("無響應", "沒有回應"),
    ("連線斷開", "連線中斷"),
    ("時鐘差", "時間差"),
    ("幀序號", "訊框序號"),
    ("最近一幀", "最近的訊框"),
    ("幀/秒", "影格/秒"),
    ("位元速率", "位元率"),
    ("型別", "類型"),
    ("取值", "值"),
    ("磁碟滿了", "磁碟已滿"),
    ("按整件計", "以整件計"),
    ("按最小單位", "以最小單位"),
    ("按售罄風險排", "依售完風險排序"),
    ("按嚴重度", "依嚴重度"),
    ("按 {n} 件/分推算", "依 {n} 件/分推算"),
    ("售罄", "售完"),
    ("無法預計", "無法預估"),
    ("預計售完", "預估售完"),
    ("夠全場", "夠賣整場"),
    ("加購率", "加車率"),  # 加購 is an add-on sale in Taiwan
    ("評論", "留言"),
    ("彈幕", "留言"),
    ("群訊息", "群組訊息"),
    ("條/分", "則/分"),
    ("{n} 條", "{n} 則"),
    ("這條記錄", "這筆記錄"),
    ("每條記錄", "每筆記錄"),
    ("的條數", "的筆數"),
    ("一條", "一則"),
    ("已看", "已讀"),
    ("重複一遍", "再說一次"),
    ("再輸一遍密碼", "再輸入一次密碼"),
    ("過時未發", "逾時未發"),
    ("已靜默", "已靜音"),
    ("重新生成", "重新產生"),
    ("回退", "退回"),
    ("配平板", "配對平板"),
    ("字號", "字體大小"),
    ("提詞器", "提詞機"),
    ("貶低同行", "貶低同業"),
    ("站外引流", "站外導流"),
    ("虛假宣傳", "不實宣傳"),
    ("壇", "罈"),  # a jar of liquor, not an altar
    ("溯原始碼", "溯源碼"),  # on the bottle, not of a program
    ("小時內發", "小時內出貨"),
    ("整改", "改善"),
    ("扣 1", "打 1"),
)
"""Words after the conversion, in this order."""


def traditional(text: str, converter: opencc.OpenCC) -> str:
    """Return the text as read in Taiwan."""
    return WHOLE[text] if text in WHOLE else corrected(str(converter.convert(text)), TERMS)


def corrected(converted: str, terms: Iterable[tuple[str, str]]) -> str:
    """Return a converted text with its words as Taiwan says them."""
    for found, wanted in terms:
        converted = converted.replace(found, wanted)
    return converted.strip()


def sources() -> list[str]:
    """Return every zh-CN text that is written out in zh-TW."""
    catalogues = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(LOCALE.glob("*.zh-CN.json"))]
    texts = [text for catalogue in catalogues for text in catalogue.values()]
    for path in SAMPLES:
        for form in (_INLINE, _BLOCK):
            texts += [match["text"].strip('"') for match in form.finditer(path.read_text(encoding="utf-8"))]
    return texts


def generated(source: Path, converter: opencc.OpenCC) -> str:
    """Return the zh-TW file that belongs to a zh-CN file."""
    texts: dict[str, str] = json.loads(source.read_text(encoding="utf-8"))
    done = {key: traditional(text, converter) for key, text in texts.items()}
    return json.dumps(done, ensure_ascii=False, indent=2) + "\n"


def stale_files(folder: Path, *, write: bool) -> list[Path]:
    """Return the zh-TW files that differ from what would be generated, and the ones whose source is gone."""
    converter = opencc.OpenCC("s2twp")
    stale: list[Path] = []
    wanted = {}
    for source in sorted(folder.glob("*.zh-CN.json")):
        wanted[source.with_name(source.name.replace(".zh-CN.", ".zh-TW."))] = generated(source, converter)
    for target, text in wanted.items():
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            stale.append(target)
            if write:
                target.write_text(text, encoding="utf-8")
    for orphan in sorted(set(folder.glob("*.zh-TW.json")) - set(wanted)):
        stale.append(orphan)
        if write:
            orphan.unlink()
    return stale


def with_traditional(text: str, converter: opencc.OpenCC) -> str:
    """Return a sample's file in which each text `zh-CN: …` has its zh-TW; the rest stands as it was written."""

    def said(match: re.Match[str]) -> str:
        quote = '"' if match["text"].startswith('"') else ""
        return quote + traditional(match["text"].strip('"'), converter) + quote

    text = _INLINE.sub(lambda match: f"zh-CN: {match['text']}, zh-TW: {said(match)}", text)
    return _BLOCK.sub(
        lambda match: f"{match['indent']}zh-CN: {match['text']}\n{match['indent']}zh-TW: {said(match)}\n", text
    )


def stale_samples(paths: tuple[Path, ...], *, write: bool) -> list[Path]:
    """Return the files of the sample in which a zh-TW text differs from what would be generated."""
    converter = opencc.OpenCC("s2twp")
    stale: list[Path] = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        wanted = with_traditional(text, converter)
        if wanted != text:
            stale.append(path)
            if write:
                path.write_text(wanted, encoding="utf-8")
    return stale


def main(arguments: list[str]) -> int:
    """Write the files and name the changed ones; with --check only name them and exit 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m scripts.traditional", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    options = parser.parse_args(arguments)
    stale = stale_files(LOCALE, write=not options.check) + stale_samples(SAMPLES, write=not options.check)
    for path in stale:
        print(f"{'out of date' if options.check else 'written'}: {path.name}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
