"""Operations per hop, counted on a calm run of the real stages: what the design promises, and what is paid for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.local.chaos.house import STAGES_RUN
from fluxfloor.local.counting import CountingFloor, Handled, Operations
from fluxfloor.reporting.operations import ALSO_LOOKS, SIGNAL

from tests.support.trading_floor import TradingFloor

READERS = ("features", "cerebro", "reconciliation", "dashboard")


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[TradingFloor]:
    trading = TradingFloor(tmp_path, stages=(*STAGES_RUN, "dashboard"), floor_type=CountingFloor)
    yield trading
    trading.close()


def round_trip(trading: TradingFloor, name: str) -> list[Handled]:
    """What an entry and its exit set off, in the order of time."""
    tally = trading.floor.tally  # type: ignore[attr-defined]
    before = len(tally.handled)
    for action in ("buy", "sell"):
        assert trading.send(id=f"{name}-{action}", action=action).status_code == 200
        trading.later(1_000)
    assert [order["state"] for order in trading.rows("orders")[-2:]] == ["filled", "filled"]
    handled: list[Handled] = tally.handled[before:]
    return handled


@pytest.fixture
def warm(trading: TradingFloor) -> list[Handled]:
    """Of a floor that has seen a signal a moment ago: reference data is at hand."""
    round_trip(trading, "first")
    return round_trip(trading, "second")


def of(handled: list[Handled], stage: str, what: str = "") -> list[Operations]:
    found = [item.operations for item in handled if item.stage == stage and what in item.what]
    assert found
    return found


def rounds(done: Operations) -> tuple[int, int, int, int]:
    """Read rounds, commits, publish rounds, marks."""
    return done.reads + done.queries, done.commits, done.publishes, done.patches


@pytest.mark.parametrize(
    ("stage", "what"),
    [
        ("ingestion", "POST"), ("features", "signals.received"), ("features", "decisions.made"),
        ("features", "executions.reported"), ("cerebro", "signals.scored"), ("cerebro", "executions.reported"),
        ("cerebro", "accounts.updated"), ("dashboard", "decisions.made"), ("dashboard", "executions.reported"),
    ],
)  # fmt: skip
def test_a_hop_is_one_read_round_one_commit_and_one_publish_round_with_its_mark(
    warm: list[Handled], stage: str, what: str
) -> None:
    for done in of(warm, stage, what):
        reads, commits, publishes, marks = rounds(done)
        assert (reads, commits) == (1, 1)
        assert publishes == marks == (1 if done.messages else 0)
        assert done.steps == 1


def test_only_what_is_stated_is_published_and_marked(warm: list[Handled]) -> None:
    assert {rounds(done)[2:] for done in of(warm, "cerebro", "signals.scored")} == {(1, 1)}
    assert {rounds(done)[2:] for done in of(warm, "features", "decisions.made")} == {(0, 0)}


def test_execution_commits_three_times_to_send_an_order_and_once_for_what_became_of_it(warm: list[Handled]) -> None:
    for sent in of(warm, "execution", "orders.requested"):
        assert sent.commits == sent.steps == 3  # the intent, submitting, the outcome
        assert sent.venue_calls == 1
    looks = [done for done in of(warm, "execution", "timers.fired") if done.venue_calls]
    assert [(done.commits, done.venue_calls) for done in looks] == [(1, 1), (1, 1)]
    filled = [done for done in looks if done.messages]
    assert [dict(done.messages) for done in filled] == [{"executions.reported": 1}] * 2


def test_every_commit_of_a_stage_carries_one_claim(warm: list[Handled]) -> None:
    assert all(item.operations.commits == item.operations.steps for item in warm)


def test_a_fill_is_booked_and_compared_in_two_steps_at_most(warm: list[Handled]) -> None:
    assert all(done.commits <= 2 for done in of(warm, "reconciliation", "executions.reported"))


def test_everything_a_webhook_sets_off_is_filed_under_the_signal(warm: list[Handled]) -> None:
    assert {item.cause for item in warm} == {SIGNAL}


def test_an_idle_sweep_asks_for_nothing_but_what_it_may_have_to_do_and_writes_nothing(
    trading: TradingFloor,
) -> None:
    round_trip(trading, "only")
    trading.later(120_000)
    tally = trading.floor.tally  # type: ignore[attr-defined]
    for stage in ("ingestion", "features", "cerebro", "dashboard"):
        trading.floor.tick(stage, "sweep")
        done = tally.handled[-1].operations
        looks = f"{stage}/sweep" in ALSO_LOOKS
        assert done.queries == len(trading.floor.runners[stage].stage.spec.databases) + looks
        assert (done.reads, done.commits, done.publishes, done.patches) == (0, 0, 0, 0)


def test_a_bar_is_one_hop_for_each_that_hears_it(trading: TradingFloor) -> None:
    tally = trading.floor.tally  # type: ignore[attr-defined]
    trading.later(900_000)
    before = len(tally.handled)
    trading.pull()
    handled = tally.handled[before:]
    assert {item.cause for item in handled} == {"market/pull"}
    (features,), (books,) = of(handled, "features", "candles.closed"), of(handled, "reconciliation", "candles.closed")
    assert (rounds(features)[:2], rounds(books)[:2]) == ((1, 1), (1, 1))
    (pull,) = of(handled, "market", "pull")
    assert pull.commits == 2  # the quotes, and the bar
    assert dict(pull.messages) == {"candles.closed": 1}
