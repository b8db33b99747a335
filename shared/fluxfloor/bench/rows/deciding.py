"""One sizing decision in process: every limit, the portfolio's CVaR among them, on a book of twenty positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from fluxfloor.bench.row import Aim, Arrays, Row
from fluxfloor.cerebro.decide import decide
from fluxfloor.cerebro.knowledge import Knowledge, fewest_days
from fluxfloor.cerebro.scenarios import aligned
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.policy import PRESETS, Policy
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal
from fluxfloor.contracts.state import BookPosition, RiskBook
from fluxfloor.contracts.weights import InstrumentDays

POSITIONS, DAYS = 20, 1_000
NOW_MS = 1_790_000_000_000
EQUITY = Decimal(100_000)
RULES = tuple(
    Instrument(
        instrument_id=f"kraken:C{at}/USDT", venue="kraken", symbol=f"C{at}/USDT", base=f"C{at}", quote="USDT",
        tick_size=Decimal("0.1"), lot_size=Decimal("0.0001"), min_notional=Decimal(5),
    )
    for at in range(POSITIONS + 1)
)  # fmt: skip


def days() -> Arrays:
    """Fat-tailed days that move together by about 0.3."""
    random = np.random.default_rng(11)
    common, own = random.standard_t(4, DAYS), random.standard_t(4, (len(RULES), DAYS))
    return {"returns": 0.02 * (0.3**0.5 * common + 0.7**0.5 * own)}


def prepared(given: Arrays) -> Any:
    return _signal(), _book(), _policy(), {item.instrument_id: item for item in RULES}, _known(given["returns"])


def _signal() -> SignalScored:
    leg = Leg(instrument_id=RULES[0].instrument_id, direction=Direction.LONG, stop_loss=Decimal(49_000))
    signal = Signal(
        signal_id="asked", sender_id="floor", strategy_id="trend", portfolio_id="main", format="strategy",
        action=Action.ENTRY, legs=(leg,), ts_event_ms=NOW_MS, ts_received_ms=NOW_MS, expected_alpha=Decimal("0.05"),
    )  # fmt: skip
    seen = Quote(instrument_id=leg.instrument_id, bid=Decimal(49_995), ask=Decimal(50_005), ts_event_ms=NOW_MS)
    return SignalScored(signal=signal, quote=seen)


def _book() -> RiskBook:
    price = Decimal(50_000)
    held = {
        f"s{at}|{item.instrument_id}": BookPosition(
            instrument_id=item.instrument_id, strategy_id=f"s{at}", lots=200 + at, average_price=price, mark_price=price
        )
        for at, item in enumerate(RULES[1:])
    }
    return RiskBook(
        id="main", account_id="paper-main", currency="USDT", cash=EQUITY * Decimal("0.8"), equity=EQUITY,
        day="2026-09-21", day_start_equity=EQUITY, high_water=EQUITY, positions=held,
    )  # fmt: skip


def _policy() -> Policy:
    changed = {"max_open_positions": 50, "exposure_cap": Decimal(1)}
    limits = PRESETS["kraken-mvp"].model_copy(update=changed)
    return Policy(id="main", preset="kraken-mvp", account_id="paper-main", currency="USDT", limits=limits)


def _known(returns: np.ndarray[Any, Any]) -> Knowledge:
    span = tuple(range(19_000, 19_000 + DAYS))
    kept = {
        item.instrument_id: InstrumentDays(id=item.instrument_id, days=span, returns=tuple(returns[at].tolist()))
        for at, item in enumerate(RULES)
    }
    return Knowledge(scenarios=aligned(kept, RULES[0].instrument_id, fewest_days(0.975)))


def ours(given: Any) -> Any:
    scored, book, policy, rules, known = given
    decided = decide(scored, book, policy, (), rules, NOW_MS, knowledge=known).decision
    return np.array([decided.lots, decided.tail.after if decided.tail else np.nan])


ROWS = (
    Row(
        name="sizing-decision",
        work=f"one sizing decision, {POSITIONS} open positions, {DAYS:,} tail scenarios, in process",
        prepare=days,
        prepared=prepared,
        ours=ours,
        aims=(Aim("ours_ms", 1.0),),
        note="exact decimals, pydantic models and sentences; the tail itself about a tenth",
    ),
)
