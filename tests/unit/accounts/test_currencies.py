"""Money in several currencies: what it is worth in the account's, as of when, and what nobody can tell."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.accounts import book as books
from fluxfloor.accounts import valuing
from fluxfloor.contracts.fills import kept_lots
from fluxfloor.contracts.instruments import Instrument, Kind, Quote
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.state import Account, Rate

from tests.support.desk import AT_MS, BTC, PERP, d, fill, intent, report


def market(base: str, quote: str, tick: str = "0.0001", lot: str = "0.0001") -> Instrument:
    return BTC.model_copy(
        update={"instrument_id": f"kraken:{base}/{quote}", "symbol": f"{base}/{quote}", "base": base, "quote": quote,
                "tick_size": Decimal(tick), "lot_size": Decimal(lot)}
    )  # fmt: skip


def quoted(rules: Instrument, mid: str | int, at_ms: int = AT_MS) -> tuple[Instrument, Quote]:
    return rules, Quote(instrument_id=rules.instrument_id, bid=d(mid), ask=d(mid), ts_event_ms=at_ms)


ETHBTC, BNB, EUR, ETHUSDT = market("ETH", "BTC"), market("BNB", "USDT"), market("EUR", "USDT"), market("ETH", "USDT")
RULES = {item.instrument_id: item for item in (BTC, ETHBTC, BNB, EUR, ETHUSDT, PERP)}


def opened(rates: dict[str, Rate] | None = None, **balances: str) -> Account:
    held = {name: d(amount) for name, amount in balances.items()}
    return books.open_account("paper-main", "main", "paper", "USDT", held, AT_MS, rates or {}).account


def rate(value: str | int, at_ms: int = AT_MS) -> Rate:
    return Rate(rate=d(value), at_ms=at_ms)


def booked(account, side, *fills, rules=BTC, rates=None, strategy="trend"):
    order = intent(f"{side}-{fills[0].trade_id}", side, lots=1_000, rules=rules, strategy=strategy)
    return books.book_report(
        account, report(order, OrderState.FILLED, *fills, rules=rules), RULES, frozenset(), rates or {}
    )


def identity(account: Account) -> Decimal:
    return account.deposits + account.realised + books.unrealised(account, RULES)


# --- rates -------------------------------------------------------------------------------------------------------


def test_a_rate_is_found_directly_backwards_and_over_one_other_currency():
    known = [quoted(BTC, 50_000, AT_MS), quoted(ETHBTC, "0.06", AT_MS + 5), quoted(EUR, "1.25", AT_MS + 1)]
    found = valuing.rates(["BTC", "ETH", "USDT"], "EUR", known)
    assert found["USDT"].rate == d("0.8")
    assert (found["BTC"].rate, found["BTC"].at_ms) == (40_000, AT_MS)
    assert "ETH" not in found, "three hops are one too many"
    direct = valuing.rates(["ETH"], "USDT", [*known, quoted(ETHUSDT, 2_900, AT_MS - 1)])["ETH"]
    assert (direct.rate, direct.via) == (2_900, ("kraken:ETH/USDT",)), "the fewest hops win, even when older"


def test_of_two_ways_the_one_with_the_newer_quotes_is_taken():
    over_btc = [quoted(ETHBTC, "0.06", AT_MS), quoted(BTC, 50_000, AT_MS - 9)]
    ether = market("ETH", "EUR")
    over_eur = [quoted(ether, 2_500, AT_MS), quoted(EUR, "1.25", AT_MS - 3)]
    found = valuing.rates(["ETH"], "USDT", over_btc + over_eur)["ETH"]
    assert (found.rate, found.at_ms) == (3_125, AT_MS - 3)


def test_a_perpetuals_price_values_nothing():
    perpetual = PERP.model_copy(update={"kind": Kind.PERPETUAL})
    assert valuing.rates(["BTC"], "USDT", [quoted(perpetual, 50_000)]) == {}


# --- capital in coins --------------------------------------------------------------------------------------------


def test_coins_that_an_account_opens_with_are_capital_at_their_rate():
    account = opened({"BTC": rate(50_000)}, USDT="1000", BTC="0.1")
    assert (account.deposits, books.equity(account, RULES)) == (6_000, 6_000)
    risen = books.mark(account, RULES, BTC, d(60_000), AT_MS + 1)
    assert (books.equity(risen, RULES), books.unrealised(risen, RULES), risen.deposits) == (7_000, 1_000, 6_000)
    assert identity(risen) == 7_000


def test_a_coin_that_nothing_values_is_named_and_is_capital_once_it_can_be():
    account = opened(USDT="1000", BTC="0.1", DOGE="5")
    told = books.told(account, RULES, "opened", AT_MS)
    assert (told.equity, told.unvalued) == (1_000, ("BTC", "DOGE"))
    assert {view.currency: view.value for view in told.holdings} == {"BTC": None, "DOGE": None}
    later = books.valued(account, RULES, {"BTC": rate(50_000)})
    assert (later.deposits, later.realised, books.equity(later, RULES)) == (6_000, 0, 6_000)
    assert books.told(later, RULES, "mark", AT_MS).unvalued == ("DOGE",)


def test_an_older_rate_changes_nothing():
    account = opened({"BTC": rate(50_000)}, BTC="1")
    assert books.valued(account, RULES, {"BTC": rate(60_000, AT_MS - 1)}) is account


# --- fees --------------------------------------------------------------------------------------------------------


def test_a_fee_taken_out_of_what_was_bought_makes_the_position_smaller_and_costs_what_it_was_worth():
    account = opened(USDT="10000")
    account = booked(account, Side.BUY, fill("a", 100, 50_000, "0.0001", currency="BTC")).account
    assert account.balances["BTC"] == d("0.0099")
    assert account.positions[BTC.instrument_id].lots == 99
    assert (account.realised, account.fees) == (-5, 5)
    sold = booked(account, Side.SELL, fill("b", 99, 50_000))
    (trade,) = sold.trades
    assert (trade.profit, trade.fees, sold.account.realised) == (-5, 5, -5)
    assert sold.account.balances["BTC"] == 0


def test_what_a_base_fee_leaves_of_a_lot_is_held_beside_the_position():
    account = opened(USDT="10000")
    account = booked(account, Side.BUY, fill("a", 100, 50_000, "0.00005", currency="BTC")).account
    assert account.positions[BTC.instrument_id].lots == 99
    (dust,) = books.told(account, RULES, "fill", AT_MS).holdings
    assert (dust.currency, dust.amount, dust.value) == ("BTC", d("0.00005"), d("2.5"))
    assert account.realised == d("-2.5")
    risen = books.mark(account, RULES, BTC, d(60_000), AT_MS + 1)
    assert books.equity(risen, RULES) == identity(risen) == 10_097


def test_a_base_fee_of_a_sale_is_paid_from_what_else_there_is():
    assert kept_lots(fill("a", 100, 50_000, "0.0001", currency="BTC"), Side.SELL, BTC) == 100
    account = opened({"BTC": rate(50_000)}, USDT="10000", BTC="1")
    account = booked(account, Side.BUY, fill("a", 10, 50_000)).account
    account = booked(account, Side.SELL, fill("b", 10, 50_000, "0.0001", currency="BTC")).account
    assert (account.positions[BTC.instrument_id].lots, account.balances["BTC"]) == (0, d("0.9999"))
    assert (account.realised, identity(account)) == (-5, books.equity(account, RULES))


def test_a_fee_in_a_third_currency_is_valued_when_it_is_booked_and_enters_the_trade():
    bnb = {"BNB": rate(500)}
    account = opened(bnb, USDT="10000", BNB="1")
    account = booked(account, Side.BUY, fill("a", 10, 50_000, "0.001", currency="BNB"), rates=bnb).account
    assert (account.fees, account.realised) == (d("0.5"), d("-0.5"))
    dearer = {"BNB": rate(600, AT_MS + 1)}
    sold = booked(account, Side.SELL, fill("b", 10, 51_000, "0.001", currency="BNB"), rates=dearer)
    (trade,) = sold.trades
    assert (trade.fees, trade.profit) == (d("1.1"), d("-0.1"))
    assert books.equity(sold.account, RULES) == identity(sold.account)


def test_a_fee_that_nothing_values_is_in_the_ledger_and_its_currency_is_named():
    booked_fee = booked(opened(USDT="10000"), Side.BUY, fill("a", 10, 50_000, "3", currency="KFEE"))
    told = books.told(booked_fee.account, RULES, "fill", AT_MS)
    assert (told.unvalued, booked_fee.account.balances["KFEE"], told.equity) == (("KFEE",), -3, 10_000)


# --- positions in another currency -------------------------------------------------------------------------------


def test_a_position_quoted_in_another_currency_is_worth_what_its_quote_is():
    coins = {"BTC": rate(50_000)}
    account = opened(coins, USDT="1000", BTC="1")
    account = booked(account, Side.BUY, fill("a", 1_000, "0.06", rules=ETHBTC), rules=ETHBTC, rates=coins).account
    assert (account.balances["ETH"], account.balances["BTC"]) == (d("0.1"), d("0.994"))
    assert books.equity(account, RULES) == 51_000 == identity(account)
    account = books.mark(account, RULES, ETHBTC, d("0.07"), AT_MS + 1)
    assert books.equity(account, RULES) == 51_050 == identity(account)
    account = books.mark(account, RULES, BTC, d(100_000), AT_MS + 2)
    assert books.equity(account, RULES) == 101_100 == identity(account)
    sold = booked(account, Side.SELL, fill("b", 1_000, "0.07", rules=ETHBTC), rules=ETHBTC)
    (trade,) = sold.trades
    assert (trade.profit, trade.value, trade.valued) == (d("0.001"), 100, True)
    assert books.equity(sold.account, RULES) == 101_100 == identity(sold.account)


def test_a_trade_whose_quote_nothing_values_says_so():
    account = opened(USDT="1000", BTC="1")
    account = booked(account, Side.BUY, fill("a", 10, "0.06", rules=ETHBTC), rules=ETHBTC).account
    (trade,) = booked(account, Side.SELL, fill("b", 10, "0.07", rules=ETHBTC), rules=ETHBTC).trades
    assert (trade.value, trade.valued) == (None, False)


# --- what comes and goes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sold", "left"), [("0.5", "0.5"), ("1", "0"), ("1.5", "-0.5")])
def test_what_leaves_takes_its_share_of_what_it_stood_at_along(sold, left):
    """A fee of so much BTC, paid at twice what it stood at: the loss is what it was worth, half of it was gained."""
    account = opened({"BTC": rate(50_000)}, BTC="1")
    account = books.mark(account, RULES, BTC, d(100_000), AT_MS + 1)
    paid = account.model_copy(update={"balances": {"BTC": d(left)}})
    settled = books.settled(account, paid, RULES)
    assert settled.deposits == 50_000
    assert books.equity(settled, RULES) == identity(settled) == d(left) * 100_000
    assert ("BTC" in settled.basis) is (left != "0")
