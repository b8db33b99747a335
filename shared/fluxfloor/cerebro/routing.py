"""Which of a portfolio's accounts an order goes to, and how it is split where it goes to several.

An entry goes to accounts that can trade its instrument, and to none beyond what that one can take by its own cash and
margin. An exit goes where the lots are. Nothing here depends on the order in which accounts are heard of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import sizes, words
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.cerebro.entry import Entry
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderIntent
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.state import RiskBook

# --- an entry ----------------------------------------------------------------------------------------------------


def able(policy: Policy, book: RiskBook, rules: Instrument) -> tuple[str, ...]:
    """The accounts that an entry may go to; none where the portfolio has only one, for then there is nothing to choose.
    Raises Refusal where none of several can trade it."""
    if not policy.accounts:
        return ()
    known = books.funds_of(book)
    found = tuple(item.account_id for item in policy.accounts if item.trades_at(rules.venue))
    if not found:
        text = f"no account of {policy.id} trades at {rules.venue}, where {rules.symbol} is"
        raise Refusal(Reason.UNSUPPORTED, text)
    found = found[:1] if policy.route == "primary" else found
    heard = tuple(name for name in found if name in known)
    if not heard:
        names = words.listed([*found])
        raise Refusal(Reason.UNSUPPORTED, f"nothing is known yet of {names}, where {rules.symbol} can be traded")
    return heard


def takes(entry: Entry) -> dict[str, int]:
    """How many lots each account can take by itself, should all that is on its way in it fill at its worst; 0 where
    that is less than its venue's smallest order."""
    least, found = entry.fewest, {}
    for name in sorted(entry.accounts):
        lots = _covered(entry, name)
        found[name] = lots if lots >= least else 0
    return found


def _covered(entry: Entry, account_id: str) -> int:
    """By the margin rule on the account's own money, and by what its venue says is free."""
    own = replace(entry, book=books.of_account(entry.book, account_id))
    lots = sizes.margin(own).allows_lots or 0
    free = books.funds_of(entry.book)[account_id].margin_free
    if free is None or entry.rules.margin_rate >= 1:
        return lots
    on_way = books.reserved(own.book, entry.instruments)
    per_unit = entry.worst * (entry.rules.margin_rate + entry.rules.taker_fee)
    return min(lots, entry.lots_for(free - on_way.margin - on_way.fees, per_unit))


def accounts(entry: Entry) -> Limit | None:
    """What all of its accounts can take together."""
    if not entry.accounts:
        return None
    found = takes(entry)
    each = words.listed([f"{name} can take {_lots(entry.rules, lots)}" for name, lots in found.items()])
    return Limit(name=Reason.ACCOUNTS, allows_lots=sum(found.values()), note=each)


def split(entry: Entry, lots: int, own: str) -> dict[str, int]:
    """Lots by account: all of them, or fewer where the venue's smallest order leaves no other way. `own` is where all
    go where there is nothing to choose."""
    if not entry.accounts:
        return {own: lots}
    return shares(lots, takes(entry), entry.fewest)


def shares(lots: int, takes: Mapping[str, int], least: int) -> dict[str, int]:
    """Pro rata by what each can take, none beyond that, none below `least`: whoever's share would be too small has
    none. By account; those without a share left out."""
    active = {name: count for name, count in sorted(takes.items()) if count >= least}
    while active:
        parts = _pro_rata(min(lots, sum(active.values())), active)
        small = min(parts, key=lambda name: (parts[name], active[name], name))
        if parts[small] >= least:
            return parts
        del active[small]
    return {}


def _pro_rata(lots: int, weights: Mapping[str, int]) -> dict[str, int]:
    """By largest remainders, the name deciding between equal ones. Not beyond a weight, as `lots` is not beyond all."""
    total = sum(weights.values())
    parts = {name: lots * weight // total for name, weight in weights.items()}
    by_rest = sorted(weights, key=lambda name: (-(lots * weights[name] % total), name))
    for name in by_rest[: lots - sum(parts.values())]:
        parts[name] += 1
    return parts


# --- an exit -----------------------------------------------------------------------------------------------------


def leaving(lots: int, staying: Mapping[str, int], least: int) -> dict[str, int]:
    """Lots by account of what is to leave, the fullest account first so that as few orders as possible do it. None of
    them leaves behind what the venue would not take later: rather more goes. `staying` is unsigned."""
    parts: dict[str, int] = {}
    for name in sorted(staying, key=lambda name: (-staying[name], name)):
        left = lots - sum(parts.values())
        if left <= 0:
            break
        there = staying[name]
        part = min(max(left, least), there)
        parts[name] = there if there - part < least else part
    return dict(sorted(parts.items()))


# --- orders and words --------------------------------------------------------------------------------------------


def orders(whole: OrderIntent, parts: Mapping[str, int], place: int) -> tuple[OrderIntent, ...]:
    """One for each account. Only where there are several is the account in the ids: one order keeps its own."""
    if len(parts) == 1:
        ((name, lots),) = parts.items()
        return (whole.model_copy(update={"account_id": name, "lots": lots}),)
    return tuple(
        whole.model_copy(
            update={
                "account_id": name, "lots": lots,
                "intent_id": ids.split_intent_id(whole.signal_id, place, whole.purpose, name),
            }
        )
        for name, lots in parts.items()
    )  # fmt: skip


def told(rules: Instrument, parts: Mapping[str, int]) -> str:
    """ "0.3 BTC at a and 0.2 BTC at b" """
    return words.listed([f"{_lots(rules, lots)} at {name}" for name, lots in parts.items()])


def _lots(rules: Instrument, lots: int) -> str:
    return words.quantity(lots, rules)
