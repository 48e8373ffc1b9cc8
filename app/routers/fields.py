"""Fields that routes share: ids and names without a character nobody can see, and where to go within this site."""

from typing import Annotated

from pydantic import AfterValidator, Field

from app.domain.words import is_seen

ID_CHARS = 128


def _seen(text: str) -> str:
    if not is_seen(text):
        raise ValueError("a control character")
    return text


def local_path(path: str) -> str:
    """Return a path of this site as it is, anything else as the start page: no link leads to another site from here."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain else "/"


Seen = AfterValidator(_seen)
Id = Annotated[str, Field(max_length=ID_CHARS), Seen]
LocalPath = Annotated[str, Field(max_length=512), AfterValidator(local_path)]
Name = Annotated[str, Field(min_length=1, max_length=64), Seen]
