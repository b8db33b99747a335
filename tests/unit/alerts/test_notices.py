"""The words people read."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.contracts.events import ExportKind, Severity, SimulationCompleted
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.simulations import SimulationRecord, SimulationSpec
from fluxfloor.contracts.views import ExportRecord
from fluxfloor.reporting import BY_SCHEDULE
from fluxfloor.reporting.notices import FORMATS, MAX_TEXT, MAX_TITLE, readable, source_of, subject_of, words_of
from fluxfloor.topology import STAGES
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import AT_MS, export, fill, order, report, risk

FIRST, SECOND = fill("t1", "64200.2", "0.004", "0.67"), fill("t2", "64215.05", "0.008", "1.3346")


def record(requested_by: str = "u-1") -> ExportRecord:
    return ExportRecord(
        id="export-1", kind=ExportKind.TRADES, account_id="paper-main", from_ms=1_789_948_800_000,
        to_ms=1_790_035_200_000, requested_by=requested_by, status="done", ts_event_ms=AT_MS,
    )  # fmt: skip


def test_a_filled_order_reads_as_one_line_with_all_its_fills() -> None:
    event = report(OrderState.FILLED, 1_200, fills=(SECOND,))
    words = words_of(event, order(OrderState.FILLED, FIRST, SECOND))
    assert words is not None
    assert words.title == "Order filled"
    assert words.text.splitlines() == [
        "BUY 0.012 BTC/USDT filled at 64,210.10 (fee 2.00 USDT), trend",
        "order intent-1",
    ]


def test_without_the_orders_document_a_fill_is_told_in_lots_and_claims_no_fee() -> None:
    words = words_of(report(OrderState.FILLED, 1_200, fills=(SECOND,)), None)
    assert words is not None
    assert words.text.startswith("BUY 1,200 lots of BTC/USDT filled at 64,210.10, trend")


def test_fees_in_several_currencies_are_told_side_by_side() -> None:
    rebate = fill("t3", "64200.2", "0.004", "-0.00012", "BNB")
    words = words_of(report(OrderState.FILLED, 1_200), order(OrderState.FILLED, FIRST, rebate))
    assert words is not None
    assert "(fee -0.00012 BNB + 0.67 USDT)" in words.text


def test_a_rejection_says_what_was_asked_and_why_not() -> None:
    words = words_of(report(OrderState.REJECTED, reason="insufficient funds"), None)
    assert words is not None
    assert words.text.startswith("BUY 1,200 lots of BTC/USDT rejected: insufficient funds, trend")


def test_an_order_without_an_answer_says_that_it_is_looked_up() -> None:
    words = words_of(report(OrderState.UNKNOWN, reason="timeout"), order(OrderState.UNKNOWN))
    assert words is not None
    assert words.text.startswith("BUY 1,200 lots of BTC/USDT: the venue gave no answer, it is being looked up: timeout")


def test_an_expired_order_is_told_only_for_the_part_that_was_filled() -> None:
    assert subject_of(report(OrderState.EXPIRED)) is None
    event = report(OrderState.EXPIRED, 400, fills=(FIRST,))
    words = words_of(event, order(OrderState.EXPIRED, FIRST))
    assert words is not None
    assert "BUY 0.004 BTC/USDT filled at 64,200.20 (fee 0.67 USDT), then expired (400 of 1,200 lots)" in words.text


@pytest.mark.parametrize(
    "state", [OrderState.REQUESTED, OrderState.SUBMITTING, OrderState.OPEN, OrderState.PARTIALLY_FILLED]
)
def test_an_order_on_its_way_is_not_worth_reading(state: OrderState) -> None:
    assert subject_of(report(state, 400)) is None


def test_a_late_fill_is_not_the_same_notice_as_the_end_it_followed() -> None:
    ended, late = report(OrderState.CANCELLED, 400), report(OrderState.CANCELLED, 1_200, late=True)
    assert subject_of(ended) != subject_of(late)


def test_a_risk_keeps_its_severity_and_shows_its_details() -> None:
    event = risk(severity=Severity.CRITICAL, details={"venue": "1.5", "books": "1.4"})
    subject, words = subject_of(event), words_of(event, None)
    assert subject is not None
    assert subject.severity is Severity.CRITICAL
    assert words is not None
    assert words.title == "Books mismatch: paper-main"
    assert words.text.splitlines() == ["books differ from the venue", "books: 1.4", "venue: 1.5"]


def test_an_export_says_whose_and_which_days() -> None:
    words = words_of(export(), record())
    assert words is not None
    assert words.text.splitlines() == [
        "trades of paper-main, 2026-09-21 to 2026-09-22: 12 rows (csv, parquet)",
        "export export-1",
    ]


def test_a_daily_export_is_told_only_when_it_failed() -> None:
    assert words_of(export(), record(BY_SCHEDULE)) is None
    words = words_of(export(failed="no rows could be read"), record(BY_SCHEDULE))
    assert words is not None
    assert words.title == "Export failed"


SIMULATED = SimulationSpec.model_validate(
    {
        "strategies": [{"plugin": "trend"}, {"plugin": "breakout", "name": "wide"}],
        "instrument_id": "kraken:BTC/USDT", "timeframe": "15m", "from_ms": 1_789_948_800_000,
        "to_ms": 1_790_035_200_000,
    }
)  # fmt: skip


def played(failed: str = "") -> tuple[SimulationCompleted, SimulationRecord]:
    summary = {} if failed else {"trades": "13", "total_return": "0.0123"}
    event = SimulationCompleted(
        simulation_id="sim-1", files={}, summary=summary, failed=failed, fix="ask for more" if failed else "",
        ts_event_ms=AT_MS,
    )  # fmt: skip
    return event, SimulationRecord(id="sim-1", spec=SIMULATED, requested_by="u", status="done", ts_event_ms=AT_MS)


def test_a_simulation_says_what_was_played_and_what_came_of_it() -> None:
    event, kept = played()
    subject, words = subject_of(event), words_of(event, kept)
    assert subject is not None
    assert (subject.kind, subject.severity) == ("simulation_completed", Severity.INFO)
    assert words is not None
    assert words.text.splitlines() == [
        "trend, wide on BTC/USDT 15m, 2026-09-21 to 2026-09-22: trades 13, total return 0.0123",
        "simulation sim-1",
    ]


def test_a_simulation_that_failed_says_why_and_what_helps() -> None:
    event, kept = played("too few bars")
    subject, words = subject_of(event), words_of(event, kept)
    assert subject is not None
    assert subject.severity is Severity.WARNING
    assert words is not None
    assert words.title == "Simulation failed"
    assert words.text.splitlines()[0].endswith("too few bars; ask for more")


def test_every_topic_that_alerts_subscribes_to_has_a_format() -> None:
    told = {event.topic() for event in FORMATS}
    assert told == set(STAGES["alerts"].topics) - {"quarantines.released"}


def test_only_an_order_and_an_export_are_completed_from_a_document() -> None:
    assert source_of(risk()) is None
    assert [key.kind.collection for key in (source_of(report(OrderState.FILLED)), source_of(export())) if key] == [
        "orders",
        "exports",
    ]


@given(message=st.text(max_size=200), scope=st.text(max_size=300))
def test_words_are_bounded_and_hold_no_control_characters(message: str, scope: str) -> None:
    words = words_of(risk(scope=scope, message=message * 50), None)
    assert words is not None
    assert len(words.title) <= MAX_TITLE
    assert len(words.text) <= MAX_TEXT
    assert "\n" not in words.title
    assert not any(ord(sign) < 32 and sign != "\n" for sign in words.title + words.text)
    assert "\u202e" not in words.title + words.text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("64210.1", "64,210.10"),
        ("64210.123456", "64,210.12"),
        ("1.08345", "1.08345"),
        ("0.5", "0.50"),
        ("0.00001234", "0.00001234"),
        ("0", "0.00"),
        ("-12", "-12.00"),
    ],
)
def test_a_price_is_told_as_exactly_as_its_size_deserves(value: str, text: str) -> None:
    assert readable(Decimal(value)) == text
