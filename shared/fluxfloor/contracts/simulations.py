"""What is asked of a simulation, and the record of one."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fluxfloor.contracts.base import Document, Ident, Model, NonNegative, Positive, UtcMs
from fluxfloor.contracts.instruments import Instrument

MAX_STRATEGIES = 8
Share = Annotated[Positive, Field(le=1)]
Bps = Annotated[NonNegative, Field(le=1_000)]
LatencyMs = Annotated[int, Field(ge=0, le=60_000)]
Text = Annotated[str, Field(max_length=64)]


class SimulatedStrategy(Model):
    """One plug-in with its parameters; `name` is what its trades are told by, the plug-in's own unless said."""

    plugin: Ident
    name: Ident | None = None
    params: Annotated[dict[Text, float], Field(max_length=64)] = Field(default_factory=dict)

    @property
    def strategy_id(self) -> str:
        return self.name or self.plugin


class SimulationSpec(Model):
    """Bars that opened in [from_ms, to_ms), and how the floor that they are played on is set up.

    Costs: `fee` a fraction of the notional, `slippage_bps` a side, `spread_bps` the whole modelled spread. Every order
    waits between the two latencies, drawn from `seed`. `participation` is the share of the last closed bar's volume
    that a quote offers on either side; None fills any size at once. `limits` go before those of the preset.
    """

    strategies: tuple[SimulatedStrategy, ...] = Field(min_length=1, max_length=MAX_STRATEGIES)
    instrument_id: Ident
    timeframe: Literal["1m", "5m", "15m", "1h", "4h", "1d"]
    from_ms: UtcMs
    to_ms: UtcMs
    deposit: Annotated[Positive, Field(le=Decimal("1e15"))] = Decimal(10_000)
    preset: Text = "kraken-mvp"
    limits: Annotated[dict[Text, float | None], Field(max_length=64)] = Field(default_factory=dict)
    fee: Annotated[NonNegative, Field(le=Decimal("0.5"))] = Decimal("0.0026")
    slippage_bps: Bps = Decimal(5)
    spread_bps: Bps = Decimal(2)
    latency_min_ms: LatencyMs = 50
    latency_max_ms: LatencyMs = 200
    participation: Share | None = None
    seed: int = Field(default=0, ge=0, lt=2**53)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [item.strategy_id for item in self.strategies]
        if len(set(names)) < len(names):
            raise ValueError("strategies: two have the same name; give each its own `name`")
        if self.latency_max_ms < self.latency_min_ms:
            raise ValueError("latency_max_ms must not be below latency_min_ms")
        if self.to_ms <= self.from_ms:
            raise ValueError("to_ms must be after from_ms")
        return self


class SimulationRecord(Document):
    """One simulation, and where its files are. `rules` are the instrument's at the time it was asked for, so that a
    repeat plays on the same."""

    collection: ClassVar[str] = "simulations"
    owner: ClassVar[str] = "simulation"

    spec: SimulationSpec
    rules: Instrument | None = None
    requested_by: str
    status: str  # "requested", "done", "failed"
    files: dict[str, str] = Field(default_factory=dict)
    summary: dict[str, str] = Field(default_factory=dict)
    failed: str = ""
    fix: str = ""
    ts_event_ms: UtcMs
