"""What the venue says against what we have booked: what of the difference explains itself, and by what.

Entry points
  cold        empty books: `book.open_account` takes what the venue holds for capital, with the trades and transfers of
              just before, which are in it (`just_before`)
  warm        after a stop of any length, and
  scheduled   with the floor at work: `plan`, the same for both; they differ in how far back the venue is asked
              (`compare.since_ms`)

Invariants, for any books, any answer of the venue and any order of both
  once        a trade or transfer is booked by one entry, whoever finds it how often, and however often it is listed
  ours first  a fill that an order of ours has in its own books is never adopted: what execution states of it is on its
              way. One that it has not is handed to execution, and adopted only when that has had OURS_MS; one that any
              order at work could have made waits as long
  nobody's    every other fill is adopted once it is older than IN_FLIGHT_MS, and none before
  complete    once plan's adoptions and transfers are booked, the difference that is left is exactly what the venue has
              beyond our balances and the moves of the fills that still wait
  same again  the same books and the same answer give the same plan; ids are hashes of content
  told once   an order that nobody knows is told once while it stands
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fluxfloor.accounts.compare import IN_FLIGHT_MS, unbooked
from fluxfloor.contracts.books import Stray
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.state import Account
from fluxfloor.ports import VenueBooks, VenueFill, VenueOrder, VenueTransfer

OURS_MS = 1_800_000  # how long execution may take to find a fill of its own
STRAY_MS = 120_000  # how long an order at the venue may be unknown: its placement may just be under way
MOST = 100  # fills and transfers in one commit; the rest is for the next


@dataclass(frozen=True, slots=True)
class Known:
    """What our books have of what the venue shows. `orders` by the client ids and the venue ids that were asked for;
    `at_work` are those of this account that are not at their end."""

    trades: frozenset[str] = frozenset()
    transfers: frozenset[str] = frozenset()
    orders: Mapping[str, Order] = field(default_factory=dict)
    at_work: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`look` are our orders that execution should look at again, each with why. `more` says that there is more to book
    than one commit takes."""

    adopt: tuple[VenueFill, ...] = ()
    transfers: tuple[VenueTransfer, ...] = ()
    look: tuple[tuple[Order, str], ...] = ()
    unknown: tuple[VenueOrder, ...] = ()  # to be told of now
    ended: tuple[tuple[VenueOrder, Order], ...] = ()  # at the venue, though execution took them for ended; told now
    strays: Mapping[str, Stray] = field(default_factory=dict)
    more: bool = False

    @property
    def books(self) -> bool:
        return bool(self.adopt or self.transfers)


def plan(account: Account, seen: VenueBooks, known: Known, now_ms: int) -> Plan:
    missing = unbooked(account, seen, known.trades)
    adopt = [fill for fill in missing if _adopted(fill, known, now_ms)]
    transfers = list({item.transfer_id: item for item in seen.transfers if _new(item, account, known)}.values())
    both: list[VenueFill | VenueTransfer] = [*transfers, *adopt]
    first = sorted(both, key=_when)[:MOST]
    look = {order.id: (order, why) for order, why in _to_look_at(missing, known, now_ms)}
    strays, unknown, ended = _strays(account, seen, known, now_ms)
    look |= {order.id: (order, "it is open at the venue") for _, order in _ended(seen, known, now_ms)}
    return Plan(
        adopt=tuple(item for item in first if isinstance(item, VenueFill)),
        transfers=tuple(item for item in first if isinstance(item, VenueTransfer)),
        look=tuple(look[name] for name in sorted(look)), unknown=unknown, ended=ended, strays=strays,
        more=len(adopt) + len(transfers) > MOST,
    )  # fmt: skip


def just_before(seen: VenueBooks) -> tuple[str, ...]:
    """The names of what is in an opening's balances already."""
    return (*sorted(item.fill.trade_id for item in seen.fills), *sorted(item.transfer_id for item in seen.transfers))


def asked_for(account: Account, seen: VenueBooks, trades: frozenset[str], now_ms: int) -> list[tuple[str, str]]:
    """(client id, venue id) of whatever needs an order of ours to be looked for: overdue fills and open orders, but for
    those whose being unknown was told already."""
    fills = [item for item in unbooked(account, seen, trades) if _age(item, now_ms) > IN_FLIGHT_MS]
    orders = [item for item in seen.orders or () if not account.strays.get(_name(item), Stray(since_ms=0)).told]
    both: list[VenueFill | VenueOrder] = [*fills, *orders]
    return [(item.client_order_id, item.venue_order_id) for item in both]


# --- fills -------------------------------------------------------------------------------------------------------


def _adopted(seen: VenueFill, known: Known, now_ms: int) -> bool:
    age, order = _age(seen, now_ms), _order_of(seen, known)
    if order is not None and seen.fill.trade_id in order.fills:
        return False
    patient = order is not None or any(_could_be(other, seen) for other in known.at_work)
    return age > (OURS_MS if patient else IN_FLIGHT_MS)


def _to_look_at(missing: list[VenueFill], known: Known, now_ms: int) -> list[tuple[Order, str]]:
    overdue = [item for item in missing if _age(item, now_ms) > IN_FLIGHT_MS]
    found = [(_order_of(item, known), item.fill.trade_id) for item in overdue]
    lost = [(order, trade_id) for order, trade_id in found if order is not None and trade_id not in order.fills]
    return [(order, f"trade {trade_id} of it is not booked") for order, trade_id in lost]


def _could_be(order: Order, seen: VenueFill) -> bool:
    """May a fill that names no order of ours have been made by this one? While its id at the venue is unknown, or by a
    placement of it whose id there never was."""
    symbol = order.intent.instrument_id.partition(":")[2]
    unsaid = not order.venue_order_id or not seen.venue_order_id or order.attempt > 1
    return unsaid and seen.symbol in ("", symbol) and seen.side in (None, order.intent.side)


def _order_of(seen: VenueFill | VenueOrder, known: Known) -> Order | None:
    return known.orders.get(seen.client_order_id) or known.orders.get(seen.venue_order_id)


def _age(seen: VenueFill, now_ms: int) -> int:
    return now_ms - seen.fill.ts_event_ms


def _new(item: VenueTransfer, account: Account, known: Known) -> bool:
    return item.transfer_id not in known.transfers and item.transfer_id not in account.in_opening


def _when(item: VenueFill | VenueTransfer) -> tuple[int, str]:
    if isinstance(item, VenueFill):
        return item.fill.ts_event_ms, item.fill.trade_id
    return item.ts_event_ms, item.transfer_id


# --- orders ------------------------------------------------------------------------------------------------------


def _strays(
    account: Account, seen: VenueBooks, known: Known, now_ms: int
) -> tuple[dict[str, Stray], tuple[VenueOrder, ...], tuple[tuple[VenueOrder, Order], ...]]:
    """Those that stand, and those to be told of now. Where the venue was not asked, all stays as it was."""
    if seen.orders is None:
        return dict(account.strays), (), ()
    ended = {_name(item): (item, order) for item, order in _ended(seen, known, now_ms)}
    strange = [item for item in seen.orders if _order_of(item, known) is None or _name(item) in ended]
    strays: dict[str, Stray] = {}
    told: list[VenueOrder] = []
    for item in strange:
        before = account.strays.get(_name(item), Stray(since_ms=now_ms))
        tell = not before.told and now_ms - before.since_ms >= STRAY_MS
        strays[_name(item)] = before.model_copy(update={"told": before.told or tell})
        told += [item] if tell else []
    unknown = tuple(item for item in told if _name(item) not in ended)
    return strays, unknown, tuple(ended[_name(item)] for item in told if _name(item) in ended)


def _ended(seen: VenueBooks, known: Known, now_ms: int) -> list[tuple[VenueOrder, Order]]:
    """Open at the venue, and at their end for execution, for long enough that a cancel is no longer on its way."""
    pairs = [(item, _order_of(item, known)) for item in seen.orders or ()]
    return [
        (item, order)
        for item, order in pairs
        if order is not None and order.state.terminal and now_ms - order.updated_ms > STRAY_MS
    ]


def _name(item: VenueOrder) -> str:
    return item.venue_order_id or item.client_order_id
