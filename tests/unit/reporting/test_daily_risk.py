"""What is at stake at the end of a day, on figures that can be followed by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import BookPosition
from fluxfloor.contracts.views import AccountView, RiskRow
from fluxfloor.reporting import daily_risk
from fluxfloor.reporting.daily_risk import Seen
from hypothesis import given
from hypothesis import strategies as st

from tests.support.desk import AT_MS, BTC, ETH, book, d, intent

SIZES = {BTC.instrument_id: BTC.lot_size, ETH.instrument_id: ETH.lot_size}


def position(strategy: str, rules: Any, lots: int, entry: Any, mark: Any, stop: Any = None) -> dict[str, BookPosition]:
    made = BookPosition(
        instrument_id=rules.instrument_id, strategy_id=strategy, lots=lots, average_price=d(entry), mark_price=d(mark),
        stop_price=None if stop is None else d(stop),
    )  # fmt: skip
    return {f"{strategy}|{rules.instrument_id}": made}


def view(**more: Any) -> AccountView:
    zero = Decimal(0)
    given: dict[str, Any] = {
        "id": "paper-main", "portfolio_id": "main", "currency": "USDT", "cash": zero, "equity": d(10_000),
        "realised": zero, "unrealised": zero, "fees": zero, "deposits": zero, "account_version": 1,
        "ts_event_ms": AT_MS,
    }  # fmt: skip
    return AccountView(**{**given, **more})


def seen(positions: dict[str, BookPosition], **more: Any) -> Seen:
    return Seen(
        views=(view(**more.pop("view", {})),), books={"main": book(positions=positions)}, lot_sizes=SIZES, **more
    )  # fmt: skip


HELD = {
    **position("trend", BTC, 200, 50_000, 51_000, 49_500),  # 0.02 BTC
    **position("revert", ETH, -100, 3_000, 2_900, 2_950),  # -0.1 ETH, its stop below the entry: profit is locked in
    **position("bare", ETH, 50, 3_000, 2_900),  # 0.05 ETH
}


def test_what_stops_cost_the_largest_position_and_what_has_no_stop() -> None:
    made = daily_risk.report("2026-09-21", "paper", seen(HELD, profits={"paper-main": d(-12)}), AT_MS)
    (item,) = made.portfolios
    assert item.deployed == d("0.02") * 1_500 + d("0.1") * 50  # 30 + 5
    assert item.loss_at_stops == d("0.02") * 500 - d("0.1") * 50  # 10 - 5
    assert item.exposure == d(1_020) + d(290) + d(145)
    assert item.largest is not None
    assert (item.largest.strategy_id, item.largest.notional) == ("trend", d(1_020))
    assert item.unprotected == (f"bare|{ETH.instrument_id}",)
    assert (item.profit, item.equity) == (d(-12), d(10_000))


def test_a_stop_kept_at_the_venue_is_one_only_while_its_order_is_there() -> None:
    guards = frozenset({f"paper-main|trend|{BTC.instrument_id}"})
    made = daily_risk.report(
        "d", "live", seen(HELD, guards=guards, at_venue=frozenset({"paper-main"})), AT_MS
    )  # fmt: skip
    assert made.portfolios[0].unprotected == (f"revert|{ETH.instrument_id}", f"bare|{ETH.instrument_id}")


def test_it_reads_as_a_person_wants_to_know_it() -> None:
    order = Order(id="i", intent=intent("i"), state=OrderState.OPEN, client_order_id="c")
    risks = [
        RiskRow(id=str(n), kind=kind, scope="main", severity=severity, message="m", ts_event_ms=AT_MS)
        for n, (kind, severity) in enumerate([("halted", "critical"), ("gap", "warning"), ("daily_risk", "info")])
    ]
    halt = Halt(id="main", reason="r", raised_by="b", ts_event_ms=AT_MS)
    all_seen = seen(
        HELD, orders=[order], risks=risks, unacknowledged=1, halts=[halt], profits={"paper-main": d("25.5")},
        view={"margin_used": d(500), "margin_free": d(9_000)},
    )  # fmt: skip
    text = daily_risk.words(daily_risk.report("d", "live", all_seen, AT_MS), ("Live entries wait.",))
    assert text.splitlines() == [
        "main: +25.50 USDT on the day, equity 10,000.00 USDT",
        "  35.00 USDT at risk to the stops (0.4% of equity); if all are hit the trades lose 5.00 USDT",
        "  exposure 1,455.00 USDT (14.6% of equity), 3 positions, 1 open orders",
        "  largest: kraken:BTC/USDT of trend, 1,020.00 USDT (10.2% of equity)",
        "  margin 500.00 USDT in use, 9,000.00 USDT free",
        "  NO STOP: bare kraken:ETH/USDT",
        "told of: 1 critical, 1 warning; 1 alarms not acknowledged",
        "halted: main",
        "Live entries wait.",
    ]


def test_a_floor_that_holds_nothing_has_nothing_at_stake() -> None:
    made = daily_risk.report("d", "paper", Seen(views=(view(),)), AT_MS)
    (item,) = made.portfolios
    assert (item.deployed, item.exposure, item.largest, item.unprotected) == (0, 0, None, ())


@given(
    lots=st.integers(-10_000, 10_000).filter(bool), entry=st.integers(1, 10**6), mark=st.integers(1, 10**6),
    stop=st.integers(1, 10**6),
)  # fmt: skip
def test_from_the_mark_a_stop_never_costs_less_than_nothing_and_both_figures_agree(
    lots: int, entry: int, mark: int, stop: int
) -> None:
    made = daily_risk.report("d", "paper", seen(position("s", BTC, lots, entry, mark, stop)), AT_MS)
    (item,) = made.portfolios[0].held
    assert item.at_risk is not None
    assert item.loss_at_stop is not None
    open_profit = item.quantity * (item.mark_price - item.average_price)
    assert item.at_risk >= 0
    assert item.at_risk == max(Decimal(0), item.loss_at_stop + open_profit)
