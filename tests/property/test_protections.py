"""What protections look back at has one order whatever comes first, and each pause ends when it says and not before."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fluxfloor.cerebro import recent as recents
from fluxfloor.cerebro.knowledge import Knowledge
from fluxfloor.contracts.decisions import Reason
from fluxfloor.contracts.events import AccountUpdated, TradeClosed
from fluxfloor.contracts.orders import OrderReport, OrderState, Side
from fluxfloor.contracts.recent import RecentTrading
from fluxfloor.contracts.signals import Action, Direction
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import (
    AT_MS,
    BTC,
    ETH,
    account_update,
    book,
    d,
    decide,
    fill,
    held,
    intent,
    policy,
    quote,
    report,
    signal,
)

SECOND, MINUTE = 1_000, 60_000
PROTECTIONS = {
    Reason.COOLDOWN, Reason.STOP_GUARD, Reason.LOOKBACK_DRAWDOWN, Reason.LOW_PROFIT, Reason.UNFILLED_ENTRIES,
}  # fmt: skip
Fact = OrderReport | AccountUpdated


@st.composite
def facts(draw) -> list[Fact]:
    """Exits that were stops or not, entries that came to nothing, closed trades: whole seconds, so that they tie."""
    found: list[Fact] = []
    for number in range(draw(st.integers(1, 12))):
        at_ms = AT_MS - draw(st.integers(0, 240)) * SECOND
        rules, strategy = draw(st.sampled_from([BTC, ETH])), draw(st.sampled_from(["trend", "other"]))
        kind = draw(st.sampled_from(["exit", "nothing", "trade"]))
        if kind == "exit":
            order = intent(f"x{number}", Side.SELL, lots=10, rules=rules, strategy=strategy)
            price = 30 if rules is ETH else draw(st.sampled_from([48_000, 50_000, 51_000]))
            found.append(report(order, OrderState.FILLED, fill(f"f{number}", 10, price, rules=rules, at_ms=at_ms)))
        elif kind == "nothing":
            order = intent(f"n{number}", rules=rules, strategy=strategy)
            state = draw(st.sampled_from([OrderState.CANCELLED, OrderState.EXPIRED]))
            found.append(report(order, state, rules=rules).model_copy(update={"ts_event_ms": at_ms}))
        else:
            found.append(closed(f"t{number}", draw(st.integers(-400, 400)), at_ms, rules.instrument_id, strategy))
    return found


def closed(name: str, profit: int, at_ms: int, instrument: str, strategy: str) -> AccountUpdated:
    trade = TradeClosed(
        trade_id=name, account_id="paper-main", instrument_id=instrument, strategy_id=strategy, sender_id="floor",
        direction="LONG", quantity=d("0.1"), entry_price=d(50_000), exit_price=d(49_000), entry_ms=at_ms,
        exit_ms=at_ms, fees=d(0), profit=d(profit), return_fraction=d(0), entry_signal_id=name, exit_signal_id="x",
    )  # fmt: skip
    return account_update(10_000).model_copy(update={"trades": (trade,)})


def heard(told: list[Fact]) -> RecentTrading:
    """Each exit finds the position that it closes, bought at 50,000 with its stop 1,000 below."""
    seen = RecentTrading(id="main")
    for fact in told:
        if isinstance(fact, AccountUpdated):
            seen = recents.after_trades(seen, fact)
            continue
        order = fact.intent
        rules = BTC if order.instrument_id == BTC.instrument_id else ETH
        slots = {
            key: item.model_copy(update={"stop_price": d(49_000)})
            for key, item in held(10, rules=rules, strategy=order.strategy_id).items()
        }
        seen = recents.after_report(seen, fact, book(positions=slots), book())
    return seen


@given(facts(), st.randoms(use_true_random=False))
def test_whatever_order_the_facts_come_in_and_however_often_the_same_is_kept(told, random):
    shuffled = [*told, *random.sample(told, len(told))]
    random.shuffle(shuffled)
    assert heard(shuffled) == heard(told)


under = st.fixed_dictionaries(
    {
        "cooldown_ms": st.integers(0, 300).map(lambda n: n * SECOND),
        "cooldown_scope": st.sampled_from(["slot", "instrument", "strategy", "portfolio"]),
        "stop_guard_stops": st.none() | st.integers(1, 4),
        "stop_guard_window_ms": st.integers(0, 300).map(lambda n: n * SECOND),
        "stop_guard_pause_ms": st.integers(0, 300).map(lambda n: n * SECOND),
        "stop_guard_scope": st.sampled_from(["slot", "instrument", "strategy", "portfolio"]),
        "lookback_drawdown": st.none() | st.sampled_from(["0.01", "0.05"]),
        "lookback_pause_ms": st.integers(0, 300).map(lambda n: n * SECOND),
        "low_profit": st.none() | st.sampled_from(["-0.05", "0", "0.05"]),
        "low_profit_trades": st.integers(1, 3),
        "low_profit_pause_ms": st.integers(0, 300).map(lambda n: n * SECOND),
        "max_unfilled_entries": st.none() | st.integers(1, 4),
        "unfilled_window_ms": st.integers(0, 300).map(lambda n: n * SECOND),
    }
)


def until_ms(note: str) -> int:
    (stamp,) = re.findall(r"no entry until (.*) UTC", note)
    return int(datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp() * 1000)


@settings(max_examples=200)
@given(facts(), under)
def test_a_pause_lasts_to_the_moment_that_it_names_and_no_longer(told, limits):
    seen = Knowledge(recent=heard(told))

    def failed(now_ms: int) -> dict[str, str]:
        wish = signal(ts_event_ms=now_ms, ts_received_ms=now_ms)
        decided = decide(wish, under=policy(**limits), at=quote(at_ms=now_ms), now_ms=now_ms, knowledge=seen)
        return {step.name: step.note for step in decided.decision.waterfall if not step.passed}

    for name, note in failed(AT_MS).items():
        if name in PROTECTIONS:
            assert until_ms(note) > AT_MS
            assert name in failed(until_ms(note) - 1)
            assert name not in failed(until_ms(note))


@given(facts(), under)
def test_an_exit_is_refused_by_none_of_it(told, limits):
    wish = signal(Action.EXIT, Direction.LONG)
    decided = decide(wish, book(positions=held(100)), policy(**limits), knowledge=Knowledge(recent=heard(told)))
    assert decided.decision.reason is Reason.OK
