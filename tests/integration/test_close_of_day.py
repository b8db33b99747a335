"""The end of a day on a floor that trades on paper, what a live one makes of the record, and that live says so."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.cli.main import app
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.state import Account
from fluxfloor.contracts.views import OrderRow, PaperDay, PaperRecord
from fluxfloor.errors import Misconfigured
from fluxfloor.local.carrying import carry
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Query, Ref
from fluxfloor.runtime import logging as logs
from fluxfloor.runtime.settings import SafetySettings, Settings
from fluxfloor.webapi.at_stake import DAY_MS
from typer.testing import CliRunner

from tests.support.api_floor import NOW_MS, SETTINGS, ApiFloor
from tests.support.desk import BTC, account_update, book, held

FIRST_MS = NOW_MS - NOW_MS % DAY_MS  # 2026-09-21
SAFETY = SafetySettings(paper_period_days=2, paper_min_orders=4)


def settings(mode: str = "paper", **more: Any) -> Settings:
    """As they stand, checked by nobody: a live floor here has the accounts of a paper one."""
    made = Settings.model_validate(SETTINGS)
    return made.model_copy(update={"mode": mode, "live_confirmed": mode == "live", "safety": SAFETY, **more})


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path, settings())
    made.put(InstrumentCatalog(id="kraken", ts_event_ms=NOW_MS, instruments=(BTC,)))
    made.floor.tick("dashboard", "health")  # the floor's first day begins
    yield made
    made.close()


def agreed(house: ApiFloor, at_ms: int, mismatches: int = 0) -> None:
    ref = Ref(Account.collection, "paper-main")
    (known,) = house.floor.store.read([ref])
    account = Account(
        id="paper-main", portfolio_id="main", venue="paper", currency="USDT", agreed_ms=at_ms, mismatches=mismatches
    )
    data = {**account.encode(), "version": 1}
    house.floor.store.commit(
        Commit(creates={ref: data}) if known.data is None else Commit(updates={ref: (data, known.token)})
    )


def traded(house: ApiFloor, orders: int) -> None:
    at_ms = house.clock.now_ms()
    for n in range(orders):
        house.put(
            OrderRow(
                id=f"o{at_ms}-{n}", account_id="paper-main", instrument_id=BTC.instrument_id, strategy_id="trend",
                signal_id="s", side="BUY", purpose="entry", state="filled", lots=1, filled_lots=1,
                average_price=Decimal(1), reason="", requested_ms=at_ms, ts_event_ms=at_ms + n,
            )
        )  # fmt: skip


def next_day(house: ApiFloor) -> None:
    """To ten past the next midnight, and one pass."""
    now_ms = house.clock.now_ms()
    house.clock.advance_to(now_ms - now_ms % DAY_MS + DAY_MS + 600_000)
    house.floor.tick("dashboard", "health")
    house.drain()
    house._token = ""  # the session of the day before has ended


def days(house: ApiFloor) -> list[PaperDay]:
    query = Query(PaperDay.collection, order_by="ts_event_ms", limit=50, database="edge")
    return [PaperDay.decode(item.data or {}) for item in house.floor.store.query(query)]


def test_a_day_is_closed_once_with_a_report_that_people_are_told(house: ApiFloor) -> None:
    house.put(book(positions=held(200), account_id="paper-main"))
    house.tell(account_update(10_000, version=1, at_ms=house.clock.now_ms()))
    house.tell(account_update(9_900, version=2, at_ms=house.clock.now_ms() + 1_000))
    next_day(house)
    house.floor.tick("dashboard", "health")
    house.drain()
    (report,) = house.get("/v1/risk/daily").json["items"]
    (item,) = report["portfolios"]
    assert (report["id"], report["mode"], item["profit"], item["equity"]) == ("2026-09-21", "paper", "-100", "9900")
    assert (item["exposure"], item["unprotected"]) == ("1000", ["trend|kraken:BTC/USDT"])
    (told,) = [row for row in house.get("/v1/risks").json["items"] if row["kind"] == "daily_risk"]
    assert told["message"].startswith("2026-09-21 (paper)\nmain: -100.00 USDT on the day, equity 9,900.00 USDT\n")
    assert "NO STOP: trend kraken:BTC/USDT" in told["message"]
    assert house.get("/v1/risk/daily").json["now"]["id"] == "2026-09-22"


def test_days_with_orders_are_kept_one_after_the_other_and_days_without_are_not(house: ApiFloor) -> None:
    for orders in (3, 0, 2):
        traded(house, orders)
        agreed(house, house.clock.now_ms() + 1)
        next_day(house)
    kept = days(house)
    assert [(day.id, day.orders, day.filled, day.books_agreed, day.alarms) for day in kept] == [
        ("2026-09-21", 3, 3, True, 0), ("2026-09-23", 2, 2, True, 0),
    ]  # fmt: skip
    assert kept[1].previous == kept[0].digest != ""
    period = house.get("/v1/paper-period").json
    assert (period["record"]["satisfied"], period["record"]["days"], len(period["items"])) == (True, 2, 2)


def test_a_day_with_a_halt_or_with_books_that_differ_is_no_good_day(house: ApiFloor) -> None:
    traded(house, 1)
    agreed(house, house.clock.now_ms(), mismatches=1)
    next_day(house)
    traded(house, 1)
    agreed(house, house.clock.now_ms() + 1)
    house.send("POST", "/v1/halts", {"scope": "main", "reason": "wait"})
    next_day(house)
    assert [(day.books_agreed, day.alarms) for day in days(house)] == [(False, 0), (True, 1)]
    record = house.get("/v1/paper-period").json["record"]
    assert record["missing"][0] == "0 of 2 good days on paper in a row: on 2026-09-22 alarms were left"


# --- live --------------------------------------------------------------------------------------------------------


def live_beside(directory: Path, **more: Any) -> ApiFloor:
    """The live floor in the same place: another database, the same edge."""
    return ApiFloor(directory, settings("live", **more))


def test_a_live_floor_finds_the_paper_days_and_nothing_else_of_the_paper_one(house: ApiFloor, tmp_path: Path) -> None:
    for _ in range(2):
        traded(house, 2)
        agreed(house, house.clock.now_ms() + 1)
        next_day(house)
    live = live_beside(tmp_path)
    assert "has not been judged yet" in live.get("/v1/overview").json["warnings"][0]
    live.clock.advance_to(house.clock.now_ms())
    live.floor.tick("dashboard", "health")
    record = live.floor.context("api").read(PaperRecord.key(FLOOR))
    assert record is not None
    assert (record.satisfied, record.days, record.orders) == (True, 2, 4)
    live._token = ""
    assert live.get("/v1/overview").json["warnings"] == []
    assert live.get("/v1/orders").json["items"] == []
    live.close()


def test_a_skipped_paper_period_is_said_wherever_people_look(tmp_path: Path) -> None:
    live = live_beside(tmp_path, safety=SafetySettings(paper_period_days=0))
    assert live.get("/v1/overview").json["warnings"] == ["The paper period is skipped: paper_period_days is 0."]
    live.floor.tick("dashboard", "health")
    next_day(live)
    live._token = ""
    told = [row["message"] for row in live.get("/v1/risks").json["items"] if row["kind"] == "daily_risk"]
    assert "The paper period is skipped" in told[0]
    assert told[0].startswith("2026-09-21 (live)")
    live.close()


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_every_answer_says_which_floor_it_is(tmp_path: Path, mode: str) -> None:
    floor = ApiFloor(tmp_path, settings(mode))
    for answer in (floor.get("/v1/session"), floor.get("/v1/overview"), floor.ask("GET", "/v1/nothing", token="")):
        assert answer.headers["Fluxfloor-Mode"] == mode
    assert floor.get("/v1/session").json["mode"] == mode
    floor.close()


def test_every_line_of_a_live_floors_log_says_so() -> None:
    lines: list[dict[str, Any]] = []
    for mode in ("live", "paper"):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logs.CloudFormatter(mode=mode))
        handler.handle(logging.LogRecord("x", logging.INFO, "", 0, "told", (), None))
        lines.append(json.loads(stream.getvalue()))
    assert (lines[0]["mode"], "mode" in lines[1]) == ("live", False)


def test_a_live_floors_notices_and_exports_say_so(tmp_path: Path) -> None:
    from fluxfloor.contracts.events import ExportKind, ExportRequested
    from fluxfloor.ports import Message
    from fluxfloor.reporting import exports

    from functions.alerts import outlets
    from functions.alerts.outlets import Outlets

    sent: list[Message] = []
    live = Floor(tmp_path, settings("live"), ApiFloor(tmp_path / "other").clock, stages=("alerts",))
    told = Outlets(live.settings, live.secrets)
    told._open["log"] = type("Kept", (), {"send": lambda _, message: sent.append(message)})()
    record = outlets.AlertRecord(id="a", severity="info", title="Fill", text="t", ts_event_ms=1)
    told.send("log", record)
    assert sent[0].body == "LIVE: Fill\nt"
    asked = ExportRequested(
        export_id="e", kind=ExportKind.EQUITY, account_id="desk", from_ms=0, to_ms=DAY_MS, requested_by="a"
    )
    made = exports.requested(asked, "", 1, "live")
    files = exports.Files(made).finish()
    assert files["csv"].decode().strip().endswith(",mode")
    assert exports.blob_name(made, "csv").startswith("exports/desk/equity/live_1970")
    assert exports.schema_of(made).metadata[b"fluxfloor.mode"] == b"live"
    assert b"mode" not in exports.Files(exports.requested(asked, "", 1)).finish()["csv"]
    live.close()


# --- carried over ------------------------------------------------------------------------------------------------


def test_the_record_is_carried_to_another_floor_as_it_was_written(house: ApiFloor, tmp_path: Path) -> None:
    for _ in range(2):
        traded(house, 2)
        agreed(house, house.clock.now_ms() + 1)
        next_day(house)
    elsewhere = ApiFloor(tmp_path / "elsewhere", settings("live"))
    assert carry(house.floor.store, elsewhere.floor.store) == (2, 2)
    assert carry(house.floor.store, elsewhere.floor.store) == (2, 0)
    elsewhere.clock.advance_to(house.clock.now_ms())
    assert elsewhere.get("/v1/paper-period").json["record"]["satisfied"] is True
    elsewhere.close()


def test_a_record_that_was_changed_is_not_carried(house: ApiFloor, tmp_path: Path) -> None:
    traded(house, 2)
    next_day(house)
    (day,) = days(house)
    assert not day.books_agreed
    house.floor.store.patch(Ref(PaperDay.collection, day.id, "edge"), {"books_agreed": True})
    elsewhere = ApiFloor(tmp_path / "elsewhere", settings("live"))
    with pytest.raises(Misconfigured, match="not as it was written"):
        carry(house.floor.store, elsewhere.floor.store)
    elsewhere.close()


def test_the_console_shows_what_is_missing(house: ApiFloor, tmp_path: Path) -> None:
    traded(house, 2)
    agreed(house, house.clock.now_ms() + 1)
    next_day(house)
    told = CliRunner().invoke(app, ["paper", "show", "--directory", str(tmp_path)])
    assert "2026-09-21  2 orders, 2 filled  good" in told.output
    assert "1 of 14 good days on paper in a row" in told.output
