"""Each of the nine invariants can fail: a forged record, or a floor without the guard, turns exactly it red."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.cerebro import sizes
from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.execution.missing import Next
from fluxfloor.local import audit
from fluxfloor.local.chaos import invariants, scenario
from fluxfloor.local.chaos.flows import FLOWS
from fluxfloor.local.chaos.play import Play
from fluxfloor.local.chaos.playing import played
from fluxfloor.local.chaos.recount import Recount, _most
from fluxfloor.local.chaos.rules import NAMES, counted
from fluxfloor.local.chaos.scheduler import RULES, Simulation
from fluxfloor.local.chaos.unknowns import SWEEPS, Unknowns
from fluxfloor.local.chaos.weather import Odds
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.ports import Commit, Ref

from functions.execution import looking
from tests.support.storms import violations

BTC = scenario.INSTRUMENT
TIGHT = {"max_open_positions": 2, "position_cap": "0.05", "exposure_cap": "0.06"}


def numbers(found: list[str]) -> set[int]:
    return {int(text.split(" ", 1)[0]) for text in found}


def test_there_are_nine_and_each_says_its_name() -> None:
    assert sorted(NAMES) == list(range(1, 10))
    assert counted([f"3 {NAMES[3]}: off"])[f"3 {NAMES[3]}"] == 1


# --- a floor that was played, then forged ------------------------------------------------------------------------


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    with played(FLOWS["round trip"]) as (simulation, result):
        assert result.violations == []
        yield simulation


def judged(simulation: Simulation, answered: dict[str, set[str]] | None = None, **forged: Any) -> set[int]:
    venue = replace(simulation.exchange.records(), **forged)
    known = simulation.answered if answered is None else answered
    return numbers(invariants.check(simulation.floor, known, venue, RULES))


def forge(simulation: Simulation, collection: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Changes one document of a collection behind everybody's back."""
    row = audit.rows(simulation.floor.store, collection)[0]
    name = row.get("id") or f"{row['stage']}:{row['event_id']}"
    simulation.floor.store.patch(Ref(collection, name), change(row))


def test_what_was_played_holds(simulation: Simulation) -> None:
    assert judged(simulation) == set()


def test_1_an_intent_that_filled_twice_is_seen(simulation: Simulation) -> None:
    fills = simulation.exchange.records().fills
    again = replace(fills[0], trade_id="another")
    assert 1 in judged(simulation, fills=(*fills, again))
    assert 1 in judged(simulation, fills=(*fills, replace(again, client_order_id="nobody's")))


def test_2_a_fill_at_another_price_is_not_the_same_fill(simulation: Simulation) -> None:
    fills = simulation.exchange.records().fills
    assert judged(simulation, fills=(replace(fills[0], price=fills[0].price + 1), *fills[1:])) == {2}
    assert 2 in judged(simulation, fills=fills[1:])


def test_3_a_balance_or_a_position_that_does_not_add_up_is_seen(simulation: Simulation) -> None:
    balances = simulation.exchange.records().balances
    off = {name: {**held, "USDT": held["USDT"] + 1} for name, held in balances.items()}
    assert judged(simulation, balances=off) == {3}

    def more_lots(row: dict[str, Any]) -> dict[str, Any]:
        name, position = next(iter(row["positions"].items()))
        return {"positions": {name: {**position, "lots": position["lots"] + 1}}}

    forge(simulation, "accounts", more_lots)
    assert judged(simulation) == {3}


def test_6_a_reservation_that_nobody_needs_is_seen(simulation: Simulation) -> None:
    order = audit.rows(simulation.floor.store, "orders")[0]["intent"]
    left = {
        "instrument_id": BTC.instrument_id, "strategy_id": order["strategy_id"], "purpose": "entry", "side": "BUY",
        "lots": 1, "worst_price": "1", "notional": "1", "ts_event_ms": 1,
    }  # fmt: skip
    forge(simulation, "risk_books", lambda row: {"reservations": {"forgotten": left}})
    assert judged(simulation) == {6}


@pytest.mark.parametrize(
    ("held", "buys", "sells", "most"),
    [
        (100, 50, 0, 150),
        (0, 50, 0, 50),
        (-100, 100, 0, 100),
        (-100, 300, 0, 200),
        (100, 0, 100, 100),
        (-50, 0, 50, 100),
    ],
)
def test_6_a_slot_counts_for_the_most_that_it_may_come_to(held: int, buys: int, sells: int, most: int) -> None:
    """An exit that is heard of before its entry's fill stands the other way round, and is not counted twice."""
    assert _most(Decimal(held), Decimal(buys), Decimal(sells)) == most


def test_7_a_webhook_that_was_answered_and_lost_is_seen(simulation: Simulation) -> None:
    assert judged(simulation, {**simulation.answered, "lost": {"an id"}}) == {7}
    assert judged(simulation, {**simulation.answered, "way-in": {"an id", "another"}}) == {7}


def test_7_an_order_that_ended_without_a_reason_is_seen(simulation: Simulation) -> None:
    forge(simulation, "orders", lambda row: {"state": "rejected", "reason": ""})
    assert 7 in judged(simulation)


def test_8_an_order_that_never_ended_is_seen(simulation: Simulation) -> None:
    forge(simulation, "orders", lambda row: {"state": "unknown", "open": True})
    assert judged(simulation) == {8}


def test_9_a_fact_that_is_not_delivered_is_seen(simulation: Simulation) -> None:
    halted = RiskRaised(kind="halted", scope="floor", severity=Severity.INFO, message="", ts_event_ms=1)
    simulation.floor.bus.publish([Fact.first("an id", halted, 1)])
    assert judged(simulation) == {9}
    simulation.floor.drain()
    assert judged(simulation) == set()
    forge(simulation, "journal", lambda row: {"pending": row["stage"]})
    assert judged(simulation) == {9}


# --- moments -----------------------------------------------------------------------------------------------------


def order(state: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    intent = {
        "purpose": "entry", "portfolio_id": "main", "account_id": "paper-main", "strategy_id": "s",
        "instrument_id": BTC.instrument_id, **more.pop("intent", {}),
    }  # fmt: skip
    return {
        "id": "one", "intent": intent, "state": state, "attempt": attempt, "client_order_id": f"c{attempt}",
        "venue_order_id": None, "names": [f"c{number + 1}" for number in range(attempt)],
        "fills": {}, "filled_lots": 0, "terms": None, **more,
    }  # fmt: skip


def seen(*documents: tuple[str, dict[str, Any]]) -> list[str]:
    witness = Witness([BTC])
    for collection, data in documents:
        witness.committed(Commit(creates={Ref(collection, data.get("id", "x")): data}))
    return witness.problems


def test_1_two_orders_of_one_intent_must_not_live_at_once() -> None:
    witness = Witness([BTC])
    for attempt in (1, 2):
        witness.committed(Commit(creates={Ref("orders", "one"): order("submitting", attempt)}))
        witness.at_venue(f"c{attempt}", True, "paper-main", BTC)
    assert numbers(witness.problems) == {1, 4}
    witness.problems.clear()
    witness.at_venue("c1", False, "paper-main", BTC)
    witness.at_venue("c2", False, "paper-main", BTC)
    witness.committed(Commit(creates={Ref("orders", "one"): order("submitting", 3)}))
    witness.at_venue("c3", True, "paper-main", BTC)
    assert witness.problems == []


def test_2_what_was_seen_of_one_placement_must_not_be_taken_for_another() -> None:
    first, second = order("open", venue_order_id="V-1"), order("open", 2, venue_order_id="V-1")
    assert numbers(seen(("orders", first), ("orders", first))) == set()
    assert numbers(seen(("orders", first), ("orders", second))) == {2}


@pytest.mark.parametrize("after", [order("cancelled"), order("requested", 2)])
def test_4_a_placement_must_not_outlive_what_is_known_of_it(after: dict[str, Any]) -> None:
    witness = Witness([BTC])
    witness.committed(Commit(creates={Ref("orders", "one"): order("submitting")}))
    witness.at_venue("c1", True, "paper-main", BTC)
    witness.committed(Commit(creates={Ref("orders", "one"): after}))
    assert numbers(witness.problems) == {4}


@pytest.mark.parametrize("after", [order("cancelled"), order("requested", 2)])
def test_4_a_placement_must_not_arrive_after_it_was_given_up(after: dict[str, Any]) -> None:
    witness = Witness([BTC])
    for data in (order("submitting"), after):
        witness.committed(Commit(creates={Ref("orders", "one"): data}))
    witness.at_venue("c1", True, "paper-main", BTC)
    assert numbers(witness.problems) == {4}


def test_1_nothing_is_placed_that_was_not_written_down() -> None:
    witness = Witness([BTC])
    witness.placing("c1")
    assert numbers(witness.problems) == {1}


def test_3_the_ledger_must_sum_to_zero_after_every_commit() -> None:
    def entry(name: str, *amounts: str) -> tuple[str, dict[str, Any]]:
        postings = [{"ledger_account": "a", "currency": "USDT", "amount": amount} for amount in amounts]
        return "ledger", {"id": name, "account_id": "paper-main", "kind": "deposit", "postings": postings}

    assert seen(entry("one", "5", "-5")) == []
    assert numbers(seen(entry("one", "5", "-4"), entry("two", "-1", "0"))) == {3}


def test_4_no_order_comes_back() -> None:
    assert numbers(seen(("orders", order("cancelled")), ("orders", order("open")))) == {4}
    assert numbers(seen(("orders", order("filled")), ("orders", order("requested", 2)))) == {4}


def test_5_no_entry_leaves_after_the_kill_switch() -> None:
    halt = ("halts", {"id": "floor"})
    assert numbers(seen(halt, ("orders", order("submitting")))) == {5}
    assert seen(halt, ("orders", order("submitting", intent={"purpose": "exit"}))) == []
    assert seen(("orders", order("submitting")), halt) == []


def test_8_an_unknown_order_settles_or_calls() -> None:
    problems: list[str] = []
    unknowns = Unknowns(problems)
    unknowns.ordered({"id": "one", "state": "unknown", "client_order_id": "c1"})
    unknowns.ordered({"id": "two", "state": "unknown", "client_order_id": "c2"})
    unknowns.raised({"details": {"intent": "two"}})
    for _ in range(SWEEPS):
        unknowns.swept()
    assert problems == []
    unknowns.swept()
    assert numbers(problems) == {8}
    assert "one" in problems[0]


# --- limits, counted again ---------------------------------------------------------------------------------------


def recounted(**changed: Any) -> list[str]:
    """An entry of a tenth of a bitcoin at 40,000 on an equity of 10,000, of which half may be used."""
    limits = {
        "position_cap": "0.5", "exposure_cap": "0.5", "margin_cap": "0.8", "max_open_positions": 1,
        "daily_loss_halts": "0.02", "drawdown_flattens": "0.2", "risk_per_trade": "0.01",
        "risk_per_reversion_trade": "0.01",
    }  # fmt: skip
    intent = {
        "intent_id": "i", "portfolio_id": "main", "strategy_id": "s", "instrument_id": BTC.instrument_id, "side": "BUY",
        "purpose": "entry", "lots": BTC.lots(Decimal("0.1")), "limit_ticks": None, "arrival_ticks": 400_000,
        "stop_loss_ticks": 399_000,
    }  # fmt: skip
    intent |= changed.get("intent", {})
    book = {
        "version": 4, "equity": "10000", "day_start_equity": "10000", "high_water": "10000", "positions": {},
        "reservations": {"i": {"lots": intent["lots"]}},
    } | changed.get("book", {})  # fmt: skip
    decision = {
        "verdict": "accepted", "purpose": "entry", "portfolio_id": "main", "signal_id": "g", "intent_ids": ["i"],
        "policy_version": 2, "instrument_id": BTC.instrument_id,
    }  # fmt: skip
    step = {
        "stage": "cerebro", "event_id": "e", "type": "signals.scored.v1",
        "read": changed.get("read", {"risk_books/main": 3}),
        "facts": [
            {"type": "decisions.made.v1", "data": {"decision": decision}},
            {"type": "orders.requested.v1", "data": {"intent": intent}},
        ],
    }  # fmt: skip
    problems: list[str] = []
    recount = Recount([BTC], problems)
    policy = {"id": "main", "version": changed.get("policy", 2), "limits": limits | changed.get("limits", {})}
    recount.begins_with([policy], [{"id": "main", "version": 3, "positions": {}, "reservations": {}}])
    recount.committed({Ref("journal", "cerebro:e"): step, Ref("risk_books", "main"): {"id": "main", **book}})
    return problems


def test_6_what_is_within_every_limit_is_right() -> None:
    assert recounted() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"limits": {"position_cap": "0.39"}},
        {"limits": {"exposure_cap": "0.39"}},
        {"limits": {"margin_cap": "0.39"}},
        {"limits": {"max_open_positions": 0}},
        {"limits": {"risk_per_trade": "0.0009", "risk_per_reversion_trade": "0.0009"}},
        {"book": {"day_start_equity": "10300"}},
        {"book": {"high_water": "13000"}},
        {"book": {"reservations": {}}},
        {"book": {"positions": {f"s|{BTC.instrument_id}": {"lots": 5, "mark_price": "40000"}}}},
        {"policy": 3},
        {"read": {"risk_books/main": 2}},
    ],
    ids=str,
)
def test_6_what_is_beyond_a_limit_or_stood_on_old_ground_is_seen(changed: dict[str, Any]) -> None:
    assert numbers(recounted(**changed)) == {6}


def test_6_without_the_cap_on_a_position_some_seed_breaks_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def capped(*_: object) -> Any:
        return sizes.Limit(name="position_cap", allows_lots=10**9, note="taken out")

    monkeypatch.setattr(sizes, "_cap", capped)
    found = (numbers(violations(Play(seed, limits=TIGHT, odds=Odds()))) for seed in range(20))
    assert any(6 in broken for broken in found)


def test_8_without_an_end_to_looking_some_seed_never_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "next_of_missing", lambda *_: Next.WAIT)
    odds = Odds(venue_timeout_before=0.5)
    found = (numbers(violations(Play(seed, odds=odds, venue={}))) for seed in range(10))
    assert any(8 in broken for broken in found)
