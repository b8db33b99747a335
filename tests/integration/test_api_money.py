"""The books as people look at them and what they may agree to: through the API, over the stages that keep them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.contracts.books import Adjustment
from fluxfloor.contracts.state import Account
from fluxfloor.local import audit
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.settings import Settings

from tests.support.api_floor import SETTINGS, ApiFloor

MINUTE_MS = 60_000


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
