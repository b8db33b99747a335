"""Cerebro's answer to one signal, with everything a person needs to check it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from fluxfloor.contracts.base import Ident, Model, Number, UtcMs
from fluxfloor.contracts.orders import Purpose, Side


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why. `ok` for an accepted signal; everything else is a refusal. Sorted by where in the waterfall it falls."""

    OK = "ok"
    HALTED = "halted"
    DUPLICATE_INTENT = "duplicate_intent"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    UNKNOWN_PORTFOLIO = "unknown_portfolio"
    STALE_SIGNAL = "stale_signal"
    STALE_QUOTE = "stale_quote"
    NO_QUOTE = "no_quote"
    STALE_BOOK = "stale_book"
    NO_EQUITY = "no_equity"
    NO_EDGE = "no_edge"
    SLIPPAGE = "slippage"
    SHORT_NOT_ALLOWED = "short_not_allowed"
    POSITION_OPEN = "position_open"
    WITHDRAWN = "withdrawn"
    AT_TARGET = "at_target"
    NOTHING_TO_EXIT = "nothing_to_exit"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    STOP_WRONG_SIDE = "stop_wrong_side"
    NO_STOP = "no_stop"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    OPEN_POSITIONS = "open_positions"
    COOLDOWN = "cooldown"
    STOP_GUARD = "stop_guard"
    LOOKBACK_DRAWDOWN = "lookback_drawdown"
    LOW_PROFIT = "low_profit"
    SELF_TRADE = "self_trade"
    UNFILLED_ENTRIES = "unfilled_entries"
    STRATEGY_BUDGET = "strategy_budget"
    RISK_PER_TRADE = "risk_per_trade"
    POSITION_CAP = "position_cap"
    EXPOSURE_CAP = "exposure_cap"
    MARGIN = "margin"
    ACCOUNTS = "accounts"
    LIQUIDATION = "liquidation"
    LIQUIDITY = "liquidity"
    PORTFOLIO_CVAR = "portfolio_cvar"
    CORRELATION = "correlation"
    VOLATILITY = "volatility"
    REGIME = "regime"
    REQUESTED_SIZE = "requested_size"
    MIN_NOTIONAL = "min_notional"
    UNSUPPORTED = "unsupported"


class Limit(Model):
    """One step of the waterfall: what this limit alone would allow."""

    name: str
    allows_lots: int | None = None  # None: this limit gives no number, it passes or refuses
    passed: bool = True
    binding: bool = False
    note: str = ""


class Tail(Model):
    """The portfolio's one-day CVaR, loss positive, as a fraction of equity; positions and orders on their way count.

    `marginal` is what one more unit of the trade's notional adds to it in money, so that after − before is about
    marginal × notional / equity. `assumed` names the instruments that had too few days and count with the policy's
    assumed CVaR.
    """

    alpha: Number
    days: int
    before: float
    after: float
    marginal: float
    assumed: tuple[Ident, ...] = ()


class LegDecision(Model):
    """What became of one leg of several. A refused leg whose own reason is `ok` fell with the leg that has another."""

    instrument_id: Ident
    verdict: Verdict
    reason: Reason
    purpose: Purpose | None = None
    side: Side | None = None
    lots: int = 0
    quantity: Number | None = None
    price: Number | None = None
    notional: Number | None = None
    intent_id: Ident | None = None
    intent_ids: tuple[Ident, ...] = ()  # of all its orders, where it is split over accounts
    waterfall: tuple[Limit, ...] = ()
    slippage_share: Number | None = None
    tail: Tail | None = None


class Decision(Model):
    """The waterfall runs in order; `binding` marks the limit that set the size or refused.

    Of a signal of several legs `legs` has all of them, in the order of their instruments' ids; instrument, side, size
    and waterfall beside it are those of the first that trades (or that refused), `intent_ids` those of all.
    """

    decision_id: Ident
    signal_id: Ident
    portfolio_id: Ident
    strategy_id: Ident
    sender_id: Ident
    instrument_id: Ident
    verdict: Verdict
    reason: Reason
    purpose: Purpose | None = None
    side: Side | None = None
    lots: int = 0
    quantity: Number | None = None
    price: Number | None = None
    notional: Number | None = None
    intent_ids: tuple[Ident, ...] = ()
    waterfall: tuple[Limit, ...] = ()
    text: str = Field(max_length=2000)
    expected_alpha: Number | None = None
    slippage_share: Number | None = None  # (adverse move + half spread + fees) / expected alpha
    tail: Tail | None = None  # of an accepted entry, where enough days are known
    book_version: int = 0
    policy_version: int = 0
    ts_event_ms: UtcMs
    legs: tuple[LegDecision, ...] = ()  # empty where the signal has one

    def parts(self) -> tuple[Decision, ...]:
        """One decision for each instrument: itself, or one for every leg."""
        return tuple(self._part(leg) for leg in self.legs) or (self,)

    def _part(self, leg: LegDecision) -> Decision:
        told = {name: value for name, value in leg if name not in ("intent_id", "intent_ids")}
        named = leg.intent_ids or ((leg.intent_id,) if leg.intent_id else ())
        return self.model_copy(update={**told, "intent_ids": named, "legs": ()})
