"""After an outage: what had to wait is decided in the order of its events, against the market as it is by then."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from fluxfloor.contracts.journal import Timer
from fluxfloor.local.counting import CountingFloor, Operations

from tests.support.trading_floor import MINUTE_MS, TradingFloor, entry

SIGNALS = 20


@pytest.fixture
def floor(tmp_path) -> Iterator[TradingFloor]:
    opened = TradingFloor(tmp_path, floor_type=CountingFloor)
    yield opened
    opened.close()


def sent_into_an_outage(floor: TradingFloor, count: int = SIGNALS) -> None:
    """One a second from strategies of their own, and nothing is delivered. Those with an odd number saw the market a
    tenth lower than it is."""
    market = float(floor.rows("quotes")[0]["quote"]["ask"])
    for number in range(count):
        seen = round(market * (0.9 if number % 2 else 1), 1)
        sent = {"timestamp": floor.clock.now_ms() // 1000, "signal_price": seen, "quantity": "0.001"}
        answer = floor.send(entry(f"s{number}", strategy=f"outside-{number}", **sent))
        assert answer.status_code == 200
        floor.clock.advance_to(floor.clock.now_ms() + 1_000)
    floor.clock.advance_to(floor.clock.now_ms() + 15_000)


def resumed(floor: TradingFloor, random: Random) -> None:
    """Everything that lay there is delivered, in any order; timers when their time has come."""
    while messages := [due for due in floor.floor.due(200) if not isinstance(due.source, Timer)]:
        floor.floor.handle(random.choice(messages))
    floor.later(MINUTE_MS)


def decided(floor: TradingFloor) -> list[tuple[str, str]]:
    """(strategy, reason) of the sender's signals, in the order of decisions."""
    steps = [row for row in floor.rows("journal") if row["stage"] == "cerebro" and row["facts"]]
    made = [
        fact["data"]["decision"]
        for step in sorted(steps, key=lambda row: row["at_ms"])
        for fact in step["facts"]
        if fact["type"] == "decisions.made.v1"
    ]
    known = [(item["strategy_id"].partition(":")[2], item["reason"]) for item in made]
    return [item for item in known if item[0]]


@pytest.mark.parametrize("seed", range(2))
def test_a_backlog_is_decided_in_order_of_event_time_and_under_the_slippage_rule(floor, seed) -> None:
    sent_into_an_outage(floor)
    floor.floor.tick("market", "pull")
    resumed(floor, Random(seed))
    wanted = [(f"outside-{number}", "slippage" if number % 2 else "ok") for number in range(SIGNALS)]
    assert decided(floor) == wanted
    assert len(floor.rows("orders")) == SIGNALS // 2
    assert floor.rows("entry_windows") == []


def test_what_waited_too_long_is_stale(floor) -> None:
    sent_into_an_outage(floor, 3)
    floor.clock.advance_to(floor.clock.now_ms() + 2 * MINUTE_MS)
    resumed(floor, Random(1))
    assert decided(floor) == [(f"outside-{number}", "stale_signal") for number in range(3)]


# --- what it costs -----------------------------------------------------------------------------------------------


def test_a_window_costs_one_commit_and_one_timer_more_however_many_wait_in_it(floor) -> None:
    """An entry that joins: one read round, one commit, nothing published. The decision of all: two read rounds (what
    waits and what it is decided on; the newest quotes), one commit, one publish round, and the mark of it."""
    floor.later(MINUTE_MS)
    floor.pull()
    floor.later(5_000)
    sent_into_an_outage(floor, 5)
    tally = floor.floor.tally
    tally.handled.clear()
    resumed(floor, Random(1))
    mine = [item for item in tally.handled if item.stage == "cerebro"]
    joined = [item.operations for item in mine if item.what == "signals.scored.v1"]
    (together,) = [item.operations for item in mine if item.what == "timers.fired.v1"]
    assert [(done.reads, done.commits, done.publishes) for done in joined] == [(1, 1, 0)] * 5
    assert [_timers(done) for done in joined] == [(1, 1)] + [(0, 0)] * 4
    assert (together.commits, together.publishes, together.patches, together.steps) == (1, 1, 1, 1)
    assert together.reads <= 5
    assert together.messages == {"decisions.made": 5, "orders.requested": 3}


def _timers(done: Operations) -> tuple[int, int]:
    """Set, and marked as set."""
    return done.timers, done.patches
