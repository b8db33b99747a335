"""The floor stops by itself where data is too old for what is at stake, or more goes wrong than the budget allows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.contracts import hours
from fluxfloor.contracts.events import PositionView
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.instruments import InstrumentCatalog, Quote, QuoteState
from fluxfloor.contracts.journal import JOURNAL, Step
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.views import AccountView, OrderRow
from fluxfloor.ports import Commit, Query, Ref
from fluxfloor.reporting import safety
from fluxfloor.reporting.safety import Bounds, Budget, Tally

from tests.support.api_floor import NOW_MS, ApiFloor
from tests.support.desk import BTC, intent
from tests.support.floor_story import quarantined

BOUNDS = Bounds(alarm_ms=180_000, halt_ms=900_000)
HELD = {"kraken:BTC/USDT": frozenset({"main", "other"})}


def judged(age_s: int, before: dict[str, int] | None = None, session: int | None = 0, **more: Any) -> safety.Verdict:
    seen = {"kraken:BTC/USDT": NOW_MS - age_s * 1_000}
    return safety.judge_data(
        **{
            "at_stake": HELD, "seen_ms": seen, "before": before or {}, "bounds": BOUNDS, "now_ms": NOW_MS,
            "session_ms": lambda *_: session, **more,
        }
    )  # fmt: skip


def told(verdict: safety.Verdict) -> list[tuple[str, str, str]]:
    return [(item.kind, item.scope, item.severity) for item in verdict.raised]


@pytest.mark.parametrize(
    ("age_s", "kinds", "halts"),
    [
        (180, [], []), (181, [("data_stale", "kraken:BTC/USDT", "warning")], []),
        (901, [("data_stale", "main", "critical"), ("data_stale", "other", "critical")], ["main", "other"]),
    ],
)  # fmt: skip
def test_old_data_is_an_alarm_and_then_stops_entries(age_s: int, kinds: list[Any], halts: list[str]) -> None:
    verdict = judged(age_s)
    assert told(verdict) == kinds
    assert [halt.id for halt in verdict.halts] == halts
    assert all("901 s old" in halt.reason and halt.raised_by == "dashboard" for halt in verdict.halts)


def test_what_was_said_is_not_said_again_but_what_is_graver_is() -> None:
    assert told(judged(300, {"kraken:BTC/USDT": 1})) == []
    assert [kind for kind, _, _ in told(judged(901, {"kraken:BTC/USDT": 1}))] == ["data_stale"] * 2
    assert told(judged(2_000, {"kraken:BTC/USDT": 2})) == []
    fresh = judged(5, {"kraken:BTC/USDT": 2})
    assert (told(fresh), fresh.stale) == ([("data_fresh", "kraken:BTC/USDT", "info")], {})


def test_what_is_at_stake_no_more_is_forgotten_in_silence() -> None:
    verdict = judged(2_000, {"kraken:BTC/USDT": 2}, at_stake={})
    assert (verdict.raised, verdict.stale) == ((), {})


def test_a_closed_market_has_no_old_data_and_an_opening_makes_it_young() -> None:
    assert told(judged(50_000, session=None)) == []
    assert told(judged(50_000, session=NOW_MS - 60_000)) == []
    assert [kind for kind, _, _ in told(judged(50_000, session=NOW_MS - 1_000_000))] == ["data_stale"] * 2


def test_what_the_market_stage_never_quoted_is_not_judged() -> None:
    assert told(judged(0, seen_ms={})) == []


def test_age_alone_never_stops_entries_where_the_settings_say_so() -> None:
    verdict = judged(100_000, bounds=Bounds(180_000, 0))
    assert (told(verdict), verdict.halts) == ([("data_stale", "kraken:BTC/USDT", "warning")], ())


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-11-30T14:29", None), ("2026-11-30T14:31", "2026-11-30T14:30"), ("2026-11-30T21:00", None),
        ("2026-11-28T15:00", None), ("2026-12-25T15:00", None), ("2026-07-06T13:45", "2026-07-06T13:30"),
    ],
)  # fmt: skip
def test_new_yorks_session_begins_at_half_past_nine_of_its_own_clocks(moment: str, opened: str | None) -> None:
    from datetime import UTC, datetime

    def ms(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000

    assert hours.opened_ms(ms(moment) + 5_000) == (None if opened is None else ms(opened))


BUDGET = Budget(Decimal("0.10"), Decimal("0.5"), least=5)


@pytest.mark.parametrize(
    ("tally", "spent"),
    [
        (Tally(4, 4, 0, 0), False), (Tally(5, 45, 0, 0), False), (Tally(5, 44, 0, 0), True),
        (Tally(0, 0, 5, 10), False),
        (Tally(0, 0, 5, 9), True), (Tally(0, 0, 4, 4), False), (Tally(0, 0, 0, 0), False),
    ],
)  # fmt: skip
def test_a_budget_is_a_share_and_a_least_number(tally: Tally, spent: bool) -> None:
    assert bool(safety.over_budget(tally, BUDGET)) is spent


def test_a_spent_budget_says_how_much_of_what() -> None:
    why = safety.over_budget(Tally(10, 40, 6, 8), BUDGET)
    assert why == (
        "10 of 50 messages failed for good, and 10% is the budget; "
        "6 of 8 orders were refused by their venue, and 50% is the budget"
    )


# --- on a floor --------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path)
    made.put(InstrumentCatalog(id="kraken", ts_event_ms=NOW_MS, instruments=(BTC,)))
    yield made
    made.close()


def quoted(house: ApiFloor, at_ms: int) -> None:
    ref = Ref(QuoteState.collection, BTC.instrument_id)
    quote = Quote(instrument_id=BTC.instrument_id, bid=Decimal(1), ask=Decimal(2), ts_event_ms=at_ms)
    (known,) = house.floor.store.read([ref])
    data = {**QuoteState(id=BTC.instrument_id, quote=quote).encode(), "version": 1}
    house.floor.store.commit(
        Commit(creates={ref: data}) if known.data is None else Commit(updates={ref: (data, known.token)})
    )


def view(lots: int) -> AccountView:
    zero = Decimal(0)
    position = PositionView(
        instrument_id=BTC.instrument_id, lots=lots, quantity=Decimal(lots), average_price=zero, mark_price=zero,
        unrealised=zero, realised=zero,
    )  # fmt: skip
    return AccountView(
        id="paper-main", portfolio_id="main", currency="USDT", cash=zero, equity=zero, realised=zero, unrealised=zero,
        fees=zero, deposits=zero, positions=(position,), account_version=1, ts_event_ms=NOW_MS,
    )  # fmt: skip


def pass_minutes(house: ApiFloor, minutes: int) -> None:
    for _ in range(minutes):
        house.clock.advance_to(house.clock.now_ms() + 60_000)
        house.floor.tick("dashboard", "health")
    house.drain()


def kinds(house: ApiFloor) -> list[str]:
    wanted = ("data_stale", "data_fresh", "error_budget")
    return [item["kind"] for item in house.get("/v1/risks?limit=100").json["items"] if item["kind"] in wanted]


def test_a_position_without_quotes_stops_its_portfolio_until_a_person_resumes(house: ApiFloor) -> None:
    quoted(house, NOW_MS)
    house.put(view(3))
    pass_minutes(house, 3)
    assert kinds(house) == []
    pass_minutes(house, 2)
    assert kinds(house) == ["data_stale"]
    assert house.get("/v1/halts").json["items"] == []
    pass_minutes(house, 15)
    (halt,) = house.get("/v1/halts").json["items"]
    assert (halt["scope"], halt["raised_by"]) == ("main", "dashboard")
    assert "the last quote of kraken:BTC/USDT" in halt["reason"]
    quoted(house, house.clock.now_ms())
    pass_minutes(house, 1)
    assert kinds(house) == ["data_fresh", "data_stale", "data_stale"]
    assert len(house.get("/v1/halts").json["items"]) == 1
    house.send("POST", "/v1/halts/main/resume", {"reason": "quotes are back"})
    pass_minutes(house, 2)
    assert house.get("/v1/halts").json["items"] == []


def test_an_order_on_its_way_is_at_stake_too_and_an_idle_floor_is_not(house: ApiFloor) -> None:
    quoted(house, NOW_MS)
    pass_minutes(house, 20)
    assert kinds(house) == []
    order = Order(id="i1", intent=intent("i1"), state=OrderState.OPEN, client_order_id="c")
    house.put(order)
    pass_minutes(house, 1)
    assert kinds(house) == ["data_stale"]
    assert [item["scope"] for item in house.get("/v1/halts").json["items"]] == ["main"]


def busy(house: ApiFloor, steps: int) -> None:
    for n in range(steps):
        made = Step("cerebro", f"s{house.clock.now_ms()}-{n}", "test", "r", house.clock.now_ms())
        house.store(Ref(JOURNAL, made.id), made.record())


def test_failures_beyond_the_budget_stop_the_floor_once(house: ApiFloor) -> None:
    pass_minutes(house, 20)  # the settings' own steps have passed
    busy(house, 20)
    for n in range(4):
        ref, record = quarantined("features", f"t{n}", "poison", house.clock.now_ms())
        house.store(Ref(ref.collection, f"features:e{n}"), record)
    pass_minutes(house, 1)
    assert kinds(house) == []
    ref, record = quarantined("features", "t5", "poison", house.clock.now_ms())
    house.store(Ref(ref.collection, "features:e5"), record)
    pass_minutes(house, 1)
    assert kinds(house) == ["error_budget"]
    (halt,) = house.get("/v1/halts").json["items"]
    assert (halt["scope"], halt["raised_by"]) == ("floor", "dashboard")
    assert halt["reason"].startswith("5 of ")
    assert halt["reason"].endswith(" messages failed for good, and 10% is the budget")
    house.send("POST", "/v1/halts/floor/resume", {"reason": "the bug is mended"})
    pass_minutes(house, 5)
    assert house.get("/v1/halts").json["items"] == []


def test_refusals_beyond_the_budget_stop_the_floor(house: ApiFloor) -> None:
    pass_minutes(house, 20)
    busy(house, 3)
    for n in range(6):
        state = "rejected" if n else "filled"
        house.put(
            OrderRow(
                id=f"o{n}", account_id="paper-main", instrument_id=BTC.instrument_id, strategy_id="trend",
                signal_id="s", side="BUY", purpose="entry", state=state, lots=1, filled_lots=0,
                average_price=Decimal(0), reason="", requested_ms=NOW_MS, ts_event_ms=house.clock.now_ms(),
            )
        )  # fmt: skip
    pass_minutes(house, 1)
    assert kinds(house) == ["error_budget"]
    assert "5 of 6 orders were refused" in house.get("/v1/halts").json["items"][0]["reason"]


def test_a_halt_that_stands_keeps_its_reason(house: ApiFloor) -> None:
    house.send("POST", "/v1/halts", {"scope": "main", "reason": "mine"})
    quoted(house, NOW_MS)
    house.put(view(1))
    pass_minutes(house, 20)
    halts = [Halt.decode(item.data or {}) for item in house.floor.store.query(Query(Halt.collection, limit=9))]
    assert [(halt.id, halt.reason) for halt in halts] == [("main", "mine")]
