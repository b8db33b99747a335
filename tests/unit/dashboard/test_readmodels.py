"""Read models are a join: whatever the order facts arrive in, and however often, the row is the same."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.contracts.orders import OrderReport, OrderState
from fluxfloor.contracts.views import AccountView, EquityPoint, OrderRow
from fluxfloor.reporting.readmodels import account_view, equity_point, order_row
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api_floor import ApiFloor
from tests.support.floor_story import account
from tests.support.reports import AT_MS, intent


def report(state: OrderState, filled: int = 0, attempt: int = 1, at_ms: int = AT_MS, reason: str = "") -> OrderReport:
    return OrderReport(
        intent=intent(), state=state, attempt=attempt, client_order_id=f"c-{attempt}", filled_lots=filled,
        average_price=Decimal(100 + filled), reason=reason, ts_event_ms=at_ms,
    )  # fmt: skip


def joined(reports: Sequence[OrderReport]) -> OrderRow:
    row: OrderRow | None = None
    for item in reports:
        row = order_row(item, row)
    assert row is not None
    return row


def test_an_older_report_never_overwrites_a_newer_one() -> None:
    newer = report(OrderState.FILLED, 1_200, at_ms=AT_MS + 50)
    assert joined([newer, report(OrderState.OPEN, 0, at_ms=AT_MS + 10)]).state == "filled"
    assert joined([newer, report(OrderState.PARTIALLY_FILLED, 300)]).filled_lots == 1_200


def test_a_late_fill_is_counted_and_the_order_stays_cancelled() -> None:
    row = joined([report(OrderState.CANCELLED, 0), report(OrderState.CANCELLED, 400, at_ms=AT_MS + 5)])
    assert (row.state, row.filled_lots, row.average_price) == ("cancelled", 400, Decimal(500))


def test_a_new_attempt_goes_on_from_an_expired_one() -> None:
    row = joined([report(OrderState.EXPIRED), report(OrderState.SUBMITTING, attempt=2, at_ms=AT_MS + 9)])
    assert (row.state, row.attempt) == ("submitting", 2)


reports = st.builds(
    report,
    st.sampled_from(OrderState),
    filled=st.integers(0, 5),
    attempt=st.integers(1, 3),
    at_ms=st.integers(AT_MS, AT_MS + 5),
    reason=st.sampled_from(["", "venue said no"]),
)


@given(st.lists(reports, min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_change_an_order_row(told: list[OrderReport], chance: object) -> None:
    expected = joined(told)
    shuffled = [*told, *told[:2]]  # some arrive twice
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert joined(shuffled) == expected


# --- accounts ----------------------------------------------------------------------------------------------------

HOUR_MS = 3_600_000


def kept(updates: Sequence[AccountUpdated]) -> tuple[AccountView, dict[int, EquityPoint]]:
    view: AccountView | None = None
    points: dict[int, EquityPoint] = {}
    for update in updates:
        at_ms = update.ts_event_ms
        points[at_ms] = equity_point(update, points.get(at_ms), first=view is None)
        view = account_view(update, view)
    assert view is not None
    return view, points


updates = st.lists(
    st.builds(lambda version, step: account(AT_MS + step * HOUR_MS, str(9_000 + version), version), st.integers(1, 20),
              st.integers(0, 3)),
    min_size=1, max_size=8, unique_by=lambda update: update.account_version,
)  # fmt: skip


@given(updates, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_change_what_an_account_shows(told: list[AccountUpdated], chance: object) -> None:
    view, points = kept(told)
    shuffled = [*told, *told]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    again, points_again = kept(shuffled)
    assert again == view
    assert {at: point.equity for at, point in points_again.items()} == {at: p.equity for at, p in points.items()}


def test_the_first_point_and_the_last_of_every_day_and_hour_are_marked(tmp_path: Path) -> None:
    midnight = AT_MS // 86_400_000 * 86_400_000
    minutes = {0: "day", 15: "", 45: "hour", 60: "", 75: "day", 24 * 60: "day", 24 * 60 * 9: ""}
    house = ApiFloor(tmp_path)
    house.tell(*(account(midnight + at * 60_000, "1000", n + 1) for n, at in enumerate(minutes)))
    found = house.get("/v1/equity?limit=50").json["items"]
    house.close()
    assert {(item["ts_event_ms"] - midnight) // 60_000: item["grain"] for item in found} == minutes
