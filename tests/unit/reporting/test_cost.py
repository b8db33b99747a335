"""The monthly bill, worked out by hand where a hand can do it."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest
from fluxfloor.reporting import cost
from fluxfloor.reporting.cost import FLOOR, Assumptions, Inventory, Traffic, monthly_bill
from fluxfloor.reporting.health import RECENT_MS
from fluxfloor.reporting.operations import HOP, SIGNAL, TOLD, WATCHED_BAR, OperationCounts, by_design
from fluxfloor.reporting.prices import DAYS, PRICES
from fluxfloor.topology import STAGES, subscribers
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.dashboard.health import MAX_STEPS

NOTHING = Inventory(0, 0, 0, 0.0, 0.0)
NO_WORK = {cause: {} for cause in Traffic(1).per_day()}


def only_signals(**by_stage):
    return {**NO_WORK, SIGNAL: by_stage}


def line(bill, item, stage):
    (found,) = [each for each in bill.lines if (each.item, each.stage) == (item, stage)]
    return found


def test_documents_are_multiplied_by_signals_and_thirty_days_and_priced_per_hundred_thousand():
    counts = only_signals(cerebro=OperationCounts(reads=3, writes=4))
    bill = monthly_bill(counts, Traffic(10_000), NOTHING)
    reads, writes = line(bill, "firestore_reads", "cerebro"), line(bill, "firestore_writes", "cerebro")
    assert (reads.quantity, writes.quantity) == (900_000, 1_200_000)
    assert reads.list_usd == pytest.approx(0.27)
    assert writes.list_usd == pytest.approx(1.08)


def test_the_free_allowance_is_taken_off_once_and_shared_by_use():
    counts = only_signals(cerebro=OperationCounts(writes=3), features=OperationCounts(writes=1))
    bill = monthly_bill(counts, Traffic(10_000), NOTHING)
    cerebro, features = (line(bill, "firestore_writes", name) for name in ("cerebro", "features"))
    assert cerebro.billed_usd == pytest.approx(3 * features.billed_usd)
    assert cerebro.billed_usd + features.billed_usd == pytest.approx((1_200_000 - 600_000) * 0.09 / 1e5)


def test_below_the_allowance_there_is_nothing_to_pay():
    bill = monthly_bill(only_signals(cerebro=HOP), Traffic(10), NOTHING)
    assert line(bill, "firestore_writes", "cerebro").billed_usd == 0
    assert line(bill, "firestore_writes", "cerebro").list_usd > 0
    assert line(bill, "run_requests", "cerebro").billed_usd == 0


def test_the_edge_database_has_no_allowance_because_a_project_has_only_one():
    bill = monthly_bill(only_signals(ingestion=HOP, cerebro=HOP), Traffic(10), NOTHING)
    edge = line(bill, "firestore_writes", "ingestion")
    assert edge.billed_usd == edge.list_usd > 0
    assert line(bill, "firestore_writes", "cerebro").billed_usd == 0


def test_what_expires_is_deleted_for_money_even_below_the_allowance():
    bill = monthly_bill(only_signals(cerebro=HOP), Traffic(1_000), NOTHING)
    expired = line(bill, "firestore_expiries", "cerebro")
    assert expired.quantity == 30_000
    assert expired.billed_usd == expired.list_usd == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("busy_ms", "invocations", "billed_ms"),
    [(1, 1, 100), (100, 1, 100), (101, 1, 200), (150, 2, 200), (30, 0.5, 50), (70, 0, 70), (0, 0, 0)],
)
def test_every_request_is_rounded_up_to_a_tenth_of_a_second(busy_ms, invocations, billed_ms):
    assert cost.rounded_up_ms(busy_ms, invocations) == billed_ms


def test_time_is_computing_and_waiting_and_is_paid_by_the_size_of_the_stage():
    done = OperationCounts(invocations=1, cpu_ms=80, rounds=4, wait_ms=90)
    assumed = Assumptions(round_ms=12, cold_start_ms={"edge": 0, "core": 0})
    bill = monthly_bill(only_signals(features=done), Traffic(100), NOTHING, assumed)
    busy_s = 100 * DAYS * 0.3  # 218 ms, rounded up
    assert line(bill, "run_cpu", "features").quantity == pytest.approx(busy_s * STAGES["features"].cpu)
    assert line(bill, "run_memory", "features").quantity == pytest.approx(busy_s * STAGES["features"].memory_mb / 1024)


def test_a_stage_with_a_minutely_schedule_is_never_cold_and_a_quiet_one_mostly_is():
    assert cost.cold_share(STAGES["execution"], 0, 10) == 0
    assert cost.cold_share(STAGES["features"], 0, 10) == 1
    assert cost.cold_share(STAGES["features"], 0.1, 10) == pytest.approx(math.exp(-1))


def test_a_message_is_paid_for_when_sent_and_again_for_each_reader():
    counts = only_signals(cerebro=OperationCounts(published={"decisions.made": 1}))
    bill = monthly_bill(counts, Traffic(1_000), NOTHING, Assumptions(message_bytes=2**20))
    sent_gib = 30_000 / 1024
    assert line(bill, "pubsub_throughput", "cerebro").quantity == pytest.approx(sent_gib)
    for reader in subscribers("decisions.made"):
        assert line(bill, "pubsub_throughput", reader).quantity == pytest.approx(sent_gib)


def test_a_small_message_is_paid_for_as_a_thousand_bytes():
    counts = only_signals(cerebro=OperationCounts(published={"decisions.made": 1}))
    bill = monthly_bill(counts, Traffic(1_000), NOTHING, Assumptions(message_bytes=10))
    assert line(bill, "pubsub_throughput", "cerebro").quantity == pytest.approx(30_000 * 1000 / 2**30)


def test_a_timer_is_two_operations():
    bill = monthly_bill(only_signals(execution=OperationCounts(timers=1)), Traffic(100), NOTHING)
    assert line(bill, "tasks", "execution").quantity == 6_000


def test_scheduled_jobs_are_those_of_the_topology_less_the_three_free_ones():
    bill = monthly_bill(NO_WORK, Traffic(0), NOTHING)
    jobs = sum(len(stage.schedules) for stage in STAGES.values())
    assert bill.list_usd == pytest.approx(jobs * 0.10)
    assert bill.billed_usd == pytest.approx((jobs - 3) * 0.10)


def test_a_fixed_address_is_paid_for_by_the_hour_and_only_when_asked_for():
    without = monthly_bill(NO_WORK, Traffic(0))
    with_it = monthly_bill(NO_WORK, Traffic(0), Inventory(static_egress=True))
    assert "Static egress" not in without.by_service()
    assert with_it.by_service()["Static egress"][0] == pytest.approx(720 * (0.005 + 3 * 0.0014) + 0.045)


def test_a_cause_that_was_not_counted_is_an_error_and_not_free():
    counts = by_design()
    del counts["market/pull"]
    with pytest.raises(KeyError, match="market/pull"):
        monthly_bill(counts, Traffic(0))


def test_two_ways_to_add_the_bill_up_agree():
    bill = monthly_bill(by_design(), Traffic(1_000))
    for sums in (bill.by_service(), bill.by_stage()):
        assert sum(listed for listed, _ in sums.values()) == pytest.approx(bill.list_usd)
        assert sum(billed for _, billed in sums.values()) == pytest.approx(bill.billed_usd)
    assert set(bill.by_stage()) == {FLOOR, *STAGES}


def test_an_idle_floor_costs_little_besides_its_alarms():
    idle, *_ = cost.bills()
    assert idle.signals_per_day == 0
    assert idle.billed_usd - idle.by_service()["Monitoring"][1] < 3.1


counted = st.builds(
    OperationCounts,
    invocations=st.floats(0, 5), steps=st.floats(0, 5), reads=st.floats(0, 50), writes=st.floats(0, 50),
    deletes=st.floats(0, 5), kept=st.floats(0, 5), cpu_ms=st.floats(0, 500), rounds=st.floats(0, 20),
    published=st.dictionaries(st.sampled_from(["decisions.made", "orders.requested"]), st.floats(0, 3)),
)  # fmt: skip
flows = st.dictionaries(st.sampled_from(sorted(STAGES)), counted, max_size=4)


@settings(max_examples=25, deadline=None)
@given(flows, st.floats(0, 20_000))
def test_nobody_pays_more_than_the_list_price_nor_less_than_the_list_price_less_the_allowances(flow, signals):
    bill = monthly_bill(only_signals(**flow), Traffic(signals), NOTHING)
    allowances = sum(price.of(price.free) for price in PRICES.values())
    assert -1e-9 <= bill.billed_usd <= bill.list_usd + 1e-9
    assert bill.billed_usd >= bill.list_usd - allowances - 1e-9
    used = defaultdict(float)
    for each in bill.lines:
        used[each.item] += each.billed_usd
    assert all(paid >= -1e-9 for paid in used.values())


@settings(max_examples=25, deadline=None)
@given(flows, st.integers(0, 10_000), st.integers(1, 10_000))
def test_more_signals_never_mean_more_cheaply_kept_documents(flow, fewer, more):
    """Only Cloud Run may fall with traffic: instances that stay warm start less often."""

    def rest(signals):
        bill = monthly_bill(only_signals(**flow), Traffic(signals), NOTHING)
        return sum(each.billed_usd for each in bill.lines if each.service != "Cloud Run")

    assert rest(fewer + more) >= rest(fewer) - 1e-9


def test_counts_add_and_scale_field_by_field():
    one = OperationCounts(invocations=1, reads=2, published={"a": 1})
    two = OperationCounts(reads=3, cpu_ms=5, published={"a": 1, "b": 2})
    assert one + two == OperationCounts(invocations=1, reads=5, cpu_ms=5, published={"a": 2, "b": 2})
    assert one * 3 == OperationCounts(invocations=3, reads=6, published={"a": 3})


def test_by_design_every_reader_of_a_fact_takes_one_hop_for_it():
    signal = by_design()[SIGNAL]
    assert signal["alerts"] == HOP * 2 + TOLD  # two reports, no exports, no risks
    assert signal["ingestion"].published == {"signals.received": 1}
    assert signal["dashboard"].invocations == 1 + 2 + 1  # a decision, two reports, the books
    assert signal["execution"].steps >= 3  # intent, submitting, outcome
    assert signal["execution"].timers > 0
    assert "exports" not in signal


def test_by_design_a_watched_bar_wakes_nobody_but_is_still_paid_for():
    assert set(by_design()[WATCHED_BAR]) == {"market"}
    bill = monthly_bill({**NO_WORK, WATCHED_BAR: by_design()[WATCHED_BAR]}, Traffic(0), NOTHING)
    assert line(bill, "pubsub_throughput", "features").quantity > 0
    assert line(bill, "run_requests", "features").quantity == 0


def test_health_is_read_again_every_minute_for_as_long_as_a_step_may_be_late():
    assert (RECENT_MS / 60_000, MAX_STEPS) == (cost.HEALTH_WINDOW_MIN, cost.HEALTH_LIMIT)
    counts = only_signals(cerebro=OperationCounts(steps=1))
    few, many = (line(monthly_bill(counts, Traffic(n), NOTHING), "firestore_reads", "dashboard") for n in (96, 96_000))
    assert few.quantity == pytest.approx(43_200 * 1)  # one step in a quarter of an hour, at each of 43,200 runs
    assert many.quantity == pytest.approx(43_200 * 300)


def test_by_design_every_schedule_of_the_topology_is_counted():
    assert set(by_design()) == set(Traffic(0).per_day())


def test_a_hop_is_what_the_design_says_it_is():
    assert HOP.rounds == 4  # read, commit, publish, mark
    assert (HOP.invocations, HOP.steps) == (1, 1)


def test_every_price_says_where_it_comes_from():
    assert {price.source for price in PRICES.values()} <= {"page", "others", "memory"}
    assert all(price.usd > 0 and price.per > 0 and price.free >= 0 for price in PRICES.values())
