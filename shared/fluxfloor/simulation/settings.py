"""What a backtest costs and is allowed: frozen, checked when it is made, and with the presets people start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from fluxfloor.contracts.instruments import Instrument, Kind
from fluxfloor.contracts.policy import PRESETS as LIMITS
from fluxfloor.contracts.policy import Limits
from fluxfloor.errors import Misconfigured
from fluxfloor.features.noise import NoiseFilter
from fluxfloor.kernels.desk import HALT_A_DAY, HALT_FOR_GOOD, NO_HALT
from fluxfloor.kernels.orders import Rules, Terms


def _within(settings: object, name: str, low: float, high: float) -> None:
    value = getattr(settings, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        owner = type(settings).__name__
        raise Misconfigured(f"{owner}.{name} is {value!r}; it must be a number from {low:g} to {high:g}")


HALTS = {"off": NO_HALT, "day": HALT_A_DAY, "final": HALT_FOR_GOOD}
CHOICES = {
    "stops": ("close", "resting", "off"), "halts": tuple(HALTS), "noise": ("off", "on", "breakout"),
    "noise_spread": ("costs", "estimate"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Costs:
    """Fractions of the price or the notional, unless said otherwise.

    half_spread: of the modelled quote around the open. slippage: a side, at the market. impact: more of it, for an
    order above impact_above of the bar's volume. fee: of the notional. fee_per_unit: in money, a share or coin.
    borrow: a year, on the notional of a short, where the instrument may be sold short.
    """

    half_spread: float = 0.0001
    slippage: float = 0.0005
    impact: float = 0.0
    impact_above: float = 0.10
    fee: float = 0.0026
    fee_per_unit: float = 0.0
    borrow: float = 0.0

    def __post_init__(self) -> None:
        for name in ("half_spread", "slippage", "impact", "fee"):
            _within(self, name, 0.0, 0.5)
        _within(self, "impact_above", 0.0, 1e9)
        _within(self, "fee_per_unit", 0.0, 1e6)
        _within(self, "borrow", 0.0, 10.0)


FREE = Costs(half_spread=0.0, slippage=0.0, fee=0.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """One account's backtest.

    limits: as Cerebro's. weight: instead of them, this share of equity goes into every entry (as far as cash pays for
    it); no stop is needed then. stops: "close" looks after a stop on the closed bar and leaves at the next open, as the
    floor does; "resting" has it at the venue, filled within the bar; "off" for none. halts: what the daily loss and the
    drawdown do: "off" nothing (nor does the drawdown halve), "day" stops entries until the next UTC day (after the
    drawdown's last step for good), "final" for good, as the floor does until a person resumes it. edge_gate: refuse
    entries by the 30 % rule and once the measured mean edge is not positive, as the floor does. limit_bars: how many
    bars an entry waits at its limit. features: the version of the definition. periods_per_year: None counts the bars.
    noise: does the noise filter stand before entries, and with a breakout's volume? Its deviation is scaled from the
    bars' own timeframe, its spread by noise_spread the modelled quote's ("costs") or Corwin and Schultz's ("estimate").
    """

    opening: float = 10_000.0
    currency: str = "USDT"
    costs: Costs = field(default_factory=Costs)
    limits: Limits = field(default_factory=Limits)
    weight: float | None = None
    stops: Literal["close", "resting", "off"] = "close"
    halts: Literal["off", "day", "final"] = "day"
    edge_gate: bool = True
    limit_bars: int = 1
    features: str = "floor-2"
    noise: Literal["off", "on", "breakout"] = "off"
    noise_spread: Literal["costs", "estimate"] = "costs"
    noise_filter: NoiseFilter = field(default_factory=NoiseFilter)
    periods_per_year: float | None = None

    def __post_init__(self) -> None:
        _within(self, "opening", 1e-6, 1e15)
        _within(self, "limit_bars", 1, 100_000)
        if self.weight is not None:
            _within(self, "weight", 1e-9, 20.0)
        if self.periods_per_year is not None:
            _within(self, "periods_per_year", 1e-3, 1e9)
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise Misconfigured(f"Settings.{name} is {getattr(self, name)!r}; it must be one of {', '.join(known)}")

    def told(self) -> dict[str, object]:
        """For a report: everything, with the limits by name."""
        plain = {
            name: getattr(self, name) for name in self.__slots__ if name not in ("costs", "limits", "noise_filter")
        }
        limits, noise = self.limits.model_dump(mode="json"), asdict(self.noise_filter)
        return {**plain, "costs": asdict(self.costs), "limits": limits, "noise_filter": noise}

    def terms(self, step_ms: int) -> Terms:
        """For the compiled loop."""
        limits, costs = self.limits, self.costs
        flattens = limits.daily_loss_flattens
        return Terms(
            opening=self.opening, half_spread=costs.half_spread, slippage=costs.slippage, impact=costs.impact,
            impact_above=costs.impact_above, fee=costs.fee, fee_per_unit=costs.fee_per_unit, weight=self.weight or 0.0,
            risk_per_trade=float(limits.risk_per_trade), position_cap=float(limits.position_cap),
            risk_per_reversion_trade=float(limits.risk_per_reversion_trade),
            exposure_cap=float(limits.exposure_cap), max_open_positions=limits.max_open_positions,
            max_leverage=float(limits.max_leverage), margin_cap=float(limits.margin_cap),
            slippage_share=float(limits.slippage_share), daily_loss_halts=float(limits.daily_loss_halts),
            daily_loss_flattens=np.inf if flattens is None else float(flattens),
            drawdown_halves=float(limits.drawdown_halves),
            drawdown_stop=float(limits.drawdown_stop), drawdown_flattens=float(limits.drawdown_flattens),
            halts=HALTS[self.halts], stops=("off", "close", "resting").index(self.stops), edge_gate=int(self.edge_gate),
            limit_bars=int(self.limit_bars), step_ms=step_ms,
        )  # fmt: skip


KRAKEN_MVP = Settings()
US_EQUITIES = Settings(
    opening=100_000.0, currency="USD", limits=LIMITS["fluxhero"], stops="resting",
    costs=Costs(half_spread=0.0, slippage=0.0001, impact=0.0005, fee=0.0, fee_per_unit=0.005, borrow=0.003),
)  # fmt: skip
PRESETS: dict[str, Settings] = {"kraken-mvp": KRAKEN_MVP, "us-equities": US_EQUITIES}


def preset(name: str, **changes: Any) -> Settings:
    """A preset with changes over it; `limits`, `costs` and `noise_filter` may be mappings of some of them.

    Raises Misconfigured.
    """
    if name not in PRESETS:
        raise Misconfigured(f"backtest preset {name!r} is none of {', '.join(PRESETS)}")
    base = PRESETS[name]
    if isinstance(changes.get("limits"), dict):
        changes["limits"] = Limits.model_validate({**base.limits.model_dump(), **changes["limits"]})
    if isinstance(changes.get("costs"), dict):
        changes["costs"] = replace(base.costs, **changes["costs"])
    if isinstance(changes.get("noise_filter"), dict):
        changes["noise_filter"] = replace(base.noise_filter, **changes["noise_filter"])
    return replace(base, **changes)


# --- instruments -------------------------------------------------------------------------------------------------


def spot(symbol: str, tick_size: str = "0.01", lot_size: str = "0.00000001", venue: str = "kraken") -> Instrument:
    """A crypto pair, "BTC/USDT", with Kraken's fee and a smallest order of 5 in its quote currency."""
    base, _, quote = symbol.partition("/")
    return Instrument(
        instrument_id=f"{venue}:{symbol}", venue=venue, symbol=symbol, base=base, quote=quote or "USDT",
        tick_size=Decimal(tick_size), lot_size=Decimal(lot_size), min_notional=Decimal(5),
    )  # fmt: skip


def us_equity(symbol: str, tick_size: str = "0.01") -> Instrument:
    """A US share, in whole shares, that may be sold short."""
    return Instrument(
        instrument_id=f"us:{symbol}", venue="us", symbol=symbol, base=symbol, quote="USD", kind=Kind.EQUITY,
        tick_size=Decimal(tick_size), lot_size=Decimal(1), taker_fee=Decimal(0), allows_short=True,
    )  # fmt: skip


def rules_of(instruments: Sequence[Instrument], borrow: float) -> Rules:
    """For the compiled loop."""
    ticks = [Fraction(item.tick_size) for item in instruments]
    lots = [Fraction(item.lot_size) for item in instruments]
    least = [item.min_lots(10**18) for item in instruments]
    return Rules(
        tick_num=np.array([float(tick.numerator) for tick in ticks]),
        tick_den=np.array([float(tick.denominator) for tick in ticks]),
        lot_num=np.array([float(lot.numerator) for lot in lots]),
        lot_den=np.array([float(lot.denominator) for lot in lots]),
        min_lots=np.array(least, np.int64),
        min_notional=np.array([float(item.min_notional) for item in instruments]),
        taker_fee=np.array([float(item.taker_fee) for item in instruments]),
        margin_rate=np.array([float(item.margin_rate) for item in instruments]),
        allows_short=np.array([int(item.allows_short) for item in instruments], np.int64),
        borrow=np.full(len(instruments), borrow),
    )
