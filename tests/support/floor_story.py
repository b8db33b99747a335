"""A floor's life as facts: months of equity, positions, decisions with waterfalls, orders, risks, a quarantine. All of
it made up, from one seed, and consistent enough to look at."""

from __future__ import annotations

import base64
import random
from decimal import Decimal
from typing import Any

from fluxfloor.contracts.decisions import Decision, Limit, Reason, Verdict
from fluxfloor.contracts.events import (
    AccountUpdated,
    DecisionMade,
    ExecutionReported,
    PositionView,
    RiskRaised,
    Severity,
)
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.journal import QUARANTINE
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, OrderState, Purpose, Side
from fluxfloor.contracts.state import BookPosition, Reservation, RiskBook
from fluxfloor.contracts.views import StageHealth
from fluxfloor.ports import Ref

from tests.support.api_floor import ApiFloor

HOUR_MS = 3_600_000
LOT = Decimal("0.00001")
BTC, ETH = "kraken:BTC/USDT", "kraken:ETH/USDT"


def d(value: float | str) -> Decimal:
    return Decimal(str(value))


def catalog(now_ms: int) -> InstrumentCatalog:
    instruments = tuple(
        Instrument(
            instrument_id=f"kraken:{symbol}", venue="kraken", symbol=symbol, base=symbol[:3], quote="USDT",
            tick_size=d("0.1"), lot_size=LOT,
        )
        for symbol in ("BTC/USDT", "ETH/USDT")
    )  # fmt: skip
    return InstrumentCatalog(id="kraken", ts_event_ms=now_ms, instruments=instruments)


def position(instrument: str, lots: int, average: str, mark: str) -> PositionView:
    quantity = lots * LOT
    return PositionView(
        instrument_id=instrument, lots=lots, quantity=quantity, average_price=d(average), mark_price=d(mark),
        unrealised=(quantity * (d(mark) - d(average))).quantize(d("0.01")), realised=d("148.20"),
    )  # fmt: skip


POSITIONS = (position(BTC, 2_250, "63120.4", "64418.7"), position(ETH, 41_000, "3402.15", "3371.8"))


def account(at_ms: int, equity: str, version: int, positions: tuple[PositionView, ...] = ()) -> AccountUpdated:
    return AccountUpdated(
        account_id="paper-main", portfolio_id="main", currency="USDT", cash=d(equity) - 1000, equity=d(equity),
        realised=d("812.4"), unrealised=sum((item.unrealised for item in positions), Decimal(0)), fees=d("96.31"),
        positions=positions, cause="mark", account_version=version, ts_event_ms=at_ms, deposits=d(10_000),
    )  # fmt: skip


def months(now_ms: int, hours: int = 24 * 120) -> list[AccountUpdated]:
    """A walk with a drawdown in it, every three hours."""
    chance, equity, updates = random.Random(7), 10_000.0, []
    for hour in range(0, hours, 3):
        phase = hour / hours
        drift = 1.1 if phase < 0.4 else -1.5 if phase < 0.55 else 1.9
        equity += drift + chance.gauss(0, 26)
        updates.append(account(now_ms - (hours - hour) * HOUR_MS, f"{equity:.2f}", len(updates) + 1))
    last = account(now_ms - 60_000, f"{equity + 31.4:.2f}", len(updates) + 1, POSITIONS)
    return [*updates, last]


def book(update: AccountUpdated) -> RiskBook:
    held = {
        ("trend", BTC): (2_250, "63120.4", "61890"),
        ("mean_reversion", ETH): (41_000, "3402.15", "3310.2"),
    }
    positions = {
        f"{strategy}|{instrument}": BookPosition(
            instrument_id=instrument, strategy_id=strategy, lots=lots, average_price=d(price), mark_price=d(price),
            stop_price=d(stop),
        )
        for (strategy, instrument), (lots, price, stop) in held.items()
    }  # fmt: skip
    reservation = Reservation(
        instrument_id=ETH, strategy_id="trend", purpose=Purpose.ENTRY, side=Side.BUY, lots=9_000,
        worst_price=d("3405.5"), notional=d("303.46"), ts_event_ms=update.ts_event_ms,
    )  # fmt: skip
    return RiskBook(
        id="main", account_id="paper-main", currency="USDT", cash=update.cash, equity=update.equity,
        day="2026-09-21", day_start_equity=update.equity - d("64.12"), high_water=update.equity + d("211.9"),
        positions=positions, reservations={"i-eth": reservation},
    )  # fmt: skip


# --- decisions and orders ----------------------------------------------------------------------------------------

WATERFALLS: dict[str, list[tuple[str, int | None, str]]] = {
    "risk_per_trade": [
        ("halted", None, "nothing is halted"), ("daily_loss", None, "0.41% lost today of 2.00%"),
        ("open_positions", None, "1 of 2 open"), ("requested_size", None, "the sender leaves the size to the floor"),
        ("risk_per_trade", 1_520, "1.00% of equity over a stop 1245.8 away"),
        ("drawdown", None, "drawdown 1.73%"), ("position_cap", 2_490, "15% of equity a position, 0.00 used"),
        ("exposure_cap", 4_310, "30% of equity in all, 451.80 used"), ("margin", 15_800, "8214.60 cash free"),
    ],
    "position_cap": [
        ("daily_loss", None, "0.00% lost today of 2.00%"), ("open_positions", None, "0 of 2 open"),
        ("requested_size", 60_000, "asked for 0.6 ETH"), ("risk_per_trade", 88_000, "1.00% over a stop 92.1 away"),
        ("position_cap", 41_000, "15% of equity a position, 0.00 used"), ("exposure_cap", 71_200, "30% in all"),
        ("margin", 240_000, "9120.00 cash free"),
    ],
    "open_positions": [
        ("daily_loss", None, "0.41% lost today of 2.00%"), ("open_positions", 0, "2 of 2 open"),
        ("requested_size", 12_000, "asked for 0.12 ETH"), ("risk_per_trade", 30_400, "1.00% over a stop 88.0 away"),
        ("position_cap", 12_900, "15% of equity a position"), ("margin", 98_000, "7120.00 cash free"),
    ],
    "slippage": [("stale_signal", None, "1.8 s old of 120 s"), ("slippage", 0, "36% of the expected edge is gone")],
}  # fmt: skip


def decision(number: int, at_ms: int, reason: str, instrument: str, strategy: str, text: str) -> Decision:
    """Accepted where the reason names a size limit, else refused."""
    accepted = reason in ("risk_per_trade", "position_cap", "exit")
    limits = tuple(
        Limit(name=name, allows_lots=lots, note=note, binding=name == reason, passed=name != reason or accepted)
        for name, lots, note in WATERFALLS.get(reason, [])
    )
    bound = next((limit.allows_lots for limit in limits if limit.binding), 0) or 0
    lots, price = (bound or 2_250, d("64210.5" if instrument == BTC else "3371.8")) if accepted else (0, None)
    return Decision(
        decision_id=digest("decision", number), signal_id=digest("signal", number), portfolio_id="main",
        strategy_id=strategy, sender_id="tradingview" if strategy == "alerts" else "floor", instrument_id=instrument,
        verdict=Verdict.ACCEPTED if accepted else Verdict.REFUSED, reason=Reason.OK if accepted else Reason(reason),
        purpose=Purpose.EXIT if reason == "exit" else Purpose.ENTRY if accepted else None,
        side=(Side.SELL if reason == "exit" else Side.BUY) if accepted else None, lots=lots,
        quantity=lots * LOT if lots else None, price=price, notional=lots * LOT * price if price else None,
        intent_ids=(digest("intent", number),) if accepted else (), waterfall=limits, text=text,
        expected_alpha=d("0.018"), slippage_share=d("0.094"), ts_event_ms=at_ms,
    )  # fmt: skip


DECISIONS = [
    ("risk_per_trade", BTC, "trend", "BUY 0.0152 BTC at about 64,210.5 USDT, because trend: ma_20 crossed ma_100; "
     "stop 62964.7; limited by risk_per_trade"),
    ("open_positions", ETH, "alerts", "REFUSED ENTRY LONG ETH/USDT (open_positions): 2 of 2 positions are open"),
    ("position_cap", ETH, "mean_reversion", "BUY 0.41 ETH at about 3,371.8 USDT, because mean_reversion: z −2.31; "
     "limited by position_cap"),
    ("exit", BTC, "breakout", "SELL 0.0225 BTC at about 64,210.5 USDT, because breakout: close fell below its low"),
    ("slippage", BTC, "alerts", "REFUSED ENTRY LONG BTC/USDT (slippage): the quote moved 0.54% since the signal"),
    ("no_edge", ETH, "alerts", "REFUSED ENTRY LONG ETH/USDT (no_edge): expected alpha is 0"),
]  # fmt: skip


def decisions(now_ms: int, count: int = 24) -> list[DecisionMade]:
    made = []
    for number in range(count):
        reason, instrument, strategy, text = DECISIONS[number % len(DECISIONS)]
        at_ms = now_ms - number * 47 * 60_000 - number * 1_713
        made.append(DecisionMade(decision=decision(number, at_ms, reason, instrument, strategy, text)))
    return made


def intent_of(made: Decision) -> OrderIntent:
    return OrderIntent(
        intent_id=made.intent_ids[0], signal_id=made.signal_id, portfolio_id="main", account_id="paper-main",
        strategy_id=made.strategy_id, sender_id=made.sender_id, instrument_id=made.instrument_id,
        purpose=made.purpose or Purpose.ENTRY, side=made.side or Side.BUY, lots=made.lots, arrival_ticks=642_105,
        requested_ms=made.ts_event_ms + 40,
    )  # fmt: skip


def report(made: Decision, state: OrderState, filled: int, after_ms: int = 180, reason: str = "") -> ExecutionReported:
    intent, at_ms = intent_of(made), made.ts_event_ms + after_ms
    fills = (
        (
            Fill(
                trade_id=digest("fill", intent.intent_id, filled, size=6), price=made.price or d(1),
                quantity=filled * LOT, fee=d("0.52"), fee_currency="USDT", ts_event_ms=at_ms,
            ),
        )
        if filled
        else ()
    )  # fmt: skip
    return ExecutionReported(
        report=OrderReport(
            intent=intent, state=state, attempt=1, client_order_id=digest("order", intent.intent_id), reason=reason,
            filled_lots=filled, average_price=made.price if filled else d(0), new_fills=fills, ts_event_ms=at_ms,
        )
    )  # fmt: skip


def orders(made: list[DecisionMade]) -> list[ExecutionReported]:
    accepted = [item.decision for item in made if item.decision.verdict is Verdict.ACCEPTED]
    ends = [
        (OrderState.PARTIALLY_FILLED, 0.45, ""), (OrderState.FILLED, 1, ""), (OrderState.FILLED, 1, ""),
        (OrderState.UNKNOWN, 0, "no answer within 5 s, being looked up"), (OrderState.FILLED, 1, ""),
        (OrderState.REJECTED, 0, "EOrder:Insufficient funds"), (OrderState.CANCELLED, 0, "expired at the venue"),
    ]  # fmt: skip
    return [
        report(item, state, int(item.lots * share), reason=reason)
        for item, (state, share, reason) in zip(accepted, ends * 10, strict=False)
    ]


# --- the rest ----------------------------------------------------------------------------------------------------


def risks(now_ms: int) -> list[RiskRaised]:
    told = [
        ("data_gap", "kraken:ETH/USDT", Severity.WARNING, "3 candles of 15m are missing, rebuilt from trades"),
        ("stage_delayed", "execution", Severity.WARNING, "execution is delayed: 2 due, the oldest for 41 s"),
        ("books_mismatch", "paper-main", Severity.CRITICAL, "0.00002 BTC more at the venue than in the books"),
        ("policy_changed", "main", Severity.INFO, "admin changed the limits of main"),
    ]
    return [
        RiskRaised(kind=kind, scope=scope, severity=severity, message=text, ts_event_ms=now_ms - (n + 1) * 1_900_000)
        for n, (kind, scope, severity, text) in enumerate(told)
    ]


def health(now_ms: int) -> list[StageHealth]:
    status = {"execution": "delayed", "exports": "idle", "alerts": "offline", "api": "idle", "simulation": "idle"}
    names = [
        "ingestion",
        "market",
        "features",
        "cerebro",
        "execution",
        "reconciliation",
        "dashboard",
        "api",
        "exports",
        "simulation",
        "alerts",
    ]
    return [
        StageHealth(
            id=name, status=status.get(name, "ok"), due={"execution": 2, "alerts": 7}.get(name, 0),
            last_step_ms=now_ms - 31_000, oldest_due_ms=now_ms - 41_000 if name in ("execution", "alerts") else 0,
            ts_event_ms=now_ms,
        )
        for name in names
    ]  # fmt: skip


def quarantined(stage: str, event_type: str, error: str, at_ms: int, data: bytes = b"{}") -> tuple[Ref, dict[str, Any]]:
    quarantine_id = f"{stage}:{digest(stage, error, at_ms)}"
    record = {
        "id": quarantine_id, "stage": stage, "state": "held", "at_ms": at_ms, "reason": "poison", "error": error,
        "trace": "", "data": base64.b64encode(data).decode(),
        "attributes": {"type": event_type, "event_id": quarantine_id.partition(":")[2]},
    }  # fmt: skip
    return Ref(QUARANTINE, quarantine_id), record


def fill_floor(house: ApiFloor) -> None:
    now_ms = house.clock.now_ms()
    updates, made = months(now_ms), decisions(now_ms)
    house.put(catalog(now_ms), book(updates[-1]), *health(now_ms))
    house.tell(*updates, *made, *orders(made), *risks(now_ms))
    house.store(
        *quarantined(
            "features",
            "signals.received.v1",
            "not a signals.received.v1: 1 validation error for "
            "SignalReceived signal.legs.0.instrument_id Field required",
            now_ms - 5_400_000,
        )
    )
    house.store(*quarantined("reconciliation", "executions.reported.v1", "no reader for event type "
                             "'executions.reported.v2'", now_ms - 9_400_000))  # fmt: skip
