"""What stands in an exported file, byte by byte."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.events import ExportKind, ExportRequested, TradeClosed
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import EquityPoint, ExportRecord
from fluxfloor.reporting import exports
from fluxfloor.reporting.exports import DAY_MS, TABLES, Files, TooManyRows, blob_name, refusal, safe_text
from hypothesis import given
from hypothesis import strategies as st

from tests.support.trades import AT_MS, point, record, trade

NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?\Z").map(Decimal)


def made(kind: ExportKind, *pages: list[TradeRow] | list[EquityPoint]) -> dict[str, bytes]:
    files = Files(record(kind))
    for page in pages:
        files.add(page)
    return files.finish()


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_trades_are_written_as_published() -> None:
    made_files = made(ExportKind.TRADES, [trade(1, tag="a, b", profit="-12.50")])
    assert made_files["csv"].decode() == (
        "trade_id,account_id,strategy_id,sender_id,instrument_id,direction,quantity,entry_time,entry_price,exit_time,"
        "exit_price,fees,profit,return_fraction,entry_signal_id,exit_signal_id,tag,value,fees_value,valued\r\n"
        "t1,paper-main,trend,floor,kraken:BTC/USDT,LONG,0.012,2026-09-21T12:13:20.000Z,64210.1,"
        '2026-09-21T14:13:20.001Z,64300,4.01,-12.5,-0.0162,s-in,s-out,"a, b",-12.5,4.01,true\r\n'
    )


def test_equity_is_written_as_published() -> None:
    made_files = made(ExportKind.EQUITY, [point(5)])
    assert made_files["csv"].decode() == (
        "account_id,time,equity,cash,realised,unrealised,deposits\r\n"
        "paper-main,2026-09-21T14:13:20.005Z,10012.34,9000,10,2.34,10000\r\n"
    )


def test_the_same_rows_give_the_same_bytes() -> None:
    pages = [[trade(1), trade(2)], [trade(3)]]
    assert made(ExportKind.TRADES, *pages) == made(ExportKind.TRADES, *pages)


@pytest.mark.parametrize("kind", list(ExportKind))
def test_no_rows_give_files_that_are_a_header(kind: ExportKind) -> None:
    made_files = made(kind)
    names = [column.name for column in TABLES[kind].columns]
    assert made_files["csv"].decode() == ",".join(names) + "\r\n"
    table = pq.read_table(io.BytesIO(made_files["parquet"]))
    assert (table.num_rows, table.column_names) == (0, names)


def test_both_files_hold_the_same_values() -> None:
    made_files = made(ExportKind.TRADES, [trade(1, profit="-0.000000000000000001")], [trade(2, profit="7" * 18)])
    table = pq.read_table(io.BytesIO(made_files["parquet"]))
    for row, cells in zip(table.to_pylist(), rows_of(made_files["csv"]), strict=True):
        for column in TABLES[ExportKind.TRADES].columns:
            value = row[column.name]
            if isinstance(value, Decimal):
                value = canonical(value)
            elif isinstance(value, datetime):
                value = exports.iso(round(value.timestamp() * 1_000))
            assert cells[column.name] == value


def test_parquet_says_its_types_its_versions_and_what_was_asked() -> None:
    found = pq.ParquetFile(io.BytesIO(made(ExportKind.EQUITY, [point(1)])["parquet"]))
    schema = found.schema_arrow
    assert schema.field("equity").type == pa.decimal128(38, 18)
    assert schema.field("time").type == pa.timestamp("ms", tz="UTC")
    assert found.metadata.row_group(0).column(0).compression == "SNAPPY"
    metadata = {key.decode(): value.decode() for key, value in schema.metadata.items() if key.startswith(b"fluxfloor")}
    assert metadata.pop("fluxfloor.code")
    assert metadata == {
        "fluxfloor.format": "equity.v1", "fluxfloor.export_id": "export-1", "fluxfloor.account_id": "paper-main",
        "fluxfloor.from": "2026-09-21T00:00:00.000Z", "fluxfloor.to": "2026-09-22T00:00:00.000Z",
    }  # fmt: skip


@given(value=NUMBERS)
def test_no_number_that_a_contract_lets_through_is_cut(value: Decimal) -> None:
    row = point(1, equity=value)
    made_files = made(ExportKind.EQUITY, [row])
    assert Decimal(rows_of(made_files["csv"])[0]["equity"]) == value
    assert pq.read_table(io.BytesIO(made_files["parquet"])).column("equity").to_pylist() == [value]


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_a_text_that_a_spreadsheet_would_run_is_only_text(start: str) -> None:
    cells = rows_of(made(ExportKind.TRADES, [trade(1, tag=start)])["csv"])[0]
    assert cells["tag"] == f"'{start}"
    table = pq.read_table(io.BytesIO(made(ExportKind.TRADES, [trade(1, tag=start)])["parquet"]))
    assert table.column("tag").to_pylist() == [start]


def test_a_negative_number_is_not_taken_for_a_formula() -> None:
    assert rows_of(made(ExportKind.TRADES, [trade(1, profit="-3")])["csv"])[0]["profit"] == "-3"


@given(text=st.text(max_size=60))
def test_any_tag_comes_back_from_the_csv_as_it_went_in(text: str) -> None:
    cells = rows_of(made(ExportKind.TRADES, [trade(1, tag=text)])["csv"])[0]
    assert cells["tag"] == safe_text(text)
    assert cells["tag"].removeprefix("'") == text.removeprefix("'")


def test_a_range_with_too_many_rows_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_ROWS", 2)
    files = Files(record(ExportKind.EQUITY))
    files.add([point(1), point(2)])
    with pytest.raises(TooManyRows, match="more than 2 rows"):
        files.add([point(3)])


# --- what was asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "reason"),
    [
        (0, 1, ""),
        (AT_MS, AT_MS + DAY_MS, "the range has not begun yet"),
        (5, 5, "the range must end after it begins"),
        (6, 5, "the range must end after it begins"),
        (0, 20_000 * DAY_MS, ""),
    ],
)
def test_a_bad_range_is_refused_with_its_reason(from_ms: int, to_ms: int, reason: str) -> None:
    asked = ExportRequested(
        export_id="e", kind=ExportKind.TRADES, account_id="a", from_ms=from_ms, to_ms=to_ms, requested_by="u"
    )
    assert refusal(asked, known_account=True, now_ms=AT_MS) == reason


def test_an_account_that_nobody_knows_is_refused() -> None:
    asked = ExportRequested(export_id="e", kind=ExportKind.TRADES, account_id="a", from_ms=0, to_ms=1, requested_by="u")
    assert refusal(asked, known_account=False, now_ms=AT_MS) == "no account a"


def test_a_record_remembers_the_request_it_was_made_for() -> None:
    asked = ExportRequested(
        export_id="e", kind=ExportKind.EQUITY, account_id="a", from_ms=0, to_ms=1, requested_by="u-1"
    )
    assert exports.asked_again(exports.requested(asked, "", AT_MS)) == asked


def test_a_blobs_name_says_whose_what_and_when() -> None:
    assert blob_name(record(ExportKind.TRADES), "csv") == (
        "exports/paper-main/trades/20260921T000000Z_20260922T000000Z_export-1.csv"
    )


@given(
    account=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,40}\Z"),
    export_id=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,40}\Z"),
)
def test_no_id_leads_a_blob_out_of_its_folder(account: str, export_id: str) -> None:
    found: ExportRecord = record(ExportKind.TRADES, account_id=account, export_id=export_id)
    parts = blob_name(found, "parquet").split("/")
    assert (len(parts), parts[0], parts[2]) == (4, "exports", "trades")
    assert not any(part.startswith(".") for part in parts)


@given(at_ms=st.integers(DAY_MS, 4_000_000_000_000))
def test_the_day_before_is_a_whole_utc_day_that_has_ended(at_ms: int) -> None:
    from_ms, to_ms = exports.day_before(at_ms)
    assert to_ms - from_ms == DAY_MS
    assert 0 <= at_ms - to_ms < DAY_MS
    assert datetime.fromtimestamp(from_ms / 1_000, UTC).hour == 0


def test_every_column_reads_a_field_of_its_row() -> None:
    assert {column.name for column in TABLES[ExportKind.TRADES].columns} == {
        name.replace("_ms", "_time") for name in TradeClosed.model_fields
    }


@pytest.mark.parametrize("kind", list(ExportKind))
def test_the_columns_stand_in_the_manual_in_their_order(kind: ExportKind) -> None:
    manual = (Path(__file__).parents[3] / "functions" / "exports" / "README.md").read_text()
    assert f"| {kind} | {', '.join(column.name for column in TABLES[kind].columns)} |" in manual
