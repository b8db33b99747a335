"""Each rule of the compiled loop, worked by hand on a few bars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import Limits
from fluxfloor.errors import Misconfigured
from fluxfloor.measures.records import Run
from fluxfloor.simulation import FREE, Costs, Settings, preset, spot, us_equity
from fluxfloor.simulation import backtest as play

from tests.support.told import Told

NAN = float("nan")
MINUTE = 60_000


def bars(*rows: tuple[float, float, float, float], volume: float = 1e9) -> np.ndarray:
    """Minutes of (open, high, low, close)."""
    return np.array([(at * MINUTE, *row, volume) for at, row in enumerate(rows)])


def flat(price: float) -> tuple[float, float, float, float]:
    return (price, price, price, price)


COIN = spot("BTC/USDT")
SHARE = us_equity("ACME")
BY_WEIGHT = Settings(opening=1_000.0, costs=FREE, weight=1.0, halts="off")


def one(table: np.ndarray, settings: Settings, rules: Instrument = COIN, **told: float) -> Run:
    return play(Told(**told), [table], [rules], replace(settings, currency=rules.quote))


def test_a_decision_on_a_close_fills_at_the_next_open() -> None:
    run = one(bars(flat(100), (104, 110, 103, 108), flat(120), (125, 126, 124, 125)), BY_WEIGHT, out=120.0)
    trades = run.trades
    assert (trades.entry_price[0], trades.exit_price[0]) == (104.0, 125.0)
    assert (trades.entry_ms[0], trades.exit_ms[0]) == (MINUTE, 3 * MINUTE)
    lots = int(1_000 / 104 * 1e8)
    assert trades.lots[0] == lots
    assert trades.profit[0] == pytest.approx(21.0 * lots * 1e-8, rel=1e-12)
    assert run.equity.tolist() == pytest.approx(
        [1_000, 1_000 + 4 * lots * 1e-8, 1_000 + 16 * lots * 1e-8, 1_000 + 21 * lots * 1e-8], rel=1e-12
    )
    assert run.positions[:, 0].tolist() == [0, lots, lots, 0]


def test_the_last_close_decides_nothing_and_what_is_open_stays_open() -> None:
    run = one(bars(flat(90), flat(90), flat(100)), BY_WEIGHT)
    assert run.positions.sum() == 0
    run = one(bars(flat(100), flat(101), flat(102)), BY_WEIGHT)
    assert len(run.trades) == 0
    assert run.equity[-1] == pytest.approx(1_000 / 101 * 102)


def test_the_market_is_taken_at_half_the_spread_and_slips_to_the_tick_beyond() -> None:
    """Half of 2 bps around 104.00 is 104.0104: an ask of 104.02 on the grid. 5 bps more are 104.07201, so 104.08.
    Around 125.00 the bid of 124.9875 is 124.98, and 5 bps less are 124.91751, so 124.91."""
    costs = Costs(half_spread=0.0001, slippage=0.0005, fee=0.0026)
    table = bars(flat(100), (104, 110, 103, 108), flat(120), flat(125))
    run = one(table, replace(BY_WEIGHT, costs=costs), out=120.0)
    assert (run.trades.entry_price[0], run.trades.exit_price[0]) == (104.08, 124.91)
    quantity = run.trades.quantity[0]
    assert quantity == int(1_000 / (104.08 * 1.0026) * 1e8) / 1e8
    assert run.trades.fees[0] == pytest.approx(0.0026 * (104.08 + 124.91) * quantity)
    assert run.cash[-1] == pytest.approx(1_000 + run.trades.profit[0])


def test_commission_may_be_paid_a_share_and_a_big_order_moves_the_price() -> None:
    """10,000 USD buy 96 shares at 104: more than a tenth of 500 traded, so 0.06 % instead of 0.01 %."""
    costs = Costs(half_spread=0.0, slippage=0.0001, impact=0.0005, fee=0.0, fee_per_unit=0.005)
    settings = replace(BY_WEIGHT, opening=10_000.0, costs=costs)
    table = bars(flat(100), flat(104), flat(120), flat(125), volume=500)
    run = one(table, settings, SHARE, out=120.0)
    assert run.trades.lots[0] == 96
    assert run.trades.entry_price[0] == 104.07, "104 × 1.0006 = 104.0624"
    assert run.trades.exit_price[0] == 124.92, "125 × 0.9994 = 124.925"
    assert run.trades.fees[0] == pytest.approx(96 * 0.005 * 2)
    quiet = one(bars(flat(100), flat(104), flat(120), flat(125), volume=5_000), settings, SHARE, out=120.0)
    assert quiet.trades.entry_price[0] == 104.02, "104 × 1.0001 = 104.0104"


STOPPED = {"stop": 95.0}


@pytest.mark.parametrize(
    ("third", "price"),
    [((99, 99, 94, 97), 95.0), ((93, 96, 92, 94), 93.0), ((99, 99, 95.01, 97), None)],
)
def test_a_resting_stop_fills_within_the_bar_or_at_the_open_beyond_it(third: Any, price: float | None) -> None:
    run = one(bars(flat(100), flat(100), third, flat(97)), replace(BY_WEIGHT, stops="resting", weight=None), **STOPPED)
    assert run.trades.exit_price.tolist() == ([] if price is None else [price])
    if price is not None:
        assert run.trades.exit_ms[0] == 2 * MINUTE
        assert run.trades.triggers[run.trades.left_on[0]] == "stop"


def test_a_trade_remembers_the_stop_of_its_entry_and_where_it_had_moved_by_its_exit() -> None:
    """A trail of 8 behind the best close of 110 puts the stop at 102."""
    table = bars(flat(100), flat(100), flat(110), flat(109), flat(101))
    run = one(table, replace(BY_LIMITS, stops="resting"), trail=8.0, **STOPPED)
    assert (run.trades.entry_stop[0], run.trades.exit_stop[0]) == (95.0, 102.0)
    assert run.trades.risk[0] == pytest.approx(5.0 * run.trades.quantity[0])


def test_without_a_stop_the_risk_is_not_known() -> None:
    run = one(bars(flat(100), flat(101), flat(120), flat(120)), BY_WEIGHT, out=120.0, stop=NAN)
    assert np.isnan([run.trades.entry_stop[0], run.trades.exit_stop[0], run.trades.risk[0]]).all()


BY_LIMITS = Settings(opening=1_000.0, costs=FREE, halts="off", edge_gate=False)


def test_a_stop_looked_after_at_the_close_leaves_at_the_next_open() -> None:
    run = one(bars(flat(100), flat(100), (99, 99, 94, 97), flat(96)), BY_LIMITS, **STOPPED)
    assert (run.trades.exit_price[0], run.trades.exit_ms[0]) == (96.0, 3 * MINUTE)


def test_a_take_profit_fills_at_its_price_and_a_stop_goes_before_it() -> None:
    settings = replace(BY_LIMITS, stops="resting")
    gained = one(bars(flat(100), flat(100), (101, 112, 101, 111)), settings, target=110.0, **STOPPED)
    assert gained.trades.exit_price[0] == 110.0
    assert gained.trades.triggers[gained.trades.left_on[0]] == "take_profit"
    both = one(bars(flat(100), flat(100), (101, 112, 94, 111)), settings, target=110.0, **STOPPED)
    assert both.trades.exit_price[0] == 95.0


def test_a_trailing_stop_follows_the_best_close_and_never_loosens() -> None:
    rows = bars(flat(100), flat(100), flat(110), flat(104), (103, 103, 101, 102), flat(101))
    run = one(rows, replace(BY_LIMITS, stops="resting"), trail=8.0, **STOPPED)
    assert run.trades.exit_price[0] == 102.0, "110 - 8"
    gap = one(
        bars(flat(100), flat(100), flat(110), flat(98)), replace(BY_LIMITS, stops="resting"), trail=8.0, **STOPPED
    )
    assert gap.trades.exit_price[0] == 98.0


def test_a_short_gains_as_the_price_falls_and_pays_for_what_it_borrows() -> None:
    costs = replace(FREE, borrow=0.365)
    settings = replace(BY_LIMITS, opening=100_000.0, costs=costs)
    day = 86_400_000
    table = bars(flat(100), flat(100), flat(90), flat(80))
    table[:, 0] = np.arange(4) * day
    run = one(table, settings, SHARE, side=-1, stop=110.0, out=90.0)
    lots = run.trades.lots[0]
    assert run.trades.side[0] == -1
    paid = lots * (100 + 90) * 0.365 / 365.25
    assert run.trades.fees[0] == pytest.approx(paid)
    assert run.cash[-1] == pytest.approx(100_000 + 20 * lots - paid)
    assert one(table, settings, COIN, side=-1, stop=110.0, out=90.0).settings["refused"] == {"short_not_allowed": 2}


def test_a_limit_waits_until_the_bar_trades_through_it_and_then_fills_there() -> None:
    rows = bars(flat(100), (100, 101, 98, 99), (99, 99, 97.9, 98), flat(99))
    waits = one(rows, replace(BY_LIMITS, limit_bars=2), limit=98.0)
    assert waits.positions[:, 0].tolist()[:2] == [0, 0], "a touch is not enough"
    assert waits.positions[2, 0] > 0
    assert waits.cash[2] == pytest.approx(1_000 - 98.0 * waits.positions[2, 0] * 1e-8)
    assert one(rows, BY_LIMITS, limit=98.0).positions.sum() == 0, "it was gone after one bar"
    better = one(bars(flat(100), flat(97), flat(99)), BY_LIMITS, limit=98.0)
    assert better.cash[1] == pytest.approx(1_000 - 97.0 * better.positions[1, 0] * 1e-8), "the open was better"


# --- sizes -------------------------------------------------------------------------------------------------------


ROOM = 101 + 101 * 0.0026 + 1  # what a unit at 100 takes of equity where it fills 1 % dearer: itself, its fee, the loss


def lots_of(settings: Settings, **told: float) -> float:
    run = one(bars(flat(100), flat(100), flat(100)), settings, **told)
    return float(run.positions[-1, 0] * 1e-8)


def limits(**more: Any) -> Settings:
    wide = {"position_cap": 1, "exposure_cap": 1, "margin_cap": 1, "risk_per_trade": 1, **more}
    return replace(BY_LIMITS, limits=Limits.model_validate(wide))


def test_the_smallest_limit_sets_the_size() -> None:
    assert lots_of(limits(risk_per_trade="0.02")) == 2.0, "20 over a stop 10 away"
    assert lots_of(limits(position_cap="0.15")) == 1.5
    assert lots_of(limits(exposure_cap="0.12")) == pytest.approx(1.2)
    assert lots_of(limits()) == int(1_000 / ROOM * 1e8) / 1e8
    assert lots_of(limits(position_cap="0.15"), size=0.7) == pytest.approx(1.05)
    assert lots_of(limits(position_cap="0.001")) == 0.0, "below the smallest order of 5"


def test_an_entry_that_cost_more_than_its_share_of_the_edge_is_refused() -> None:
    gated = replace(BY_LIMITS, edge_gate=True)
    told = {"at": 100.0, "expected_alpha": 0.05}
    moved = one(bars(flat(100), flat(101.3), flat(101)), gated, **told)
    assert moved.settings["refused"] == {"slippage": 1}, "1.3 % and 0.26 % of 5 % are more than 30 %"
    assert one(bars(flat(100), flat(101.2), flat(101)), gated, **told).positions[-1, 0] > 0


def test_a_stop_on_the_wrong_side_of_the_open_is_refused() -> None:
    run = one(bars(flat(100), flat(89), flat(89)), BY_LIMITS)
    assert run.settings["refused"] == {"stop_wrong_side": 1}


def test_several_symbols_share_the_cash_and_the_places() -> None:
    two = [bars(flat(100), flat(100), flat(100)), bars(flat(100), flat(100), flat(110))]
    coins = [COIN, spot("ETH/USDT")]
    run = play(Told(), two, coins, limits(position_cap="0.6"))
    assert run.symbols == ("BTC/USDT", "ETH/USDT")
    assert run.positions[-1].tolist()[0] == 6 * 10**8
    assert run.positions[-1, 1] == int((1_000 - 600) / ROOM * 1e8)
    assert run.equity[-1] == pytest.approx(1_000 + run.positions[-1, 1] * 1e-8 * 10)
    alone = play(Told(), two, coins, limits(position_cap="0.3", max_open_positions=1))
    assert alone.positions[-1].tolist() == [3 * 10**8, 0]
    assert alone.settings["refused"] == {"open_positions": 2}


def test_symbols_need_not_have_every_bar() -> None:
    first, second = bars(*[flat(99)] * 4), bars(*[flat(100)] * 4)[[1, 3]]
    run = play(Told(), [first, second], [COIN, spot("ETH/USDT")], BY_LIMITS)
    assert run.positions[:, 1].astype(bool).tolist() == [False, False, False, True]
    assert run.trades.entry_ms.size == 0


# --- what a loss does --------------------------------------------------------------------------------------------


def test_a_daily_loss_halts_until_the_next_day_or_for_good() -> None:
    """The first trade loses 2 % of the equity; the close of 100 comes again on that day, and on the next."""
    rows = [flat(100), flat(100), (98, 98, 97, 97), flat(100), flat(100), flat(100)]
    table = bars(*rows)
    table[:, 0] = np.array([0, 1, 2, 3, 24 * 60, 24 * 60 + 1]) * MINUTE
    told = {"stop": 97.5, "out": 0.0}
    for halts, entries in (("off", 3), ("day", 2), ("final", 1)):
        settings = replace(limits(daily_loss_halts="0.01"), stops="resting", halts=halts)
        run = one(table, settings, **told)
        held = np.flatnonzero(run.positions[:, 0])
        refused = run.settings["refused"].get("halted", 0)  # type: ignore[attr-defined]
        assert (halts, len(run.trades) + bool(held.size and held[-1] == 5)) == (halts, min(entries, 2)), refused
        assert bool(refused) is (halts != "off")


def test_a_drawdown_halves_and_then_flattens() -> None:
    rows = [flat(100), flat(100), flat(99), flat(94), flat(100), flat(100), flat(100)]
    settings = replace(limits(drawdown_halves="0.03", drawdown_flattens="0.05", daily_loss_halts="1"), halts="day")
    run = one(bars(*rows), settings, stop=10.0)
    assert run.trades.triggers[run.trades.left_on[0]] == "flatten"
    assert run.trades.exit_price[0] == 94.0
    assert run.settings["refused"] == {"halted": 2}


# --- what it will not take ---------------------------------------------------------------------------------------

GOOD = bars(flat(100), flat(100), flat(100))


@pytest.mark.parametrize(
    ("row", "column", "value", "complaint"),
    [
        (1, 4, NAN, "no number"),
        (1, 0, 0.0, "does not come after"),
        (2, 1, 99.0, "opens or closes outside"),
        (0, 3, 0.0, "not positive"),
        (0, 5, -1.0, "negative volume"),
        (2, 3, 101.0, "high below its low"),
    ],
)
def test_bars_that_are_no_markets_are_refused_by_row(row: int, column: int, value: float, complaint: str) -> None:
    table = GOOD.copy()
    table[row, column] = value
    with pytest.raises(Misconfigured, match=f"BTC/USDT: row {row} .*{complaint}"):
        one(table, BY_WEIGHT)


def test_other_nonsense_is_refused_in_words() -> None:
    with pytest.raises(Misconfigured, match="1 tables of bars for 2"):
        play(Told(), [GOOD], [COIN, SHARE], BY_WEIGHT)
    with pytest.raises(Misconfigured, match="paid in USD"):
        play(Told(), [GOOD], [SHARE], BY_WEIGHT)
    with pytest.raises(Misconfigured, match="at least two bars"):
        play(Told(), [GOOD[:1]], [COIN], BY_WEIGHT)
    with pytest.raises(Misconfigured, match=r"\(n, 6\)"):
        play(Told(), [GOOD[:, :5]], [COIN], BY_WEIGHT)
    with pytest.raises(Misconfigured, match=r"Costs\.fee"):
        Costs(fee=2.6)
    with pytest.raises(Misconfigured, match=r"Settings\.stops"):
        Settings(stops="never")  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match="kraken-mvp, us-equities"):
        preset("mars")
    assert preset("us-equities", limits={"position_cap": "0.5"}, costs={"slippage": 0.0}).costs.fee_per_unit == 0.005
