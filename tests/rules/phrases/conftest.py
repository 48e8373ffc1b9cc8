"""The shipped lexicon and its matcher, built once for all tests of phrases."""

import pytest

from app.rules.phrases.lexicon import Lexicon
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon, shipped_text


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return parse_lexicon(shipped_text(), "liquor.zh.yaml")


@pytest.fixture(scope="session")
def matcher(lexicon: Lexicon) -> Matcher:
    return Matcher(lexicon)
