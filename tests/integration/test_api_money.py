"""The books as people look at them and what they may agree to: through the API, over the stages that keep them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.contracts.books import Adjustment
from fluxfloor.contracts.events import ExecutionReported, TradeClosed
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.state import Account, TradeRow
from fluxfloor.local import audit
from fluxfloor.ports import Commit, Delivery, Ref
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import Settings

from tests.support.api_floor import NOW_MS, SETTINGS, ApiFloor
from tests.support.desk import BTC, DAY_MS, d, fill, intent, report

MINUTE_MS = 60_000
START_MS = 1_790_812_800_000  # 2026-10-01
NEXT_MS = 1_793_491_200_000  # 2026-11-01


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path, Settings.model_validate(SETTINGS), beside=("reconciliation",))
    made.floor.tick("reconciliation", "sweep")
    made.floor.drain()
    yield made
    made.close()


def account(house: ApiFloor) -> Account:
    found = house.floor.context("api").read(Account.key("paper-main"))
    assert found is not None
    return found


def differ(house: ApiFloor, looks: int = 2) -> Adjustment:
    """500 USDT come to the venue past everybody."""
    ref = Ref("paper_accounts", "paper-main")
    (known,) = house.floor.store.read([ref])
    put = {"id": "paper-main", "balances": {"USDT": "10500"}, "version": 1}
    house.floor.store.commit(
        Commit(creates={ref: put}) if known.data is None else Commit(updates={ref: (put, known.token)})
    )
    for _ in range(looks):
        house.clock.advance_to(house.clock.now_ms() + 5 * MINUTE_MS)
        house.floor.tick("reconciliation", "sweep")
    return Adjustment.decode(audit.rows(house.floor.store, "adjustments")[0])


def trade(
    house: ApiFloor, name: str, side: Side, price: str, at_ms: int, strategy: str = "trend", sender: str = "floor"
) -> None:
    """An order that was filled at once, as execution reports it."""
    order = intent(name, side, strategy=strategy, sender_id=sender, signal_ms=at_ms - 80, requested_ms=at_ms)
    told = report(order, OrderState.FILLED, fill(f"t-{name}", 10, price, "0.05", at_ms=at_ms + 250))
    told = told.model_copy(update={"submitted_ms": at_ms + 40})
    fact = Fact.first(digest("told", name), ExecutionReported(report=told), at_ms)
    assert house.floor.runners["reconciliation"].handle(Delivery("t", fact.data(), fact.attributes())) is Outcome.ACK


# --- differences -------------------------------------------------------------------------------------------------


def test_a_person_agrees_to_a_difference_and_the_books_are_the_venues(house):
    proposal = differ(house)
    (shown,) = house.get("/v1/accounts/paper-main/adjustments").json["items"]
    assert (shown["id"], shown["state"], shown["differences"]) == (proposal.id, "proposed", {"USDT": "500"})
    body = {"adjustment_id": proposal.id, "treat_as": "capital", "reason": "a deposit by hand"}
    answer = house.send("POST", "/v1/accounts/paper-main/adjustments", body)
    assert (answer.status, answer.json) == (202, {"adjustment_id": proposal.id})
    house.floor.drain()
    assert (account(house).balances, account(house).deposits) == ({"USDT": 10_500}, 10_500)
    (shown,) = house.get("/v1/accounts/paper-main/adjustments").json["items"]
    assert (shown["state"], shown["decided_by"], shown["reason"]) == ("booked", "admin", "a deposit by hand")
    (record,) = [row for row in audit.rows(house.floor.store, "audit") if row["action"] == "adjustment.confirmed"]
    assert (record["actor"], record["subject"]) == ("admin", proposal.id)
    again = house.send("POST", "/v1/accounts/paper-main/adjustments", body)
    assert (again.status, again.fields) == (409, ["adjustment_id"])


def test_what_is_no_proposal_of_this_account_is_refused_and_changes_nothing(house):
    proposal = differ(house)
    body = {"adjustment_id": proposal.id, "treat_as": "result", "reason": "looks right"}
    assert house.send("POST", "/v1/accounts/nobody/adjustments", body).status == 404
    assert house.get("/v1/accounts/nobody/adjustments").status == 404
    unknown = house.send("POST", "/v1/accounts/paper-main/adjustments", {**body, "adjustment_id": "none"})
    assert (unknown.status, unknown.fields) == (404, ["adjustment_id"])
    assert house.send("POST", "/v1/accounts/paper-main/adjustments", {**body, "treat_as": "gift"}).status == 422
    house.floor.drain()
    assert account(house).balances == {"USDT": 10_000}


# --- results -----------------------------------------------------------------------------------------------------


def test_results_are_told_by_strategy_sender_and_tag_by_day_and_in_all(house):
    house.put(InstrumentCatalog(id="kraken", ts_event_ms=NOW_MS, instruments=(BTC,)))
    for number, (strategy, out) in enumerate((("trend", "51000"), ("trend", "49000"), ("other", "50500"))):
        at_ms = NOW_MS + number * DAY_MS
        house.clock.advance_to(at_ms)
        trade(house, f"in{number}", Side.BUY, "50000", at_ms, strategy)
        trade(house, f"out{number}", Side.SELL, out, at_ms, strategy)
    found = house.get("/v1/pnl").json
    assert (found["currency"], found["mode"], found["total"]["profit"], found["total"]["trades"]) == (
        "USDT", "paper", "0.2", 3,
    )  # fmt: skip
    assert {name: part["profit"] for name, part in found["parts"].items()} == {"trend": "-0.2", "other": "0.4"}
    assert [(day["day"], day["total"]["profit"]) for day in found["days"]] == [
        ("2026-09-23", "0.4"), ("2026-09-22", "-1.1"), ("2026-09-21", "0.9"),
    ]  # fmt: skip
    assert account(house).realised == d("0.2"), "what the ledger says"
    (one,) = house.get(f"/v1/pnl?by=sender&days=1&until_ms={NOW_MS + DAY_MS}").json["days"]
    assert (one["day"], one["parts"]) == ("2026-09-22", {"floor": one["total"]})
    assert house.get("/v1/pnl?days=1&until_ms=0").json["days"] == []
    assert house.get("/v1/pnl?account=nobody").status == 404
    assert house.get("/v1/pnl?by=colour").status == 422


def test_how_orders_are_carried_out_is_told_by_strategy_and_by_venue_and_of_each(house):
    house.put(InstrumentCatalog(id="kraken", ts_event_ms=NOW_MS, instruments=(BTC,)))
    trade(house, "in", Side.BUY, "50050", NOW_MS)
    trade(house, "out", Side.SELL, "50050", NOW_MS, "other")
    rows = house.get("/v1/execution-quality").json["items"]
    assert [(row["venue"], row["strategy_id"], row["cost_bps"]["mean"]) for row in rows] == [
        ("paper", "other", -10.0), ("paper", "trend", 10.0),
    ]  # fmt: skip
    (venue,) = house.get("/v1/execution-quality?by=venue").json["items"]
    assert (venue["strategy_id"], venue["orders"], venue["cost_bps"]["mean"]) == ("", 2, 0.0)
    assert [venue[name]["p50"] for name in ("decided_ms", "sent_ms", "filled_ms")] == [80.0, 40.0, 210.0]
    one = house.get("/v1/orders/in/quality").json
    assert (one["cost_bps"], one["first_fill_ms"] - one["requested_ms"]) == ("10", 250)
    assert house.get("/v1/orders/none/quality").status == 404


# --- old trades --------------------------------------------------------------------------------------------------


def closed(number: int, exit_ms: int) -> TradeRow:
    trade = TradeClosed(
        trade_id=f"trade-{number:05}", account_id="paper-main", instrument_id=BTC.instrument_id, strategy_id="trend",
        sender_id="floor", direction="LONG", quantity=d("0.001"), entry_price=d(50_000), exit_price=d(51_000),
        entry_ms=exit_ms, exit_ms=exit_ms, fees=d(0), profit=d(number), return_fraction=d(0), entry_signal_id="s",
        exit_signal_id="x",
    )  # fmt: skip
    return TradeRow(id=trade.trade_id, account_id=trade.account_id, exit_ms=exit_ms, trade=trade)


@pytest.mark.parametrize("in_both", [False, True])
def test_pages_of_trades_go_on_into_the_files_and_miss_and_repeat_none(house, monkeypatch, in_both):
    """Several share a time, over the border too; while they are moved they stand in both places."""
    rows = [closed(number, NOW_MS - (number // 3) * 5 * DAY_MS) for number in range(60)]
    house.put(*rows)
    if in_both:
        monkeypatch.setattr("functions.reconciliation.archiving._take_out", lambda *_: None)
        monkeypatch.setattr("functions.reconciliation.archiving.MOST_PAGES", 1)
    house.floor.tick("reconciliation", "daily")
    assert len(audit.rows(house.floor.store, "trades")) == (60 if in_both else 21)
    seen, cursor = [], ""
    while True:
        page = house.get(f"/v1/trades?limit=7{cursor}").json
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(row.id for row in rows)
    times = {row.id: row.exit_ms for row in rows}
    assert [times[name] for name in seen] == sorted(times.values(), reverse=True)


# --- senders and clients -----------------------------------------------------------------------------------------


def daily(house: ApiFloor, at_ms: int) -> None:
    house.clock.advance_to(at_ms)
    house._token = ""  # a login does not last for weeks
    assert house.floor.tick("reconciliation", "daily", at_ms) is Outcome.ACK
    house.floor.drain()


def test_a_sender_is_due_a_share_of_what_its_signals_made_and_is_paid_once_with_a_reference(house):
    house.put(InstrumentCatalog(id="kraken", ts_event_ms=NOW_MS, instruments=(BTC,)))
    trade(house, "in", Side.BUY, "50000", NOW_MS, sender="desk")
    trade(house, "out", Side.SELL, "60000", NOW_MS + 1_000, sender="desk")
    daily(house, START_MS)
    daily(house, START_MS + DAY_MS)
    (row,) = house.get("/v1/senders/desk/payouts").json["items"]
    assert (row["payout"]["month"], row["payout"]["parts"]["USDT"]["due"], row["paid"]) == ("2026-09", "1.98", None)
    paid = house.send("POST", "/v1/senders/desk/payouts/2026-09", {"reference": "wire 7"})
    assert (paid.status, paid.json["amounts"], paid.json["paid_by"]) == (201, {"USDT": "1.98"}, "admin")
    assert house.get("/v1/senders/desk/payouts").json["items"][0]["paid"]["reference"] == "wire 7"
    again = house.send("POST", "/v1/senders/desk/payouts/2026-09", {"reference": "wire 8"})
    assert (again.status, again.fields) == (409, ["path.month"])
    assert house.send("POST", "/v1/senders/desk/payouts/2026-08", {"reference": "x"}).status == 404
    assert house.get("/v1/senders/nobody/payouts").json == {"items": []}
    (record,) = [row for row in audit.rows(house.floor.store, "audit") if row["action"] == "payout.paid"]
    assert (record["subject"], record["details"]) == ("desk|2026-09", {"USDT": "1.98", "reference": "wire 7"})


def flow(house: ApiFloor, client: str, amount: str) -> dict[str, str]:
    body = {"client_id": client, "amount": amount, "reference": f"wire of {client}"}
    answer = house.send("POST", "/v1/portfolios/main/capital/flows", body)
    assert answer.status == 202
    house.floor.drain()
    found = house.get("/v1/portfolios/main/capital/flows").json["items"]
    return next(item for item in found if item["id"] == answer.json["flow_id"])


def test_clients_buy_and_give_back_units_and_see_what_they_made_by_month(house):
    house.put(InstrumentCatalog(id="kraken", ts_event_ms=NOW_MS, instruments=(BTC,)))
    assert flow(house, "anna", "6000")["units"] == "6000"
    daily(house, START_MS)
    trade(house, "in", Side.BUY, "50000", START_MS + 1_000)
    trade(house, "out", Side.SELL, "650100", START_MS + 2_000)  # 600 made, the fees taken off
    house.floor.drain()
    second = flow(house, "bob", "1100")
    assert (second["nav"], second["units"]) == ("1.1", "1000")
    daily(house, NEXT_MS)
    found = house.get("/v1/portfolios/main/capital").json
    assert [(row["client_id"], row["worth"], row["made"]) for row in found["clients"]] == [
        ("anna", "6600", "600"), ("bob", "1100", "0"),
    ]  # fmt: skip
    assert (found["nav"], found["units"], found["value"], found["unattributed"]) == ("1.1", "7000", "7700", "2900")
    months = {row["month"]: (row["nav"], row["month_return"]) for row in found["months"]}
    assert months == {"2026-11": ("1.1", "0"), "2026-10": ("1.1", "0.1"), "2026-09": ("1", None)}
    refused = flow(house, "bob", "-1101")
    assert (refused["units"], "would be given back" in refused["refused"]) == ("0", True)
    assert flow(house, "bob", "-1100")["units"] == "-1000"
    assert house.get("/v1/portfolios/nobody/capital").status == 404
    body = {"client_id": "c", "amount": "1", "reference": "x"}
    assert house.send("POST", "/v1/portfolios/nobody/capital/flows", body).status == 404
