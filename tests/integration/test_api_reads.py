"""What people may look at, on a floor that has lived for some months."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from fluxfloor.contracts.simulations import SimulationRecord, SimulationSpec
from fluxfloor.contracts.views import ExportRecord
from fluxfloor.ports import Query
from fluxfloor.topology import QUERIES, STAGES

from functions.api import desk
from functions.api.table import table
from tests.support.api_floor import NOW_MS, ApiFloor
from tests.support.floor_story import account, decisions, fill_floor, report

LISTS = [
    route.path
    for route in table.routes
    if route.method == "GET" and route.path.startswith("/v1/") and route.answer and not route.parameters
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path_factory.mktemp("floor"))
    fill_floor(made)
    yield made
    made.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("path", LISTS)
def test_everything_can_be_looked_at_on_a_full_and_on_an_empty_floor(
    house: ApiFloor, empty: ApiFloor, path: str
) -> None:
    assert house.get(path).status == 200
    assert empty.get(path).status == 200


def test_the_overview_holds_all_of_the_page(house: ApiFloor) -> None:
    told = house.get("/v1/overview").json
    (panel,) = told["accounts"]
    assert [tile["name"] for tile in panel["tiles"]] == ["equity", "day", "drawdown", "exposure", "open"]
    assert len(panel["curve"]["points"]) > 100
    assert len(panel["positions"]) == 2
    assert {stage["stage"] for stage in told["flow"]["stages"]} == set(STAGES)
    binding = [bar["label"] for bar in told["decisions"][0]["waterfall"] if bar["binding"]]
    assert binding == ["Risk per trade"]
    assert told["orders"][0]["quantity"] == "0.0152 BTC"
    assert [item["releasable"] for item in told["quarantine"]] == [True, True]
    assert told["scopes"] == ["floor", "main"]


def test_the_accepted_decisions_can_be_asked_for_alone(house: ApiFloor) -> None:
    every, accepted = (house.get(f"/v1/overview?decisions={which}").json["decisions"] for which in ("all", "accepted"))
    assert {item["verdict"] for item in every} == {"accepted", "refused"}
    assert [item["decision_id"] for item in accepted] == [
        item["decision_id"] for item in every if item["verdict"] == "accepted"
    ]


def test_a_shorter_span_shows_fewer_points_of_the_same_curve(house: ApiFloor) -> None:
    def points(span: str) -> list[list[float]]:
        return house.get(f"/v1/overview?range={span}").json["accounts"][0]["curve"]["points"]

    day, all_of_it = points("1d"), points("all")
    assert day[-1] == all_of_it[-1]
    assert day[0][0] >= day[-1][0] - 86_400_000
    assert all_of_it[0][0] < NOW_MS - 100 * 86_400_000


def test_an_overview_that_did_not_change_is_not_sent_again(house: ApiFloor) -> None:
    first = house.get("/v1/overview")
    again = house.get("/v1/overview", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert house.get("/v1/overview", If_None_Match='W/"other"').status == 200


def test_the_overview_is_read_from_the_store_only_when_something_happened(
    empty: ApiFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [100.0]
    monkeypatch.setattr(desk, "monotonic", lambda: seconds[0])
    queries: list[str] = []
    plain = empty.floor.store.query
    monkeypatch.setattr(empty.floor.store, "query", lambda query: queries.append(query.collection) or plain(query))
    empty.get("/v1/session")
    empty.clock.advance_to(NOW_MS + 60_000)
    empty.get("/v1/overview")
    queries.clear()
    seconds[0] += 1
    empty.get("/v1/overview")
    assert queries == []  # fresh enough
    seconds[0] += 2
    empty.get("/v1/overview")
    assert set(queries) == {"journal", "quarantine"}  # only a look whether there is anything new
    empty.tell(account(NOW_MS, "10000", 1))
    seconds[0] += 3
    assert len(empty.get("/v1/overview").json["accounts"]) == 1
    seconds[0] += 100
    queries.clear()
    empty.get("/v1/overview")
    assert "account_views" in queries  # and once in a while in any case


def test_new_marks_are_added_to_a_curve_that_was_read_before(empty: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [100.0]
    monkeypatch.setattr(desk, "monotonic", lambda: seconds[0])
    for n in range(5):
        empty.tell(account(NOW_MS + n * 60_000, str(10_000 + n), n + 1))
        seconds[0] += 10
        shown = empty.get("/v1/overview").json["accounts"][0]["curve"]["points"]
        assert [point[1] for point in shown] == [10_000 + m for m in range(n + 1)]


def test_pages_follow_each_other_without_a_gap_or_a_repeat(empty: ApiFloor) -> None:
    made = decisions(NOW_MS, 9)
    same_time = [
        item.model_copy(update={"decision": item.decision.model_copy(update={"ts_event_ms": NOW_MS - n // 4})})
        for n, item in enumerate(made)
    ]  # four at a time share a millisecond
    empty.tell(*same_time)
    seen, path = [], "/v1/decisions?limit=2"
    for _ in range(9):
        page = empty.get(path).json
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/v1/decisions?limit=2&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(item.decision.decision_id for item in made)
    assert len(empty.get("/v1/decisions?portfolio=other").json["items"]) == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "query.limit"), ("limit=201", "query.limit"), ("limit=many", "query.limit"),
        ("limit=1&limit=2", "query.limit"), ("cursor=yesterday", "query.cursor"), ("cursor=1.99999", "query.cursor"),
        ("colour=red", "query.colour"), ("portfolio=", "query.portfolio"),
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_named_with_its_fix(house: ApiFloor, query: str, field: str) -> None:
    answer = house.get(f"/v1/decisions?{query}")
    assert (answer.status, answer.fields) == (422, [field])
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["errors"][0]["fix"]


def test_one_decision_reads_with_its_waterfall(house: ApiFloor) -> None:
    row = house.get("/v1/decisions").json["items"][0]
    told = house.get(f"/v1/decisions/{row['id']}").json
    assert told["decision"] == row
    assert len(told["panel"]["waterfall"]) == len(row["decision"]["waterfall"])
    assert house.get("/v1/decisions/nothing").status == 404


def test_senders_are_shown_without_their_secrets(house: ApiFloor) -> None:
    assert house.get("/v1/senders").json["items"][0]["sender_id"] == "tradingview"
    assert b"secret" not in house.get("/v1/senders").body


def test_the_story_of_a_decision_is_told(house: ApiFloor) -> None:
    key = "story-key-1"
    house.send("POST", "/v1/exports", {"kind": "trades", "account_id": "paper-main", "from_ms": 0, "to_ms": 9}, key)
    export_id = house.send(
        "POST", "/v1/exports", {"kind": "trades", "account_id": "paper-main", "from_ms": 0, "to_ms": 9}, key
    ).json["export_id"]
    told = house.get(f"/v1/why/{export_id}").json
    assert any("admin wants trades of paper-main" in line for line in told["lines"])
    assert [fact["type"] for fact in told["facts"]] == ["exports.requested.v1"]
    assert house.get("/v1/why/nothing").status == 404


def test_orders_show_how_far_they_got(empty: ApiFloor) -> None:
    made = decisions(NOW_MS, 1)[0].decision
    empty.tell(report(made, "open", 0, 10), report(made, "partially_filled", 500, 20), report(made, "open", 0, 30))
    (order,) = empty.get("/v1/orders").json["items"]
    assert (order["state"], order["filled_lots"]) == ("partially_filled", 500)


# --- files -------------------------------------------------------------------------------------------------------


@pytest.fixture
def export(empty: ApiFloor) -> ApiFloor:
    empty.floor.blobs.put("exports/trades.csv", b"a,b\n1,2\n", "text/csv")
    empty.put(
        ExportRecord(
            id="ex-1", kind="trades", account_id="paper-main", from_ms=0, to_ms=1, requested_by="admin", status="done",
            files={"csv": "exports/trades.csv"}, rows=1, ts_event_ms=NOW_MS,
        )
    )  # fmt: skip
    return empty


def test_an_export_is_fetched_over_a_signed_link_that_runs_out(export: ApiFloor) -> None:
    link = export.get("/v1/exports").json["items"][0]["links"]["csv"]
    led = export.get(link)
    assert led.status == 303
    path = led.headers["Location"].removeprefix("http://localhost")
    got = export.ask("GET", path, token="")
    assert (got.status, got.body) == (200, b"a,b\n1,2\n")
    assert got.headers["Content-Disposition"] == 'attachment; filename="trades.csv"'
    assert got.headers["Cache-Control"] == "no-store"
    assert export.ask("GET", path.replace("trades", "others"), token="").status == 404
    assert export.ask("GET", path + "0", token="").status == 404
    export.clock.advance_to(NOW_MS + 700_000)
    assert export.ask("GET", path, token="").status == 404


@pytest.mark.parametrize("name", ["..%2Fedge.db", ".hidden", "a/../../edge.db", "%00", "é", "exports"])
def test_no_name_leads_out_of_the_files(export: ApiFloor, name: str) -> None:
    assert export.ask("GET", f"/files/{name}?expires=9999999999&signature=é", token="").status == 404


def test_an_export_without_that_file_says_which_there_are(export: ApiFloor) -> None:
    answer = export.get("/v1/exports/ex-1/files/parquet")
    assert (answer.status, answer.json["errors"][0]["fix"]) == (404, "take one of csv")
    assert export.get("/v1/exports/nothing/files/csv").status == 404


@pytest.fixture
def simulated(empty: ApiFloor) -> ApiFloor:
    empty.floor.blobs.put("simulations/sim-1/report.json", b"{}", "application/json")
    asked = {"strategies": [{"plugin": "trend"}], "instrument_id": "kraken:BTC/USDT", "timeframe": "15m"}
    empty.put(
        SimulationRecord(
            id="sim-1", spec=SimulationSpec.model_validate({**asked, "from_ms": 0, "to_ms": 1}), requested_by="admin",
            status="done", files={"report.json": "simulations/sim-1/report.json"}, summary={"trades": "3"},
            ts_event_ms=NOW_MS,
        )
    )  # fmt: skip
    return empty


def test_a_simulation_tells_its_figures_and_leads_to_its_files(simulated: ApiFloor) -> None:
    (told,) = simulated.get("/v1/simulations").json["items"]
    assert told == simulated.get("/v1/simulations/sim-1").json
    assert (told["status"], told["summary"], told["spec"]["seed"]) == ("done", {"trades": "3"}, 0)
    led = simulated.get(told["links"]["report.json"])
    assert led.status == 303
    got = simulated.ask("GET", led.headers["Location"].removeprefix("http://localhost"), token="")
    assert (got.status, got.body, got.headers["Content-Type"]) == (200, b"{}", "application/json")


def test_a_simulation_that_is_not_there_and_a_file_that_it_has_not_are_said_to_be_so(simulated: ApiFloor) -> None:
    assert simulated.get("/v1/simulations/other").status == 404
    assert simulated.get("/v1/simulations/other/files/report.json").status == 404
    answer = simulated.get("/v1/simulations/sim-1/files/trades.csv")
    assert (answer.status, answer.json["errors"][0]["fix"]) == (404, "take one of report.json")


# --- the page and its headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/assets/page.js", "/v1/overview", "/v1/nothing", "/files/x?expires=1&signature=y"]
)
def test_every_answer_carries_the_security_headers(house: ApiFloor, path: str) -> None:
    headers = house.get(path).headers
    assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert "Cache-Control" in headers


def test_the_page_needs_nothing_that_is_not_served_here(house: ApiFloor) -> None:
    page = house.ask("GET", "/", token="")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"http://" not in page.body
    assert b"https://" not in page.body
    assert b"<style" not in page.body
    assert b" style=" not in page.body
    for part in page.body.split(b'"'):
        if part.startswith(b"/assets/"):
            assert house.ask("GET", part.decode(), token="").status == 200
    assert house.ask("GET", "/assets/index.html", token="").status == 404


def test_large_answers_are_compressed_for_who_takes_it(house: ApiFloor) -> None:
    plain = house.get("/v1/overview")
    packed = house.get("/v1/overview", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(packed.body)) == plain.json
    assert packed.headers["ETag"] == plain.headers["ETag"]


def test_head_answers_like_get_without_a_body(house: ApiFloor) -> None:
    answer = house.ask("HEAD", "/v1/accounts")
    assert (answer.status, answer.body) == (200, b"")


def test_https_brings_strict_transport_and_a_locked_cookie(tmp_path: Path) -> None:
    from fluxfloor.runtime.settings import Settings

    secure = ApiFloor(tmp_path, Settings.model_validate({"api": {"public_url": "https://floor.test"}}))
    answer = secure.log_in()
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert answer.headers["Set-Cookie"].startswith("__Host-fluxfloor=")
    assert answer.headers["Set-Cookie"].endswith("; Secure")
    secure.close()


# --- queries -----------------------------------------------------------------------------------------------------


def test_every_query_that_is_made_is_declared(house: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Production refuses a query without its index; nothing here would."""
    made: list[Query] = []
    plain = house.floor.store.query

    def recorded(query: Query) -> object:
        made.append(query)
        return plain(query)

    monkeypatch.setattr(house.floor.store, "query", recorded)
    desk.desk_of(house.floor.context("api")).forget()
    signal_id = house.get("/v1/orders").json["items"][0]["signal_id"]
    for path in (*LISTS, "/v1/decisions?portfolio=main", "/v1/overview", f"/v1/why/{signal_id}"):
        house.get(path)
    house.floor.tick("dashboard", "health")
    shapes = {(shape.collection, shape.equals, shape.contains, shape.order_by, shape.database) for shape in QUERIES}
    assert {query.collection for query in made} >= {"journal", "decision_rows", "equity_points", "trades", "audit"}
    for query in made:
        equals = tuple(name for name, operator, _ in query.where if operator == "==")
        contains = "".join(name for name, operator, _ in query.where if operator == "array_contains")
        ranged = {name for name, operator, _ in query.where if operator in ("<", "<=", ">", ">=")}
        assert ranged <= {query.order_by}
        assert (query.collection, equals, contains, query.order_by, query.database) in shapes, query
