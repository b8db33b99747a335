"""What a trading decision is made of, in small: instruments, a policy, a book, signals, orders and their fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fluxfloor.cerebro.decide import Decided
from fluxfloor.cerebro.decide import decide as cerebro_decide
from fluxfloor.cerebro.knowledge import NOTHING_KNOWN, Knowledge
from fluxfloor.contracts.decisions import Limit
from fluxfloor.contracts.events import AccountUpdated, PositionView, SignalScored
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, OrderState, Purpose, Side
from fluxfloor.contracts.policy import PRESETS, Halt, Limits, Policy
from fluxfloor.contracts.signals import Action, Direction, Leg, OrderType, Signal, Size, SizeKind
from fluxfloor.contracts.state import BookPosition, Reservation, RiskBook

AT_MS = 1_790_000_000_000  # 2026-09-21 14:13:20 UTC
DAY_MS = 86_400_000
BTC = Instrument(
    instrument_id="kraken:BTC/USDT", venue="kraken", symbol="BTC/USDT", base="BTC", quote="USDT",
    tick_size=Decimal("0.1"), lot_size=Decimal("0.0001"), min_quantity=Decimal("0.0001"), min_notional=Decimal(5),
)  # fmt: skip
ETH = BTC.model_copy(
    update={"instrument_id": "kraken:ETH/USDT", "symbol": "ETH/USDT", "base": "ETH", "lot_size": Decimal("0.001")}
)
PERP = BTC.model_copy(update={"instrument_id": "kraken:BTC/USDT:USDT", "symbol": "BTC/USDT:USDT", "allows_short": True})
STOCK = Instrument(
    instrument_id="paper:XYZ/USD", venue="paper", symbol="XYZ/USD", base="XYZ", quote="USD",
    tick_size=Decimal("0.01"), lot_size=Decimal(1), taker_fee=Decimal("0.0005"),
)  # fmt: skip
RULES = {item.instrument_id: item for item in (BTC, ETH, PERP, STOCK)}


def d(value: str | float) -> Decimal:
    return Decimal(str(value))


# --- signals -----------------------------------------------------------------------------------------------------


def signal(
    action: Action = Action.ENTRY, direction: Direction = Direction.LONG, size: Size | None = None,
    rules: Instrument = BTC, name: str = "s1", **more: Any,
) -> Signal:  # fmt: skip
    """Of strategy "trend", now, expecting 5 %, with a stop 2 % away. Leg's fields may stand among `more`."""
    leg = {key: more.pop(key) for key in list(more) if key in Leg.model_fields}
    if action is Action.ENTRY or action is Action.TARGET:
        leg.setdefault("stop_loss", d("49000") if direction is Direction.LONG else d("51000"))
    given: dict[str, Any] = {
        "signal_id": name, "sender_id": "floor", "strategy_id": "trend", "portfolio_id": "main", "format": "test",
        "action": action, "ts_event_ms": AT_MS, "ts_received_ms": AT_MS, "expected_alpha": d("0.05"),
        "legs": (Leg(instrument_id=rules.instrument_id, direction=direction, size=size, **leg),),
    }  # fmt: skip
    return Signal(**{**given, **more})


def quantity(value: str | float) -> Size:
    return Size(kind=SizeKind.QUANTITY, value=d(value))


def fraction(value: str | float) -> Size:
    return Size(kind=SizeKind.FRACTION, value=d(value))


def quote(bid: str | float = 49995, ask: str | float = 50005, rules: Instrument = BTC, at_ms: int = AT_MS) -> Quote:
    return Quote(instrument_id=rules.instrument_id, bid=d(bid), ask=d(ask), ts_event_ms=at_ms)


# --- the book ----------------------------------------------------------------------------------------------------


def policy(preset: str = "kraken-mvp", **limits: Any) -> Policy:
    changed = Limits.model_validate({**PRESETS[preset].model_dump(), **limits})
    return Policy(id="main", preset=preset, account_id="paper-main", currency="USDT", limits=changed)


def book(cash: str | float = 10_000, equity: str | float | None = None, **more: Any) -> RiskBook:
    """Of one portfolio with so much cash and nothing else; equity is cash unless said."""
    worth = d(cash if equity is None else equity)
    given: dict[str, Any] = {
        "id": "main", "account_id": "paper-main", "currency": "USDT", "cash": d(cash), "equity": worth,
        "deposits": worth, "day": "2026-09-21", "day_start_equity": worth, "high_water": worth, "account_version": 1,
    }  # fmt: skip
    return RiskBook(**{**given, **more})


def held(lots: int, price: str | float = 50_000, rules: Instrument = BTC, strategy: str = "trend") -> dict[str, Any]:
    """For `book(positions=...)`."""
    position = BookPosition(
        instrument_id=rules.instrument_id, strategy_id=strategy, lots=lots, average_price=d(price), mark_price=d(price)
    )
    return {f"{strategy}|{rules.instrument_id}": position}


def reserved(
    lots: int, purpose: Purpose = Purpose.ENTRY, side: Side = Side.BUY, rules: Instrument = BTC,
    strategy: str = "trend", name: str = "on-its-way", price: str | float = 50_000, **more: Any,
) -> dict[str, Reservation]:  # fmt: skip
    """For `book(reservations=...)`."""
    return {
        name: Reservation(
            instrument_id=rules.instrument_id, strategy_id=strategy, purpose=purpose, side=side, lots=lots,
            worst_price=d(price), notional=lots * rules.lot_size * d(price), ts_event_ms=AT_MS, **more,
        )
    }  # fmt: skip


# --- deciding ----------------------------------------------------------------------------------------------------


def decide(
    wish: Signal, on: RiskBook | None = None, under: Policy | None = None, at: Quote | None = None,
    halts: tuple[Halt | None, ...] = (), now_ms: int = AT_MS, no_quote: bool = False, style: str = "",
    knowledge: Knowledge = NOTHING_KNOWN, **scored: Any,
) -> Decided:  # fmt: skip
    """By default on a fresh book of 10,000 under kraken-mvp, with a quote of now around 50,000."""
    rules = RULES[wish.leg.instrument_id]
    seen = None if no_quote else at or quote(rules=rules)
    fact = SignalScored(signal=wish, quote=seen, **scored)
    return cerebro_decide(fact, on or book(), under or policy(), halts, RULES, now_ms, style, knowledge=knowledge)


def limit(decided: Decided, name: str) -> Limit:
    (found,) = [step for step in decided.decision.waterfall if step.name == name]
    return found


def bound(decided: Decided) -> str:
    (found,) = [step.name for step in decided.decision.waterfall if step.binding]
    return found


# --- orders ------------------------------------------------------------------------------------------------------


def intent(
    name: str = "i1", side: Side = Side.BUY, lots: int = 10, purpose: Purpose | None = None, rules: Instrument = BTC,
    strategy: str = "trend", **more: Any,
) -> OrderIntent:  # fmt: skip
    given: dict[str, Any] = {
        "intent_id": name, "signal_id": f"sig-{name}", "portfolio_id": "main", "account_id": "paper-main",
        "strategy_id": strategy, "sender_id": "floor", "instrument_id": rules.instrument_id,
        "purpose": purpose or (Purpose.ENTRY if side is Side.BUY else Purpose.EXIT), "side": side, "lots": lots,
        "order_type": OrderType.MARKET, "arrival_ticks": 500_000, "requested_ms": AT_MS,
    }  # fmt: skip
    return OrderIntent(**{**given, **more})


def fill(
    trade_id: str = "t1", lots: int = 10, price: str | float = 50_000, fee: str | float = 0, rules: Instrument = BTC,
    at_ms: int = AT_MS, currency: str | None = None,
) -> Fill:  # fmt: skip
    return Fill(
        trade_id=trade_id, price=d(price), quantity=rules.quantity(lots), fee=d(fee),
        fee_currency=currency or rules.quote, ts_event_ms=at_ms,
    )  # fmt: skip


def report(
    order: OrderIntent, state: OrderState, *fills: Fill, filled: int | None = None, rules: Instrument = BTC
) -> OrderReport:
    """`filled`: all lots so far; by default those of this report."""
    lots = sum(rules.lots(item.quantity) for item in fills) if filled is None else filled
    return OrderReport(
        intent=order, state=state, attempt=1, client_order_id=f"c-{order.intent_id}", new_fills=fills,
        filled_lots=lots, ts_event_ms=AT_MS,
    )  # fmt: skip


def account_update(
    equity: str | float, version: int = 2, at_ms: int = AT_MS, deposits: str | float = 10_000, cause: str = "mark",
    marks: dict[str, str] | None = None, cash: str | float | None = None,
) -> AccountUpdated:  # fmt: skip
    views = tuple(
        PositionView(
            instrument_id=name, lots=1, quantity=d(1), average_price=d(price), mark_price=d(price), unrealised=d(0),
            realised=d(0),
        )
        for name, price in (marks or {}).items()
    )  # fmt: skip
    return AccountUpdated(
        account_id="paper-main", portfolio_id="main", currency="USDT", cash=d(equity if cash is None else cash),
        equity=d(equity), realised=d(0), unrealised=d(0), fees=d(0), deposits=d(deposits), positions=views,
        cause=cause, account_version=version, ts_event_ms=at_ms,
    )  # fmt: skip
