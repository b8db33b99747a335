"""All settings of the floor: one TOML file, every value overridable by FLUXFLOOR__SECTION__NAME in the environment.

`shared/floor.example.toml` shows every one of them with its meaning.
"""

from __future__ import annotations

import os
import tomllib
from decimal import Decimal
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fluxfloor.contracts.allocation import AllocationPolicy
from fluxfloor.contracts.base import Ident, NonNegative, Number
from fluxfloor.contracts.days import TradingDay
from fluxfloor.contracts.instruments import TIMEFRAME_MS
from fluxfloor.contracts.paper import Criteria
from fluxfloor.contracts.policy import PRESETS, STANDARD, Limits, Route
from fluxfloor.errors import Misconfigured

PREFIX = "FLUXFLOOR__"
FILE_VARIABLE = "FLUXFLOOR_SETTINGS"
HMM_TREND_BARS = 50  # that the second opinion looks at beyond those it is fitted on


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoreSettings(Section):
    durable: bool = False


class GoogleSettings(Section):
    project: str = ""
    region: str = "us-central1"
    bucket: str = ""
    stage_url: str = "https://{stage}.invalid"  # where a stage answers; {stage} is replaced
    caller: str = ""  # the service account whose tokens timers and schedules carry
    verify_internal_calls: bool = True


class MarketSettings(Section):
    """One source of market data. `exchange` is ccxt's id, or "alpaca", whose data needs a key even to look: the secret
    `market-alpaca`, a JSON object with `key` and `secret`."""

    exchange: Ident = "kraken"
    symbols: tuple[str, ...] = ("BTC/USDT", "ETH/USDT")
    timeframes: tuple[str, ...] = ("15m", "5m", "1h", "1d")
    traded_timeframe: str = "15m"
    window_bars: int = Field(default=500, ge=500, le=5_000)
    settle_ms: int = Field(default=2_000, ge=0, le=60_000)
    base_url: str = ""  # another address that speaks this exchange's REST
    feed: Literal["iex", "sip"] = "iex"  # alpaca only: one exchange's data, or all of them with a subscription
    fractional: bool = False  # alpaca only: lots of a billionth of a share instead of whole ones

    @model_validator(mode="after")
    def _known_timeframes(self) -> Self:
        for timeframe in (*self.timeframes, self.traded_timeframe):
            if timeframe not in TIMEFRAME_MS:
                raise ValueError(f"timeframe {timeframe!r} is none of {', '.join(TIMEFRAME_MS)}")
        if self.traded_timeframe not in self.timeframes:
            raise ValueError("traded_timeframe must be one of timeframes")
        return self


class NoiseSettings(Section):
    """When an entry of the floor's own strategies can't be told from noise; only for strategies that ask for it."""

    spread_share: float = Field(default=0.05, gt=0, le=1)  # of the deviation of 20 five-minute closes
    thin_spread_share: float = Field(default=0.025, gt=0, le=1)
    volume_ratio: float = Field(default=0.5, ge=0, le=100)  # of the mean of the 20 bars before
    breakout_volume_ratio: float = Field(default=1.5, ge=0, le=100)
    closing_minutes: int = Field(default=15, ge=0, le=390)
    gap: float = Field(default=0.02, gt=0, le=1)
    sessions: Literal["always", "us-equities"] = "always"


class RegimeSettings(Section):
    """What stands beside the rule that names the regime: a hidden Markov model, and how much the market moves as one.

    Neither changes a size unless told to: a backtest's compiled loop has neither, and would no longer trade the same.
    """

    hmm_states: int = Field(default=3, ge=0, le=5)  # 0: no second opinion
    hmm_fit_bars: int = Field(default=300, ge=100, le=4_000)
    hmm_refit_bars: int = Field(default=96, ge=1, le=4_000)
    contradicted_share: Number = Field(default=Decimal(1), gt=0, le=1)
    correlation_hours: int = Field(default=50, ge=0, le=400)  # 0: not asked

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.hmm_states == 1 or 0 < self.correlation_hours < 10:
            raise ValueError("hmm_states must be 0 or at least 2, correlation_hours 0 or at least 10")
        return self


class StrategySettings(Section):
    """One of the floor's own strategies: which plug-in, on what, for which portfolio."""

    plugin: Ident
    portfolio: Ident = "main"
    symbols: tuple[str, ...] = ()  # empty: every symbol of the market
    params: dict[str, float] = Field(default_factory=dict)
    noise: Literal["off", "on", "breakout"] = "off"
    prepare: bool = False  # its entries a minute before the bar's close
    enabled: bool = True


class AccountSettings(Section):
    """One account at one venue. `paper` fills against the market's quotes.

    Keys are secrets: `venue-<account>` may trade, `venue-query-<account>` may only look; each holds a JSON object with
    `key` and `secret` (and `password` where a venue wants one).
    """

    venue: Ident = "paper"
    portfolio: Ident = "main"
    currency: str = "USDT"
    deposit: NonNegative = Decimal(10_000)  # paper only: what the account opens with
    sandbox: bool = False  # at the venue's place to practise: no real money, so allowed in paper mode
    base_url: str = ""  # another address that speaks the venue's REST, such as a venue simulator's
    stops: Literal["auto", "floor", "venue"] = "auto"  # who keeps the stop of a position; auto: paper floor, else venue
    requests_per_minute: int = Field(default=0, ge=0)  # that the venue grants this account's keys; 0: the lowest tier's
    orders_per_minute: int = Field(default=0, ge=0)  # the same for placements and cancels, where it counts them apart

    @property
    def stops_at_venue(self) -> bool:
        return self.stops == "venue" or (self.stops == "auto" and self.venue != "paper")


class PaperSettings(Section):
    latency_min_ms: int = Field(default=50, ge=0, le=60_000)
    latency_max_ms: int = Field(default=200, ge=0, le=60_000)
    slippage_bps: NonNegative = Decimal(5)
    fee: NonNegative = Decimal("0.0026")
    partial_fills: bool = False  # fill no more of an order than its quote offers; the rest waits for the next quote
    seed: int = Field(default=0, ge=0, lt=2**53)  # draws each order's latency between the two

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.latency_max_ms < self.latency_min_ms:
            raise ValueError("latency_max_ms must not be below latency_min_ms")
        return self


class ReconciliationSettings(Section):
    """What becomes of a difference with the venue that no trade and no transfer explains."""

    adjust: Literal["ask", "auto"] = "ask"
    adjust_limit: NonNegative = Decimal(1)  # the most that "auto" books by itself, in the account's currency
    rounding: NonNegative = Decimal("0.01")  # so much between two agreements is the venue's own rounding


class VersionSettings(Section):
    """Another version of a portfolio's limits, that may decide beside the live one and be promoted."""

    limits: dict[str, Any] = Field(default_factory=dict)  # overrides of the portfolio's own, by name


class PortfolioSettings(Section):
    preset: str = "kraken-mvp"
    account: Ident = "paper-main"  # the first of its accounts
    accounts: tuple[Ident, ...] = ()  # all of them, in the order of preference; empty: only that one
    route: Route = "primary"
    day: TradingDay = TradingDay.UTC  # what its daily loss is counted by
    limits: dict[str, Any] = Field(default_factory=dict)  # overrides of the preset, by name
    versions: dict[Ident, VersionSettings] = Field(default_factory=dict)
    shadow: str = ""  # the version that decides beside the live one from the start
    allocation: dict[str, Any] | None = None  # how strategies share the equity; left out: they share no budget

    @model_validator(mode="before")
    @classmethod
    def _first_account(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("accounts") and "account" not in values:
            return {**values, "account": values["accounts"][0]}
        return values

    @model_validator(mode="after")
    def _ordered_accounts(self) -> Self:
        if self.accounts and self.accounts[0] != self.account:
            raise ValueError(f"accounts must begin with account, which is {self.account!r}")
        if len(set(self.accounts)) < len(self.accounts):
            raise ValueError("accounts names one twice")
        return self

    @property
    def traded(self) -> tuple[str, ...]:
        """All accounts that its orders may go to, the first first."""
        return self.accounts or (self.account,)

    @model_validator(mode="after")
    def _valid_limits(self) -> Self:
        known = self.resolved_versions()
        if self.shadow and self.shadow not in known:
            raise ValueError(f"shadow {self.shadow!r} is none of {', '.join(known) or 'the versions: there are none'}")
        if STANDARD in (*self.versions, self.shadow):
            raise ValueError(f"{STANDARD!r} is the portfolio's own limits: another version needs another name")
        self.shared_by()
        return self

    def shared_by(self) -> AllocationPolicy | None:
        """Days that a strategy's history lacks are dropped unless said otherwise: a floor may have stood still."""
        if self.allocation is None:
            return None
        return AllocationPolicy.model_validate({"missing": "drop", **self.allocation})

    def resolved(self) -> Limits:
        if self.preset not in PRESETS:
            raise ValueError(f"preset {self.preset!r} is none of {', '.join(PRESETS)}")
        return Limits.model_validate({**PRESETS[self.preset].model_dump(), **self.limits})

    def resolved_versions(self) -> dict[str, Limits]:
        """Every version's whole limits with the standard first; nothing where there is only that."""
        own = self.resolved()
        made = {
            name: Limits.model_validate({**own.model_dump(), **item.limits}) for name, item in self.versions.items()
        }
        return {STANDARD: own, **made} if made else {}


class SenderSettings(Section):
    """Who may send webhooks; the secret is in the secret store under `secret_name` (default: sender-<id>)."""

    portfolio: Ident = "main"
    secret_name: str = ""
    formats: tuple[str, ...] = ()
    hmac_header: str = ""
    allowed_ips: tuple[str, ...] = ()
    default_strategy: Ident = "alerts"
    default_expected_alpha: Number | None = None
    max_lag_s: int = 300
    rate_per_minute: int = 60
    payout_rate: Number = Field(default=Decimal("0.20"), ge=0, le=1)  # of net profit above the high-water mark


class Channel(Section):
    """Where notices go. `secret_name` holds the token, key or address that must not stand in a file.

    A channel that waits hears of alarms (critical notices) alone, and only of those that nobody has acknowledged by
    then; it is told again every `repeat_min` until somebody does. A webhook pages: it waits 5 minutes unless it says
    otherwise.
    """

    kind: Literal["log", "telegram", "slack", "email", "webhook"]
    secret_name: str = ""
    min_severity: Literal["info", "warning", "critical"] = "info"
    chat_id: str = ""
    to: str = ""
    sender: str = ""
    host: str = ""
    port: int = 587
    user: str = ""
    base_url: str = ""
    url: str = ""  # webhook: where it is POSTed
    shape: Literal["plain", "pagerduty", "opsgenie"] = "plain"  # webhook: which receiver's JSON
    escalation_after_min: int | None = Field(default=None, ge=0, le=1_440)  # None: 5 for a webhook, else 0
    repeat_min: int = Field(default=10, ge=0, le=1_440)  # 0: told once, acknowledged or not

    @property
    def wait_ms(self) -> int:
        """How long it leaves an alarm to the channels before it; 0: it is told at once."""
        after_min = self.escalation_after_min
        return 60_000 * (after_min if after_min is not None else 5 if self.kind == "webhook" else 0)

    @property
    def again_ms(self) -> int:
        """How soon it is told of an alarm again; 0: never."""
        pages = self.kind == "webhook" or self.wait_ms > 0
        return 60_000 * self.repeat_min if pages else 0


class ApiSettings(Section):
    session_minutes: int = Field(default=720, ge=5, le=10_080)
    admin_user: str = "admin"
    public_url: str = "http://127.0.0.1:8080"
    poll_ms: int = Field(default=5_000, ge=500)


class SafetySettings(Section):
    """When the floor stops by itself, beside every portfolio's own limits. A person resumes.

    Live entries also wait for a paper period: days with paper trading that the floor has recorded as good.
    """

    min_free_margin: Number = Field(default=Decimal("0.05"), ge=0, lt=1)  # of equity; below it entries stop
    stale_alarm_s: int = Field(default=180, ge=30, le=86_400)  # age of a quote of what is open or on its way
    stale_halt_s: int = Field(default=900, ge=0, le=86_400)  # 0: it never stops entries
    error_window_min: int = Field(default=15, ge=1, le=15)
    error_budget: Number = Field(default=Decimal("0.10"), gt=0, le=1)  # share of steps that failed for good
    refusal_budget: Number = Field(default=Decimal("0.50"), gt=0, le=1)  # share of orders that ended rejected
    least_errors: int = Field(default=5, ge=1, le=1_000)  # fewer are no share of anything
    paper_period_days: int = Field(default=14, ge=0, le=365)  # 0 skips it, and says so everywhere
    paper_min_orders: int = Field(default=20, ge=0, le=100_000)
    paper_max_age_days: int = Field(default=30, ge=1, le=365)  # of the newest of those days

    @property
    def criteria(self) -> Criteria:
        return Criteria(self.paper_period_days, self.paper_min_orders, self.paper_max_age_days)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if 0 < self.stale_halt_s < self.stale_alarm_s:
            raise ValueError("stale_halt_s must not be below stale_alarm_s")
        return self


class TelegramSettings(Section):
    """Commands from a chat. `allowed_users` are Telegram's user ids; nobody else is answered."""

    enabled: bool = False
    allowed_users: tuple[int, ...] = ()
    secret_name: str = "alerts-telegram"  # holds the bot's token
    webhook_secret_name: str = "api-telegram"  # what Telegram proves itself by
    confirm_s: int = Field(default=60, ge=10, le=600)
    base_url: str = ""  # another server that speaks the Bot API

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.enabled and not self.allowed_users:
            raise ValueError("allowed_users is empty: nobody could give a command")
        return self


class Settings(Section):
    mode: Literal["paper", "live"] = "paper"
    live_confirmed: bool = False
    backend: Literal["embedded", "google"] = "embedded"
    log_level: str = "INFO"
    store: StoreSettings = StoreSettings()
    google: GoogleSettings = GoogleSettings()
    market: MarketSettings = MarketSettings()
    noise: NoiseSettings = NoiseSettings()
    regimes: RegimeSettings = RegimeSettings()
    strategies: dict[Ident, StrategySettings] = Field(
        default_factory=lambda: {
            name: StrategySettings(plugin=name) for name in ("trend", "mean_reversion", "breakout")
        }
    )
    portfolios: dict[Ident, PortfolioSettings] = Field(default_factory=lambda: {"main": PortfolioSettings()})
    accounts: dict[Ident, AccountSettings] = Field(default_factory=lambda: {"paper-main": AccountSettings()})
    paper: PaperSettings = PaperSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    senders: dict[Ident, SenderSettings] = Field(default_factory=dict)
    alerts: tuple[Channel, ...] = (Channel(kind="log"),)
    api: ApiSettings = ApiSettings()
    telegram: TelegramSettings = TelegramSettings()
    safety: SafetySettings = SafetySettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.mode == "live" and not self.live_confirmed:
            raise ValueError("mode 'live' also needs live_confirmed = true")
        looks_back = self.regimes.hmm_fit_bars + self.regimes.hmm_refit_bars + HMM_TREND_BARS
        if self.regimes.hmm_states and looks_back > self.market.window_bars:
            raise ValueError(
                f"regimes: hmm_fit_bars and hmm_refit_bars need a market.window_bars of at least {looks_back}"
            )
        for name, portfolio in self.portfolios.items():
            self._accounts_of(name, portfolio)
        if self.market.traded_timeframe == "1m" and any(item.prepare for item in self.strategies.values()):
            raise ValueError("strategies: a bar of one minute is over before anything could be prepared")
        for section, named in (("strategies", self.strategies), ("senders", self.senders)):
            for name, item in named.items():
                if item.portfolio not in self.portfolios:
                    raise ValueError(f"{section}.{name}.portfolio: {item.portfolio!r} is not in [portfolios]")
        return self

    def _accounts_of(self, name: str, portfolio: PortfolioSettings) -> None:
        """They are there; several are its own, in one currency, and all at paper or none."""
        where = f"portfolios.{name}.account{'s' if portfolio.accounts else ''}"
        for account in portfolio.traded:
            if account not in self.accounts:
                raise ValueError(f"{where}: {account!r} is not in [accounts]")
            if portfolio.accounts and self.accounts[account].portfolio != name:
                raise ValueError(f"{where}: accounts.{account}.portfolio says {self.accounts[account].portfolio!r}")
        own = [self.accounts[account] for account in portfolio.traded]
        if len({account.currency for account in own}) > 1:
            raise ValueError(f"{where}: all must be in one currency")
        if len({account.venue == "paper" for account in own}) > 1:
            raise ValueError(f"{where}: paper accounts can't stand beside others")

    @model_validator(mode="after")
    def _accounts_fit_the_mode(self) -> Self:
        for name, account in self.accounts.items():
            real = account.venue != "paper" and not account.sandbox
            if self.mode == "paper" and real:
                raise ValueError(f"accounts.{name}: a live account needs mode 'live', or sandbox = true")
            if self.mode == "live" and not real:
                raise ValueError(f"accounts.{name}: mode 'live' takes no paper and no sandbox account")
        return self

    def digest(self) -> str:
        """A short digest of everything: the journal keeps it beside each decision."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return blake2b(self.model_dump_json().encode(), digest_size=6).hexdigest()


def load(path: str | Path | None = None, overrides: dict[str, Any] | None = None) -> Settings:
    """From the file (argument, or FLUXFLOOR_SETTINGS, or none), the environment, then `overrides`.

    Raises Misconfigured with the setting's name and what is wrong with it.
    """
    path = path or os.environ.get(FILE_VARIABLE) or None
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
            raise Misconfigured(f"settings file {path}: {problem}") from problem
    for name, value in os.environ.items():
        if name.startswith(PREFIX):
            _merge(values, _nested(name[len(PREFIX) :].lower().split("__"), value))
    _merge(values, overrides or {})
    try:
        return Settings.model_validate(values)
    except ValidationError as problem:
        raise Misconfigured(f"settings{f' in {path}' if path else ''}: {_told(problem)}") from problem


def _nested(parts: list[str], value: Any) -> dict[str, Any]:
    for part in reversed(parts):
        value = {part: value}
    return dict(value)


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _told(problem: ValidationError) -> str:
    lines = (f"{'.'.join(map(str, error['loc'])) or 'floor'}: {error['msg']}" for error in problem.errors())
    return "; ".join(lines)
