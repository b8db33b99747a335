"""How an intent is brought to the venue: in one placement, or in several that follow each other.

An intent under any plan has at most one live placement at a time: its next one begins only when the one before is at
a proved end. So whatever the plan, an intent can never take more than its lots.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from fluxfloor.contracts.base import Model, Number, UtcMs

MAX_SLICES = 200


class PlanStyle(StrEnum):
    ONCE = "once"  # one placement, as the intent says
    CHASE = "chase"  # re-priced at mid while it does not fill, under the 30 % rule
    TWAP = "twap"  # equal slices, equally far apart
    VWAP = "vwap"  # slices by `weights`, equally far apart
    ICEBERG = "iceberg"  # never more than `show_lots` on display
    PREPARED = "prepared"  # held back until it is released, and dropped if it is not


class Plan(Model):
    """Times are spans from the intent's acceptance unless they end in `_at_ms`."""

    style: PlanStyle = PlanStyle.ONCE
    patience_ms: Annotated[int, Field(gt=0, le=86_400_000)] = 60_000  # how long a placement may rest unfilled
    max_chases: Annotated[int, Field(ge=0, le=20)] = 3
    expected_alpha: Number | None = None  # what the 30 % rule measures a new price against; None: no chase
    reference_ticks: Annotated[int, Field(gt=0)] | None = None  # what the sender saw; None: mid at the decision
    slippage_share: Number = Decimal("0.30")  # of expected_alpha, the most that price, spread and fee may take
    over_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 0  # TWAP, VWAP
    slices: Annotated[int, Field(ge=1, le=MAX_SLICES)] = 1
    weights: Annotated[tuple[Number, ...], Field(max_length=MAX_SLICES)] = ()  # VWAP: each slice's share, in any unit
    show_lots: Annotated[int, Field(gt=0)] | None = None  # ICEBERG
    release_by_ms: UtcMs = 0  # PREPARED: dropped unless released before

    @model_validator(mode="after")
    def _whole(self) -> Plan:
        if self.style is PlanStyle.VWAP and (len(self.weights) != self.slices or sum(self.weights) <= 0):
            raise ValueError("vwap needs one weight a slice, and a sum above zero")
        if any(weight < 0 for weight in self.weights):
            raise ValueError("no weight may be negative")
        if self.style in (PlanStyle.TWAP, PlanStyle.VWAP) and not self.over_ms:
            raise ValueError(f"{self.style} needs over_ms")
        if self.style is PlanStyle.ICEBERG and self.show_lots is None:
            raise ValueError("iceberg needs show_lots")
        if self.style is PlanStyle.PREPARED and not self.release_by_ms:
            raise ValueError("prepared needs release_by_ms")
        return self
