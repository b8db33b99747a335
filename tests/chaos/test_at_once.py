"""What the witness holds against each other at every commit: each forged commit is seen at once, under its number."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.orders import Side
from fluxfloor.execution import missing
from fluxfloor.local.chaos import scenario
from fluxfloor.local.chaos.play import Play
from fluxfloor.local.chaos.records import Traded
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.ports import Commit, Ref

from tests.chaos.test_invariants import numbers
from tests.support.storms import violations

BTC = scenario.INSTRUMENT
LOT = BTC.quantity(1)
SLOT = f"paper-main|s|{BTC.instrument_id}"


def order(name: str, state: str, lots: int, *fills: str, purpose: str = "entry", **more: Any) -> dict[str, Any]:
    """Of `lots`, with these fills, of 100 lots each."""
    intent = {
        "account_id": "paper-main", "portfolio_id": "main", "strategy_id": "s", "instrument_id": BTC.instrument_id,
        "purpose": purpose, "side": "BUY" if purpose == "entry" else "SELL", "lots": lots,
    }  # fmt: skip
    fill = {"price": "40000", "quantity": str(100 * LOT), "fee": "0", "fee_currency": "USDT"}
    return {
        "id": name, "intent": intent, "state": state, "attempt": 1, "client_order_id": f"{name}-1", "names": [],
        "venue_order_id": None, "terms": {"lots": lots}, "fills": dict.fromkeys(fills, fill),
        "filled_lots": 100 * len(fills), **more,
    }  # fmt: skip


def traded(name: str, trade_id: str, side: Side = Side.BUY, lots: int = 100, price: str = "40000") -> Traded:
    quantity = lots * LOT
    moves = {"BTC": side.sign * quantity, "USDT": -side.sign * quantity * Decimal(price)}
    return Traded("paper-main", trade_id, f"{name}-1", side, Decimal(price), quantity, Decimal(0), moves)


class Scene:
    def __init__(self) -> None:
        self.witness = Witness([BTC])

    def commits(self, *documents: tuple[str, dict[str, Any]]) -> set[int]:
        """The numbers of what has been broken so far."""
        self.witness.committed(Commit(creates={Ref(of, data.get("id", "x")): data for of, data in documents}))
        return numbers(self.witness.problems)

    def has(self, *orders: dict[str, Any], lots: int) -> set[int]:
        return self.commits(*(("orders", item) for item in orders), ("slots", {"id": SLOT, "lots": lots}))

    def trades(self, *fills: Traded) -> set[int]:
        for fill in fills:
            self.witness.traded(fill)
        return numbers(self.witness.problems)

    def lives(self, name: str) -> set[int]:
        self.witness.at_venue(f"{name}-1", True, "paper-main", BTC)
        return numbers(self.witness.problems)


@pytest.fixture
def scene() -> Scene:
    """An entry of 200 lots is on its way."""
    scene = Scene()
    scene.commits(("orders", order("in", "submitting", 200)))
    return scene


def test_what_is_as_it_should_be_is_not_told(scene: Scene) -> None:
    scene.trades(traded("in", "T-1"), traded("in", "T-2"))
    scene.has(order("in", "filled", 200, "T-1", "T-2"), lots=200)
    scene.commits(("orders", order("out", "submitting", 100, purpose="exit")))
    scene.lives("out")
    scene.trades(traded("out", "T-3", Side.SELL))
    scene.witness.at_venue("out-1", False, "paper-main", BTC)
    assert scene.has(order("out", "filled", 100, "T-3", purpose="exit"), lots=100) == set()


def test_1_what_fills_at_the_venue_is_an_orders(scene: Scene) -> None:
    assert scene.trades(traded("nobody", "T-1")) == {1}


def test_2_an_order_does_not_end_without_a_fill_that_the_venue_has(scene: Scene) -> None:
    scene.trades(traded("in", "T-1"))
    assert scene.has(order("in", "open", 200), lots=0) == set()
    assert scene.has(order("in", "expired", 200), lots=0) == {2}


def test_2_a_placement_does_not_go_on_under_another_id_without_its_fills(scene: Scene) -> None:
    scene.trades(traded("in", "T-1"))
    again = order("in", "requested", 200, attempt=2, client_order_id="in-2")
    assert scene.has(again, lots=0) == {2}


@pytest.mark.parametrize(
    "theirs",
    [
        [],
        [traded("in", "T-1", price="40001")],
        [traded("in", "T-1", lots=99)],
        [traded("other", "T-1")],
    ],
    ids=("none such", "at another price", "smaller", "another order's"),
)
def test_2_a_fill_is_the_venues_and_its_own_orders(scene: Scene, theirs: list[Traded]) -> None:
    scene.commits(("orders", order("other", "submitting", 200)))
    assert scene.trades(*theirs) == set()
    assert scene.has(order("in", "partially_filled", 200, "T-1"), lots=100) == {2}


def test_3_a_slot_holds_what_its_orders_filled(scene: Scene) -> None:
    scene.trades(traded("in", "T-1"))
    assert scene.has(order("in", "partially_filled", 200, "T-1"), lots=99) == {3}


def test_3_what_was_handed_over_as_dust_has_no_slot(scene: Scene) -> None:
    """Its orders come out of what no order brought in."""
    swept = order("swept", "submitting", 100, purpose="exit")
    swept["intent"]["strategy_id"] = "dust"
    scene.commits(("orders", swept))
    scene.trades(traded("in", "T-1"), traded("in", "T-2"), traded("swept", "T-3", Side.SELL))
    assert scene.commits(("orders", swept | {"state": "filled", "fills": order("", "", 1, "T-3")["fills"]})) == set()


@pytest.mark.parametrize(("btc", "lots"), [("0", 0), ("2", 1), ("1", 2)])
def test_3_an_account_holds_what_its_ledger_says(scene: Scene, btc: str, lots: int) -> None:
    def booked(ref: str, quantity: Decimal, position: int) -> set[int]:
        lines = (("assets:venue", str(LOT)), ("trading", str(-LOT)))
        postings = [{"ledger_account": name, "currency": "BTC", "amount": amount} for name, amount in lines]
        entry = {"id": ref, "account_id": "paper-main", "kind": "fill", "postings": postings}
        account = {
            "id": "paper-main", "balances": {"BTC": str(quantity)}, "positions": {BTC.instrument_id: {"lots": position}}
        }  # fmt: skip
        return scene.commits(("ledger", entry), ("accounts", account))

    assert booked("one", LOT, 1) == set()
    assert booked("two", LOT * (1 + int(btc)), 1 + lots) == {3}


@pytest.mark.parametrize(("stage", "broken"), [("features", set()), ("cerebro", {3})])
def test_3_features_holds_what_it_was_told(scene: Scene, stage: str, broken: set[int]) -> None:
    intent = order("in", "filled", 100)["intent"] | {"intent_id": "in"}
    fill = {"trade_id": "T-1", "quantity": str(100 * LOT), "fee": "0", "fee_currency": "USDT"}
    report = {"intent": intent, "state": "filled", "new_fills": [fill], "filled_lots": 100}
    told = {"type": "executions.reported.v1", "event_id": "e", "data": {"report": report}}
    scene.commits(("journal", {"stage": "execution", "event_id": "d", "facts": [told]}))
    taken = ("journal", {"stage": stage, "event_id": "e", "facts": [], "read": {}})
    stances = ("stances", {"id": BTC.instrument_id, "holdings": {"main|s": {"lots": 100}}})
    assert scene.commits(taken, stances) == broken


def test_4_no_slot_sells_more_than_its_orders_bought(scene: Scene) -> None:
    """Also where its account has the rest from another strategy."""
    other = order("other", "submitting", 200)
    scene.commits(("orders", other | {"intent": other["intent"] | {"strategy_id": "t"}}))
    scene.trades(traded("in", "T-1"), traded("other", "T-2"))
    scene.commits(("orders", order("out", "submitting", 101, purpose="exit")))
    assert scene.trades(traded("out", "T-3", Side.SELL)) == set()
    assert scene.trades(traded("out", "T-4", Side.SELL, lots=1)) == {4}


def test_4_all_that_rests_may_take_no_more_than_there_is(scene: Scene) -> None:
    scene.trades(traded("in", "T-1"))
    for name in ("stop", "out"):
        scene.commits(("orders", order(name, "submitting", 60, purpose="exit")))
    assert scene.lives("stop") == set()
    assert scene.lives("out") == {4}


def test_without_a_wait_for_the_lost_some_seed_shows_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "settled_ms", lambda *_: 0)
    found = (violations(Play(seed)) for seed in range(12))
    assert any("ended without" in text for broken in found for text in broken)
