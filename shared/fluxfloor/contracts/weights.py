"""What is known of strategies and instruments from day to day, and the weights that capital is shared by.

Returns, shares and margins are statistics, so they are floats; money made of them is rounded to lots by Cerebro.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Document, Ident, Model, Number, UtcMs

MAX_DAYS = 1_260  # five years of trading days, and well inside the store's largest document


class StrategyDays(Document):
    """One strategy's days, oldest first; the id is "<portfolio>|<strategy>".

    `days` counts from 1970-01-01 and rises strictly; a day that is not there is not known. `returns` are fractions of
    the capital that the strategy had at the day's start (its weight of the equity, all of it where there are no
    weights), net of fees; `margin` is what it had in use and `equity` the account's equity, both at the day's end.
    """

    collection: ClassVar[str] = "strategy_days"
    owner: ClassVar[str] = "allocation"

    portfolio_id: Ident
    strategy_id: Ident
    days: tuple[int, ...] = ()
    returns: tuple[float, ...] = ()
    margin: tuple[float, ...] = ()
    equity: tuple[float, ...] = ()
    source: str = "floor"  # "floor": from its own fills; "uploaded": its older days came from a file
    account_equity: Number = Decimal(0)  # when the last day was closed
    capital: Number = Decimal(0)  # what it has since then
    open_profit: Number = Decimal(0)  # of what was open then
    counted: tuple[str, ...] = ()  # trades of the last days that are in here already: a late one counts once
    closed_ms: UtcMs = 0


class InstrumentDays(Document):
    """One instrument's daily returns (UTC days, close to close, fractions), oldest first; the id is the instrument."""

    collection: ClassVar[str] = "instrument_days"
    owner: ClassVar[str] = "allocation"

    days: tuple[int, ...] = ()
    returns: tuple[float, ...] = ()


class Shares(Model):
    """One version of a portfolio's weights and what it was made of. A weight is the fraction of equity that a strategy
    may have at work."""

    number: int
    weights: dict[Ident, float]
    objective: str
    status: str  # what the solver says of it; "optimal" for a certified one
    expected_return: float  # per day, after shrinkage and haircuts
    cvar: float  # per day, loss positive
    gap: float
    binding: tuple[str, ...] = ()
    probation: tuple[Ident, ...] = ()  # strategies with too little history, on the probation weight
    inputs_digest: str  # of everything it was computed from
    cause: str  # "schedule", "equity", "policy", "asked"
    equity: float
    ts_event_ms: UtcMs


class Allocation(Document):
    """The weights in force; the id is the portfolio. Without one, a portfolio's strategies share no budget."""

    collection: ClassVar[str] = "allocations"
    owner: ClassVar[str] = "allocation"

    active: Shares
    checked_ms: UtcMs = 0  # when it was last looked at whether new weights are worth their turnover
    notes: dict[str, str] = Field(default_factory=dict)  # by strategy: why its weight is what it is


class AllocationVersion(Document):
    """Every version ever in force, never changed; the id is "<portfolio>|<number>"."""

    collection: ClassVar[str] = "allocation_versions"
    owner: ClassVar[str] = "allocation"

    portfolio_id: Ident
    shares: Shares
