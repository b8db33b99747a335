"""The rules of what an account holds, and the rates that the floor's own quotes give. Looked up, not verified: a rate
says as of when it is."""

from __future__ import annotations

from collections.abc import Iterable

from fluxfloor.accounts import valuing
from fluxfloor.accounts.holdings import wanted
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog, Quote, QuoteState
from fluxfloor.contracts.state import Account, Rate
from fluxfloor.errors import RetryLater
from fluxfloor.runtime.work import Work


def instruments(work: Work, account: Account, *more: str) -> dict[str, Instrument]:
    """The rules of everything the account holds, and of `more`, by id."""
    found = {}
    for instrument_id in sorted({*account.positions, *more}):
        rules = rules_of(work, instrument_id)
        if rules is None:
            raise RetryLater(f"no rules for {instrument_id} in any catalog yet")
        found[instrument_id] = rules
    return found


def rules_of(work: Work, instrument_id: str) -> Instrument | None:
    catalog = work.reference(InstrumentCatalog.key(instrument_id.split(":", 1)[0]))
    return catalog.find(instrument_id) if catalog else None


def rates_for(work: Work, account: Account, rules: dict[str, Instrument], *more: str) -> dict[str, Rate]:
    """Of every other currency that the account holds or that is among `more`. Costs nothing where there is none."""
    return rates_of(work, wanted(account, rules, *more), account.currency)


def rates_of(work: Work, currencies: Iterable[str], into: str) -> dict[str, Rate]:
    needed = [name for name in currencies if name != into]
    return valuing.rates(needed, into, _quotes(work)) if needed else {}


def _quotes(work: Work) -> list[tuple[Instrument, Quote]]:
    """Every market that the floor watches."""
    market = work.settings.market
    found = []
    for symbol in market.symbols:
        rules = rules_of(work, f"{market.exchange}:{symbol}")
        state = work.reference(QuoteState.key(rules.instrument_id)) if rules else None
        if rules is not None and state is not None:
            found.append((rules, state.quote))
    return found
