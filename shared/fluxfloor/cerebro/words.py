"""Numbers as a person writes them: thousands in groups, no more digits than are read, never an exponent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.decisions import Reason
from fluxfloor.contracts.instruments import Instrument

CENT, MILLI = Decimal("0.01"), Decimal("0.001")
LIMITS = {
    Reason.REQUESTED_SIZE: "the size asked for",
    Reason.STRATEGY_BUDGET: "the strategy's budget",
    Reason.RISK_PER_TRADE: "the risk per trade",
    Reason.POSITION_CAP: "the position cap",
    Reason.EXPOSURE_CAP: "the exposure cap",
    Reason.MARGIN: "cash and margin",
    Reason.ACCOUNTS: "what the accounts can take",
    Reason.LIQUIDATION: "the distance to liquidation",
    Reason.LIQUIDITY: "what is traded and offered",
    Reason.PORTFOLIO_CVAR: "the portfolio's CVaR",
    Reason.CORRELATION: "correlation with what is open",
    Reason.VOLATILITY: "a spike of volatility",
    Reason.REGIME: "the trend against it",
    Reason.DRAWDOWN: "the drawdown",
}
"""What a person calls the limits that give a size."""
LEGS = "legs"  # the step of a waterfall that says what the other legs of a signal leave
ROUTE = "route"  # the step that says which accounts have which part of it
READ_DIGITS = 6  # significant digits of a quantity


def limit(name: str) -> str | None:
    """What a person calls a step that gives a size; None of one that does not."""
    if name in (LEGS, ROUTE):
        return {LEGS: "the other legs", ROUTE: "the smallest order of each account"}[name]
    return LIMITS.get(Reason(name))


def grouped(value: Decimal) -> str:
    """ "1234567.80" → "1,234,567.8" """
    whole, _, fraction = canonical(abs(value)).partition(".")
    sign = "−" if value < 0 else ""
    return f"{sign}{int(whole):,}{'.' + fraction if fraction else ''}"


def price(value: Decimal) -> str:
    """Exactly: prices stand on a grid, and are short already."""
    return grouped(value)


def from_float(value: float) -> Decimal:
    """Of a statistic: ten significant digits are more than it has."""
    return Decimal(f"{value:.10g}")


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
    """ "15%", "0.75%", "0.042%", "under 0.01%": two decimals, three for what they would round to next to nothing."""
    value = share * 100
    if not value:
        return "0%"
    if abs(value) < CENT:
        return "under 0.01%"
    places = CENT if abs(value) >= Decimal("0.1") else MILLI
    return f"{grouped(value.quantize(places, ROUND_HALF_EVEN))}%"


def told(name: str, value: str | float | int | bool) -> str:
    """A value out of somebody's explanation: "close 64,210", "comment “above the high”"."""
    if isinstance(value, str):
        return f"{name} “{value}”"
    if isinstance(value, bool):
        return f"{name} {'yes' if value else 'no'}"
    return f"{name} {grouped(Decimal(f'{value:.{READ_DIGITS}g}'))}"


def listed(parts: list[str]) -> str:
    """ "a, b and c" """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def moment(ts_ms: int) -> str:
    """ "2026-09-21 14:13:20 UTC" """
    return f"{datetime.fromtimestamp(ts_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(ms: int) -> str:
    """ "45 s", "12 min", "3 h" """
    for unit, size_ms in (("h", 3_600_000), ("min", 60_000)):
        if abs(ms) >= 2 * size_ms:
            return f"{ms / size_ms:.0f} {unit}"
    return f"{ms / 1000:.0f} s"
