"""What one sizing decision is made of beside its signal, for asking what Cerebro would do."""

from __future__ import annotations

from pydantic import Field

from fluxfloor.contracts.base import Model, UtcMs
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.recent import RecentTrading
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.weights import Allocation, InstrumentDays


class SizingCase(Model):
    """`instruments`: the rules of the signal's and of everything in the book. `now_ms`: by default, when the signal was
    received. Without `days` the portfolio's CVaR and correlations are not known, without `allocation` no budget is,
    without `recent` no protection that looks back has anything to say."""

    book: RiskBook
    policy: Policy
    instruments: tuple[Instrument, ...] = Field(min_length=1)
    halts: tuple[Halt, ...] = ()
    days: tuple[InstrumentDays, ...] = ()
    allocation: Allocation | None = None
    recent: RecentTrading | None = None
    now_ms: UtcMs | None = None
    style: str = ""
