"""`fluxfloor venue-simulator`: a venue on loopback to point the floor, or any client, at."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fluxfloor.cli import show
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.venuesim.budgets import Budget
    from fluxfloor.venuesim.facade import Desk, Facade
    from fluxfloor.venuesim.markets import Market
    from fluxfloor.venuesim.rules import Rules

SIZES = {  # lot, least quantity, least notional, where nobody says otherwise
    "kraken": ("0.00000001", "0.00005", "0.5"),
    "binance": ("0.00001", "0.00001", "5"),
    "alpaca": ("1", "1", "0"),
}
USUAL = {"kraken": ("BTC/USDT=60000", "USDT=10000"), "binance": ("BTC/USDT=60000", "USDT=10000"),
         "alpaca": ("SPY/USD=500", "USD=10000")}  # fmt: skip


def venue_simulator(
    venue: Annotated[str, typer.Option(help="Whose REST it speaks: kraken, binance or alpaca.")] = "kraken",
    port: Annotated[int, typer.Option(help="Where it listens; 0 takes a free one.")] = 9100,
    host: Annotated[str, typer.Option(help="Anything but loopback lets others trade there.")] = "127.0.0.1",
    account: Annotated[
        list[str] | None, typer.Option(help="NAME:KEY:SECRET, whose key may trade. Kraken's secrets are base64.")
    ] = None,
    query_key: Annotated[list[str] | None, typer.Option(help="NAME:KEY:SECRET that may only look.")] = None,
    deposit: Annotated[
        list[str] | None, typer.Option(help="[NAME:]CURRENCY=AMOUNT; without a name, for the first account.")
    ] = None,
    walk: Annotated[list[str] | None, typer.Option(help="SYMBOL=PRICE: a market that walks from there.")] = None,
    quote: Annotated[
        list[str] | None, typer.Option(help="SYMBOL=BID/ASK: a market that stands until /_sim/quote moves it.")
    ] = None,
    bars: Annotated[list[str] | None, typer.Option(help="SYMBOL=FILE: a market played from bars.")] = None,
    pace: Annotated[float, typer.Option(help="How many seconds of the bars pass in one.")] = 60.0,
    volatility: Annotated[float, typer.Option(help="Of a walk: standard deviation of a second's move.")] = 0.0002,
    size: Annotated[str, typer.Option(help="What each level of the book offers; nothing: no end.")] = "",
    throttle: Annotated[bool, typer.Option(help="Keep count of requests as the venue does.")] = False,
    seed: Annotated[int, typer.Option(help="Of walks and faults.")] = 1,
) -> None:
    """A fake venue: real REST, signatures, fees and books, faults on request. State at /_sim/state."""
    from fluxfloor.venuesim.server import VenueServer

    desk, facade = _open(venue, seed)
    made = _Opening(desk, venue, Decimal(size) if size else None)
    desk.gateway.budget = _budget(venue) if throttle else None
    made.walks(walk or (() if quote or bars else USUAL[venue][:1]), volatility, seed)
    made.quotes(quote or ())
    made.bars(bars or (), pace)
    made.accounts(account or (), query_key or (), deposit or ())
    server = VenueServer(desk, facade, host, port)
    server.start()
    _tell(desk, venue, server.base_url, made.keys)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        server.stop()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _open(venue: str, seed: int) -> tuple[Desk, Facade]:
    from fluxfloor.venuesim import alpaca, binance, kraken
    from fluxfloor.venuesim.facade import Desk
    from fluxfloor.venuesim.faults import Faults
    from fluxfloor.venuesim.venue import Venue

    facades: dict[str, tuple[Callable[[Desk], Facade], Rules]] = {
        "kraken": (kraken.Kraken, kraken.RULES),
        "binance": (binance.Binance, binance.RULES),
        "alpaca": (alpaca.Alpaca, alpaca.RULES),
    }
    if venue not in facades:
        raise Misconfigured(f"--venue {venue}: it speaks {', '.join(facades)}")
    facade, rules = facades[venue]
    desk = Desk.of(Venue([], now_ms, rules), Faults(seed))
    return desk, facade(desk)


def _budget(venue: str) -> Budget:
    from fluxfloor.venuesim import binance, kraken
    from fluxfloor.venuesim.budgets import Budget

    per_minute = Budget(200, 200 / 60)  # Alpaca's, whatever is asked
    return {"kraken": kraken.budget, "binance": binance.budget}.get(venue, lambda: per_minute)()


class _Opening:
    """Puts markets, accounts and keys into a new venue."""

    def __init__(self, desk: Desk, venue: str, size: Decimal | None) -> None:
        self._desk, self._venue, self._size = desk, venue, size
        self.keys: list[tuple[str, str, str, bool]] = []  # (account, key, secret, may trade)

    def walks(self, texts: Sequence[str], volatility: float, seed: int) -> None:
        from fluxfloor.venuesim.sources import Walk

        for number, (symbol, text) in enumerate(_pairs(texts, "--walk")):
            price = _amount(text, "--walk")
            market = self._market(symbol, price)
            walk = Walk(market, price, seed + number, now_ms(), volatility=volatility, size=self._size)
            self._desk.venue.play(symbol, walk)

    def quotes(self, texts: Sequence[str]) -> None:
        for symbol, text in _pairs(texts, "--quote"):
            bid, _, ask = text.partition("/")
            self._market(symbol, _amount(bid, "--quote"))
            self._desk.venue.quote(symbol, _amount(bid, "--quote"), _amount(ask or bid, "--quote"), self._size)

    def bars(self, texts: Sequence[str], pace: float) -> None:
        from fluxfloor.cli.bars import read_table
        from fluxfloor.venuesim.sources import Played, quotes_of, shifted

        for symbol, text in _pairs(texts, "--bars"):
            table = read_table(Path(text))
            market = self._market(symbol, Decimal(str(table[0, 4])))
            step_ms = int(min(table[1:, 0] - table[:-1, 0])) if len(table) > 1 else 60_000
            quotes = quotes_of(market, table.tolist(), step_ms, size=self._size)
            self._desk.venue.play(symbol, Played(shifted(quotes, now_ms(), pace)))

    def accounts(self, accounts: Sequence[str], query_keys: Sequence[str], deposits: Sequence[str]) -> None:
        told = accounts or (f"main:{secrets.token_hex(8)}:{secrets.token_hex(16)}",)
        for text in told:
            self._add_key(text, "--account", may_trade=True)
        for text in query_keys:
            self._add_key(text, "--query-key", may_trade=False)
        first = self.keys[0][0]
        for name, text in _pairs(deposits or USUAL[self._venue][1:], "--deposit"):
            account, _, currency = name.rpartition(":")
            self._desk.venue.transfer(account or first, currency, _amount(text, "--deposit"))

    def _market(self, symbol: str, price: Decimal) -> Market:
        from fluxfloor.venuesim.markets import Market
        from fluxfloor.venuesim.outside import Outside

        if not all(symbol.partition("/")[::2]):
            raise Misconfigured(f"{symbol!r} is no symbol like BTC/USDT")
        lot, quantity, notional = map(Decimal, SIZES[self._venue])
        if self._venue == "alpaca":
            market = Market(symbol, Decimal("0.01"), lot, quantity, notional, Decimal(0), Decimal(0))
        else:
            market = Market(symbol, Decimal(1).scaleb(price.adjusted() - 5), lot, quantity, notional)
        self._desk.venue.outside[symbol] = Outside(market)
        return market

    def _add_key(self, text: str, option: str, may_trade: bool) -> None:
        from fluxfloor.venuesim.keys import ApiKey
        from fluxfloor.venuesim.kraken.auth import is_secret

        name, key, secret = (*text.split(":", 2), "", "")[:3]
        if not (name and key and secret):
            raise Misconfigured(f"{option}: it is NAME:KEY:SECRET")
        if self._venue == "kraken" and not is_secret(secret):
            raise Misconfigured(f"{option}: Kraken's secrets are base64, this one of {name} is not")
        if name not in self._desk.venue.accounts:
            self._desk.venue.open_account(name)
        self._desk.keys.add(ApiKey(key, secret, name, may_trade))
        self.keys.append((name, key, secret, may_trade))


def _tell(desk: Desk, venue: str, base_url: str, keys: Sequence[tuple[str, str, str, bool]]) -> None:
    show.console.print(f"{venue} is simulated at [bold]{base_url}[/bold]: {', '.join(desk.venue.outside)}")
    for account, key, secret, may_trade in keys:
        rights = "may trade" if may_trade else "may look"
        show.console.print(f"  {account} ({rights}): key {key} secret {secret}", soft_wrap=True, highlight=False)
    show.console.print(f"State: {base_url}/_sim/state   Ctrl-C ends it.")


def _pairs(texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    for text in texts:
        if not all(text.partition("=")[::2]):
            raise Misconfigured(f"{option} {text}: it is NAME=VALUE")
    return [(text.partition("=")[0], text.partition("=")[2]) for text in texts]


def _amount(text: str, option: str) -> Decimal:
    try:
        value = Decimal(text)
    except ArithmeticError as problem:
        raise Misconfigured(f"{option}: {text!r} is no number") from problem
    if not value.is_finite() or value <= 0:
        raise Misconfigured(f"{option}: {text} is not above 0")
    return value
