"""What is traded: an instrument's rules, and the exact way between a venue's decimals and our ticks and lots."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import ClassVar

from fluxfloor.contracts.base import Document, Ident, Model, NonNegative, Positive, UtcMs


class Kind(StrEnum):
    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    EQUITY = "equity"


class Instrument(Model):
    """One market of one venue. Prices are integer multiples of tick_size, quantities of lot_size."""

    instrument_id: Ident  # "kraken:BTC/USDT"
    venue: Ident
    symbol: str  # as ccxt spells it: "BTC/USDT", "BTC/USDT:USDT" for a perpetual
    base: str
    quote: str
    kind: Kind = Kind.SPOT
    tick_size: Positive
    lot_size: Positive
    min_quantity: NonNegative = Decimal(0)
    min_notional: NonNegative = Decimal(0)
    taker_fee: NonNegative = Decimal("0.0026")  # a fraction of notional
    allows_short: bool = False
    margin_rate: Positive = Decimal(1)  # cash bound per unit of notional; 1 is unlevered
    maintenance_rate: NonNegative | None = None  # below it the venue liquidates; None: half of margin_rate

    @property
    def maintenance(self) -> Decimal:
        """Equity that a unit of notional needs to be left alone; nothing where it is paid in full."""
        if self.margin_rate >= 1:
            return Decimal(0)
        return self.margin_rate / 2 if self.maintenance_rate is None else self.maintenance_rate

    def price(self, ticks: int) -> Decimal:
        return ticks * self.tick_size

    def quantity(self, lots: int) -> Decimal:
        return lots * self.lot_size

    def notional(self, ticks: int, lots: int) -> Decimal:
        """Money in the quote currency, exact; the sign is that of `lots`."""
        return (ticks * lots) * (self.tick_size * self.lot_size)

    def ticks(self, price: Decimal) -> int:
        """The nearest tick (half to even)."""
        return int((price / self.tick_size).to_integral_value(ROUND_HALF_EVEN))

    def ticks_below(self, price: Decimal) -> int:
        return int((price / self.tick_size).to_integral_value(ROUND_FLOOR))

    def ticks_above(self, price: Decimal) -> int:
        return int((price / self.tick_size).to_integral_value(ROUND_CEILING))

    def lots(self, quantity: Decimal) -> int:
        """Whole lots, rounded toward zero: toward less exposure."""
        return int(quantity / self.lot_size)

    def min_lots(self, ticks: int) -> int:
        """The fewest lots the venue takes at this price, by quantity and by notional."""
        by_quantity = (self.min_quantity / self.lot_size).to_integral_value(ROUND_CEILING)
        unit = self.notional(ticks, 1)
        by_notional = (self.min_notional / unit).to_integral_value(ROUND_CEILING) if unit > 0 else Decimal(0)
        return max(1, int(by_quantity), int(by_notional))


class Quote(Model):
    """Best bid and ask at a time, with what is offered there in the base asset where the market says so."""

    instrument_id: Ident
    bid: Positive
    ask: Positive
    ts_event_ms: UtcMs
    bid_size: NonNegative | None = None
    ask_size: NonNegative | None = None

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2

    @property
    def half_spread(self) -> Decimal:
        """As a fraction of mid."""
        return (self.ask - self.bid) / (self.ask + self.bid)


class Candle(Model):
    """One closed bar. Floats: candles feed kernels, never the ledger."""

    instrument_id: Ident
    timeframe: str
    open_ms: UtcMs
    open: float
    high: float
    low: float
    close: float
    volume: float
    marks: tuple[str, ...] = ()  # what the quality gate noticed and let through: "gap", "jump", "zero_volume"


TIMEFRAME_MS = {"1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}


class InstrumentCatalog(Document):
    """All instruments of one venue, as its metadata says; the id is the venue. What orders are sized by."""

    collection: ClassVar[str] = "instrument_catalogs"
    owner: ClassVar[str] = "market"

    ts_event_ms: UtcMs
    instruments: tuple[Instrument, ...] = ()

    def find(self, instrument_id: str) -> Instrument | None:
        return next((item for item in self.instruments if item.instrument_id == instrument_id), None)


class ListedCatalog(InstrumentCatalog):
    """The same, for resolving symbols at the edge. A copy of its own, because whoever breaks into what faces the
    internet must not be able to change the ticks and lots that orders are sized by."""

    collection: ClassVar[str] = "instrument_listings"
    database: ClassVar[str] = "edge"


class QuoteState(Document):
    """The latest quote of one instrument; the id is the instrument."""

    collection: ClassVar[str] = "quotes"
    owner: ClassVar[str] = "market"
    witnesses: ClassVar[tuple[str, ...]] = ("cerebro",)

    quote: Quote
