"""Which instrument does the sender mean? Exactly one of the venue's own list, or a refusal that names the candidates.

Where it is traded: at the sender's `default_venue`, always. An exchange in the alert ("BINANCE:BTCUSDT", or what fills
TradingView's {{exchange}}) says where it was *charted*; it decides how the symbol is spelled and is kept in the
explanation. An alert that addresses another venue outright (`venue`, or an instrument id such as "binance:BTC/USDT")
is refused: which venue a sender trades on is the operator's decision, not the sender's.

What is matched, first hit wins, and more than one match on a step is a refusal:
1. the instrument's id, or its symbol exactly as the venue spells it (a perpetual only ever by ".P", "PERP" or this);
2. base and quote, with any separator or none;
3. the base alone.

XBT is BTC only where the charted exchange, or without one the trading venue, spells it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog, Kind
from fluxfloor.signals.draft import Wanted
from fluxfloor.signals.refusals import Refused, listed

ALIASES: Final[dict[str, dict[str, str]]] = {
    "kraken": {"XBT": "BTC", "XDG": "DOGE"},
    "krakenfutures": {"XBT": "BTC", "XDG": "DOGE"},
    "bitmex": {"XBT": "BTC"},
}
"""Per venue: its own name of an asset, and the one everybody else uses."""

VENUE_NAMES: Final[dict[str, str]] = {
    "OKEX": "okx", "HUOBI": "htx", "GATEIO": "gate", "BINANCEUS": "binanceus", "CRYPTOCOM": "cryptocom",
    "COINBASEPRO": "coinbase", "COINBASEADV": "coinbase", "KRAKENFUTURES": "krakenfutures",
}  # fmt: skip
"""TradingView's names of exchanges that are not simply the venue's in capitals."""

_PREFIX = re.compile(r"([A-Za-z0-9_]+):(.+)", re.DOTALL)
_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_.:\- ]{0,63}", re.ASCII)
_PERPETUAL = re.compile(r"(?<=.)(?:\.P|[-_/.]?PERP|[-_/.]SWAP)$")
_SEPARATORS = re.compile(r"[/_\- ]")
_SPOT: Final = frozenset({Kind.SPOT, Kind.EQUITY})


@dataclass(frozen=True, slots=True)
class Resolved:
    """The instrument, and the venue the alert was charted on ("" when it does not say)."""

    instrument: Instrument
    charted: str


@dataclass(frozen=True, slots=True)
class _Spelling:
    """A sender's symbol, taken apart. `quote` is "" where base and quote are joined or there is no quote; `bases` and
    `quotes` are what these may be called by everybody else."""

    text: str
    base: str
    quote: str
    kinds: frozenset[Kind]
    bases: frozenset[str]
    quotes: frozenset[str]


def resolve(wanted: Wanted, default_venue: str, catalogs: Mapping[str, InstrumentCatalog]) -> Resolved:
    """Raises Refused unless exactly one instrument of `default_venue` is meant."""
    catalog = _catalog(wanted, default_venue, catalogs)
    _check_elsewhere(wanted, default_venue, catalogs)
    exact = catalog.find(wanted.symbol.strip())
    if exact is not None:
        return Resolved(exact, default_venue)
    exchange, symbol = _split_exchange(wanted)
    charted = venue_of(exchange)
    spelling = _spell(symbol, wanted, charted or default_venue)
    matches = _match(spelling, wanted, catalog.instruments)
    if len(matches) == 1:
        return Resolved(matches[0], charted)
    raise _ambiguous(wanted, matches) if matches else _unknown(wanted, spelling, catalog)


def venue_of(exchange: str) -> str:
    """The venue that TradingView calls by this name; delayed feeds ("NYMEX_DL") are the same exchange."""
    name = re.sub(r"_DLY?$", "", exchange.strip().upper())
    return VENUE_NAMES.get(name, name.lower())


def _catalog(wanted: Wanted, default_venue: str, catalogs: Mapping[str, InstrumentCatalog]) -> InstrumentCatalog:
    venue = wanted.venue.strip()
    if venue and venue_of(venue) != default_venue:
        raise _other_venue(wanted, venue, default_venue)
    if default_venue not in catalogs:
        raise Refused(
            "unknown_venue",
            f"The instruments of {default_venue} are not known here yet.",
            field=wanted.path,
            fix="Check the sender's default venue; instruments appear after the market stage has read them.",
        )
    return catalogs[default_venue]


def _check_elsewhere(wanted: Wanted, default_venue: str, catalogs: Mapping[str, InstrumentCatalog]) -> None:
    for venue, catalog in catalogs.items():
        if venue != default_venue and catalog.find(wanted.symbol.strip()) is not None:
            raise _other_venue(wanted, venue, default_venue)


def _other_venue(wanted: Wanted, venue: str, default_venue: str) -> Refused:
    return Refused(
        "unknown_venue",
        f"This sender trades on {default_venue}, not on {venue[:40]}.",
        field=wanted.path,
        fix="Leave the venue out, or change the sender's default venue.",
    )


def _split_exchange(wanted: Wanted) -> tuple[str, str]:
    """ "BINANCE:BTCUSDT" is an exchange and a symbol; "BTC/USDT:USDT" is all symbol (its base has a separator)."""
    symbol, exchange = wanted.symbol.strip(), wanted.exchange.strip()
    if not _SHAPE.fullmatch(symbol):
        fix = "Send letters and digits, such as BTCUSDT, BTC/USDT or KRAKEN:BTCUSDT."
        raise Refused("invalid_field", f"{symbol[:40]!r} is no symbol.", field=wanted.path, fix=fix)
    found = _PREFIX.fullmatch(symbol)
    if found is None:
        return exchange, symbol
    if exchange and venue_of(exchange) != venue_of(found[1]):
        fix = "Send the exchange once."
        raise Refused(
            "contradiction",
            f"The symbol is of {found[1]}, the exchange is {exchange[:40]}.",
            field=wanted.path,
            fix=fix,
        )
    return found[1], found[2]


def _spell(symbol: str, wanted: Wanted, speller: str) -> _Spelling:
    text = symbol.upper()
    bare = _PERPETUAL.sub("", text)
    kinds = frozenset({wanted.kind}) if wanted.kind else _SPOT
    if bare != text:
        if wanted.kind not in (None, Kind.PERPETUAL):
            raise _kind_differs(wanted)
        kinds = frozenset({Kind.PERPETUAL})
    parts = [part for part in _SEPARATORS.split(bare) if part]
    base, quote = (parts[0], parts[1]) if len(parts) == 2 else ("".join(parts), "")
    return _Spelling(text, base, quote, kinds, _common(base, speller), _common(quote, speller))


def _kind_differs(wanted: Wanted) -> Refused:
    fix = "Leave the type out, or the .P."
    return Refused("contradiction", "The symbol is a perpetual, the type is not.", field=wanted.path, fix=fix)


def _match(spelling: _Spelling, wanted: Wanted, instruments: Iterable[Instrument]) -> list[Instrument]:
    """The instruments of the first step that has any."""
    known = list(instruments)
    exact = [item for item in known if item.symbol.upper() == spelling.text and _kind_fits(item, wanted)]
    if exact:
        return exact
    fitting = [item for item in known if item.kind in spelling.kinds and _expires(item, wanted.expiry)]
    pairs = [item for item in fitting if _is_pair(item, spelling)]
    return pairs or [item for item in fitting if _is_base(item, spelling, wanted.quote.strip().upper())]


def _kind_fits(instrument: Instrument, wanted: Wanted) -> bool:
    return wanted.kind is None or instrument.kind is wanted.kind


def _expires(instrument: Instrument, expiry: str) -> bool:
    """A dated future ends in its date, YYMMDD, as ccxt spells it."""
    return not expiry or instrument.kind is not Kind.FUTURE or instrument.symbol.endswith(f"-{expiry[-6:]}")


def _is_pair(instrument: Instrument, spelling: _Spelling) -> bool:
    base, quote = instrument.base.upper(), instrument.quote.upper()
    if spelling.quote:
        return base in spelling.bases and quote in spelling.quotes
    return base + quote in spelling.bases


def _is_base(instrument: Instrument, spelling: _Spelling, currency: str) -> bool:
    """The base alone; a currency beside it narrows the choice."""
    if spelling.quote or (currency and instrument.quote.upper() != currency):
        return False
    return instrument.base.upper() in spelling.bases


def _common(name: str, speller: str) -> frozenset[str]:
    """The name as it is, and with the speller's own names of assets at either end replaced by the common ones."""
    names = {name}
    for own, common in ALIASES.get(speller, {}).items():
        names |= {common + one.removeprefix(own) for one in names if one.startswith(own)}
        names |= {one.removesuffix(own) + common for one in names if one.endswith(own)}
    return frozenset(names)


def _ambiguous(wanted: Wanted, matches: list[Instrument]) -> Refused:
    names = sorted(item.instrument_id for item in matches)
    return Refused(
        "ambiguous_instrument",
        f"{wanted.symbol!r} may mean {listed(names)}.",
        field=wanted.path,
        fix=f"Write the one that is meant, for example {names[0]}.",
    )


def _unknown(wanted: Wanted, spelling: _Spelling, catalog: InstrumentCatalog) -> Refused:
    near = _near(spelling, catalog.instruments)
    others = [item.instrument_id for item in catalog.instruments if _is_pair(item, spelling)]
    if others:
        said = "a perpetual" if Kind.PERPETUAL in spelling.kinds else "no perpetual or future"
        message = f"{wanted.symbol!r} is {said}; {catalog.id} has {listed(sorted(others))}."
    else:
        message = f"{catalog.id} has no instrument that {wanted.symbol!r} could mean."
    fix = f"Known here: {listed(near)}." if near else f"No instrument of {catalog.id} is known here yet."
    return Refused("unknown_instrument", message, field=wanted.path, fix=fix)


def _near(spelling: _Spelling, instruments: Iterable[Instrument]) -> list[str]:
    """What the sender may have meant: the same base first, then what looks alike, then simply the first few."""
    by_text: dict[str, str] = {}
    for item in instruments:
        by_text.setdefault(item.base.upper() + item.quote.upper(), item.instrument_id)
    same_base = [
        name for text, name in by_text.items() if text.startswith(spelling.base[:3]) and len(spelling.base) > 2
    ]
    alike = [by_text[text] for text in get_close_matches(spelling.base + spelling.quote, by_text, n=3, cutoff=0.6)]
    return list(dict.fromkeys([*alike, *same_base]))[:6] or sorted(by_text.values())[:6]
