"""Kraken's spellings: assets with an X or Z before them, pairs with three names, and ids in groups of letters."""

from __future__ import annotations

from typing import Final

from fluxfloor.venuesim.markets import Market

_ALTNAMES: Final = {"BTC": "XBT", "DOGE": "XDG"}
_OLD: Final = {
    "BTC": "XXBT", "ETH": "XETH", "LTC": "XLTC", "XRP": "XXRP", "DOGE": "XXDG", "XLM": "XXLM", "XMR": "XXMR",
    "ETC": "XETC", "ZEC": "XZEC", "USD": "ZUSD", "EUR": "ZEUR", "GBP": "ZGBP", "CAD": "ZCAD", "JPY": "ZJPY",
    "AUD": "ZAUD",
}  # fmt: skip
DECIMALS: Final = {
    "BTC": 10, "ETH": 10, "LTC": 10, "DOGE": 8, "XRP": 8, "USD": 4, "EUR": 4, "GBP": 4, "CAD": 4, "AUD": 4, "JPY": 2,
}  # fmt: skip
"""Of an asset's amounts, as Assets tells them; 8 where nothing is said."""

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SPREAD: Final = 0x79B97F4A7C15F39CC0C1  # odd, so that numbers and ids correspond one to one
_SPACE: Final = 1 << 80  # 16 letters of 5 bits
_BACK: Final = pow(_SPREAD, -1, _SPACE)


def altname(currency: str) -> str:
    return _ALTNAMES.get(currency, currency)


def asset(currency: str) -> str:
    return _OLD.get(currency, currency)


def pair(market: Market) -> str:
    """The key of AssetPairs: old assets among themselves keep their prefixes, everything else drops them."""
    if market.base in _OLD and market.quote in _OLD:
        return asset(market.base) + asset(market.quote)
    return pair_altname(market)


def pair_altname(market: Market) -> str:
    return altname(market.base) + altname(market.quote)


def wsname(market: Market) -> str:
    return f"{altname(market.base)}/{altname(market.quote)}"


def spellings(market: Market) -> tuple[str, ...]:
    return pair(market), pair_altname(market), wsname(market), market.symbol


def an_id(prefix: str, number: int) -> str:
    """`OABCDE-FGHIJ-KLMNOP` for a number; `number_of` finds the way back."""
    value, letters = number * _SPREAD % _SPACE, ""
    for _ in range(16):
        value, index = divmod(value, 32)
        letters += _ALPHABET[index]
    return f"{prefix}{letters[:5]}-{letters[5:10]}-{letters[10:]}"


def number_of(prefix: str, text: str) -> int | None:
    """None for what is no id of this kind."""
    letters = text.replace("-", "")
    if len(letters) != 17 or letters[0] != prefix or any(letter not in _ALPHABET for letter in letters[1:]):
        return None
    value = 0
    for letter in reversed(letters[1:]):
        value = value * 32 + _ALPHABET.index(letter)
    return value * _BACK % _SPACE
