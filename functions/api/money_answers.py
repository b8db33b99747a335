"""What the API takes and answers of money: accounts, results, execution quality, payouts, capital, allocations."""

from __future__ import annotations

from typing import Annotated, Literal

from fluxfloor.contracts.base import Ident, Model, NonNegative, Number, UtcMs
from fluxfloor.contracts.books import Adjustment, TreatAs
from fluxfloor.contracts.capital import CapitalFlow, PayoutPaid, SenderPayout
from fluxfloor.contracts.results import Made
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import AccountView, EquityPoint
from fluxfloor.contracts.weights import AllocationVersion, StrategyDays
from fluxfloor.webapi.paging import Paged
from pydantic import Field

from functions.api.answers import Reason

# --- queries -----------------------------------------------------------------------------------------------------


class AccountQuery(Paged):
    """`account` may be left out while there is only one."""

    account: Ident | None = None


class PnlQuery(Model):
    """So many UTC days, up to that of `until_ms` or today. `account` may be left out while there is only one."""

    by: Literal["strategy", "sender", "tag"] = "strategy"
    account: Ident | None = None
    days: Annotated[int, Field(ge=1, le=366)] = 30
    until_ms: UtcMs | None = None


class QualityQuery(Model):
    by: Literal["strategy", "venue"] = "strategy"


# --- bodies ------------------------------------------------------------------------------------------------------


class AdjustmentChoice(Model):
    """The proposal to agree to, and what its amounts are: something made or lost, or money brought or taken."""

    adjustment_id: Ident
    treat_as: TreatAs
    reason: Reason


class PayoutReference(Model):
    """By which the payment can be found: a transaction, a bank's number."""

    reference: Annotated[str, Field(min_length=1, max_length=300)]


class FlowRequest(Model):
    """What a client brings (above zero) or takes (below), in the portfolio's currency."""

    client_id: Ident
    amount: Annotated[Number, Field(ge=-(10**15), le=10**15)]
    reference: Annotated[str, Field(min_length=1, max_length=300)]


# --- answers -----------------------------------------------------------------------------------------------------


class Accounts(Model):
    items: tuple[AccountView, ...]


class Equity(Model):
    items: tuple[EquityPoint, ...]
    next_cursor: str | None


class Trades(Model):
    items: tuple[TradeRow, ...]
    next_cursor: str | None


class Adjustments(Model):
    items: tuple[Adjustment, ...]
    next_cursor: str | None


class AdjustmentAgreed(Model):
    """On its way: it is booked if the venue still shows the same difference."""

    adjustment_id: str


class PnlDay(Model):
    day: str
    total: Made
    parts: dict[str, Made]


class PnlAnswer(Model):
    """What closed trades made, in the account's currency: in all, and on each day on which one closed, newest first."""

    account_id: str
    currency: str
    mode: str
    by: str
    total: Made
    parts: dict[str, Made]
    days: tuple[PnlDay, ...]


class Spread(Model):
    """Of one measure. Quantiles are right to 5 %."""

    count: int
    mean: float | None
    p50: float | None
    p95: float | None


class QualityRow(Model):
    """How the ended orders of one strategy at one venue, or of one venue, were carried out. Basis points above zero are
    cost; `rejects` are orders that ended without a fill, by reason."""

    venue: str
    strategy_id: str
    orders: int
    filled: int
    cost_bps: Spread
    fee_bps: Spread
    decided_ms: Spread
    sent_ms: Spread
    filled_ms: Spread
    rejects: dict[str, int]


class QualityAnswer(Model):
    by: str
    items: tuple[QualityRow, ...]


class PayoutRow(Model):
    payout: SenderPayout
    paid: PayoutPaid | None


class Payouts(Model):
    items: tuple[PayoutRow, ...]


class ClientRow(Model):
    client_id: str
    units: NonNegative
    paid_in: Number
    worth: Number
    made: Number  # what it is worth beyond what was paid in


class MonthRow(Model):
    """What a unit was worth as the month ended, and its returns over the month and the year up to then."""

    month: str
    nav: NonNegative | None
    month_return: Number | None
    year_return: Number | None


class Capital(Model):
    """`unattributed` is capital on the accounts that is no client's: it came before units, or is still to be entered
    (below zero: a client's entry whose money has not come yet)."""

    portfolio_id: str
    currency: str
    nav: Number
    units: NonNegative
    value: Number
    unattributed: Number
    as_of_ms: int
    clients: tuple[ClientRow, ...]
    months: tuple[MonthRow, ...]


class CapitalFlows(Model):
    items: tuple[CapitalFlow, ...]
    next_cursor: str | None


class FlowAsked(Model):
    """On its way: it stands among the flows, with its units or why it was refused, once reconciliation has taken it."""

    flow_id: str


class AllocationVersions(Model):
    items: tuple[AllocationVersion, ...]
    next_cursor: str | None


class StrategyHistories(Model):
    items: tuple[StrategyDays, ...]


class AllocationAsked(Model):
    """On its way. A study's answer stands in /v1/allocation-studies/{request_id}."""

    request_id: str


class HistoryTaken(Model):
    portfolio_id: str
    strategy_id: str
    days: int
