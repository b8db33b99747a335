"""Closes the days: an instrument's when its daily bar has closed, the strategies' at midnight UTC."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fluxfloor.accounts.book import equity as worth
from fluxfloor.accounts.strategies import Standing, standings
from fluxfloor.allocation import days
from fluxfloor.contracts.events import CandleClosed, HistoryUploaded, ScheduleTicked, TradeClosed
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.state import Account, CandleWindow, TradeRow
from fluxfloor.contracts.weights import Allocation, InstrumentDays, StrategyDays
from fluxfloor.errors import InvariantBroken, RetryLater
from fluxfloor.market.window import decode, window_id
from fluxfloor.ports import Query
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

MAX_STRATEGIES = 1_000
MAX_TRADES = 20_000


def follow_instrument(closed: CandleClosed, work: Work) -> None:
    """The whole window is taken, so that a bar that was missed, or came before this stage did, is in it too."""
    name = closed.candle.instrument_id
    window, known = work.read(CandleWindow.key(window_id(name, closed.candle.timeframe)), InstrumentDays.key(name))
    if window is not None:
        work.write(days.instrument_days(known, name, decode(window.bars)))


def take_history(uploaded: HistoryUploaded, work: Work) -> None:
    portfolio, strategy = uploaded.portfolio_id, uploaded.strategy_id
    (known,) = work.read(StrategyDays.key(f"{portfolio}|{strategy}"))
    record = known or days.opened(portfolio, strategy, Decimal(0), None)
    work.write(days.uploaded(record, uploaded.history))


def close_days(context: Context, tick: Fact) -> None:
    """Portfolio by portfolio; one that can't be closed yet holds up no other."""
    assert isinstance(tick.event, ScheduleTicked)
    # A clock that is behind must not take midnight for the day before.
    at_ms = max(context.now_ms, tick.event.scheduled_ms)
    waiting = [name for name in context.settings.portfolios if not _closed(context, tick, name, at_ms)]
    if waiting:
        raise RetryLater(f"the books of {', '.join(waiting)} moved while their day was being closed")


def _closed(context: Context, tick: Fact, portfolio: str, at_ms: int) -> bool:
    policy = context.read(Policy.key(portfolio))
    traded = policy.account_ids if policy else ()
    accounts = [account for name in traded if (account := context.read(Account.key(name))) is not None]
    if not accounts:
        return True
    known = _known(context, portfolio)
    since_ms = min((item.closed_ms for item in known if item.closed_ms), default=at_ms) - days.LOOK_BACK_MS
    trades = _trades_since(context, accounts, since_ms)
    own = [name for name, item in context.settings.strategies.items() if item.portfolio == portfolio]
    names = days.strategy_ids(own, trades, (item.strategy_id for item in known), _standings(accounts, context))
    try:
        context.step(
            context.cause(tick.event, tick.event_id, portfolio),
            lambda _, work: _close(work, portfolio, accounts, names, trades, at_ms),
        )
    except RetryLater:
        return False
    return True


def _close(
    work: Work, portfolio: str, accounts: list[Account], names: list[str], trades: Mapping[str, list[TradeClosed]],
    at_ms: int,
) -> None:  # fmt: skip
    """The accounts must be those that the trades were read beside: a trade counts either as open or as closed."""
    policy, allocation, *now = work.read_all(
        [Policy.key(portfolio), Allocation.key(portfolio), *(Account.key(account.id) for account in accounts)]
    )
    for account, found in zip(accounts, now, strict=True):
        if found is None or found.version != account.version:
            raise RetryLater(f"account {account.id} moved while its day was being closed")
    held = _standings(accounts, work)
    equity = _equity(accounts, work)
    records = work.read_all([StrategyDays.key(f"{portfolio}|{name}") for name in names])
    beside = max((found for found in records if found), key=lambda found: found.closed_ms, default=None)
    for name, found in zip(names, records, strict=True):
        share = _share(name, policy, allocation)
        record = found or days.opened(portfolio, name, share, beside)
        if days.due(record, at_ms):
            here = held.get(name, Standing())
            made = days.Made(here.open_profit, here.margin, equity, share, tuple(trades.get(name, ())))
            work.write(days.closed(record, made, at_ms))


@exact
def _standings(accounts: list[Account], source: Context | Work) -> dict[str, Standing]:
    """By strategy, of all accounts together."""
    found: dict[str, Standing] = {}
    for account in accounts:
        for name, item in standings(account, _rules(source, account)).items():
            before = found.get(name, Standing())
            found[name] = Standing(before.open_profit + item.open_profit, before.margin + item.margin)
    return found


@exact
def _equity(accounts: list[Account], work: Work) -> Decimal:
    return sum((worth(account, _rules(work, account)) for account in accounts), Decimal(0))


def _share(strategy_id: str, policy: Policy | None, allocation: Allocation | None) -> Decimal:
    """Of the equity: all of it where none is shared."""
    if policy is None or policy.allocation is None or allocation is None:
        return Decimal(1)
    return Decimal(str(allocation.active.weights.get(strategy_id, 0.0)))


def _trades_since(context: Context, accounts: list[Account], since_ms: int) -> dict[str, list[TradeClosed]]:
    """By strategy, those of one account after those of another."""
    found: dict[str, list[TradeClosed]] = {}
    for account in accounts:
        for trade in _trades_of(context, account, since_ms):
            found.setdefault(trade.strategy_id, []).append(trade)
    return found


def _trades_of(context: Context, account: Account, since_ms: int) -> list[TradeClosed]:
    query = Query(
        TradeRow.collection, (("account_id", "==", account.id), ("exit_ms", ">=", since_ms)), order_by="exit_ms",
        limit=MAX_TRADES,
    )  # fmt: skip
    rows = context.ports.store.query(query)
    if len(rows) == MAX_TRADES:
        raise InvariantBroken(f"account {account.id} closed {MAX_TRADES} trades or more since {since_ms}")
    return [TradeRow.decode(row.data or {}).trade for row in rows]


def _known(context: Context, portfolio: str) -> list[StrategyDays]:
    query = Query(StrategyDays.collection, (("portfolio_id", "==", portfolio),), limit=MAX_STRATEGIES)
    return [StrategyDays.decode(found.data or {}) for found in context.ports.store.query(query)]


def _rules(source: Context | Work, account: Account) -> dict[str, Instrument]:
    """Of all that is held. Raises RetryLater while a catalog lacks any."""
    found = {}
    for name in account.positions:
        catalog = source.reference(InstrumentCatalog.key(name.split(":", 1)[0]))
        rules = catalog.find(name) if catalog else None
        if rules is None:
            raise RetryLater(f"no rules for {name} in any catalog yet")
        found[name] = rules
    return found
