"""Promise: every word of the interface is there in three languages, and a page speaks the one its reader asked for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import opencc
import pytest
from starlette.requests import Request

from app.domain.words import LANGUAGES, in_language
from app.errors import ControlRoomError, NotFound
from app.routers import words
from app.workspace.file import read_workspace
from scripts.traditional import LOCALE, SAMPLES, TERMS, WHOLE, corrected, sources, stale_files, stale_samples

ROOT = Path(__file__).parents[2]
HANZI = re.compile(r"[\u3400-\u9fff]")
USED = re.compile(r"""\bt\(\s*(?:lang(?:uage)?,\s*)?['"]([a-z0-9_]+(?:\.[a-z0-9_]+)+)['"]\s*[,)]""")


def request(query: str = "", cookie: str = "", accept: str = "") -> Request:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode()), (b"host", b"room.example:8060")]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": query.encode(),
            "headers": headers,
            "scheme": "http",
        }
    )


def test_every_key_exists_in_the_three_languages() -> None:
    keys = {language: set(words.catalogue(language)) for language in LANGUAGES}
    assert keys["zh-CN"], "no catalogue found"
    assert keys["en"] ^ keys["zh-CN"] == set()
    assert keys["zh-TW"] ^ keys["zh-CN"] == set()


def test_a_text_wants_the_same_values_in_every_language() -> None:
    chinese = words.catalogue("zh-CN")
    for language in LANGUAGES:
        for key, text in words.catalogue(language).items():
            assert words.places(text) == words.places(chinese[key]), (language, key)


def test_no_text_is_empty_and_no_english_text_holds_hanzi() -> None:
    for language in LANGUAGES:
        assert [key for key, text in words.catalogue(language).items() if not text.strip()] == [], language
    # Names of languages are written in the language itself.
    english = {key: text for key, text in words.catalogue("en").items() if not key.startswith("common.name_of.")}
    assert [key for key, text in english.items() if HANZI.search(text)] == []


def test_the_traditional_catalogues_are_what_their_generator_writes() -> None:
    assert stale_files(LOCALE, write=False) == [], "run: python -m scripts.traditional"


def test_the_sample_speaks_to_a_reader_from_taiwan_in_traditional_characters() -> None:
    assert stale_samples(SAMPLES, write=False) == [], "run: python -m scripts.traditional"
    sample = SAMPLES[0]
    texts = list(_texts(msgspec.to_builtins(read_workspace(sample.read_bytes(), sample.name))))
    assert len(texts) >= 40
    to_taiwan = opencc.OpenCC("s2tw")  # characters only
    shown = [in_language(text, "zh-TW") for text in texts]
    assert [text for text in shown if to_taiwan.convert(text).replace("臺", "台") != text] == []


def test_every_correction_of_the_table_corrects_something() -> None:
    to_taiwan = opencc.OpenCC("s2twp")
    texts = {text: to_taiwan.convert(text) for text in sources()}
    assert set(WHOLE) - set(texts) == set(), "no such text any more"
    assert [text for text, said in WHOLE.items() if corrected(texts[text], TERMS) == said] == []
    worded = {said: corrected(said, TERMS) for text, said in texts.items() if text not in WHOLE}
    idle = []
    for term in TERMS:
        rest = [other for other in TERMS if other != term]
        if all(corrected(said, rest) == whole for said, whole in worded.items()):
            idle.append(term)
    assert idle == []


def _texts(value: Any) -> Iterator[dict[str, str]]:
    """Go through a structure for its texts in several languages."""
    if isinstance(value, dict) and "zh-CN" in value:
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def test_every_key_that_a_page_or_a_module_names_exists() -> None:
    files = [*(ROOT / "app" / "templates").rglob("*.html"), *(ROOT / "static" / "js").rglob("*.js")]
    used = {key: path.name for path in files for key in USED.findall(path.read_text(encoding="utf-8"))}
    assert {key: name for key, name in used.items() if key not in words.catalogue("zh-CN")} == {}


def test_a_key_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.en.json").write_text('{"host.done": "Done"}')
    (tmp_path / "b.en.json").write_text('{"host.done": "Finished"}')
    with pytest.raises(words.BrokenCatalogue, match=r"b\.en\.json: host\.done"):
        words.read_catalogue(tmp_path, "en")


def test_a_key_twice_in_one_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.en.json").write_text('{\n  "host.done": "Done",\n  "host.done": "Finished"\n}')
    with pytest.raises(words.BrokenCatalogue, match=r"host\.done"):
        words.read_catalogue(tmp_path, "en")


def test_a_file_that_is_not_a_flat_map_of_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.en.json").write_text('{"host": {"done": "Done"}}')
    with pytest.raises(words.BrokenCatalogue, match=r"a\.en\.json"):
        words.read_catalogue(tmp_path, "en")


@pytest.mark.parametrize(("n", "said"), [(0, "0 more cards"), (1, "1 more card"), (2, "2 more cards")])
def test_a_number_chooses_its_form(n: int, said: str) -> None:
    assert words.fill("{n} more {n|card|cards}", {"n": n}) == said


def test_a_missing_value_is_an_error_not_a_hole() -> None:
    with pytest.raises(KeyError):
        words.fill("{n} more", {})


def test_a_refusal_is_worded_by_its_code_and_falls_back_to_its_detail() -> None:
    class Odd(ControlRoomError):
        code = "odd_thing"

    assert words.error_words("zh-CN", NotFound("no such room")) == words.catalogue("zh-CN")["error.not_found"]
    assert words.error_words("zh-CN", Odd("an odd thing")) == "an odd thing"


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "spoken"),
    [
        ("", "", "", "zh-CN"),
        ("", "", "fr-FR, en-GB;q=0.7, zh;q=0.3", "en"),
        ("", "", "zh-Hant-HK", "zh-TW"),
        ("", "", "zh-HK, en;q=0.9", "zh-TW"),
        ("", "", "en;q=much, zh-SG;q=0.5", "zh-CN"),
        ("", "lang=en", "zh-TW", "en"),
        ("lang=zh-TW", "lang=en", "", "zh-TW"),
        ("lang=xx", "lang=yy", "de", "zh-CN"),
    ],
)
def test_a_page_speaks_what_was_chosen_last_or_what_the_browser_wishes(
    query: str, cookie: str, accept: str, spoken: str
) -> None:
    assert words.language_of(request(query, cookie, accept)) == spoken


def test_no_text_can_end_the_boot_element() -> None:
    body = words.boot("en", ("common",), {"room": "</script><script>alert(1)</script>&amp;"})
    assert "<" not in body
    assert "\\u003c/script" in body


def test_boot_holds_only_the_parts_asked_for() -> None:
    assert '"common.cancel"' in words.boot("en", ("common",), {})
    assert '"common.cancel"' not in words.boot("en", ("error",), {})


def test_a_policy_names_no_host_that_is_none() -> None:
    assert "wss://room.example:8060" in words.content_policy("n", "room.example:8060")
    assert "evil" not in words.content_policy("n", "evil.example; script-src *")
    assert "unsafe" not in words.content_policy("n", "room.example")
