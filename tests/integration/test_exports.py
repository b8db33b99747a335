"""The exports stage on the embedded backend: from a request to two files and the fact that says where they are."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.events import ExportCompleted, ExportKind, ExportRequested
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.journal import JOURNAL, Step
from fluxfloor.contracts.state import Account, TradeRow
from fluxfloor.contracts.views import EquityPoint, ExportRecord
from fluxfloor.errors import RetryLater
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Query, Ref
from fluxfloor.reporting import exports
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.exports import producer
from tests.support.trades import AT_MS, DAY_FROM_MS, DAY_TO_MS, point, record, trade

MINUTE_MS = 60_000


class House:
    """The stage with two accounts and whatever rows a test puts there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = VirtualClock(DAY_TO_MS)
        self.floor = self.open()
        self.put(
            *(Account(id=name, portfolio_id="main", venue="paper", currency="USDT") for name in ("a-1", "paper-main"))
        )

    def open(self) -> Floor:
        self.floor = Floor(self.directory, Settings(), self.clock, stages=("exports",))
        return self.floor

    def put(self, *documents: Document) -> None:
        creates = {Ref(item.collection, item.id, item.database): item.encode() for item in documents}
        self.floor.store.commit(Commit(creates=creates))

    def ask(
        self, kind: ExportKind = ExportKind.TRADES, export_id: str = "export-1", cause: str = "", **changes: Any
    ) -> None:
        wanted = {"account_id": "paper-main", "from_ms": DAY_FROM_MS, "to_ms": DAY_TO_MS, "requested_by": "u-1"}
        asked = ExportRequested(export_id=export_id, kind=kind, **{**wanted, **changes})
        self.floor.bus.publish([Fact.first(f"asked-{export_id}{cause}", asked, self.clock.now_ms())])

    def run(self) -> None:
        self.floor.drain(self.clock.now_ms() + 10 * MINUTE_MS)

    def later(self, minutes: int, job: str) -> None:
        self.clock.advance_to(self.clock.now_ms() + minutes * MINUTE_MS)
        self.floor.tick("exports", job)

    def record(self, export_id: str = "export-1") -> ExportRecord:
        found = self.floor.context("exports").read(ExportRecord.key(export_id))
        assert found is not None
        return found

    def records(self) -> list[ExportRecord]:
        found = self.floor.store.query(Query(ExportRecord.collection, limit=1_000))
        return [ExportRecord.decode(item.data or {}) for item in found]

    def stated(self) -> list[ExportCompleted]:
        steps = [Step.from_record(item.data or {}) for item in self.floor.store.query(Query(JOURNAL, limit=1_000))]
        facts = [Fact.from_record(fact).event for step in steps for fact in step.facts]
        return [event for event in facts if isinstance(event, ExportCompleted)]

    def file(self, format: str, export_id: str = "export-1") -> bytes:
        blob = self.floor.blobs.get(self.record(export_id).files[format])
        assert blob is not None
        return blob.data

    def column(self, name: str, export_id: str = "export-1") -> list[str]:
        return [row[name] for row in csv.DictReader(io.StringIO(self.file("csv", export_id).decode(), newline=""))]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.floor.close()


def test_a_request_becomes_two_files_and_a_fact(house: House) -> None:
    house.put(*(trade(number) for number in range(3)), trade(9, account_id="a-1"))
    house.ask()
    house.run()
    done = house.record()
    stem = "exports/paper-main/trades/20260921T000000Z_20260922T000000Z_export-1"
    assert (done.status, done.rows, done.files) == ("done", 3, {"csv": f"{stem}.csv", "parquet": f"{stem}.parquet"})
    assert house.column("trade_id") == ["t0", "t1", "t2"]
    assert pq.read_table(io.BytesIO(house.file("parquet"))).column("trade_id").to_pylist() == ["t0", "t1", "t2"]
    (fact,) = house.stated()
    assert (fact.export_id, fact.rows, fact.failed, fact.files) == ("export-1", 3, "", done.files)


def test_a_range_takes_its_first_millisecond_and_leaves_its_last(house: House) -> None:
    times = (DAY_FROM_MS - 1, DAY_FROM_MS, DAY_TO_MS - 1, DAY_TO_MS)
    house.put(*(point(number, at_ms) for number, at_ms in enumerate(times)))
    house.ask(ExportKind.EQUITY)
    house.run()
    assert house.column("time") == ["2026-09-21T00:00:00.000Z", "2026-09-21T23:59:59.999Z"]


def test_a_range_without_rows_gives_files_with_a_header(house: House) -> None:
    house.ask(ExportKind.EQUITY)
    house.run()
    assert (house.record().status, house.record().rows) == ("done", 0)
    assert house.file("csv").startswith(b"account_id,time,")
    assert pq.read_table(io.BytesIO(house.file("parquet"))).num_rows == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"account_id": "nobody"}, "no account nobody"),
        ({"to_ms": DAY_FROM_MS}, "the range must end after it begins"),
        ({"from_ms": DAY_TO_MS + 1, "to_ms": DAY_TO_MS + 2}, "the range has not begun yet"),
    ],
)
def test_a_bad_request_is_a_failed_record_and_a_fact_not_an_error(
    house: House, changes: dict[str, Any], reason: str
) -> None:
    house.ask(**changes)
    house.run()
    house.later(30, "sweep")
    assert (house.record().status, house.record().failed, house.record().files) == ("failed", reason, {})
    assert [fact.failed for fact in house.stated()] == [reason]
    assert house.floor.blobs.list("exports/") == []
    assert house.floor.store.query(Query("quarantine")) == []


def test_too_many_rows_are_a_failed_record(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_ROWS", 2)
    house.put(*(trade(number) for number in range(3)))
    house.ask()
    house.run()
    assert house.record().failed == "the range holds more than 2 rows: ask for a shorter one"
    assert len(house.stated()) == 1


def test_a_repeated_request_writes_the_same_bytes_and_states_one_fact(house: House) -> None:
    house.put(*(trade(number) for number in range(3)))
    house.ask()
    house.run()
    before, facts = (house.file("csv"), house.file("parquet")), house.stated()
    house.ask()
    house.run()
    house.ask(cause="again", requested_by="u-2")
    house.run()
    assert (house.file("csv"), house.file("parquet")) == before
    assert house.stated() == facts
    assert house.record().requested_by == "u-1"


@pytest.mark.parametrize("boundary", ["before the files", "between the files", "after the files"])
def test_a_crash_anywhere_is_resumed_with_the_same_bytes(
    house: House, boundary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.put(*(trade(number) for number in range(3)))
    house.ask(export_id="whole")
    house.run()
    dies_at = {"before the files": 1, "between the files": 2, "after the files": 3}[boundary]
    calls: list[object] = []

    def dying(inner: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            calls.append(values)
            if len(calls) == dies_at:
                raise KeyboardInterrupt
            return inner(*values)

        return call

    monkeypatch.setattr(house.floor.blobs, "put", dying(house.floor.blobs.put))
    monkeypatch.setattr(producer, "_finish", dying(producer._finish))
    house.ask()
    with pytest.raises(KeyboardInterrupt):
        house.run()
    assert house.record().status == "requested"
    monkeypatch.undo()
    house.open()
    house.run()
    assert house.record().status == "done"
    assert house.file("csv") == house.file("csv", "whole")
    assert len(house.stated()) == 2


def test_a_store_that_does_not_answer_brings_the_request_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put(trade(1))
    query, calls = house.floor.store.query, []

    def refusing(wanted: Query) -> Any:
        calls.append(wanted)
        if wanted.collection == TradeRow.collection and len(calls) < 3:
            raise RetryLater("no answer")
        return query(wanted)

    monkeypatch.setattr(house.floor.store, "query", refusing)
    house.ask()
    house.run()
    assert (house.record().status, house.record().rows) == ("done", 1)
    assert house.floor.undelivered() == 0


def test_two_that_make_one_export_at_once_state_it_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put(trade(1))
    put = house.floor.blobs.put

    def meanwhile(*values: Any) -> int:
        monkeypatch.setattr(house.floor.blobs, "put", put)
        house.later(15, "sweep")
        return put(*values)

    monkeypatch.setattr(house.floor.blobs, "put", meanwhile)
    house.ask()
    house.run()
    assert (house.record().status, len(house.stated())) == ("done", 1)


# --- daily -------------------------------------------------------------------------------------------------------


def test_yesterday_of_every_account_is_exported_once_its_last_facts_have_settled(house: House) -> None:
    house.floor.tick("exports", "daily")
    house.put(trade(1, exit_ms=DAY_TO_MS - 1))  # a fact of yesterday that comes after midnight
    house.floor.tick("exports", "sweep", DAY_TO_MS + 1)
    assert {item.status for item in house.records()} == {"requested"}
    house.later(15, "sweep")
    found = {(item.account_id, item.kind): item for item in house.records()}
    assert set(found) == {(name, kind) for name in ("a-1", "paper-main") for kind in ExportKind}
    assert {item.status for item in found.values()} == {"done"}
    assert {(item.from_ms, item.to_ms, item.requested_by) for item in found.values()} == {
        (DAY_FROM_MS, DAY_TO_MS, "schedule")
    }
    assert found["paper-main", ExportKind.TRADES].rows == 1


def test_a_day_is_asked_for_once_however_often_its_tick_comes(house: House) -> None:
    house.floor.tick("exports", "daily")
    house.floor.tick("exports", "daily")
    house.later(15, "sweep")
    house.floor.tick("exports", "daily", DAY_TO_MS)
    house.later(15, "sweep")
    assert len(house.records()) == len(house.stated()) == 4


def test_one_export_that_fails_does_not_hold_up_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = point(1).encode() | {"equity": "not a number"}
    house.floor.store.commit(Commit(creates={Ref(EquityPoint.collection, "broken"): broken}))
    house.floor.tick("exports", "daily")
    house.later(15, "sweep")
    states = {(item.account_id, item.kind): item.status for item in house.records()}
    assert states.pop(("paper-main", ExportKind.EQUITY)) == "requested"
    assert set(states.values()) == {"done"}
    assert "export failed" in [entry.getMessage() for entry in caplog.records if entry.levelno == logging.ERROR]
    for _ in range(97):
        house.later(15, "sweep")
    failed = next(item for item in house.records() if item.status == "failed")
    assert failed.failed == "it could not be made within a day"


# --- paging ------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(times=st.lists(st.integers(0, 6), max_size=30), page=st.integers(1, 5))
def test_paging_gives_every_row_once_in_order_whatever_times_they_share(times: list[int], page: int) -> None:
    asked = record(ExportKind.TRADES)
    rows = [trade(number, exit_ms=AT_MS + at) for number, at in enumerate(times)]

    class Shelf:
        def query(self, query: Query) -> list[Any]:
            since = next(value for name, operator, value in query.where if operator == ">=")
            found = sorted((row for row in rows if row.exit_ms >= since), key=lambda row: (row.exit_ms, row.id))
            return [producer.Snapshot(Ref("trades", row.id), row.encode()) for row in found[: query.limit]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(producer, "PAGE_ROWS", page)
        found = [row for rows in producer.pages(Shelf(), asked) for row in rows]  # type: ignore[arg-type]
    assert [row.id for row in found] == [row.id for row in sorted(rows, key=lambda row: (row.exit_ms, row.id))]


def test_a_large_range_is_read_in_pages(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer, "PAGE_ROWS", 4)
    house.put(*(point(number) for number in range(10)))
    query, limits = house.floor.store.query, []

    def watching(wanted: Query) -> Any:
        limits.append(wanted.limit)
        return query(wanted)

    monkeypatch.setattr(house.floor.store, "query", watching)
    house.ask(ExportKind.EQUITY)
    house.run()
    assert house.record().rows == 10
    assert limits == [4, 4, 4, 4]  # each page begins with the row that the last one ended with
    assert pq.ParquetFile(io.BytesIO(house.file("parquet"))).num_row_groups == 3
