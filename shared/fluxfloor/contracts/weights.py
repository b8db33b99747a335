"""What is known of strategies and instruments from day to day, and the weights that capital is shared by.

Returns, shares and margins are statistics, so they are floats; money made of them is rounded to lots by Cerebro.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from fluxfloor.contracts.allocation import AllocationPolicy
from fluxfloor.contracts.base import Document, Ident, Model, Number, UtcMs

MAX_DAYS = 1_260  # five years of trading days, and well inside the store's largest document


class StrategyDays(Document):
    """One strategy's days, oldest first; the id is "<portfolio>|<strategy>".

    `days` counts from 1970-01-01 and rises strictly; a day that is not there is not known. `returns` are fractions of
    the capital that the strategy had at the day's start (its weight of the equity, all of it where there are no
    weights), net of fees; `margin` is what it had in use at the day's end, a fraction of the same capital; `equity` is
    the account's equity then, in its currency.
    """

    collection: ClassVar[str] = "strategy_days"
    owner: ClassVar[str] = "allocation"

    portfolio_id: Ident
    strategy_id: Ident
    days: tuple[int, ...] = ()
    returns: tuple[float, ...] = ()
    margin: tuple[float, ...] = ()
    equity: tuple[float, ...] = ()
    own_since: int | None = None  # the first day that came from the floor's own fills; those before were uploaded
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
    gap: float | None  # to the optimum, certified; none where nothing certifies it
    binding: tuple[str, ...] = ()
    probation: tuple[Ident, ...] = ()  # strategies with too little history, on the probation weight
    inputs_digest: str  # of everything it was computed from
    policy_digest: str = ""  # of the policy alone
    cause: str  # "first", "policy", "schedule", "equity", "drawdown", "asked"
    risk_budget: float = 1.0  # what of the policy's CVaR limit the drawdown left
    equity: float
    ts_event_ms: UtcMs


class Allocation(Document):
    """The weights in force; the id is the portfolio. Without one, a portfolio's strategies share no budget."""

    collection: ClassVar[str] = "allocations"
    owner: ClassVar[str] = "allocation"

    active: Shares
    checked_ms: UtcMs = 0  # when it was last worked out whether other weights are worth their turnover
    checked_equity: float = 0.0
    notes: dict[str, str] = Field(default_factory=dict)  # by strategy: why its weight is what it is


class AllocationVersion(Document):
    """Every version ever in force, never changed; the id is "<portfolio>|<number>"."""

    collection: ClassVar[str] = "allocation_versions"
    owner: ClassVar[str] = "allocation"

    portfolio_id: Ident
    number: int
    shares: Shares


# --- what if -----------------------------------------------------------------------------------------------------


class UploadedDays(Model):
    """A strategy's history from elsewhere, oldest first. Margin used and account equity in one currency, both or none:
    without them the strategy is said to use no margin."""

    days: Annotated[tuple[Annotated[int, Field(ge=0, lt=100_000)], ...], Field(min_length=1, max_length=MAX_DAYS)]
    returns: Annotated[tuple[Annotated[float, Field(gt=-1, lt=100)], ...], Field(min_length=1, max_length=MAX_DAYS)]
    margin: tuple[Annotated[float, Field(ge=0)], ...] = ()
    equity: tuple[Annotated[float, Field(gt=0)], ...] = ()

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        if len(self.returns) != len(self.days) or any(a >= b for a, b in pairwise(self.days)):
            raise ValueError("days must rise, each with one return")
        for name, column in (("margin", self.margin), ("equity", self.equity)):
            if len(column) not in (0, len(self.days)):
                raise ValueError(f"{name} must have a value for each day, or be left out")
        if bool(self.margin) != bool(self.equity):
            raise ValueError("margin is told against equity: give both for each day, or neither")
        return self


class Study(Model):
    """What if: another policy, strategies that are not there yet, days that have not happened. Touches nothing."""

    policy: AllocationPolicy | None = None
    strategies: dict[Ident, UploadedDays] = Field(default_factory=dict)
    shock: dict[Ident, Annotated[float, Field(gt=-1, lt=10)]] = Field(default_factory=dict)  # a day's return of each
    shock_days: Annotated[int, Field(ge=1, le=60)] = 1  # how many such days the shock lasts


class Figures(Model):
    """What weights come to on the days that they are judged by: the mean of the days as they were, CVaR (loss positive)
    and the deepest fall from a peak, fractions of equity. Strategies without enough history count as cash."""

    weights: dict[Ident, float]
    expected_return: float
    cvar: float
    max_drawdown: float


class AllocationStudy(Document):
    """A study and its answer; the id is the request's. `today` are the weights in force, `then` those of the study,
    both judged on the study's days."""

    collection: ClassVar[str] = "allocation_studies"
    owner: ClassVar[str] = "allocation"

    portfolio_id: Ident
    requested_by: Ident
    study: Study
    status: str
    message: str = ""
    today: Figures | None = None
    then: Figures | None = None
    difference: dict[Ident, float] = Field(default_factory=dict)  # of weights, then less today
    ts_event_ms: UtcMs
