"""What the API takes and answers of trading: decisions, orders, positions, halts, limits, and what is at stake."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fluxfloor.contracts.base import Ident, Model, Positive
from fluxfloor.contracts.orders import ChangeKind
from fluxfloor.contracts.policy import Limits, Policy
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.views import DailyRisk, DecisionRow, OrderRow, PaperDay, PaperRecord, RiskRow
from fluxfloor.reporting.overview import HaltPanel
from fluxfloor.reporting.panels import DecisionPanel, PositionPanel
from fluxfloor.webapi.paging import Paged
from pydantic import Field, create_model

from functions.api.answers import Name, Reason

# --- queries -----------------------------------------------------------------------------------------------------


class DecisionsQuery(Paged):
    portfolio: Ident | None = None


class ShadowQuery(Model):
    """Of the newest decisions, so many."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 200


# --- bodies ------------------------------------------------------------------------------------------------------


class HaltRequest(Model):
    """The kill switch. `scope` is "floor" or a portfolio; `flatten` also closes what is open."""

    scope: Ident
    reason: Reason
    flatten: bool = False


class ResumeRequest(Model):
    """Why entries may go on: it stands in the audit log."""

    reason: Reason


class ExitRequest(Model):
    """Out of all that fits what is named, an instrument by its id or symbol; with nothing named, `all` is true."""

    portfolio: Ident | None = None
    strategy: Ident | None = None
    instrument: Ident | None = None
    all: bool = False
    reason: Reason


class OrderReason(Model):
    reason: Reason


class AmendRequest(OrderReason):
    """New terms of an order; what is left out stays. `quantity` is the whole of it, what has filled included."""

    quantity: Positive | None = None
    limit_price: Positive | None = None
    trigger_price: Positive | None = None


def _override(name: str) -> Any:
    field = Limits.model_fields[name]
    return Annotated[field.annotation, Field(), *field.metadata] | None, None


LimitOverrides: Any = create_model(
    "LimitOverrides",
    __base__=Model,
    __doc__="Limits that differ from the preset, by name.",
    **{name: _override(name) for name in Limits.model_fields},
)


class PolicyChange(Model):
    """The whole of a policy's limits: a preset and what differs from it. `version` is the one you have seen."""

    preset: Name
    limits: LimitOverrides = Field(default_factory=LimitOverrides)
    version: int = Field(ge=0, lt=2**53)


class VersionChoice(Model):
    """The version of a policy to put in force, by name. `version` is the number of the policy that you have seen."""

    name: Name
    version: int = Field(ge=0, lt=2**53)


class ShadowChoice(Model):
    """The version that decides beside the one in force, by name; null for none. `version` as above."""

    name: Name | None
    version: int = Field(ge=0, lt=2**53)


# --- answers -----------------------------------------------------------------------------------------------------


class DailyRisks(Model):
    """`now` is today's so far, as things stand; `items` those of the days before, newest first."""

    now: DailyRisk
    items: tuple[DailyRisk, ...]
    next_cursor: str | None


class PaperPeriod(Model):
    """The days on paper, newest first, and what they amount to under the settings."""

    record: PaperRecord
    items: tuple[PaperDay, ...]


class HeldPosition(PositionPanel):
    account_id: str
    portfolio_id: str
    currency: str


class Positions(Model):
    items: tuple[HeldPosition, ...]


class Decisions(Model):
    items: tuple[DecisionRow, ...]
    next_cursor: str | None


class DecisionAnswer(Model):
    """The decision as it was made, and as it reads."""

    decision: DecisionRow
    panel: DecisionPanel


class Orders(Model):
    items: tuple[OrderRow, ...]
    next_cursor: str | None


class Risks(Model):
    items: tuple[RiskRow, ...]
    next_cursor: str | None


class Policies(Model):
    items: tuple[Policy, ...]
    presets: dict[str, Limits]


class Halts(Model):
    items: tuple[HaltPanel, ...]


class Resumed(Model):
    """The halt that was lifted."""

    was: HaltPanel


class ExitAsked(Model):
    """Ask `/v1/why/{signal_id}` what came of it."""

    signal_id: str
    portfolio_id: str
    strategy_id: str
    instrument_id: str

    @classmethod
    def of(cls, signal: Signal) -> Self:
        return cls(
            signal_id=signal.signal_id, portfolio_id=signal.portfolio_id, strategy_id=signal.strategy_id,
            instrument_id=signal.leg.instrument_id,
        )  # fmt: skip


class Exiting(Model):
    """Exits on their way: each is decided and sent like any other."""

    items: tuple[ExitAsked, ...]


class ChangeAsked(Model):
    """On its way to execution, which decides on the order as it is by then."""

    change_id: str
    intent_id: str
    kind: ChangeKind
