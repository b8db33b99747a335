from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.market.catalog import catalog

from tests.support.bars import BTC

ETH = BTC.model_copy(update={"instrument_id": "kraken:ETH/EUR", "symbol": "ETH/EUR", "base": "ETH", "quote": "EUR"})


def test_a_catalog_is_sorted_and_holds_each_instrument_once() -> None:
    found = catalog("kraken", [ETH, BTC, BTC.model_copy(update={"tick_size": Decimal("0.01")})], 7)
    assert (found.id, found.ts_event_ms) == ("kraken", 7)
    assert [item.instrument_id for item in found.instruments] == [BTC.instrument_id, ETH.instrument_id]
    assert found.instruments[0].tick_size == Decimal("0.01")


def test_a_catalog_may_be_kept_to_some_quote_currencies() -> None:
    assert catalog("kraken", [ETH, BTC], 7, quotes=["EUR"]).instruments == (ETH,)


def test_a_catalog_that_no_document_can_hold_says_what_to_do() -> None:
    many = [BTC.model_copy(update={"instrument_id": f"kraken:A{at}/USDT"}) for at in range(4_000)]
    with pytest.raises(Misconfigured, match=r"4000 instruments of kraken .* name the quote currencies"):
        catalog("kraken", many, 7)
