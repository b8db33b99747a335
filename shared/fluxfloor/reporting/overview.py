"""Everything the page shows, in one answer, worked out here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fluxfloor.contracts.base import Model, Number
from fluxfloor.contracts.orders import Purpose
from fluxfloor.contracts.policy import Limits, Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.views import AccountView, RiskRow
from fluxfloor.reporting.curve import Curve, Mark, curve
from fluxfloor.reporting.panels import (
    CENT,
    DecisionPanel,
    LotSizes,
    OrderPanel,
    PositionPanel,
    fraction,
    position_panel,
)

NEAR = Decimal("0.8")  # of a limit: from here on its tile warns


class Tile(Model):
    """One number at the top of the page. `level` is "calm", "near" or "over" its limit; `used` how much of the limit
    is used, in [0, 1]; `sign` is -1, 0 or 1 for numbers that gain or lose."""

    name: str
    label: str
    value: Number
    unit: str  # "money", "fraction" or "count"
    detail: str
    sign: int = 0
    used: float | None = None
    level: str = "calm"


class AccountPanel(Model):
    account_id: str
    portfolio_id: str
    currency: str
    tiles: tuple[Tile, ...]
    curve: Curve
    positions: tuple[PositionPanel, ...]
    ts_event_ms: int


class HaltPanel(Model):
    scope: str
    reason: str
    raised_by: str
    flatten: bool
    ts_event_ms: int


class StagePanel(Model):
    """A stage as a dot: `column` and `row` place it along the flow."""

    stage: str
    does: str
    status: str
    due: int
    last_step_ms: int
    oldest_due_ms: int
    column: int
    row: int


class LinkPanel(Model):
    """Facts of these topics run from one stage to the other; `back` when they run against the flow."""

    source: str
    target: str
    topics: tuple[str, ...]
    back: bool


class FlowPanel(Model):
    columns: int
    rows: int
    stages: tuple[StagePanel, ...]
    links: tuple[LinkPanel, ...]


class QuarantinePanel(Model):
    quarantine_id: str
    stage: str
    type: str
    reason: str
    error: str
    state: str
    releasable: bool
    at_ms: int


class AlarmPanel(Model):
    """An alarm that nobody has acknowledged."""

    alert_id: str
    title: str
    text: str
    folded: int
    ts_event_ms: int


class Overview(Model):
    """`as_of_ms` is the newest thing in it; `scopes` is what the kill switch can be pulled for."""

    mode: str
    user: str
    as_of_ms: int
    poll_ms: int
    scopes: tuple[str, ...]
    halts: tuple[HaltPanel, ...]
    accounts: tuple[AccountPanel, ...]
    decisions: tuple[DecisionPanel, ...]
    orders: tuple[OrderPanel, ...]
    flow: FlowPanel
    quarantine: tuple[QuarantinePanel, ...]
    risks: tuple[RiskRow, ...]
    alarms: tuple[AlarmPanel, ...] = ()
    warnings: tuple[str, ...] = ()


def account_panel(
    view: AccountView,
    book: RiskBook | None,
    policy: Policy | None,
    marks: Sequence[Mark],
    span_ms: int | None,
    lot_sizes: LotSizes,
) -> AccountPanel:
    held = [position for position in view.positions if position.lots]
    parts = list(book.positions.values()) if book else []
    positions = tuple(
        position_panel(
            item, view.equity, [part for part in parts if part.instrument_id == item.instrument_id], lot_sizes
        )
        for item in sorted(held, key=lambda item: -abs(item.quantity) * item.mark_price)
    )
    return AccountPanel(
        account_id=view.id, portfolio_id=view.portfolio_id, currency=view.currency, positions=positions,
        tiles=tiles(view, book, policy.limits if policy else None), curve=curve(marks, span_ms),
        ts_event_ms=view.ts_event_ms,
    )  # fmt: skip


def tiles(view: AccountView, book: RiskBook | None, limits: Limits | None) -> tuple[Tile, ...]:
    """Equity, the day, drawdown, exposure, open positions: against Cerebro's own book, so that the page and the
    limits never disagree."""
    return (
        _equity(view),
        _day(view, book, limits),
        _drawdown(view, book, limits),
        _exposure(view, book, limits),
        _open(view, book, limits),
    )


def _equity(view: AccountView) -> Tile:
    detail = f"{view.cash:,.2f} cash, {view.unrealised:+,.2f} open"
    return Tile(name="equity", label="Equity", value=view.equity.quantize(CENT), unit="money", detail=detail)


def _day(view: AccountView, book: RiskBook | None, limits: Limits | None) -> Tile:
    """Since the start of the last UTC day that anything happened on."""
    start = book.day_start_equity if book else view.equity
    profit = view.equity - start
    moved = fraction(profit, start)
    used, level = _against(-moved, limits.daily_loss_halts if limits else None)
    stop = f", halts at −{limits.daily_loss_halts:.1%}" if limits else ""
    detail = f"{moved:+.2%} on {book.day}{stop}".replace("-0", "−0") if book and book.day else "no day yet"
    return Tile(
        name="day", label="Day P&L", value=profit.quantize(CENT), unit="money", detail=detail, sign=_sign(profit),
        used=used, level=level,
    )  # fmt: skip


def _drawdown(view: AccountView, book: RiskBook | None, limits: Limits | None) -> Tile:
    high_water = max(book.high_water, view.equity) if book else view.equity
    down = fraction(high_water - view.equity, high_water)
    used, level = _against(down, limits.drawdown_flattens if limits else None)
    steps = f", halves at {limits.drawdown_halves:.0%}, flattens at {limits.drawdown_flattens:.0%}" if limits else ""
    detail = f"from {high_water:,.2f}{steps}"
    return Tile(name="drawdown", label="Drawdown", value=down, unit="fraction", detail=detail, used=used, level=level)


def _exposure(view: AccountView, book: RiskBook | None, limits: Limits | None) -> Tile:
    held = sum((abs(item.quantity) * item.mark_price for item in view.positions), Decimal(0))
    entries = [item for item in (book.reservations.values() if book else ()) if item.purpose is Purpose.ENTRY]
    reserved = sum((item.notional for item in entries), Decimal(0))
    share = fraction(held + reserved, view.equity)
    used, level = _against(share, limits.exposure_cap if limits else None)
    cap = f" of {limits.exposure_cap * view.equity:,.2f} allowed" if limits else ""
    detail = f"{held + reserved:,.2f}{cap}" + (f", {reserved:,.2f} reserved" if reserved else "")
    return Tile(name="exposure", label="Exposure", value=share, unit="fraction", detail=detail, used=used, level=level)


def _open(view: AccountView, book: RiskBook | None, limits: Limits | None) -> Tile:
    """Counted as Cerebro counts: by strategy and instrument."""
    by_book = [item for item in (book.positions.values() if book else ()) if item.lots]
    count = len(by_book) if book else sum(1 for item in view.positions if item.lots)
    used = min(1.0, count / limits.max_open_positions) if limits else None
    detail = f"of {limits.max_open_positions} at most" if limits else "no policy yet"
    return Tile(name="open", label="Open positions", value=Decimal(count), unit="count", detail=detail, used=used)


def _against(value: Decimal, limit: Decimal | None) -> tuple[float | None, str]:
    if limit is None or limit <= 0:
        return None, "calm"
    share = max(value, Decimal(0)) / limit
    level = "over" if share >= 1 else "near" if share >= NEAR else "calm"
    return round(float(min(share, Decimal(1))), 4), level


def _sign(value: Decimal) -> int:
    return (value > 0) - (value < 0)
