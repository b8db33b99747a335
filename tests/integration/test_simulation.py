"""The simulation stage on the embedded backend: from a request to its files and the fact that says where they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fluxfloor.errors import RetryLater
from fluxfloor.local import simulating
from fluxfloor.ports import Query
from fluxfloor.reporting import simulations

from functions.simulation import player
from tests.support.playground import FROM_MS, HOUR_MS, RULES, Playground, spec, walk

FILES = ["equity.csv", "equity.parquet", "report.json", "trades.csv", "trades.parquet"]


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Playground]:
    opened = Playground(tmp_path)
    yield opened
    opened.floor.close()


def test_a_request_becomes_a_report_trades_equity_and_a_fact(yard: Playground) -> None:
    yard.ask()
    yard.run()
    done, told = yard.record(), yard.report()
    assert (done.status, sorted(done.files)) == ("done", FILES)
    assert told["bars"] == told["counts"]["candles"] == 260
    assert told["counts"]["books_match_venue"]
    assert told["counts"]["ledger_balanced"]
    assert told["counts"]["undelivered"] == 0
    assert told["spec"] == done.spec.model_dump(mode="json")
    assert told["versions"]["kernels"]
    trades = list(csv.DictReader(io.StringIO(yard.files()["trades.csv"].decode(), newline="")))
    assert len(trades) == told["counts"]["trades"] >= 2
    assert pq.read_table(io.BytesIO(yard.files()["trades.parquet"])).num_rows == len(trades)
    (fact,) = yard.stated()
    assert (fact.simulation_id, fact.failed, fact.files) == ("sim-1", "", done.files)
    assert fact.summary == done.summary
    assert done.summary["trades"] == str(len(trades))
    last = list(csv.DictReader(io.StringIO(yard.files()["equity.csv"].decode(), newline="")))[-1]
    assert last["equity"] == told["counts"]["equity"]


def test_the_same_request_gives_the_same_bytes_and_another_seed_other_moments(yard: Playground) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 5)):
        yard.ask(spec(260, seed=seed), name)
        yard.run()
    one, two, three = (yard.files(name) for name in ("one", "two", "three"))
    assert one["report.json"] == two["report.json"]
    assert one["trades.csv"] == two["trades.csv"]
    assert one["equity.csv"] == two["equity.csv"]
    assert one["trades.csv"] != three["trades.csv"]


def test_a_repeated_request_states_one_fact(yard: Playground) -> None:
    yard.ask()
    yard.run()
    before, facts = yard.files(), yard.stated()
    yard.ask()
    yard.ask(cause="again")
    yard.run()
    assert yard.files() == before
    assert yard.stated() == facts


@pytest.mark.parametrize("boundary", range(6))
def test_a_crash_anywhere_is_resumed_with_the_same_bytes(
    yard: Playground, boundary: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first file, between files, and before the record says that they are there."""
    whole = Playground(tmp_path / "whole")
    whole.ask()
    whole.run()
    calls: list[object] = []

    def dying(inner: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **more: Any) -> Any:
            calls.append(values)
            if len(calls) == boundary + 1:
                raise KeyboardInterrupt
            return inner(*values, **more)

        return call

    monkeypatch.setattr(yard.floor.blobs, "put", dying(yard.floor.blobs.put))
    monkeypatch.setattr(player, "_finish", dying(player._finish))
    yard.ask()
    with pytest.raises(KeyboardInterrupt):
        yard.run()
    assert yard.record().status == "requested"
    monkeypatch.undo()
    yard.open()
    if boundary % 2:
        yard.run()
    else:
        yard.floor.bus.ack(yard.floor.bus.due()[0])  # the redelivery never comes: the sweep finds it
        yard.later(20)
    assert yard.record().status == "done"
    assert yard.files() == whole.files()
    assert [fact.summary for fact in yard.stated()] == [fact.summary for fact in whole.stated()]
    whole.floor.close()


# --- what can't be simulated -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason", "fix"),
    [
        ({"instrument_id": "kraken:XYZ/USDT"}, "no catalog lists kraken:XYZ/USDT", "[market]"),
        ({"instrument_id": "nowhere:BTC/USDT"}, "no catalog lists nowhere:BTC/USDT", "[market]"),
        ({"to_ms": FROM_MS + 5_000 * HOUR_MS}, "the range has not ended yet", "let it end by 2"),
        ({"from_ms": 0, "timeframe": "1m"}, "the most is 36,000", "shorter range"),
        ({"preset": "yolo"}, "there is no preset yolo", "kraken-mvp"),
        ({"limits": {"risk_per_trade": 7}}, "limits.risk_per_trade: Input should be less", "position_cap"),
        ({"limits": {"luck": 7}}, "limits.luck: Extra inputs", "position_cap"),
        ({"strategies": [{"plugin": "oracle"}]}, "'oracle' is none of trend", "plug-in"),
        ({"strategies": [{"plugin": "trend", "params": {"x": 1}}]}, "no parameter x; it has", "parameters of trend"),
        ({"strategies": [{"plugin": "trend", "params": {"stop_atr": -1}}]}, "stop_atr is -1", "parameters of trend"),
        ({"timeframe": "4h"}, "the archive holds no bars of kraken:BTC/USDT 4h", "watches"),
        ({"from_ms": 1_000}, "the most is 36,000", "shorter range"),
        ({"from_ms": FROM_MS + 200 * HOUR_MS}, "60 bars of kraken:BTC/USDT 1h are too few", "at least"),
    ],
)  # fmt: skip
def test_what_can_not_be_simulated_is_a_failed_record_that_says_why_and_what_helps(
    yard: Playground, changes: dict[str, Any], reason: str, fix: str
) -> None:
    yard.ask(spec(260, **changes))
    yard.run()
    yard.later(30)
    record = yard.record()
    assert record.status == "failed"
    assert reason in record.failed
    assert fix in record.fix
    assert [(fact.failed, fact.fix) for fact in yard.stated()] == [(record.failed, record.fix)]
    assert yard.floor.blobs.list("simulations/") == []
    assert yard.floor.store.query(Query("quarantine")) == []


def test_taking_part_in_no_volume_is_refused(tmp_path: Path) -> None:
    yard = Playground(tmp_path, walk(260, volume=0.0))
    yard.ask(spec(260, participation="0.1"))
    yard.run()
    assert "tell no volume" in yard.record().failed
    yard.floor.close()


def test_one_that_takes_too_long_is_a_failed_record(yard: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "LONGEST_S", 0.0)
    yard.ask()
    yard.run()
    assert "it had come to bar" in yard.record().failed
    assert "shorter" in yard.record().fix


def test_the_bound_is_what_is_refused_and_the_one_below_it_is_not() -> None:
    most = simulations.MAX_BARS
    given = [spec(bars, from_ms=0, to_ms=bars * HOUR_MS) for bars in (most, most + 1)]
    told = [simulations.refusal(item, RULES, FROM_MS) for item in given]
    assert told[0] is None
    assert told[1] is not None


# --- when it goes wrong ------------------------------------------------------------------------------------------


def test_the_sweep_plays_the_oldest_and_one_that_fails_holds_up_no_other(
    yard: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate, tried = simulating.simulate, []

    def failing(asked: Any, *values: Any, **more: Any) -> Any:
        tried.append(asked.seed)
        if asked.seed == 1 or tried == [1, 2]:
            raise RetryLater("not now")
        return simulate(asked, *values, **more)

    monkeypatch.setattr(player, "simulate", failing)
    for seed in (1, 2):
        yard.ask(spec(260, seed=seed), f"sim-{seed}")
        yard.floor.drain()
        yard.floor.bus.ack(next(iter(_waiting(yard))))  # the redelivery never comes
    yard.later(20)
    assert (yard.record("sim-1").status, yard.record("sim-2").status) == ("requested", "done")
    for _ in range(100):
        yard.later(15)
    assert yard.record("sim-1").failed == "it could not be played within a day"


def _waiting(yard: Playground) -> list[Any]:
    yard.clock.advance_to(yard.clock.now_ms() + 2_000)
    return yard.floor.bus.due(5)


def test_what_lies_beside_the_range_is_not_played(yard: Playground) -> None:
    yard.ask(spec(150, from_ms=FROM_MS + 10 * HOUR_MS))
    yard.run()
    told = yard.report()
    assert (told["bars"], told["performance"]["end_ms"]) == (140, FROM_MS + 150 * HOUR_MS)


# --- latency, parts, cancels -------------------------------------------------------------------------------------


def test_a_shallow_market_fills_in_parts_and_the_books_still_agree(yard: Playground) -> None:
    yard.ask(spec(260), "deep")
    yard.run()
    resting = {**spec(1).limits, "max_chases": 0}
    yard.ask(spec(260, participation="0.002", limits=resting), "shallow")
    yard.run()
    deep, shallow = yard.report("deep")["counts"], yard.report("shallow")["counts"]
    assert deep["fills"] == deep["orders"]
    assert shallow["fills"] > shallow["orders"]
    assert shallow["books_match_venue"]
    assert shallow["ledger_balanced"]


def test_what_a_chase_does_not_get_is_given_up_before_the_next_bar_offers_more(yard: Playground) -> None:
    for name, chases in (("rests", 0), ("chased", 3)):
        yard.ask(spec(260, participation="0.002", limits={**spec(1).limits, "max_chases": chases}), name)
        yard.run()
    rests, chased = yard.report("rests")["counts"], yard.report("chased")["counts"]
    assert chased["orders"] <= chased["fills"] < rests["fills"]
    assert chased["books_match_venue"]


def test_two_strategies_share_one_account_and_are_told_apart(yard: Playground) -> None:
    two = [{"plugin": "trend"}, {"plugin": "trend", "name": "wide", "params": {"stop_atr": 4}}]
    yard.ask(spec(260, strategies=two))
    yard.run()
    trades = list(csv.DictReader(io.StringIO(yard.files()["trades.csv"].decode(), newline="")))
    assert {row["strategy_id"] for row in trades} == {"trend", "wide"}


def test_nothing_of_the_floor_around_it_reaches_in(yard: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.ask(name="one")
    yard.run()
    monkeypatch.setenv("FLUXFLOOR__PAPER__FEE", "0.1")
    monkeypatch.setenv("FLUXFLOOR__BACKEND", "google")
    monkeypatch.setenv("FLUXFLOOR_SETTINGS", "/nowhere")
    yard.ask(name="two")
    yard.run()
    assert yard.files("one")["report.json"] == yard.files("two")["report.json"]
