"""One scored signal against one book: an order sized under every limit, or a refusal that says why."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import checks, explain
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.cerebro.limits import Entry, waterfall
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Decision, Limit, Reason, Verdict
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.orders import OrderIntent, Purpose, Side
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.signals import Action, Direction, OrderType, Signal, Size, SizeKind
from fluxfloor.contracts.state import RiskBook


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer, the book after it, and the orders to ask for."""

    decision: Decision
    book: RiskBook | None
    intents: tuple[OrderIntent, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """All that one decision stands on."""

    scored: SignalScored
    book: RiskBook
    policy: Policy
    halts: tuple[Halt | None, ...]
    instruments: dict[str, Instrument]
    now_ms: int

    @property
    def signal(self) -> Signal:
        return self.scored.signal

    @property
    def rules(self) -> Instrument:
        return self.instruments[self.signal.leg.instrument_id]

    @property
    def held(self) -> int:
        return books.held_lots(self.book, self.signal.strategy_id, self.signal.leg.instrument_id)


def decide(
    scored: SignalScored,
    book: RiskBook | None,
    policy: Policy | None,
    halts: tuple[Halt | None, ...],
    instruments: dict[str, Instrument],
    now_ms: int,
) -> Decided:
    """`instruments` holds the rules of the signal's instrument and of everything in the book, by id."""
    try:
        case = _case(scored, book, policy, halts, instruments, now_ms)
        wanted = _resolve(case)
        return _exit(case, wanted) if wanted.action is Action.EXIT else _enter(case, wanted)
    except Refusal as refusal:
        return Decided(_refused(scored, book, policy, instruments, refusal, now_ms), book)


def _case(
    scored: SignalScored,
    book: RiskBook | None,
    policy: Policy | None,
    halts: tuple[Halt | None, ...],
    instruments: dict[str, Instrument],
    now_ms: int,
) -> Case:
    portfolio = scored.signal.portfolio_id
    if policy is None:
        raise Refusal(Reason.UNKNOWN_PORTFOLIO, f"portfolio {portfolio} has no policy")
    if book is None:
        raise Refusal(Reason.UNKNOWN_PORTFOLIO, f"portfolio {portfolio} has no book yet: its account is not reconciled")
    if scored.signal.leg.instrument_id not in instruments:
        raise Refusal(Reason.UNKNOWN_INSTRUMENT, f"{scored.signal.leg.instrument_id} is in no venue's catalog")
    return Case(scored, book, policy, halts, instruments, now_ms)


# --- what is wanted ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    action: Action
    direction: Direction
    size: Size | None


def _resolve(case: Case) -> Wanted:
    """A TARGET becomes the entry or exit that leads there from what is held."""
    signal, leg = case.signal, case.signal.leg
    if signal.action is not Action.TARGET:
        return Wanted(signal.action, leg.direction, leg.size)
    target = _target_lots(case)
    if target == case.held:
        raise Refusal(Reason.AT_TARGET, f"{signal.strategy_id} already holds the target")
    if case.held and target * case.held < 0:
        raise Refusal(Reason.UNSUPPORTED, "a target on the other side: send an EXIT, then an ENTRY")
    change = abs(target) - abs(case.held)
    size = Size(kind=SizeKind.QUANTITY, value=case.rules.quantity(abs(change)))
    if change < 0:
        return Wanted(Action.EXIT, leg.direction, size)
    return Wanted(Action.ENTRY, Direction.LONG if target > 0 else Direction.SHORT, size)


def _target_lots(case: Case) -> int:
    leg, rules = case.signal.leg, case.rules
    if leg.direction is Direction.FLAT or leg.size is None:
        return 0
    value, sign = leg.size.value, -1 if leg.direction is Direction.SHORT else 1
    if leg.size.kind is SizeKind.QUANTITY:
        return sign * rules.lots(value)
    price = _reference_price(case)
    money = value if leg.size.kind is SizeKind.NOTIONAL else value * case.book.equity
    return sign * rules.lots(money / price)


def _reference_price(case: Case) -> Decimal:
    """Where the market is, as well as is known: the quote, else the mark of what is held, else the sender's price."""
    if case.scored.quote is not None:
        return case.scored.quote.mid
    key = books.position_key(case.signal.strategy_id, case.rules.instrument_id)
    if key in case.book.positions:
        return case.book.positions[key].mark_price
    if case.signal.reference_price is not None:
        return case.signal.reference_price
    raise Refusal(Reason.NO_QUOTE, f"there is no price for {case.rules.symbol}")


# --- entries -----------------------------------------------------------------------------------------------------


def _enter(case: Case, wanted: Wanted) -> Decided:
    limits, rules, signal = case.policy.limits, case.rules, case.signal
    if wanted.direction is Direction.FLAT:
        raise Refusal(Reason.UNSUPPORTED, "an ENTRY needs a direction, LONG or SHORT")
    checks.halted(case.halts)
    if signal.action is not Action.TARGET or not case.held:
        checks.tradable(case.scored, case.book, rules)
    quote = checks.fresh(case.scored, limits, case.now_ms)
    alpha = checks.edge(case.scored)
    slipped = checks.slippage(case.scored, quote, rules, limits, alpha)
    price_ticks = _entry_ticks(case, quote)
    stop = checks.stop_ticks(case.scored, rules, limits, price_ticks)
    entry = Entry(signal, case.book, limits, rules, case.instruments, price_ticks, stop, wanted.size)
    lots, sized = waterfall(entry)
    lots, steps = _minimum(entry, lots, (slipped, *sized))
    side = Side.SELL if wanted.direction is Direction.SHORT else Side.BUY
    intent = _intent(case, Purpose.ENTRY, side, lots, price_ticks, stop)
    return _accepted(case, intent, steps, alpha, price_ticks)


def _entry_ticks(case: Case, quote: Quote) -> int:
    """The price an entry is sized at: its limit, its trigger, or the side of the quote it would take."""
    leg, rules = case.signal.leg, case.rules
    long = leg.direction is not Direction.SHORT
    if leg.limit_price is not None and leg.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        return rules.ticks_below(leg.limit_price) if long else rules.ticks_above(leg.limit_price)
    if leg.trigger_price is not None and leg.order_type is OrderType.STOP:
        return rules.ticks(leg.trigger_price)
    return rules.ticks_above(quote.ask) if long else rules.ticks_below(quote.bid)


def _minimum(entry: Entry, lots: int, steps: tuple[Limit, ...]) -> tuple[int, tuple[Limit, ...]]:
    """The venue's smallest order; below it there is no order, and the limit that made it so small is the reason."""
    least = entry.rules.min_lots(entry.price_ticks)
    minimum = Limit(
        name=Reason.MIN_NOTIONAL, allows_lots=None, passed=lots >= least,
        note=f"the venue takes {entry.rules.quantity(least):f} {entry.rules.base} or more",
    )  # fmt: skip
    if lots >= least:
        return lots, (*steps, minimum)
    bound = next(limit for limit in steps if limit.binding)
    if lots == 0:
        raise Refusal(Reason(bound.name), f"{bound.name} allows nothing: {bound.note}", (*steps, minimum))
    message = f"{bound.name} leaves {entry.rules.quantity(lots):f} {entry.rules.base}, {minimum.note}"
    raise Refusal(Reason.MIN_NOTIONAL, message, (*steps, minimum))


# --- exits -------------------------------------------------------------------------------------------------------


def _exit(case: Case, wanted: Wanted) -> Decided:
    """Sized by what is held and not already on its way out. No limit refuses an exit, and no halt."""
    free = abs(case.held) - books.leaving_lots(case.book, case.signal.strategy_id, case.rules.instrument_id)
    if free <= 0:
        raise Refusal(Reason.NOTHING_TO_EXIT, f"{case.signal.strategy_id} holds nothing of {case.rules.symbol} to exit")
    price_ticks = max(1, case.rules.ticks(_reference_price(case)))
    lots = min(free, _exit_lots(case, wanted.size, price_ticks, free))
    if lots < free and free - lots < case.rules.min_lots(price_ticks):
        lots = free  # what would be left is too small to sell later
    side = Side.SELL if case.held > 0 else Side.BUY
    intent = _intent(case, Purpose.EXIT, side, lots, price_ticks, None)
    steps = (Limit(name="held", allows_lots=free, binding=True, note="an exit is limited only by what is held"),)
    return _accepted(case, intent, steps, None, price_ticks)


def _exit_lots(case: Case, size: Size | None, price_ticks: int, free: int) -> int:
    if size is None:
        return free
    if size.kind is SizeKind.FRACTION:
        return max(1, int(free * min(size.value, Decimal(1))))
    if size.kind is SizeKind.QUANTITY:
        return max(1, case.rules.lots(size.value))
    money = size.value if size.kind is SizeKind.NOTIONAL else size.value * case.book.equity
    return max(1, case.rules.lots(money / case.rules.price(price_ticks)))


# --- the answer --------------------------------------------------------------------------------------------------


def _intent(case: Case, purpose: Purpose, side: Side, lots: int, price_ticks: int, stop: int | None) -> OrderIntent:
    signal, leg, rules = case.signal, case.signal.leg, case.rules
    market = purpose is not Purpose.ENTRY or leg.order_type is OrderType.MARKET
    limited = leg.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    triggered = leg.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    return OrderIntent(
        intent_id=ids.intent_id(signal.signal_id, 0, purpose), signal_id=signal.signal_id,
        portfolio_id=signal.portfolio_id, account_id=case.policy.account_id, strategy_id=signal.strategy_id,
        sender_id=signal.sender_id, instrument_id=rules.instrument_id, purpose=purpose, side=side, lots=lots,
        order_type=OrderType.MARKET if market else leg.order_type,
        limit_ticks=price_ticks if limited and not market else None,
        trigger_ticks=rules.ticks(leg.trigger_price) if triggered and not market and leg.trigger_price else None,
        stop_loss_ticks=stop, take_profit_ticks=_take_profit(case, purpose), arrival_ticks=price_ticks,
        requested_ms=case.now_ms, expires_ms=signal.expires_ms, tag=signal.tag,
    )  # fmt: skip


def _take_profit(case: Case, purpose: Purpose) -> int | None:
    price = case.signal.leg.take_profit
    return case.rules.ticks(price) if price is not None and purpose is Purpose.ENTRY else None


def _accepted(
    case: Case, intent: OrderIntent, steps: tuple[Limit, ...], alpha: Decimal | None, price_ticks: int
) -> Decided:
    if intent.intent_id in case.book.reservations:
        raise Refusal(Reason.DUPLICATE_INTENT, "this signal already has an order on its way")
    rules = case.rules
    book = books.reserve(case.book, intent, rules, price_ticks)
    decision = Decision(
        decision_id=ids.digest("decision", case.signal.signal_id), signal_id=case.signal.signal_id,
        portfolio_id=case.signal.portfolio_id, strategy_id=case.signal.strategy_id, sender_id=case.signal.sender_id,
        instrument_id=rules.instrument_id, verdict=Verdict.ACCEPTED, reason=Reason.OK, purpose=intent.purpose,
        side=intent.side, lots=intent.lots, quantity=rules.quantity(intent.lots), price=rules.price(price_ticks),
        notional=rules.notional(price_ticks, intent.lots), intent_ids=(intent.intent_id,), waterfall=steps,
        text=explain.accepted(case.signal, intent, rules, steps), expected_alpha=alpha,
        book_version=case.book.version, policy_version=case.policy.version, ts_event_ms=case.now_ms,
    )  # fmt: skip
    return Decided(decision, book, (intent,))


def _refused(
    scored: SignalScored,
    book: RiskBook | None,
    policy: Policy | None,
    instruments: dict[str, Instrument],
    refusal: Refusal,
    now_ms: int,
) -> Decision:
    signal = scored.signal
    return Decision(
        decision_id=ids.digest("decision", signal.signal_id), signal_id=signal.signal_id,
        portfolio_id=signal.portfolio_id, strategy_id=signal.strategy_id, sender_id=signal.sender_id,
        instrument_id=signal.leg.instrument_id, verdict=Verdict.REFUSED, reason=refusal.reason,
        waterfall=refusal.limits, text=explain.refused(signal, instruments.get(signal.leg.instrument_id), refusal),
        expected_alpha=signal.expected_alpha, book_version=book.version if book else 0,
        policy_version=policy.version if policy else 0, ts_event_ms=now_ms,
    )  # fmt: skip
