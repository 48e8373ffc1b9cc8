"""Amounts of money in the unit people say; everything else counts the smallest one."""

from typing import Final

_WHOLE: Final = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"})
_THOUSANDTHS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def in_main_unit(amount: int, currency: str) -> float:
    """Return an amount given in the smallest unit (分) in the main one (元), by ISO 4217."""
    if currency in _WHOLE:
        return float(amount)
    return amount / (1_000 if currency in _THOUSANDTHS else 100)
