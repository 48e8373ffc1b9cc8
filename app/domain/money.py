"""Amounts of money: integers in the smallest unit of a currency (分), and the unit people say (元)."""

from typing import Final

_WHOLE: Final = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"})
_THOUSANDTHS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def digits_of(currency: str) -> int:
    """Return how many decimals of the main unit make the smallest one, by ISO 4217."""
    if currency in _WHOLE:
        return 0
    return 3 if currency in _THOUSANDTHS else 2


def in_main_unit(amount: int, currency: str) -> float:
    """Return an amount given in the smallest unit in the main one."""
    return amount / float(10 ** digits_of(currency))
