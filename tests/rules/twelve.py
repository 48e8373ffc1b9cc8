"""The twelve rules of the contract, as its text has them: the proof that the format is whole."""

from pathlib import Path
from typing import Final

TWELVE: Final = (Path(__file__).parent / "data" / "twelve.yaml").read_text(encoding="utf-8")
