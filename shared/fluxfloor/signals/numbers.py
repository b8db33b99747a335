"""Numbers and times as senders spell them: exact, bounded, or refused with what was wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final

from fluxfloor.contracts.base import MAX_EXPONENT
from fluxfloor.signals.parse import MAX_LITERAL, MAX_MAGNITUDE, Json
from fluxfloor.signals.refusals import Refused

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_SMALLEST = Decimal(1).scaleb(-MAX_EXPONENT)
_OLDEST_S: Final = 946_684_800  # 2000-01-01: before that a time is a mistake, not a signal
_NEWEST_S: Final = 4_102_444_800  # 2100-01-01
_TIME_FIX = "Send UTC as 2026-01-31T12:00:00Z ({{timenow}} is filled in so), or as Unix seconds or milliseconds."


def number_of(value: Json, field: str) -> Decimal:
    """An exact number out of a JSON number or a text. Tails beyond 18 decimals (a float's noise) are rounded off."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _not_a_number(value, field)
    return fitted(value if isinstance(value, Decimal) else _exact(value, field), field)


def _exact(value: int | str, field: str) -> Decimal:
    text = str(value).strip()
    if len(text) > MAX_LITERAL or not _NUMBER.fullmatch(text):
        raise _not_a_number(value, field)
    return Decimal(text)


def percent(value: Decimal, field: str) -> Decimal:
    """A number of percent as a fraction."""
    return fitted(value / 100, field)


def fitted(value: Decimal, field: str) -> Decimal:
    """Within what a contract's Number takes. Raises Refused when it is too large, or too small to be told from 0."""
    if value.is_zero():
        return Decimal(0)
    if not -MAX_MAGNITUDE <= value.adjusted() < MAX_EXPONENT:
        raise _out_of_range(field)
    if value >= _SMALLEST or value <= -_SMALLEST:
        with localcontext(prec=3 * MAX_MAGNITUDE):
            rounded = value.quantize(_SMALLEST, ROUND_HALF_EVEN) if _decimals(value) > MAX_EXPONENT else value
        if rounded.adjusted() < MAX_EXPONENT:
            return rounded
    raise _out_of_range(field)


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _out_of_range(field: str) -> Refused:
    return Refused(
        "invalid_field",
        f"{field} is out of range.",
        field=field,
        fix=f"Send a number with at most {MAX_EXPONENT} digits on either side of the point.",
    )


def _not_a_number(value: Json, field: str) -> Refused:
    fix = "Send a plain number such as 0.25, with a point and no thousands separators."
    shown = repr(value[:40]) if isinstance(value, str) else "What stands there"
    if isinstance(value, str) and value.strip().lower().lstrip("+-") in ("nan", "inf", "infinity", "na"):
        fix = "The script had no value (na) when the alert fired; leave the field out or guard it in the script."
    return Refused("not_a_number", f"{shown} is not a number.", field=field, fix=fix)


def time_of(value: Json, field: str) -> int:
    """A UTC time in milliseconds. Text without an offset is UTC, as TradingView writes it."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        seconds = _iso_seconds(value.strip(), field)
    else:
        seconds = _unix_seconds(number_of(value, field))
    if not _OLDEST_S <= seconds < _NEWEST_S:
        raise Refused("invalid_field", f"{field} is no time between 2000 and 2100.", field=field, fix=_TIME_FIX)
    return int(seconds * 1000)


def _unix_seconds(value: Decimal) -> Decimal:
    """Seconds, milliseconds, microseconds or nanoseconds: between 2000 and 2100 their sizes never overlap."""
    for power in (0, 3, 6, 9):
        seconds = value.scaleb(-power)
        if seconds < _NEWEST_S:
            return seconds
    return value


def _iso_seconds(text: str, field: str) -> Decimal:
    try:
        moment = datetime.fromisoformat(text[:64])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return Decimal(str(moment.timestamp()))
    except (ValueError, OverflowError, OSError):
        raise Refused("invalid_field", f"{text[:40]!r} is not a time.", field=field, fix=_TIME_FIX) from None
