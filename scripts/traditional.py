"""Write zh-TW from zh-CN, in the catalogues and in the sample workspace: `python -m scripts.traditional [--check]`.

OpenCC with Taiwan's vocabulary does most of it; TERMS holds what a reader from Taiwan would still correct. (Not named
`locale`: a script's folder comes first on the path, and this would hide the standard module from every other one.)
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Final

import opencc

LOCALE: Final = Path(__file__).parents[1] / "app" / "locale"
SAMPLE: Final = Path(__file__).parents[1] / "app" / "workspace" / "sample" / "winery.yaml"
_VALUE: Final = r'(?:"[^"\n]*"|[^",}\n][^,}\n]*)'
_TEXTS: Final = re.compile(rf"zh-CN: (?P<text>{_VALUE})(?:, zh-TW: {_VALUE})?(?=[,}}])")
TERMS: Final = (
    ("影片號", "視頻號"),  # the platform's own name
    ("臺", "台"),
    ("賬號", "帳號"),
    ("質量", "品質"),
    ("點選", "點按"),
    ("文本", "文字"),
    ("二維碼", "QR Code"),
    ("許可權", "權限"),
    ("運營", "營運"),
    ("只讀", "唯讀"),
    ("撤銷", "復原"),
)
SAMPLE_TERMS: Final = (
    ("壇", "罈"),  # a jar of liquor, not an altar
    ("溯原始碼", "溯源碼"),  # on the bottle, not of a program
)


def traditional(text: str, converter: opencc.OpenCC, terms: tuple[tuple[str, str], ...] = TERMS) -> str:
    """Return the text as read in Taiwan."""
    converted = str(converter.convert(text))
    for found, wanted in terms:
        converted = converted.replace(found, wanted)
    return converted


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
    """Return a workspace file in which each text `{zh-CN: …}` has its zh-TW; the rest stands as it was written."""

    def both(match: re.Match[str]) -> str:
        return f"zh-CN: {match['text']}, zh-TW: {traditional(match['text'], converter, TERMS + SAMPLE_TERMS)}"

    return _TEXTS.sub(both, text)


def stale_sample(path: Path, *, write: bool) -> list[Path]:
    """Return the workspace file when a zh-TW text of it differs from what would be generated."""
    text = path.read_text(encoding="utf-8")
    wanted = with_traditional(text, opencc.OpenCC("s2twp"))
    if wanted == text:
        return []
    if write:
        path.write_text(wanted, encoding="utf-8")
    return [path]


def main(arguments: list[str]) -> int:
    """Write the files and name the changed ones; with --check only name them and exit 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m scripts.traditional", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    options = parser.parse_args(arguments)
    stale = stale_files(LOCALE, write=not options.check) + stale_sample(SAMPLE, write=not options.check)
    for path in stale:
        print(f"{'out of date' if options.check else 'written'}: {path.name}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
