"""A market's rules and the outside book that orders meet there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Market:
    """Rules as `contracts.Instrument` has them; fees are fractions of notional.

    There are `levels` levels, `step` apart, each as large as the first: what a large order walks.
    """

    symbol: str  # "BTC/USDT"
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    maker_fee: Decimal = Decimal("0.0016")
    taker_fee: Decimal = Decimal("0.0026")
    levels: int = 10
    step: Decimal = ZERO  # zero: one tick

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2]

    @classmethod
    def of(cls, instrument: Instrument, maker_fee: Decimal | None = None) -> Market:
        return cls(
            symbol=instrument.symbol,
            tick=instrument.tick_size,
            lot=instrument.lot_size,
            min_quantity=instrument.min_quantity,
            min_notional=instrument.min_notional,
            maker_fee=instrument.taker_fee if maker_fee is None else maker_fee,
            taker_fee=instrument.taker_fee,
        )


@dataclass(frozen=True, slots=True)
class Quote:
    """The outside market at a moment. A size of None has no end; `last`, which stops go by, is by default the middle,
    rounded down to a tick."""

    bid: Decimal
    ask: Decimal
    ts_ms: int
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    last: Decimal | None = None

    def last_of(self, market: Market) -> Decimal:
        return down_to((self.bid + self.ask) / 2, market.tick) if self.last is None else self.last


def down_to(value: Decimal, unit: Decimal) -> Decimal:
    return (value / unit).to_integral_value(ROUND_DOWN) * unit


def levels(market: Market, quote: Quote, side: Side) -> Iterator[tuple[Decimal, Decimal | None]]:
    """(price, size) that an order of `side` meets, best first; a size of None has no end."""
    price, size = (quote.ask, quote.ask_size) if side is Side.BUY else (quote.bid, quote.bid_size)
    step = (market.step or market.tick) * side.sign
    for _ in range(1 if size is None else market.levels):
        if price <= 0:
            return
        yield price, size
        price += step


def take(
    market: Market, quote: Quote, side: Side, quantity: Decimal, taken: Decimal, worst: Decimal | None = None
) -> list[tuple[Decimal, Decimal]]:
    """(price, quantity) that `quantity` gets, up to the price `worst`, where `taken` of this quote is gone already."""
    got: list[tuple[Decimal, Decimal]] = []
    for price, size in levels(market, quote, side):
        if worst is not None and (price - worst) * side.sign > 0:
            break
        part = quantity if size is None else min(quantity, max(ZERO, size - taken))
        taken = ZERO if size is None else max(ZERO, taken - size)
        if part > 0:
            got.append((price, part))
            quantity -= part
        if quantity <= 0:
            break
    return got


def affordable(market: Market, quote: Quote, side: Side, money: Decimal, taken: Decimal) -> Decimal:
    """How much `money` in the quote currency trades at once, fee not counted, in whole lots."""
    quantity = ZERO
    for price, size in levels(market, quote, side):
        here = money / price if size is None else min(money / price, max(ZERO, size - taken))
        taken = ZERO if size is None else max(ZERO, taken - size)
        quantity += here
        money -= here * price
        if money <= 0:
            break
    return down_to(quantity, market.lot)
