"""What has lately happened, and pauses entries for a while. Each gate says until when; one that is off says nothing.

A pause is told from the history alone: it begins with the event that completed its condition and lasts its span, and
more of the same only makes it longer. So nothing has to be kept but what happened, and a policy that changes changes
what is paused at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import ZERO, Entry
from fluxfloor.cerebro.gates import gate
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.policy import Scope
from fluxfloor.contracts.recent import EndedTrade, RecentTrading
from fluxfloor.contracts.state import Reservation

NOTHING = RecentTrading(id="nothing")


def cooldown(entry: Entry) -> Limit | None:
    """For a while after the slot, or what shares its scope, came back to flat."""
    limits, recent = entry.limits, _recent(entry)
    if not limits.cooldown_ms:
        return None
    left = [at_ms for slot, at_ms in recent.exits.items() if _within(entry, limits.cooldown_scope, *_parts(slot))]
    until_ms = max(left, default=-limits.cooldown_ms) + limits.cooldown_ms
    where = _where(entry, limits.cooldown_scope)
    if until_ms <= entry.now_ms:
        return gate(Reason.COOLDOWN, True, f"{where} left nothing within {words.duration(limits.cooldown_ms)}")
    note = f"{where} left a position at {words.moment(until_ms - limits.cooldown_ms)}"
    return gate(Reason.COOLDOWN, False, f"{note}: no entry until {words.moment(until_ms)}")


def stop_guard(entry: Entry) -> Limit | None:
    """After so many stops within a window."""
    limits, scope = entry.limits, entry.limits.stop_guard_scope
    if limits.stop_guard_stops is None:
        return None
    stops = [item for item in _recent(entry).stops if _within(entry, scope, item.strategy_id, item.instrument_id)]
    times = [item.ts_event_ms for item in stops if item.ts_event_ms <= entry.now_ms]
    most, window_ms = limits.stop_guard_stops, limits.stop_guard_window_ms
    where, within = _where(entry, scope), words.duration(window_ms)
    until_ms = _paused_until(times, most, window_ms, limits.stop_guard_pause_ms)
    if until_ms > entry.now_ms:
        note = f"{where} left at its stop with a loss {most} times within {within}: no entry until"
        return gate(Reason.STOP_GUARD, False, f"{note} {words.moment(until_ms)}")
    count = sum(entry.now_ms - at_ms <= window_ms for at_ms in times)
    note = f"{count} stops within {within} in {where}, entries pause after {most}"
    return gate(Reason.STOP_GUARD, True, note)


def _paused_until(times: Sequence[int], count: int, window_ms: int, pause_ms: int) -> int:
    """`times` in their order. The pause of the newest one that made it `count` within the window; 0 without any."""
    for place in range(len(times) - 1, count - 2, -1):
        if times[place] - times[place - count + 1] <= window_ms:
            return times[place] + pause_ms
    return 0


@exact
def lookback_drawdown(entry: Entry) -> Limit | None:
    """After closed trades of the portfolio lost too much, from the best sum that those within the window had."""
    limits = entry.limits
    if limits.lookback_drawdown is None:
        return None
    window_ms, within = limits.lookback_window_ms, words.duration(limits.lookback_window_ms)
    trades = [trade for trade in _recent(entry).trades if trade.exit_ms <= entry.now_ms]
    bound = limits.lookback_drawdown * max(entry.book.high_water, entry.book.equity)
    most = words.percent(limits.lookback_drawdown)
    for at_ms, seen in _looking_back(trades, window_ms, entry.now_ms - limits.lookback_pause_ms):
        lost = _lost(seen)
        if lost >= bound:
            note = f"closed trades lost {entry.money(lost)} within {within}, and {most} of equity may go"
            until = words.moment(at_ms + limits.lookback_pause_ms)
            return gate(Reason.LOOKBACK_DRAWDOWN, False, f"{note}: no entry until {until}")
    lost = _lost(_since(trades, entry.now_ms - window_ms))
    note = f"closed trades lost {entry.money(lost)} within {within}, entries pause at {most} of equity"
    return gate(Reason.LOOKBACK_DRAWDOWN, True, note)


@exact
def low_profit(entry: Entry) -> Limit | None:
    """After trades in the instrument that made too little together."""
    limits, name = entry.limits, entry.rules.instrument_id
    if limits.low_profit is None:
        return None
    wanted, window_ms = words.percent(limits.low_profit), limits.low_profit_window_ms
    trades = [item for item in _recent(entry).trades if item.instrument_id == name and item.exit_ms <= entry.now_ms]
    for at_ms, seen in _looking_back(trades, window_ms, entry.now_ms - limits.low_profit_pause_ms):
        returns = _returns(seen)
        if len(returns) >= limits.low_profit_trades and sum(returns, ZERO) < limits.low_profit:
            until = words.moment(at_ms + limits.low_profit_pause_ms)
            note = f"{_made(entry, returns)}, and {wanted} is wanted: no entry until {until}"
            return gate(Reason.LOW_PROFIT, False, note)
    made = _made(entry, _returns(_since(trades, entry.now_ms - window_ms)))
    return gate(Reason.LOW_PROFIT, True, f"{made}; from {limits.low_profit_trades} trades on {wanted} is wanted")


def _looking_back(
    trades: Sequence[EndedTrade], window_ms: int, after_ms: int
) -> Iterator[tuple[int, list[EndedTrade]]]:
    """As each trade after that moment ended, the newest first: when, and all that ended within the window before."""
    for place in range(len(trades) - 1, -1, -1):
        at_ms = trades[place].exit_ms
        if at_ms <= after_ms:
            return
        yield at_ms, _since(trades[: place + 1], at_ms - window_ms)


def _since(trades: Sequence[EndedTrade], from_ms: int) -> list[EndedTrade]:
    return [item for item in trades if item.exit_ms >= from_ms]


def _lost(trades: Sequence[EndedTrade]) -> Decimal:
    """From the best sum on the way to where it stands after the last one; not negative."""
    made = best = ZERO
    for trade in trades:
        made += trade.profit
        best = max(best, made)
    return best - made


def _made(entry: Entry, returns: Sequence[Decimal]) -> str:
    made, within = words.percent(sum(returns, ZERO)), words.duration(entry.limits.low_profit_window_ms)
    return f"{len(returns)} trades in {entry.rules.symbol} made {made} within {within}"


def _returns(trades: Sequence[EndedTrade]) -> list[Decimal]:
    """One for each trade, whatever shares it was closed in."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for item in trades:
        profit, notional = sums.get(item.signal_id, (ZERO, ZERO))
        sums[item.signal_id] = (profit + item.profit, notional + item.notional)
    return [round(profit / notional, 18) for profit, notional in sums.values() if notional]


def self_trade(entry: Entry) -> Limit | None:
    """No order that would fill against another of the same portfolio's, whoever of it has it resting in the book."""
    if not entry.limits.self_trade_guard:
        return None
    crossed = [item for item in entry.book.reservations.values() if _crosses(entry, item)]
    if not crossed:
        return None
    item = min(crossed, key=lambda one: (one.strategy_id, one.ts_event_ms))
    price = words.price(item.limit_price or ZERO)
    what = f"{item.strategy_id} has an order to {item.side} {entry.rules.symbol} resting at {price}"
    return gate(Reason.SELF_TRADE, False, f"{what}, and this entry would trade with it: no entry until it is gone")


def _crosses(entry: Entry, item: Reservation) -> bool:
    if item.limit_price is None or item.instrument_id != entry.rules.instrument_id:
        return False
    if (item.side.sign > 0) is entry.long:
        return False
    resting = entry.rules.ticks(item.limit_price)
    return entry.prices.high >= resting if entry.long else entry.prices.low <= resting


def unfilled_entries(entry: Entry) -> Limit | None:
    """Orders put up and taken away again, over and over, look like layering, whatever they were meant for."""
    most, window_ms = entry.limits.max_unfilled_entries, entry.limits.unfilled_window_ms
    if most is None:
        return None
    times = [
        item.ts_event_ms
        for item in _recent(entry).unfilled
        if item.instrument_id == entry.rules.instrument_id and 0 <= entry.now_ms - item.ts_event_ms < window_ms
    ]
    if not times:
        return None
    note = f"{len(times)} entries of {entry.rules.symbol} came to nothing within {words.duration(window_ms)}"
    if len(times) <= most:
        return gate(Reason.UNFILLED_ENTRIES, True, f"{note}, and {most} may")
    until = words.moment(times[-most - 1] + window_ms)
    return gate(Reason.UNFILLED_ENTRIES, False, f"{note}, and {most} may: no entry until {until}")


# --- what belongs together ---------------------------------------------------------------------------------------


def _recent(entry: Entry) -> RecentTrading:
    return entry.knowledge.recent or NOTHING


def _within(entry: Entry, scope: Scope, strategy_id: str, instrument_id: str) -> bool:
    same_strategy, same_instrument = strategy_id == entry.strategy_id, instrument_id == entry.rules.instrument_id
    if scope == "portfolio":
        return True
    if scope == "strategy":
        return same_strategy
    return same_instrument and (same_strategy or scope == "instrument")


def _parts(slot: str) -> tuple[str, str]:
    strategy_id, _, instrument_id = slot.partition("|")
    return strategy_id, instrument_id


def _where(entry: Entry, scope: Scope) -> str:
    if scope == "portfolio":
        return "the portfolio"
    if scope == "strategy":
        return entry.strategy_id
    return entry.rules.symbol if scope == "instrument" else f"{entry.strategy_id} in {entry.rules.symbol}"
