"""What reconciliation keeps beside the ledger: differences a person has to agree to, and money between our accounts."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Document, Ident, Model, Number, UtcMs


class TreatAs(StrEnum):
    """What an adjustment is to the account: something it made or lost, or money that somebody brought or took."""

    RESULT = "result"
    CAPITAL = "capital"


class AdjustmentState(StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"  # a person has agreed; booked once the venue still says the same
    BOOKED = "booked"
    WITHDRAWN = "withdrawn"  # the difference went away, or became another one


class Adjustment(Document):
    """A difference that no fill and no transfer explains, with its evidence; the id is a hash of what differs.

    `differences` is venue minus ours. Booked only where the venue still shows exactly this.
    """

    collection: ClassVar[str] = "adjustments"
    owner: ClassVar[str] = "reconciliation"

    account_id: Ident
    portfolio_id: Ident
    differences: dict[str, Number]
    ours: dict[str, Number]  # balances of these currencies as our books had them
    venues: dict[str, Number]  # and as the venue showed them
    value: Number | None = None  # of all of it in the account's currency, where it can be told
    compared_since_ms: UtcMs  # fills and transfers were asked for from here on
    agreed_ms: UtcMs  # when both last agreed
    seen_ms: UtcMs
    state: AdjustmentState = AdjustmentState.PROPOSED
    treat_as: TreatAs = TreatAs.RESULT
    decided_by: str = ""  # a person, or "settings"
    reason: str = ""
    decided_ms: UtcMs = 0


class Flow(Model):
    """Capital that came to an account or left it, while its other end is looked for."""

    account_id: Ident
    transfer_id: str
    currency: str
    amount: Number  # signed, the fee taken out
    ts_event_ms: UtcMs
    reference: str = ""


class OpenFlows(Document):
    """Flows of the last days whose other end is none of our accounts so far; the id is "floor"."""

    collection: ClassVar[str] = "open_flows"
    owner: ClassVar[str] = "reconciliation"

    flows: tuple[Flow, ...] = ()


class CashMove(Document):
    """One move of money between two of our accounts: a withdrawal here, a deposit there. It is nobody's capital."""

    collection: ClassVar[str] = "cash_moves"
    owner: ClassVar[str] = "reconciliation"

    sent: Flow
    received: Flow
    fee: Number = Field(ge=0)  # what was lost on the way, in the same currency


class Stray(Model):
    """An order at the venue that our books can't explain."""

    since_ms: UtcMs
    told: bool = False
