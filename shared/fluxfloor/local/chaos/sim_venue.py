"""The simulated venue's core behind the floor's port, in this process: what seeds trade on beside the paper venue.

One core has every account. It matches, fills, expires and keeps its books by itself as time passes, whether or not
anybody looks, and the witness sees its orders come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.orders import Fill, OrderState
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import VenueRefused
from fluxfloor.local.chaos.records import Records, Traded
from fluxfloor.local.chaos.weather import Faults
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.ports import Placement, Venue, VenueBooks, VenueFill, VenueOrder, VenueTransfer
from fluxfloor.venuesim import orders as sim
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.rules import ClientIds, FeeIn, Rules
from fluxfloor.venuesim.sources import Played, quotes_of
from fluxfloor.venuesim.venue import Mischief
from fluxfloor.venuesim.venue import Venue as Core

ONE_HOUR_MS = 3_600_000
PLACES = 18  # of its amounts: nothing is rounded, so that whatever differs differs for a reason
ORDER_TYPES = {kind: sim.Kind(kind.value.lower()) for kind in OrderType}
CODES = {
    Reason.DUPLICATE_CLIENT_ID: "duplicate_client_order_id",
    Reason.DEADLINE_PASSED: "expired",
    Reason.INSUFFICIENT_FUNDS: "insufficient_funds",
    Reason.QUANTITY_TOO_SMALL: "min_quantity",
    Reason.NOTIONAL_TOO_SMALL: "min_notional",
    Reason.OFF_LOT: "lot_size",
    Reason.OFF_TICK: "tick_size",
}
ENDS = {
    sim.Status.FILLED: OrderState.FILLED,
    sim.Status.CANCELLED: OrderState.CANCELLED,
    sim.Status.EXPIRED: OrderState.EXPIRED,
}


class Storm(Mischief):
    """What goes wrong inside the venue: fills that come in parts, that listings lack for a while or show twice."""

    def __init__(self, faults: Faults, lag_ms: int) -> None:
        self._faults, self._lag_ms = faults, lag_ms

    def share(self, order: sim.Order) -> Decimal:
        if not self._faults.strikes("partial_fill"):
            return Decimal(1)
        return Decimal(self._faults.random().randint(1, 9)) / 10

    def filled(self, account: str, fill: sim.Fill) -> None:
        if self._faults.strikes("fill_hidden"):
            fill.visible_ms = fill.ts_ms + self._faults.random().randint(0, self._lag_ms)
        if self._faults.strikes("fill_repeated"):
            fill.shown = 2


class Watched(Core):
    """Tells the witness of every order that comes and goes, and of every fill, at the moment."""

    witness: Witness
    instruments: dict[str, Instrument]  # by symbol

    def _enter(self, holder: object, outside: object, order: sim.Order) -> None:
        super()._enter(holder, outside, order)  # type: ignore[arg-type]
        self.witness.at_venue(order.terms.client_id, True, order.account, self.instruments[order.terms.symbol])

    def _end(self, order: sim.Order, status: sim.Status, reason: str) -> None:
        super()._end(order, status, reason)
        self.witness.at_venue(order.terms.client_id, False, order.account, self.instruments[order.terms.symbol])

    def _record(self, holder: object, order: sim.Order, fill: sim.Fill) -> None:
        super()._record(holder, order, fill)  # type: ignore[arg-type]
        self.witness.traded(_traded(order, fill))


def open_core(
    instrument: Instrument, bars: Sequence[Sequence[float]], step_ms: int, deposits: dict[str, dict[str, Decimal]],
    now_ms: Callable[[], int], capabilities: Capabilities, fee_in: FeeIn, mischief: Mischief, witness: Witness,
) -> Watched:  # fmt: skip
    """`bars` from the one that is open now; the deposits are an hour old."""
    market = Market.of(instrument)
    ids = ClientIds.EVER if capabilities.permanent_client_ids else ClientIds.OPEN
    rules = Rules(client_ids=ids, fee_in=fee_in, decimals={market.base: PLACES, market.quote: PLACES})
    core = Watched([market], now_ms, rules, mischief)
    core.witness, core.instruments = witness, {instrument.symbol: instrument}
    with core.at(now_ms() - ONE_HOUR_MS):
        for name, balances in deposits.items():
            core.open_account(name, balances)
    core.play(instrument.symbol, Played(quotes_of(market, bars, step_ms)))
    return core


class SimVenue(Venue):
    """One account of the core."""

    def __init__(self, core: Core, account_id: str, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._core, self._account = core, account_id

    def place(self, placement: Placement) -> VenueOrder:
        terms = sim.Terms(
            symbol=placement.instrument.symbol, side=placement.side, kind=ORDER_TYPES[placement.order_type],
            quantity=placement.quantity, limit=placement.limit_price, trigger=placement.trigger_price,
            trail=placement.trail, time_in_force=placement.time_in_force, post_only=placement.post_only,
            client_id=placement.client_order_id,
            deadline_ms=placement.expires_ms if self.capabilities.placement_expiry_ms else 0,
        )  # fmt: skip
        try:
            return self._shown(self._core.place(self._account, terms))
        except Refused as refusal:
            raise VenueRefused(str(refusal), code=CODES.get(refusal.reason, str(refusal.reason))) from refusal

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        """Of several with one id the newest: an id is given anew only once its order is gone for certain."""
        found = [
            order for order in self._core.visible_orders(self._account) if order.terms.client_id == client_order_id
        ]
        return self._shown(found[-1]) if found else None

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        try:
            self._core.cancel(self._account, int(order.venue_order_id.removeprefix("O-")))
        except Refused as refusal:
            raise VenueRefused(str(refusal), code="unknown_order") from refusal

    def books(self, since_ms: int) -> VenueBooks:
        orders, account = self._core.visible_orders(self._account), self._core.account(self._account)
        fills = [self._fill(fill) for fill in self._core.visible_fills(self._account) if fill.ts_ms >= since_ms]
        transfers = [
            VenueTransfer(f"L-{entry.number}", "deposit", entry.currency, entry.amount, entry.fee, entry.ts_ms)
            for entry in self._core.visible_entries(self._account)
            if not entry.fill and entry.ts_ms >= since_ms
        ]
        opened = tuple(self._shown(order) for order in orders if order.open)
        return VenueBooks(dict(account.balances), tuple(fills), tuple(transfers), opened)

    def quote(self, instrument: Instrument) -> Quote | None:
        self._core.advance()
        seen = self._core.market_of(instrument.symbol).quote
        if seen is None:
            return None
        return Quote(
            instrument_id=instrument.instrument_id, bid=seen.bid, ask=seen.ask, ts_event_ms=self._core.clock_ms()
        )

    def clock_offset_ms(self) -> int:
        return self._core.skew_ms

    # --- shapes --------------------------------------------------------------------------------------------------

    def _shown(self, order: sim.Order) -> VenueOrder:
        now_ms = self._core.now_ms
        fills = tuple(_fill(fill) for fill in order.fills if self._core.shows(fill, now_ms) for _ in range(fill.shown))
        partly = OrderState.PARTIALLY_FILLED if order.filled else OrderState.OPEN
        return VenueOrder(
            order.terms.client_id, f"O-{order.number}", ENDS.get(order.status, partly), fills, order.reason,
            filled=order.filled, symbol=order.terms.symbol, side=order.terms.side,
        )  # fmt: skip

    def _fill(self, fill: sim.Fill) -> VenueFill:
        order = self._core.orders[fill.order - 1]
        return VenueFill(
            _fill(fill), order.terms.client_id, dict(fill.moves), fill.symbol, fill.side, f"O-{order.number}"
        )


def _fill(fill: sim.Fill) -> Fill:
    return Fill(
        trade_id=f"T-{fill.number}", price=fill.price, quantity=fill.quantity, fee=fill.fee,
        fee_currency=fill.fee_currency, ts_event_ms=fill.ts_ms,
    )  # fmt: skip


def of_core(core: Core) -> Records:
    """What the core has on record."""
    fills = tuple(_traded(core.orders[fill.order - 1], fill) for fill in core.fills)
    return Records(fills, {name: dict(account.balances) for name, account in core.accounts.items()})


def _traded(order: sim.Order, fill: sim.Fill) -> Traded:
    return Traded(
        order.account, f"T-{fill.number}", order.terms.client_id, fill.side, fill.price, fill.quantity, fill.fee,
        dict(fill.moves),
    )  # fmt: skip
