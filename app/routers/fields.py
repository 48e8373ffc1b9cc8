"""Fields that routes share: ids and names as addresses and bodies carry them, without a character nobody can see."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

ID_CHARS = 128
_UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def _seen(text: str) -> str:
    if any(unicodedata.category(char) in _UNSEEN for char in text):
        raise ValueError("a control character")
    return text


Seen = AfterValidator(_seen)
Id = Annotated[str, Field(max_length=ID_CHARS), Seen]
Name = Annotated[str, Field(min_length=1, max_length=64), Seen]
