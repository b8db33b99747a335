"""Trading US equities at Alpaca: one account, through its REST interface. Implements ports.Venue.

Alpaca never takes a client id twice and finds an order by it, but has no expiry for a placement that comes late. Shares
count as currencies beside USD. Outside New York's session orders wait for the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from threading import RLock
from typing import Any

from fluxfloor.adapters.venues import alpaca_orders as orders
from fluxfloor.adapters.venues.alpaca_client import DATA, LIVE, PAPER, AlpacaClient, budget_of
from fluxfloor.adapters.venues.alpaca_data import latest_quote
from fluxfloor.adapters.venues.alpaca_orders import Row, number, rfc3339, text
from fluxfloor.adapters.venues.budget import Purpose
from fluxfloor.adapters.venues.dialects.base import UNREADABLE, sound
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.orders import Fill
from fluxfloor.contracts.venues import CAPABILITIES, Capabilities
from fluxfloor.errors import OutcomeUnknown, RetryLater, VenueRefused
from fluxfloor.ports import Clock, Placement, VenueBooks, VenueOrder

PAGE_ORDERS, PAGE_ACTIVITIES = 500, 100  # the most that Alpaca gives at once
MAX_PAGES = 100
MAX_REPLACED = 10
MAX_KNOWN_IDS = 10_000
BOOKS_TRIES = 3
SLACK_MS = 2_000  # looked back further than asked: Alpaca's times are in whole seconds there, and clocks differ
CLOCK_EVERY_MS, DAY_MS = 300_000, 86_400_000
FEW = 5


@contextmanager
def readable() -> Iterator[None]:
    """Whatever an answer breaks when it is read, it was no answer: raises RetryLater, with none of its words."""
    try:
        yield
    except UNREADABLE as problem:
        raise RetryLater(f"alpaca's answer can't be read: {type(problem).__name__}") from None


class AlpacaVenue:
    """One account. No secret is read before it is needed: `trading` tells the key that may trade, `looking` the one for
    the books; Alpaca has no keys that may only look, so both may be the same.

    `sandbox` is Alpaca's paper trading, `base_url` another address that speaks both its interfaces, `feed` whose quotes
    are taken ("iex", or "sip" for all exchanges with a subscription). `capabilities` overrides the matrix' row, for an
    account that is granted more requests.
    """

    def __init__(
        self, clock: Clock, trading: Callable[[], Keys], looking: Callable[[], Keys], *, sandbox: bool,
        base_url: str = "", feed: str = "iex", sleep: Callable[[float], None] = time.sleep, answer_s: float = 10.0,
        capabilities: Capabilities | None = None,
    ) -> None:  # fmt: skip
        self.capabilities = capabilities or CAPABILITIES["alpaca"]
        self._clock = clock
        self._keys = {"trading": trading, "looking": looking}
        self._addresses = {"orders": base_url or (PAPER if sandbox else LIVE), "data": base_url or DATA}
        self._budgets = {
            name: budget_of(clock, self.capabilities) for name in self._addresses
        }  # of the account, whatever the key
        self._feed = feed
        self._patience: dict[str, Any] = {"sleep": sleep, "answer_s": answer_s}
        self._clients: dict[tuple[str, str], AlpacaClient] = {}
        self._opening = RLock()
        self._client_ids: dict[str, str] = {}
        self._offset_ms = 0
        self._measured_ms: int | None = None

    # --- orders --------------------------------------------------------------------------------------------------

    def place(self, placement: Placement) -> VenueOrder:
        """reference/postorder"""
        body = orders.order_body(placement)
        if self._clock.now_ms() > placement.expires_ms:
            raise VenueRefused("the placement came after its expiry", code="expired")
        row = self._to("orders").write("POST", "/v2/orders", body, Purpose.PLACE)
        try:
            with readable():
                if text(row, "client_order_id") != placement.client_order_id:
                    raise RetryLater("it names another order")
                return sound(orders.venue_order([row], placement.client_order_id))
        except RetryLater as problem:
            raise OutcomeUnknown(f"alpaca's answer to {placement.client_order_id}: {problem}") from None

    @readable()
    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        """By its id, and among all orders since then: None only where neither shows it. What replaced it at the venue,
        as a dividend makes it, is the order as well."""
        row = self._by_client_id(client_order_id) or self._listed(client_order_id, instrument, since_ms)
        if row is None:
            return None
        rows = [row]
        while text(rows[-1], "status") == orders.REPLACED and rows[-1].get("replaced_by") and len(rows) < MAX_REPLACED:
            rows.append(self._order(text(rows[-1], "replaced_by")))
        return sound(orders.venue_order(rows, client_order_id, self._fills_of(rows)))

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        """reference/deleteorderbyorderid: 204 says that it was asked for, not that the order is at its end."""
        order_id = order.venue_order_id
        if not order_id:
            row = self._by_client_id(order.client_order_id)
            if row is None:
                raise VenueRefused(f"alpaca shows no order {order.client_order_id}", code="unknown_order")
            order_id = text(row, "id")
        self._to("orders").write("DELETE", f"/v2/orders/{order_id}", None, Purpose.CANCEL)

    def _by_client_id(self, client_order_id: str) -> Row | None:
        """reference/getorderbyclientorderid"""
        asked = {"client_order_id": client_order_id}
        row: Row | None = self._to("orders").read("/v2/orders:by_client_order_id", asked, Purpose.CANCEL)
        return row

    def _listed(self, client_order_id: str, instrument: Instrument, since_ms: int) -> Row | None:
        """reference/getallorders"""
        asked = {"status": "all", "symbols": instrument.base, "after": rfc3339(since_ms - SLACK_MS)}
        listed = _orders(self._to("orders"), asked)
        return next((row for row in listed if row.get("client_order_id") == client_order_id), None)

    def _order(self, order_id: str) -> Row:
        """reference/getorderbyorderid"""
        row: Row | None = self._to("orders").read(f"/v2/orders/{order_id}", None, Purpose.CANCEL)
        if row is None:
            raise RetryLater(f"alpaca shows no order {order_id}, which replaced another")
        return row

    # --- fills and books -----------------------------------------------------------------------------------------

    def _fills_of(self, rows: list[Row]) -> tuple[Fill, ...]:
        """All fills of one order, read only where it has any. Activities can't be asked for by order."""
        left = sum((number(row, "filled_qty") for row in rows), Decimal(0))
        if not left:
            return ()
        ids, found = {text(row, "id") for row in rows}, dict[str, Fill]()
        since_ms = orders.time_ms(text(rows[0], "submitted_at")) - SLACK_MS
        for row in _activities(self._to("orders"), since_ms, "FILL", purpose=Purpose.CANCEL):
            if row.get("order_id") not in ids or row.get("id") in found:
                continue
            fill = orders.fill_of(row)
            found[fill.trade_id] = fill
            left -= fill.quantity
            if left <= 0:
                break
        return tuple(found.values())

    @readable()
    def books(self, since_ms: int) -> VenueBooks:
        """Balances between two looks at the activities that show the same ones: no fill came in between."""
        client, from_ms = self._to("orders", "looking"), since_ms - SLACK_MS
        seen = list(_activities(client, from_ms))
        for _ in range(BOOKS_TRIES):
            account, positions = _document(client, "/v2/account"), _rows(client, "/v2/positions")
            news = list(_activities(client, from_ms, after_id=text(seen[-1], "id") if seen else ""))
            if not news:
                inside = {text(row, "id"): row for row in seen if orders.happened_ms(row) >= since_ms}
                return self._booked(client, account, positions, list(inside.values()))
            seen += news
        raise RetryLater("alpaca's account changes faster than it can be read")

    def _booked(self, client: AlpacaClient, account: Row, positions: list[Row], seen: list[Row]) -> VenueBooks:
        fills = [row for row in seen if row.get("activity_type") == "FILL"]
        others = [row for row in seen if row.get("activity_type") != "FILL"]
        named = self._named(client, {text(row, "order_id") for row in fills}, fills)
        resting = _orders(client, {"status": "open"})
        used, free = orders.margin_of(account)
        return VenueBooks(
            balances=orders.balances_of(account, positions),
            fills=tuple(orders.venue_fill(row, named.get(text(row, "order_id"), "")) for row in fills),
            transfers=tuple(part for row in others for part in orders.transfers_of(row)),
            orders=tuple(orders.venue_order([row], text(row, "client_order_id")) for row in resting),
            margin_used=used, margin_free=free,
        )  # fmt: skip

    def _named(self, client: AlpacaClient, order_ids: set[str], fills: list[Row]) -> dict[str, str]:
        """Order id → client id. Few are looked up one by one, many by listing the orders of that time."""
        if len(self._client_ids) > MAX_KNOWN_IDS:
            self._client_ids.clear()
        unknown = order_ids - self._client_ids.keys()
        if len(unknown) > FEW:
            since_ms = min(orders.happened_ms(row) for row in fills) - DAY_MS
            listed = _orders(client, {"status": "all", "after": rfc3339(since_ms)})
            self._client_ids.update({text(row, "id"): text(row, "client_order_id") for row in listed})
            unknown -= self._client_ids.keys()
        for order_id in sorted(unknown)[:FEW]:
            row = client.read(f"/v2/orders/{order_id}")
            self._client_ids[order_id] = text(row, "client_order_id") if row else ""
        return self._client_ids

    # --- the market and the time ---------------------------------------------------------------------------------

    @readable()
    def quote(self, instrument: Instrument) -> Quote | None:
        return latest_quote(self._to("data"), instrument, self._feed, self._clock.now_ms())

    def clock_offset_ms(self) -> int:
        """reference/getclock, measured every few minutes, half of the way there and back taken off. Where Alpaca does
        not answer, what was measured before."""
        asked_ms = self._clock.now_ms()
        if self._measured_ms is None or asked_ms - self._measured_ms >= CLOCK_EVERY_MS:
            try:
                with readable():
                    theirs_ms = orders.time_ms(text(_document(self._to("orders"), "/v2/clock"), "timestamp"))
            except RetryLater:
                if self._measured_ms is None:
                    raise
                return self._offset_ms
            self._offset_ms = theirs_ms - (asked_ms + self._clock.now_ms()) // 2
            self._measured_ms = asked_ms
        return self._offset_ms

    def _to(self, address: str, key: str = "trading") -> AlpacaClient:
        with self._opening:
            if (address, key) not in self._clients:
                self._clients[address, key] = AlpacaClient(
                    self._addresses[address], self._keys[key](), self._clock, self._budgets[address], **self._patience
                )
            return self._clients[address, key]


# --- answers -----------------------------------------------------------------------------------------------------


def _activities(
    client: AlpacaClient, since_ms: int, types: str = "", after_id: str = "", purpose: Purpose = Purpose.READ
) -> Iterator[Row]:  # fmt: skip
    """reference/getaccountactivities: by the time they came into being, oldest first."""
    asked = {"direction": "asc", "page_size": str(PAGE_ACTIVITIES)}
    asked |= {"after": rfc3339(since_ms)} if since_ms > 0 else {}
    asked |= {"activity_types": types} if types else {}
    for _ in range(MAX_PAGES):
        asked |= {"page_token": after_id} if after_id else {}
        page = _rows(client, "/v2/account/activities", asked, purpose)
        yield from page
        if len(page) < PAGE_ACTIVITIES:
            return
        after_id = text(page[-1], "id")
    raise RetryLater(f"alpaca shows more than {MAX_PAGES * PAGE_ACTIVITIES} activities since {rfc3339(since_ms)}")


def _orders(client: AlpacaClient, asked: dict[str, str]) -> Iterator[Row]:
    """Oldest first; the next page begins after the last order of the one before."""
    asked = {**asked, "limit": str(PAGE_ORDERS), "direction": "asc", "nested": "false"}
    for _ in range(MAX_PAGES):
        page = _rows(client, "/v2/orders", asked)
        yield from page
        if len(page) < PAGE_ORDERS:
            return
        asked = {name: value for name, value in asked.items() if name != "after"}
        asked["after_order_id"] = text(page[-1], "id")
    raise RetryLater(f"alpaca lists more than {MAX_PAGES * PAGE_ORDERS} orders")


def _document(client: AlpacaClient, path: str) -> Row:
    found = client.read(path)
    if not isinstance(found, dict):
        raise RetryLater(f"alpaca GET {path}: not the document that it should be")
    return found


def _rows(
    client: AlpacaClient, path: str, asked: dict[str, str] | None = None, purpose: Purpose = Purpose.READ
) -> list[Row]:  # fmt: skip
    found = client.read(path, asked, purpose)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise RetryLater(f"alpaca GET {path}: not the list that it should be")
    return found
