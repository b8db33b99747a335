"""One entry as the limits look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from functools import cached_property

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.knowledge import NOTHING_KNOWN, Knowledge
from fluxfloor.cerebro.prices import Prices
from fluxfloor.cerebro.stakes import Stake, stake_of
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import Limits
from fluxfloor.contracts.signals import Size
from fluxfloor.contracts.state import RiskBook

ONE, ZERO = Decimal(1), Decimal(0)


@dataclass(frozen=True)
class Entry:
    """What the limits look at. `reverts`: is the strategy one of mean reversion? Prices in ticks of `rules`."""

    strategy_id: str
    reverts: bool
    long: bool
    book: RiskBook
    limits: Limits
    rules: Instrument
    instruments: dict[str, Instrument]
    prices: Prices
    stop_ticks: int
    requested: Size | None
    size_factor: Decimal = ONE
    knowledge: Knowledge = NOTHING_KNOWN
    features: Mapping[str, float] = field(default_factory=dict)
    offered: Decimal | None = None  # at the touch that it would take, in the base asset
    outside: bool = False  # from an outside sender: what the market is like, its size can't know
    why_less: str = ""  # the signal's own word for its size_factor
    now_ms: int = 0
    accounts: tuple[str, ...] = ()  # that it may go to; none where there is nothing to choose
    chased: bool = False  # re-priced while it does not fill

    @property
    def price(self) -> Decimal:
        """The dearest it is expected to fill at: what exposure is measured with."""
        return self.rules.price(self.prices.high)

    @property
    def worst(self) -> Decimal:
        """The dearest that it may fill at."""
        held = self.prices.limit is not None and not self.chased
        return self.price if held else self.price * (ONE + books.WORST_MOVE)

    @property
    def distance(self) -> Decimal:
        """What a unit loses between the farther end of the entry and the stop."""
        worst = self.prices.high if self.long else self.prices.low
        return self.rules.price(abs(worst - self.stop_ticks))

    @property
    def fewest(self) -> int:
        """Lots that the venue takes wherever it may fill, and at its stop too: what could not leave there stays out. A
        stop beyond a third of the price away counts as one there: it is a stop in name, and its rest is dust."""
        low = self.prices.low
        return self.rules.min_lots(max(min(low, self.stop_ticks), 2 * low // 3, 1))

    @cached_property
    def stake(self) -> Stake | None:
        """What the tail is made of; None where nobody's days are known."""
        return stake_of(self)

    def lots_for(self, money: Decimal, per_unit: Decimal) -> int:
        """How many whole lots `money` covers at `per_unit` of quote currency a unit; never negative."""
        if money <= 0 or per_unit <= 0:
            return 0
        return int((money / (per_unit * self.rules.lot_size)).to_integral_value(ROUND_FLOOR))

    @property
    def slot(self) -> str:
        return books.position_key(self.strategy_id, self.rules.instrument_id)

    @cached_property
    def sides(self) -> dict[str, tuple[Decimal, Decimal]]:
        """By slot, the notional that is long and that is short."""
        return books.sides(self.book, self.instruments)

    @cached_property
    def others(self) -> dict[str, Decimal]:
        """Signed notional by instrument of all that is open or on its way, as the book will be after this entry."""
        return books.net_by_instrument(self.sides, self.slot, self.long)

    def money(self, amount: Decimal) -> str:
        return words.money(amount, self.book.currency)
