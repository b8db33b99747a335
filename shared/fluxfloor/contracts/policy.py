"""Limits a portfolio trades under, the presets they start from, and the halt that overrides them all."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fluxfloor.contracts.allocation import AllocationPolicy
from fluxfloor.contracts.base import Document, Ident, Model, UtcMs

Fraction = Annotated[Decimal, Field(ge=0, le=1)]
Share = Annotated[Decimal, Field(gt=0, le=1)]
Span = Annotated[int, Field(ge=0, le=31_536_000_000)]  # ms, a year at the most
Count = Annotated[int, Field(ge=1, le=100)]
Scope = Literal["slot", "instrument", "strategy", "portfolio"]
"""What a protection counts and pauses together; a slot is one strategy in one instrument."""


class Limits(Model):
    """All fractions are of equity unless said otherwise. Defaults are the `kraken-mvp` preset."""

    risk_per_trade: Fraction = Decimal("0.01")
    risk_per_reversion_trade: Fraction = Decimal("0.01")
    position_cap: Annotated[Decimal, Field(gt=0, le=10)] = Decimal("0.15")
    exposure_cap: Annotated[Decimal, Field(gt=0, le=10)] = Decimal("0.30")
    max_open_positions: Annotated[int, Field(ge=1, le=1000)] = 2
    daily_loss_halts: Fraction = Decimal("0.02")
    daily_loss_flattens: Fraction | None = None
    drawdown_halves: Fraction = Decimal("0.15")
    drawdown_flattens: Fraction = Decimal("0.20")
    max_leverage: Annotated[Decimal, Field(ge=1, le=20)] = Decimal(1)
    margin_cap: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.80")  # of equity, the most margin ever in use
    slippage_share: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.30")  # of the expected alpha
    stop_atr: Annotated[Decimal, Field(gt=0, le=20)] = Decimal(2)  # the stop's distance where the signal has none
    max_signal_age_ms: Annotated[int, Field(gt=0)] = 120_000
    max_quote_age_ms: Annotated[int, Field(gt=0)] = 60_000
    max_book_age_ms: Annotated[int, Field(gt=0)] = 345_600_000  # four days: a long weekend has no marks
    drawdown_stop: Share = Decimal("0.75")  # of its distance, a stop's while sizes are halved
    volume_share: Share = Decimal("0.10")  # of what trades in a bar on average, the most that an entry takes
    touch_multiple: Annotated[Decimal, Field(gt=0, le=1_000_000)] | None = None  # of what a quote offers at its touch
    liquidation_stops: Annotated[Decimal, Field(ge=1, le=100)] = Decimal("1.5")  # stop distances; only where leveraged
    spike_size: Share = Decimal("0.70")  # of an outside sender's entry while volatility spikes; the floor's own know it
    against_trend_size: Share = Decimal("0.70")  # of an outside sender's entry against a confirmed trend
    entry_style: Literal["as_sent", "by_regime"] = "as_sent"  # "by_regime": at a limit where the market reverts
    limit_offset: Fraction = Decimal("0.0005")  # behind the touch, of such a limit
    entry_plan: Literal["once", "chase"] = (
        "chase"  # "chase": what does not fill is re-priced at mid, under the 30 % rule
    )
    chase_patience_ms: Annotated[int, Field(gt=0, le=86_400_000)] = 60_000  # how long it may rest unfilled
    max_chases: Annotated[int, Field(ge=0, le=20)] = 3  # after which it is given up
    prepared_release_ms: Annotated[int, Field(gt=0, le=600_000)] = (
        15_000  # after its bar's close a prepared order drops
    )
    large_plan: Literal["once", "twap", "iceberg"] = "once"  # how an entry is worked that is larger than what follows
    large_touch_multiple: Annotated[Decimal, Field(gt=0, le=1_000_000)] | None = None  # of what the quote offers
    large_volume_share: Share | None = None  # of what trades in a bar on average
    large_over_ms: Annotated[int, Field(gt=0, le=86_400_000)] = 900_000  # "twap": the span that its slices share
    large_slices: Count = 10  # "twap": no more than so many
    cvar_cap: Fraction = Decimal("0.015")  # one-day portfolio CVaR at cvar_alpha, loss positive
    cvar_alpha: Annotated[Decimal, Field(gt=Decimal("0.5"), lt=1)] = Decimal("0.975")
    assumed_cvar: Fraction = Decimal("0.10")  # of its notional, for an instrument with too few days beside others
    correlation_halves: Fraction = Decimal("0.70")  # with an open position, from beyond here; 1 never does
    correlation_crowds: Fraction = Decimal("0.80")  # mean of all pairs in the book, from beyond here; 1 never does
    crowded_fewer_positions: Annotated[int, Field(ge=0, le=1000)] = 1  # then so many fewer than max_open_positions
    joint_window_ms: Annotated[int, Field(ge=0, le=60_000)] = 2_000  # a bar's entries wait for each other; 0: off
    joint_window_takes: Literal["bars", "all"] = "bars"  # "all": entries that name no bar wait as well
    # Protections: what has lately happened stops entries for a while. Without the first of a group it is off.
    cooldown_ms: Span = 0  # after a slot came back to flat
    cooldown_scope: Scope = "slot"
    stop_guard_stops: Count | None = None  # so many left at their stop with a loss …
    stop_guard_window_ms: Span = 86_400_000  # … within this span …
    stop_guard_pause_ms: Span = 14_400_000  # … and for that long nothing more is entered
    stop_guard_scope: Scope = "portfolio"
    lookback_drawdown: Share | None = None  # of the highest equity, lost by closed trades from their best sum on …
    lookback_window_ms: Span = 172_800_000  # … within this span
    lookback_pause_ms: Span = 43_200_000
    low_profit: Annotated[Decimal, Field(ge=-1, le=10)] | None = None  # an instrument's trades made less than this …
    low_profit_trades: Count = 3  # … in sum of their returns, being so many at the least …
    low_profit_window_ms: Span = 604_800_000  # … within this span
    low_profit_pause_ms: Span = 86_400_000
    self_trade_guard: bool = True  # no entry that would fill against an order of the portfolio's own that rests
    max_unfilled_entries: Count | None = 20  # of one instrument, withdrawn or run out without a fill …
    unfilled_window_ms: Span = 3_600_000  # … within this span: beyond, it looks like layering


PRESETS: dict[str, Limits] = {
    "kraken-mvp": Limits(),
    "fluxhero": Limits(
        risk_per_reversion_trade=Decimal("0.0075"), position_cap=Decimal("0.20"), exposure_cap=Decimal("0.50"),
        max_open_positions=5, daily_loss_halts=Decimal("0.03"), daily_loss_flattens=Decimal("0.03"),
        stop_atr=Decimal("2.5"), cvar_cap=Decimal("0.02"), crowded_fewer_positions=2,
    ),
    "mathematricks": Limits(
        position_cap=Decimal("0.80"), exposure_cap=Decimal("0.80"), max_open_positions=100,
        daily_loss_flattens=Decimal("0.03"), cvar_cap=Decimal("0.02"),
        correlation_halves=Decimal(1), correlation_crowds=Decimal(1), crowded_fewer_positions=0,
    ),
}  # fmt: skip


class TradingAccount(Model):
    """An account that a portfolio trades on. At the paper venue any market can be traded, elsewhere the venue's own."""

    account_id: Ident
    venue: Ident

    def trades_at(self, venue: str) -> bool:
        return self.venue in (venue, PAPER)


PAPER = "paper"
Route = Literal["primary", "pro_rata"]

STANDARD = "standard"
"""The version of a portfolio's policy that is its own limits, with nothing overridden."""


class Policy(Document):
    """The limits of one portfolio and the account it trades on; the id is the portfolio. Changes are audited.

    `versions` are the limits that may be put in force, whole, by name: what was tried beside the live decisions is to
    the letter what is promoted. Without any there is only the standard.
    """

    collection: ClassVar[str] = "policies"
    owner: ClassVar[str] = "api"

    preset: str
    account_id: Ident  # the first of its accounts
    currency: str
    accounts: tuple[TradingAccount, ...] = ()  # in the order of their preference; none where there is only the first
    route: Route = "primary"  # the first that can trade it, or pro rata by what each can take
    limits: Limits  # in force: those of the active version
    versions: dict[Ident, Limits] = Field(default_factory=dict)
    active: Ident = STANDARD
    shadow: Ident | None = None  # decides every signal beside the active version; nothing comes of it
    allocation: AllocationPolicy | None = None  # how its strategies share its equity; none: they share no budget
    settings_digest: str = ""  # of the settings it was last set from: the same settings never undo a person's change

    @property
    def account_ids(self) -> tuple[str, ...]:
        return tuple(item.account_id for item in self.accounts) or (self.account_id,)


class PolicyVersion(Document):
    """A policy as it once was, never changed; the id is "<portfolio>|<version>". Decisions name the one they obeyed."""

    collection: ClassVar[str] = "policy_versions"
    owner: ClassVar[str] = "api"

    policy: Policy
    ts_event_ms: UtcMs

    @staticmethod
    def name(portfolio: str, version: int) -> str:
        return f"{portfolio}|{version}"


class Halt(Document):
    """Entries of this scope are stopped; the id is "floor" or a portfolio. Only a person's resume removes it."""

    collection: ClassVar[str] = "halts"
    owner: ClassVar[str] = "*"
    witnesses: ClassVar[tuple[str, ...]] = ("cerebro",)

    reason: str
    raised_by: str
    flatten: bool = False
    ts_event_ms: UtcMs


FLOOR = "floor"
