"""The simulated venue's bad days, in-process."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.venuesim.budgets import Budget
from fluxfloor.venuesim.faults import Fault, FaultKind
from fluxfloor.venuesim.gateway import Call
from fluxfloor.venuesim.orders import Kind, Status
from fluxfloor.venuesim.refusals import Broken, NoAnswer, Reason, Refused
from fluxfloor.venuesim.rules import Mode

from tests.support.venue_core import START_MS, Core

D = Decimal


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.mark.parametrize(("kind", "acted"), [(FaultKind.LOST, False), (FaultKind.UNANSWERED, True)])
def test_silence_tells_nothing_about_what_happened(core: Core, kind: FaultKind, acted: bool) -> None:
    core.faults.add(Fault(kind))
    with pytest.raises(NoAnswer) as silence:
        core.ask(core.terms("buy", "0.01"))
    assert (silence.value.arrived, len(core.venue.orders)) == (acted, int(acted))
    assert core.ask(core.terms("buy", "0.01")).status is Status.FILLED


def test_an_unanswered_request_that_was_refused_is_silent_too(core: Core) -> None:
    core.faults.add(Fault(FaultKind.UNANSWERED))
    with pytest.raises(NoAnswer):
        core.ask(core.terms("buy", "5"))
    assert core.venue.orders == []


@pytest.mark.parametrize(("kind", "acted"), [(FaultKind.SERVER_ERROR, False), (FaultKind.SERVER_ERROR_AFTER, True)])
def test_a_server_error_may_hide_that_it_acted(core: Core, kind: FaultKind, acted: bool) -> None:
    core.faults.add(Fault(kind, status=504))
    with pytest.raises(Broken) as broken:
        core.ask(core.terms("buy", "0.01"))
    assert (broken.value.status, len(core.venue.orders)) == (504, int(acted))


def test_a_late_request_acts_at_the_time_it_arrives(core: Core) -> None:
    core.faults.add(Fault(FaultKind.LATE, delay_ms=15_000))
    with pytest.raises(NoAnswer):
        core.ask(core.terms("buy", "0.01", Kind.LIMIT, limit="59000"))
    core.now_ms += 14_999
    core.gateway.deliver()
    assert core.venue.orders == []
    core.now_ms += 10_000
    core.gateway.deliver()
    (order,) = core.venue.orders
    assert order.created_ms == START_MS + 15_000
    assert core.gateway.late == [(START_MS + 15_000, "done")]


def test_a_late_request_is_dropped_by_its_deadline_and_lost_in_a_restart(core: Core) -> None:
    core.faults.add(Fault(FaultKind.LATE, count=2, delay_ms=15_000))
    with pytest.raises(NoAnswer):
        core.ask(core.terms("buy", "0.01", deadline_ms=START_MS + 10_000))
    core.now_ms += 20_000
    core.gateway.deliver()
    assert core.gateway.late == [(START_MS + 15_000, "deadline_passed")]
    with pytest.raises(NoAnswer):
        core.ask(core.terms("buy", "0.01"))
    core.gateway.restart()
    core.now_ms += 20_000
    core.gateway.deliver()
    assert core.venue.orders == []


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FaultKind.RATE_LIMITED, Reason.RATE_LIMITED),
        (FaultKind.UNAVAILABLE, Reason.UNAVAILABLE),
        (FaultKind.INVALID_NONCE, Reason.INVALID_NONCE),
        (FaultKind.INSUFFICIENT_FUNDS, Reason.INSUFFICIENT_FUNDS),
        (FaultKind.MIN_NOTIONAL, Reason.NOTIONAL_TOO_SMALL),
    ],
)
def test_a_refusal_for_nothing_places_nothing(core: Core, kind: FaultKind, reason: Reason) -> None:
    core.faults.add(Fault(kind))
    with pytest.raises(Refused) as refusal:
        core.ask(core.terms("buy", "0.01"))
    assert (refusal.value.reason, core.venue.orders) == (reason, [])


def test_a_fault_strikes_only_the_calls_and_the_account_it_names(core: Core) -> None:
    core.venue.open_account("other", {"USDT": D(1_000)})
    core.faults.add(Fault(FaultKind.LOST, ("place",), account="other", count=1))
    assert core.gateway.ask(Call("cancel", "other"), lambda: "done") == "done"
    core.ask(core.terms("buy", "0.01"))
    with pytest.raises(NoAnswer):
        core.gateway.ask(Call("place", "other", "AddOrder"), lambda: None)
    assert core.faults.waiting == []
    assert core.faults.struck == [(FaultKind.LOST, "other", "place")]


def test_a_fault_by_chance_strikes_as_its_seed_says() -> None:
    def struck(seed: int) -> list[int]:
        core = Core(seed=seed)
        core.faults.add(Fault(FaultKind.UNAVAILABLE, count=None, probability=0.3))
        found = []
        for number in range(200):
            try:
                core.gateway.ask(Call("balances", "main"), lambda: None)
            except Refused:
                found.append(number)
        return found

    assert struck(1) == struck(1) != struck(2)
    assert 40 < len(struck(1)) < 80


def test_a_new_order_may_stay_invisible_for_a_while(core: Core) -> None:
    core.faults.add(Fault(FaultKind.HIDE_ORDER, delay_ms=60_000))
    order = core.place("buy", "0.01")
    assert core.venue.visible_orders("main") == core.venue.visible_fills("main") == []
    assert len(core.venue.visible_entries("main")) == 2
    core.now_ms += 60_000
    assert core.venue.visible_orders("main") == [order]
    assert len(core.venue.visible_entries("main")) == 4


def test_a_fill_may_be_missing_from_listings_or_stand_there_twice(core: Core) -> None:
    core.faults.add(Fault(FaultKind.HIDE_FILL, delay_ms=30_000))
    hidden = core.place("buy", "0.01")
    core.faults.add(Fault(FaultKind.REPEAT_FILL))
    repeated = core.place("buy", "0.01")
    assert hidden.filled == D("0.01")
    assert core.venue.visible_fills("main") == repeated.fills * 2
    core.now_ms += 30_000
    assert core.venue.visible_fills("main") == hidden.fills + repeated.fills * 2


def test_a_fill_may_be_partial_and_the_rest_comes_with_the_next_quote(core: Core) -> None:
    core.faults.add(Fault(FaultKind.PARTIAL_FILL, share=D("0.25")))
    order = core.place("buy", "0.01")
    assert (order.status, order.filled) == (Status.OPEN, D("0.0025"))
    core.quote("60100", "60100.1")
    assert (order.status, len(order.fills)) == (Status.FILLED, 2)


def test_a_budget_is_spent_by_weight_and_comes_back_with_time(core: Core) -> None:
    core.gateway.budget = Budget(10, 0.5, {"fills": 4, "place": 0})
    ask = lambda name, account="main": core.gateway.ask(Call(name, account), lambda: name)  # noqa: E731
    assert [ask("fills"), ask("fills"), ask("balances")] == ["fills", "fills", "balances"]
    with pytest.raises(Refused, match="rate_limited"):
        ask("fills")
    assert core.gateway.retry_after_s == 6
    assert (ask("place"), ask("fills", "other")) == ("place", "fills")
    core.now_ms += 6_000
    assert ask("fills") == "fills"


def test_maintenance_lets_only_time_and_status_through(core: Core) -> None:
    core.venue.mode = Mode.MAINTENANCE
    for name in ("place", "cancel", "balances", "ticker"):
        with pytest.raises(Refused, match="unavailable"):
            core.gateway.ask(Call(name, "main"), lambda: None)
    assert core.gateway.ask(Call("status"), lambda: "maintenance") == "maintenance"


def test_a_skewed_venue_stamps_its_own_time(core: Core) -> None:
    core.venue.skew_ms = -5_000
    assert core.place("buy", "0.01").created_ms == START_MS - 5_000
