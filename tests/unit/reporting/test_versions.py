"""What two versions differ in, and what the difference was worth."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.decisions import Decision, Reason, Verdict
from fluxfloor.contracts.orders import Purpose, Side
from fluxfloor.contracts.views import Answered, ShadowDecision
from fluxfloor.reporting.versions import Costs, Leaving, Outcome, compare, untraded

AT_MS, HOUR_MS = 1_790_000_000_000, 3_600_000
FREE = Costs(Decimal(0))


def answer(lots: int, version: str = "standard", reason: Reason = Reason.POSITION_CAP) -> Answered:
    if lots:
        return Answered(version=version, verdict=Verdict.ACCEPTED, reason=Reason.OK, lots=lots)
    return Answered(version=version, verdict=Verdict.REFUSED, reason=reason)


def row(active: int, shadow: int | None, side: Side = Side.BUY, **more: Any) -> ShadowDecision:
    """Of signal s1: the shadow's entry is at 100, of one unit a lot, with its stop at 95 (105 for a short)."""
    decision = Decision(
        decision_id="d1", signal_id="s1", portfolio_id="main", strategy_id="trend", sender_id="floor",
        instrument_id="kraken:BTC/USDT", verdict=Verdict.ACCEPTED, reason=Reason.OK, purpose=Purpose.ENTRY, side=side,
        lots=shadow or 0, quantity=Decimal(shadow or 0), price=Decimal(100), text="…", ts_event_ms=AT_MS,
    )  # fmt: skip
    given: dict[str, Any] = {
        "id": "d1", "portfolio_id": "main", "signal_id": "s1", "strategy_id": "trend",
        "instrument_id": "kraken:BTC/USDT", "active": answer(active),
        "shadow": None if shadow is None else answer(shadow, "other"), "decision": decision,
        "stop_price": Decimal(95) if side is Side.BUY else Decimal(105), "ts_event_ms": AT_MS,
    }  # fmt: skip
    return ShadowDecision(**{**given, **more})


def bar(index: int, opened: float, high: float, low: float, close: float) -> tuple[int, float, float, float, float]:
    return AT_MS + index * HOUR_MS, opened, high, low, close


# --- the comparison ----------------------------------------------------------------------------------------------


def test_a_traded_entry_is_worth_its_profit_scaled_by_its_lots() -> None:
    found = compare([row(4, 6)], {"s1": Decimal(-10)})
    (item,) = found.differences
    assert (item.basis, item.earned, item.would_have_earned) == ("trades", Decimal(-10), Decimal(-15))
    assert (found.gained, found.unvalued, found.kinds) == (Decimal(-5), 0, {"larger": 1})


def test_an_entry_that_the_other_version_refuses_would_have_earned_nothing() -> None:
    found = compare([row(4, 0)], {"s1": Decimal(-10)})
    assert (found.would_have_earned, found.gained, found.kinds) == (Decimal(0), Decimal(10), {"ok → position_cap": 1})


def test_agreement_is_no_difference_whatever_it_was_worth() -> None:
    found = compare([row(4, 4), row(0, 0)], {"s1": Decimal(99)})
    assert (found.decided, found.agreed, found.differed, found.differences) == (2, 2, 0, ())


def test_what_nothing_tells_the_worth_of_is_not_guessed() -> None:
    found = compare([row(4, 6, id="open"), row(0, 6, id="untraded"), row(4, None, id="failed", failed="oh")], {})
    assert (found.unvalued, found.failed, found.gained) == (3, 1, Decimal(0))
    assert [item.would_have_earned for item in found.differences] == [None, None, None]
    assert found.kinds == {"ok → failed": 1, "larger": 1, "position_cap → ok": 1}


def test_what_only_the_other_version_takes_is_asked_of_the_bars() -> None:
    found = compare([row(0, 6)], {}, lambda _: Outcome(Decimal(7), "out at its stop"))
    assert (found.gained, found.differences[0].basis, found.differences[0].note) == (
        Decimal(7),
        "bars",
        "out at its stop",
    )


# --- what nobody traded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bars", "exits", "price", "note"),
    [
        ([bar(0, 100, 103, 97, 102), bar(1, 102, 108, 101, 107)], [], 107, "still open at the period's last close"),
        ([bar(0, 100, 103, 97, 102), bar(1, 102, 102, 94, 107)], [], 95, "out at its stop"),
        ([bar(0, 100, 103, 97, 102), bar(1, 90, 111, 89, 110)], [], 90, "out at its stop"),
        ([bar(0, 100, 103, 97, 102), bar(1, 102, 111, 101, 104)], [], 110, "out at its take-profit"),
        ([bar(0, 100, 111, 94, 102)], [], 95, "out at its stop"),  # which came first within a bar is not known
        ([bar(0, 100, 103, 97, 102), bar(1, 102, 103, 80, 81)], [1], 101, "out at the strategy's next exit signal"),
        ([bar(0, 100, 103, 80, 102)], [2], 95, "out at its stop"),
    ],
)
def test_an_entry_leaves_at_the_first_of_stop_target_signal_and_last_close(
    bars: list[Any], exits: list[int], price: int, note: str
) -> None:
    told = [Leaving(AT_MS + hours * HOUR_MS + 2_000, Decimal(101), Decimal(102)) for hours in exits]
    found = untraded(row(0, 3, take_profit=Decimal(110)), told, bars, HOUR_MS, FREE)
    assert found == Outcome(Decimal(3 * (price - 100)), note)


def test_a_short_gains_as_prices_fall_and_is_bought_back_at_the_ask() -> None:
    short = row(0, 3, Side.SELL)
    told = [Leaving(AT_MS + HOUR_MS, Decimal(89), Decimal(90))]
    assert untraded(short, told, [bar(0, 100, 101, 88, 89)], HOUR_MS, FREE) == Outcome(
        Decimal(30), "out at the strategy's next exit signal"
    )
    stopped = untraded(short, [], [bar(0, 100, 106, 88, 89)], HOUR_MS, FREE)
    assert stopped == Outcome(Decimal(-15), "out at its stop")


def test_fee_and_slippage_are_paid_on_both_sides() -> None:
    found = untraded(row(0, 2), [], [bar(0, 100, 101, 99, 100)], HOUR_MS, Costs(Decimal("0.002"), Decimal("0.001")))
    assert found is not None
    assert found.profit == Decimal("-1.2")


def test_bars_before_the_entry_and_exits_before_it_do_not_count() -> None:
    early = [Leaving(AT_MS - 1, Decimal(1), Decimal(1))]
    bars = [bar(-1, 100, 100, 50, 60), bar(0, 100, 101, 99, 101)]
    found = untraded(row(0, 1), early, bars, HOUR_MS, FREE)
    assert found == Outcome(Decimal(1), "still open at the period's last close")
    assert untraded(row(0, 1), [], bars[:1], HOUR_MS, FREE) is None


def test_an_exit_is_no_entry() -> None:
    plain = row(0, 1)
    assert plain.decision is not None
    leaving = plain.model_copy(update={"decision": plain.decision.model_copy(update={"purpose": Purpose.EXIT})})
    assert untraded(leaving, [], [bar(0, 100, 101, 99, 101)], HOUR_MS, FREE) is None
