"""Numbers as a person writes them: thousands in groups, no more digits than are read, never an exponent."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.instruments import Instrument

CENT = Decimal("0.01")
READ_DIGITS = 6  # significant digits of a quantity


def grouped(value: Decimal) -> str:
    """ "1234567.80" → "1,234,567.8" """
    whole, _, fraction = canonical(abs(value)).partition(".")
    sign = "−" if value < 0 else ""
    return f"{sign}{int(whole):,}{'.' + fraction if fraction else ''}"


def price(value: Decimal) -> str:
    """Exactly: prices stand on a grid, and are short already."""
    return grouped(value)


def quantity(lots: int, rules: Instrument) -> str:
    """ "0.0123457 BTC": to six significant digits; the exact one stands beside it in the decision."""
    exact = rules.quantity(lots)
    places = max(0, READ_DIGITS - 1 - exact.adjusted()) if exact else 0
    return f"{grouped(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))} {rules.base}"


def money(value: Decimal, currency: str) -> str:
    """ "1,500 USDT", "48.13 USDT", "0.0004 BTC": two decimals from one unit on, four significant digits below."""
    if abs(value) >= 1 or not value:
        shown = value.quantize(CENT, ROUND_HALF_EVEN)
        text = grouped(shown) if shown == shown.to_integral_value() else _cents(shown)
    else:
        text = grouped(value.quantize(Decimal(1).scaleb(value.adjusted() - 3), ROUND_HALF_EVEN))
    return f"{text} {currency}"


def _cents(value: Decimal) -> str:
    whole, _, fraction = grouped(value).partition(".")
    return f"{whole}.{fraction:0<2}"


def percent(share: Decimal) -> str:
    """ "15%", "0.75%", "0.012%": two decimals, or two significant digits where those would be lost."""
    value = share * 100
    if not value:
        return "0%"
    places = 2 if abs(value) >= Decimal("0.1") else min(6, 1 - value.adjusted())
    return f"{grouped(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))}%"


def number(value: str | float | int | bool | Decimal) -> str:
    """A value out of somebody's explanation: numbers to six significant digits, texts as they are."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return str(value)
    return grouped(Decimal(f"{value:.{READ_DIGITS}g}"))


def duration(ms: int) -> str:
    """ "45 s", "12 min", "3 h" """
    for unit, size_ms in (("h", 3_600_000), ("min", 60_000)):
        if abs(ms) >= 2 * size_ms:
            return f"{ms / size_ms:.0f} {unit}"
    return f"{ms / 1000:.0f} s"
