"""What senders are due: a rate of net profit above a high-water mark, per calendar month (UTC).

Invariants: what was due over any months adds up to the rate of the highest total ever reached at a month's end, while
the rate stays; a loss is first made good; closing a month again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from fluxfloor.contracts.capital import PayoutBook, PayoutPart, SenderPayout
from fluxfloor.contracts.money import EXACT, exact, rounded
from fluxfloor.contracts.results import OTHERS, Pnl

ZERO = Decimal(0)
NOT_PAID = frozenset({"floor", "external", OTHERS})  # no sender stands behind these
KEPT_MONTHS = 120


def month_of(at_ms: int) -> str:
    """As 2026-11."""
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m}"


def month_before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02}"


def month_after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1}-01" if number == 12 else f"{year}-{number + 1:02}"


def start_ms(month: str) -> int:
    return int(datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC).timestamp()) * 1_000


def last_day(month: str) -> str:
    """As 2026-11-30."""
    return f"{datetime.fromtimestamp(start_ms(month_after(month)) // 1_000 - 1, UTC):%Y-%m-%d}"


def days_since(month: str, today: str) -> list[str]:
    """Every day from the first of the month to today."""
    first, last = date(int(month[:4]), int(month[5:]), 1), date.fromisoformat(today)
    return [date.fromordinal(number).isoformat() for number in range(first.toordinal(), last.toordinal() + 1)]


@exact
def totals(whole: Iterable[Pnl], later: Iterable[Pnl]) -> dict[str, dict[str, Decimal]]:
    """Sender -> currency -> net profit of all time, without the days `later`."""
    found: dict[str, dict[str, Decimal]] = {}
    for sign, parts in ((1, whole), (-1, later)):
        for pnl in parts:
            for sender, made in pnl.sender.items():
                if sender not in NOT_PAID:
                    sums = found.setdefault(sender, {})
                    sums[pnl.currency] = sums.get(pnl.currency, ZERO) + sign * made.profit
    return found


def payout_id(sender_id: str, month: str) -> str:
    return f"{sender_id}|{month}"


def closed(
    book: PayoutBook, month: str, total: Mapping[str, Decimal], rate: Decimal, mode: str
) -> tuple[PayoutBook, SenderPayout] | None:
    """The month's payout, and the marks after it; None where this month or a later one is closed, and before the
    sender's first trade. A month that nobody closed is in the next one's."""
    if (book.months and book.months[-1] >= month) or not (book.months or any(total.values())):
        return None
    currencies = sorted(total.keys() | book.total.keys())
    parts = {name: _part(book, name, total.get(name, ZERO), rate) for name in currencies}
    after = book.model_copy(
        update={
            "high_water": {name: max(part.high_water, part.total) for name, part in parts.items()},
            "total": {name: part.total for name, part in parts.items()},
            "months": (*book.months, month)[-KEPT_MONTHS:],
        }
    )
    payout = SenderPayout(
        id=payout_id(book.id, month), sender_id=book.id, month=month, mode=mode, parts=parts,
        due_ms=start_ms(month_after(month)),
    )  # fmt: skip
    return after, payout


def _part(book: PayoutBook, currency: str, total: Decimal, rate: Decimal) -> PayoutPart:
    high_water = book.high_water.get(currency, ZERO)
    above = max(ZERO, EXACT.subtract(total, high_water))
    return PayoutPart(
        profit=EXACT.subtract(total, book.total.get(currency, ZERO)), total=total, high_water=high_water, rate=rate,
        due=rounded(EXACT.multiply(above, rate)),
    )  # fmt: skip
