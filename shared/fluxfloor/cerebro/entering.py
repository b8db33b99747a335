"""An entry: checked, priced, sized under every limit, and turned into an order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import checks, overtaking, planning, routing, words
from fluxfloor.cerebro import prices as pricing
from fluxfloor.cerebro.case import Case, Wanted
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.cerebro.entry import Entry
from fluxfloor.cerebro.factors import REVERTS
from fluxfloor.cerebro.limits import Sizing, waterfall
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Limit, Reason, Tail
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.orders import OrderIntent, Purpose, Side
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.signals import Action, Direction, Leg, OrderType, TimeInForce
from fluxfloor.contracts.state import RiskBook
from fluxfloor.errors import RetryLater

REVERSAL_WAIT_MS = 10_000  # for an exit that was stated together with this entry


@dataclass(frozen=True, slots=True)
class Sized:
    """The order as a whole, its parts, and how it came to its size."""

    intent: OrderIntent
    prices: pricing.Prices
    steps: tuple[Limit, ...]
    alpha: Decimal
    slippage: Decimal
    tail: Tail | None = None
    orders: tuple[OrderIntent, ...] = ()  # what is ordered of it, account by account


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry that may be sized: checked and priced, its `leg` as it is to be ordered. Prices in ticks."""

    case: Case
    leg: Leg
    entry: Entry
    slipped: checks.Slippage
    alpha: Decimal
    target: int | None
    mid: int

    def intent(self, lots: int, with_legs: tuple[str, ...] = ()) -> OrderIntent:
        return _intent(self, lots, with_legs)

    def orders(self, lots: int, book: RiskBook) -> tuple[OrderIntent, ...]:
        """Account by account, by what each can take on that book."""
        parts = routing.split(replace(self.entry, book=book), lots, self.case.policy.account_id)
        return self._worked(self.intent(lots), parts) if parts else ()

    def _worked(self, whole: OrderIntent, parts: dict[str, int]) -> tuple[OrderIntent, ...]:
        """Each part with a plan that fits its size."""
        made = routing.orders(whole, parts, self.case.place)
        if len(made) == 1 and made[0].lots == whole.lots:
            return made
        ground = _ground(self)
        plans = [planning.plan(ground, order.lots, whole.lots) for order in made]
        return tuple(order.model_copy(update={"plan": plan}) for order, plan in zip(made, plans, strict=True))

    def sized(self, sizing: Sizing, lots: int, with_legs: tuple[str, ...] = (), on: RiskBook | None = None) -> Sized:
        """With `lots`, which `sizing` allows; raises Refusal where the venue takes no order as small as that. `on`: the
        book that its accounts are chosen by, by default the one it was sized on."""
        prices, book = self.entry.prices, on or self.entry.book
        lots, steps = _at_least(self.entry, lots, (self.slipped.limit, *sizing.steps))
        parts = routing.split(replace(self.entry, book=book), lots, self.case.policy.account_id)
        if self.entry.accounts:
            steps = _routed(self.case.rules, parts, lots, steps)
            lots = sum(parts.values())
        whole = self.intent(lots, with_legs)
        made = self._worked(whole, parts)
        return Sized(whole, prices, steps, self.alpha, self.slipped.share, sizing.tail, made)


def enter(case: Case, wish: Wanted) -> Sized:
    """Raises Refusal, and RetryLater where an entry has overtaken the exit that makes room for it."""
    prepared = prepare(case, wish)
    sizing = waterfall(prepared.entry)
    return prepared.sized(sizing, sizing.lots)


def prepare(case: Case, wish: Wanted) -> Prepared:
    """All that comes before the size. Raises like `enter`."""
    rules, limits, long = case.rules, case.policy.limits, wish.direction is Direction.LONG
    checks.halted(case.halts)
    overtaking.check(case, wish.direction)
    checks.tradable(wish.direction, case.book, rules)
    checks.standing(case.leg, rules)
    accounts = routing.able(case.policy, case.book, rules)
    checks.funded(case.book, limits, case.now_ms)
    quote = checks.fresh(case.scored, limits, case.now_ms)
    _unoccupied(case, wish.direction)
    alpha = checks.edge(case.scored)
    slipped = checks.slippage(case.scored, long, quote, rules, limits, alpha)
    leg = pricing.styled(case.leg, long, quote, limits, case.scored.features.get("regime") == REVERTS)
    prices = pricing.entry_prices(leg, long, quote, rules)
    stop = pricing.stop_ticks(case.scored, long, prices, rules, limits)
    if books.drawdown(case.book) >= limits.drawdown_halves:
        stop = pricing.tightened(stop, long, prices, limits.drawdown_stop)
    target = pricing.take_profit_ticks(leg, long, prices, rules)
    entry = _entry(case, wish, long, prices, stop, quote)
    entry = replace(entry, accounts=accounts, chased=planning.chased(leg, case.signal, limits))
    return Prepared(case, leg, entry, slipped, alpha, target, max(1, rules.ticks(quote.mid)))


def _entry(case: Case, wish: Wanted, long: bool, prices: pricing.Prices, stop: int, quote: Quote) -> Entry:
    told = (case.signal.explanation.get(name) for name in ("spike", "second_opinion"))
    return Entry(
        case.signal.strategy_id, "reversion" in case.style, long, case.book, case.policy.limits, case.rules,
        case.instruments, prices, stop, wish.size, case.signal.size_factor, case.knowledge, case.scored.features,
        quote.ask_size if long else quote.bid_size, case.signal.sender_id != FLOOR,
        "; ".join(text for text in told if isinstance(text, str)), case.now_ms,
    )  # fmt: skip


def _unoccupied(case: Case, direction: Direction) -> None:
    """Nothing of the strategy's is in the way. A TARGET has counted what it holds; an add says that it adds."""
    sign = -1 if direction is Direction.SHORT else 1
    if case.staying * sign < 0:
        if case.now_ms - case.signal.ts_received_ms < REVERSAL_WAIT_MS:
            raise RetryLater(f"{case.signal.strategy_id} still holds the other side of {case.rules.symbol}")
        raise Refusal(Reason.POSITION_OPEN, f"{case.signal.strategy_id} holds the other side of {case.rules.symbol}")
    if case.signal.action is Action.TARGET or case.signal.adds:
        return
    if case.staying or case.entries:
        raise Refusal(Reason.POSITION_OPEN, f"{case.signal.strategy_id} already holds or awaits {case.rules.symbol}")


def _at_least(entry: Entry, lots: int, steps: tuple[Limit, ...]) -> tuple[int, tuple[Limit, ...]]:
    """The venue's smallest order; below it there is no order, and the limit that made it so small is the reason."""
    rules, least = entry.rules, entry.fewest
    takes = f"{rules.venue} takes {words.quantity(least, rules)} or more"
    if lots:
        steps = (*steps, Limit(name=Reason.MIN_NOTIONAL, passed=lots >= least, note=takes))
    if lots >= least:
        return lots, steps
    bound = next(limit for limit in steps if limit.binding)
    name = words.limit(bound.name)
    if lots:
        message = f"{name} leaves only {words.quantity(lots, rules)}, and {takes} ({bound.note})"
        raise Refusal(Reason.MIN_NOTIONAL, message, steps)
    raise Refusal(Reason(bound.name), f"{name} leaves no room: {bound.note}" if name else bound.note, steps)


def _routed(rules: Instrument, parts: dict[str, int], lots: int, steps: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """With the step that says where it goes; that one binds where smallest orders left some of it out."""
    short = sum(parts.values()) < lots
    why = "" if len(parts) == 1 else ", pro rata by what each can take"
    step = Limit(name=words.ROUTE, binding=short, note=f"{routing.told(rules, parts)}{why}")
    if not parts:
        step = step.model_copy(update={"passed": False, "note": "no account can take it any more"})
        raise Refusal(Reason.ACCOUNTS, step.note, (*steps, step))
    if short:
        steps = tuple(item.model_copy(update={"binding": False}) for item in steps)
    return (*steps, step)


def _intent(prepared: Prepared, lots: int, with_legs: tuple[str, ...]) -> OrderIntent:
    case, entry, prices, leg = prepared.case, prepared.entry, prepared.entry.prices, prepared.leg
    signal, trail = case.signal, prices.trail or pricing.trail_ticks(leg, prices.expected, case.rules)
    return OrderIntent(
        intent_id=ids.intent_id(signal.signal_id, case.place, Purpose.ENTRY), signal_id=signal.signal_id,
        portfolio_id=signal.portfolio_id, account_id=case.policy.account_id, strategy_id=signal.strategy_id,
        sender_id=signal.sender_id, instrument_id=case.rules.instrument_id, purpose=Purpose.ENTRY,
        side=Side.BUY if entry.long else Side.SELL, lots=lots, order_type=leg.order_type,
        limit_ticks=prices.limit, trigger_ticks=prices.trigger, stop_loss_ticks=entry.stop_ticks,
        take_profit_ticks=prepared.target, arrival_ticks=prepared.mid, requested_ms=case.now_ms,
        signal_ms=signal.ts_received_ms, expires_ms=signal.expires_ms, tag=signal.tag, with_legs=with_legs,
        trail_ticks=trail, time_in_force=_in_force(leg), post_only=leg.post_only,
        plan=planning.plan(_ground(prepared), lots, lots),
    )  # fmt: skip


def _in_force(leg: Leg) -> TimeInForce:
    """At the market, for the day says nothing that matters, and not every venue knows it."""
    if leg.time_in_force is TimeInForce.DAY and leg.order_type is OrderType.MARKET:
        return TimeInForce.GTC
    return leg.time_in_force or TimeInForce.GTC


def _ground(prepared: Prepared) -> planning.Ground:
    seen = prepared.case.signal.reference_price
    ticks = max(1, prepared.case.rules.ticks(seen)) if seen is not None else prepared.mid
    return planning.Ground(prepared.leg, prepared.entry, prepared.alpha, ticks, _release_by_ms(prepared.case))


def _release_by_ms(case: Case) -> int:
    signal = case.signal
    if not signal.provisional or signal.bar_close_ms is None:
        return 0
    return signal.bar_close_ms + case.policy.limits.prepared_release_ms
