"""What an account holds beside its positions, and how whatever comes and goes becomes capital or result.

holdings(c) = balance of c, less what positions hold of c as their base, plus what positions quoted in c have cost.
It moves only by fees, results, and money that comes or goes, never by buying or selling at a price alone.

Invariants, whatever happens in whatever order, exactly:
  capital   holdings(own currency) + sum of basis = deposits + realised
  equity    deposits + realised + unrealised, where unrealised is that of positions, at the rates of their quotes, and
            of holdings over their basis
  named     what has no rate is left out of equity, or counted at its basis, and its currency is named
  late      what could never be valued is capital once it can: an unknown coin makes no profit by becoming known
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fluxfloor.accounts import valuing
from fluxfloor.contracts.events import HoldingView
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import EXACT, exact, rounded
from fluxfloor.contracts.state import Account, AccountPosition, Rate

ZERO = Decimal(0)
Rules = dict[str, Instrument]
Amounts = Mapping[str, Decimal]
NO_CAPITAL: Amounts = {}


def open_positions(account: Account) -> list[tuple[str, AccountPosition]]:
    """By name. Strategies that hold against each other may sum to no position at all, and still have a result."""
    return [(name, item) for name, item in sorted(account.positions.items()) if item.open_lots]


@exact
def holdings(account: Account, instruments: Rules) -> dict[str, Decimal]:
    """By currency, the account's own among them; nothing where nothing is held."""
    amounts = dict(account.balances)
    for name, position in open_positions(account):
        rules = instruments[name]
        amounts[rules.base] = amounts.get(rules.base, ZERO) - position.lots * rules.lot_size
        amounts[rules.quote] = amounts.get(rules.quote, ZERO) + position.cost
    return {currency: amount for currency, amount in amounts.items() if amount}


@exact
def settled(before: Account, after: Account, instruments: Rules, capital: Amounts = NO_CAPITAL) -> Account:
    """`after` has new balances and positions, and rates; here deposits, realised and basis follow. Of what came or went
    of a currency, `capital` is somebody's deposit or withdrawal, the rest is result."""
    had, has = holdings(before, instruments), holdings(after, instruments)
    after = _first_valued(after, had)
    deposits, realised, basis = after.deposits, after.realised, dict(after.basis)
    for currency in sorted(had.keys() | has.keys() | capital.keys()):
        was, own = had.get(currency, ZERO), capital.get(currency, ZERO)
        came = has.get(currency, ZERO) - was
        if came or own:
            moved, worth = _moved(after, currency, was, came, own, basis)
            deposits, realised = deposits + worth, realised + moved - worth
    kept = {name: amount for name, amount in basis.items() if has.get(name)}
    needed = kept.keys() | _quotes(after, instruments)
    rates = {name: rate for name, rate in after.rates.items() if name in needed}
    changes = {"deposits": rounded(deposits), "realised": rounded(realised), "basis": kept, "rates": rates}
    return after.model_copy(update=changes)


def _moved(
    account: Account, currency: str, was: Decimal, came: Decimal, own: Decimal, basis: dict[str, Decimal]
) -> tuple[Decimal, Decimal]:
    """By how much the books' value of a currency changes, and how much of that is capital. Changes `basis`.

    What goes takes its share of the basis along; what comes brings what it is worth now.
    """
    if currency == account.currency:
        return came, own
    rate = valuing.rate_of(currency, account.currency, account.rates)
    gone = min(abs(came), abs(was)) if came * was < 0 else ZERO
    rest = came + gone if came < 0 else came - gone
    moved = -rounded(basis.get(currency, ZERO) * gone / abs(was)) if gone else ZERO
    if rest and rate is not None:
        moved += rounded(rest * rate)
    if rate is not None or currency in basis:
        basis[currency] = basis.get(currency, ZERO) + moved
    if not own:
        return moved, ZERO
    return moved, moved if rate is None else rounded(own * rate)


def _first_valued(account: Account, held: Amounts) -> Account:
    """What is valued for the first time is capital: until now nobody could tell what it brought."""
    basis, deposits = dict(account.basis), account.deposits
    for currency in sorted(held.keys() - basis.keys() - {account.currency}):
        worth = valuing.worth(held[currency], currency, account.currency, account.rates)
        if worth is not None:
            basis[currency] = worth
            deposits = EXACT.add(deposits, worth)
    return account.model_copy(update={"basis": basis, "deposits": rounded(deposits)})


def _quotes(account: Account, instruments: Rules) -> set[str]:
    return {instruments[name].quote for name, _ in open_positions(account)} - {account.currency}


def valued(account: Account, instruments: Rules, found: Mapping[str, Rate]) -> Account:
    """With the rates that are newer than those it has. The same account where none is."""
    held = holdings(account, instruments)
    needed = (held.keys() | _quotes(account, instruments)) & found.keys()
    newer = {
        name: found[name]
        for name in sorted(needed)
        if name not in account.rates or found[name].at_ms > account.rates[name].at_ms
    }
    if not newer:
        return account
    return _first_valued(account.model_copy(update={"rates": {**account.rates, **newer}}), held)


def wanted(account: Account, instruments: Rules, *more: str) -> tuple[str, ...]:
    """Currencies that a rate is needed for."""
    names = {*holdings(account, instruments), *_quotes(account, instruments), *more}
    return tuple(sorted(names - {account.currency}))


# --- what they are worth -----------------------------------------------------------------------------------------


@exact
def over_basis(account: Account, instruments: Rules) -> Decimal:
    """What the holdings of other currencies are worth beyond what they stand at."""
    return sum((_worth(account, name, amount) for name, amount in others(account, instruments)), ZERO) - sum(
        account.basis.values(), ZERO
    )


def others(account: Account, instruments: Rules) -> list[tuple[str, Decimal]]:
    """Holdings of other currencies than the account's, by name."""
    return [item for item in sorted(holdings(account, instruments).items()) if item[0] != account.currency]


def unvalued(account: Account, instruments: Rules) -> tuple[str, ...]:
    """Currencies that nothing tells the worth of."""
    needed = {name for name, _ in others(account, instruments)} | _quotes(account, instruments)
    return tuple(sorted(name for name in needed if name not in account.rates))


def views(account: Account, instruments: Rules) -> tuple[HoldingView, ...]:
    return tuple(
        HoldingView(
            currency=name, amount=amount, value=valuing.worth(amount, name, account.currency, account.rates),
            at_ms=account.rates[name].at_ms if name in account.rates else 0,
        )
        for name, amount in others(account, instruments)
    )  # fmt: skip


def _worth(account: Account, currency: str, amount: Decimal) -> Decimal:
    """What has no rate counts at its basis: nothing, if it never had one."""
    worth = valuing.worth(amount, currency, account.currency, account.rates)
    return account.basis.get(currency, ZERO) if worth is None else worth
