"""Old trades go to files and are still there: written, compared, taken out, whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import pytest
from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.state import TradeRow
from fluxfloor.local import audit
from fluxfloor.ports import Blobs
from fluxfloor.reporting import trade_files as files
from fluxfloor.reporting import trade_parquet as parquet
from fluxfloor.runtime.runner import Outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.books_room import Books
from tests.support.desk import AT_MS, BTC, d

DAY_MS = 86_400_000
MONEY = st.decimals(-(10**17), 10**17, places=18)


def closed(number: int, exit_ms: int, profit: Decimal = Decimal("1.5")) -> TradeRow:
    trade = TradeClosed(
        trade_id=f"trade-{number:05}", account_id="paper-main", instrument_id=BTC.instrument_id, strategy_id="trend",
        sender_id="floor", direction="LONG", quantity=d("0.001"), entry_price=d(50_000), exit_price=d(51_000),
        entry_ms=exit_ms - 1_000, exit_ms=exit_ms, fees=d("0.1"), profit=profit, return_fraction=d("0.02"),
        entry_signal_id="s", exit_signal_id="x", tag="up",
    )  # fmt: skip
    return TradeRow(id=trade.trade_id, account_id=trade.account_id, exit_ms=exit_ms, trade=trade, version=1)


@pytest.fixture
def books(tmp_path) -> Iterator[Books]:
    opened = Books(tmp_path)
    yield opened
    opened.floor.close()


def stored(books: Books) -> set[str]:
    return {row["id"] for row in audit.rows(books.floor.store, "trades")}


def kept(books: Books) -> list[TradeRow]:
    return list(files.between(books.floor.ports.blobs, "paper-main", 0, AT_MS))


@settings(deadline=None)
@given(MONEY, st.one_of(st.none(), MONEY), st.booleans(), st.text(max_size=20))
def test_both_files_give_back_what_was_put_in(profit, value, valued, tag):
    row = closed(1, AT_MS, profit)
    trade = row.trade.model_copy(update={"value": value, "valued": valued, "tag": tag})
    row = row.model_copy(update={"trade": trade})
    assert parquet.unpack(parquet.pack([row])) == [row]
    assert files.from_lines(files.to_lines([row])) == [row]


def test_the_same_trades_in_any_order_are_the_same_bytes():
    rows = [closed(number, AT_MS + number % 3) for number in range(10)]
    one, other = files.union(rows[:6], rows[4:]), files.union(rows[5:], rows[:7])
    assert (parquet.pack(one), files.to_lines(one)) == (parquet.pack(other), files.to_lines(other))


def test_trades_older_than_thirty_days_leave_the_store_for_a_file_a_month(books):
    ages = [0, 29, 30, 31, 62, 95]
    for number, age in enumerate(ages):
        books.put(closed(number, AT_MS - age * DAY_MS - 1))
    assert books.floor.tick("reconciliation", "daily") is Outcome.ACK
    assert stored(books) == {"trade-00000", "trade-00001"}
    assert [row.id for row in kept(books)] == ["trade-00005", "trade-00004", "trade-00003", "trade-00002"]
    names = books.floor.ports.blobs.list("trades/")
    assert len(names) == 2 * len({files.month_of(AT_MS - age * DAY_MS - 1) for age in ages[2:]})
    assert kept(books)[0] == closed(5, AT_MS - 95 * DAY_MS - 1)


def test_a_late_trade_of_an_archived_month_joins_it_and_a_run_again_changes_nothing(books):
    books.put(closed(1, AT_MS - 40 * DAY_MS))
    books.floor.tick("reconciliation", "daily")
    before = {name: books.floor.ports.blobs.get(name).generation for name in books.floor.ports.blobs.list("trades/")}
    books.later(DAY_MS)
    books.floor.tick("reconciliation", "daily")
    assert {name: books.floor.ports.blobs.get(name).generation for name in before} == before
    books.put(closed(2, AT_MS - 40 * DAY_MS - 1))
    books.later(DAY_MS)
    books.floor.tick("reconciliation", "daily")
    assert [row.id for row in kept(books)] == ["trade-00002", "trade-00001"]
    assert stored(books) == set()


@pytest.mark.parametrize("after", range(7))
def test_whatever_dies_no_trade_is_lost_and_the_next_run_finishes(books, monkeypatch, after):
    """Killed after so many calls of the blobs and the store."""
    rows = [closed(number, AT_MS - 40 * DAY_MS + number) for number in range(3)]
    for row in rows:
        books.put(row)
    left = [after]

    class Killed(BaseException):
        pass

    def dying(call):
        def run(*args, **more):
            if not left[0]:
                raise Killed
            left[0] -= 1
            return call(*args, **more)

        return run

    with monkeypatch.context() as patch:
        blobs, store = books.floor.ports.blobs, books.floor.store
        for port, name in ((blobs, "put"), (blobs, "get"), (store, "commit")):
            patch.setattr(port, name, dying(getattr(port, name)))
        with suppress(Killed):
            books.floor.tick("reconciliation", "daily")
    found = {row.id for row in kept(books)} | stored(books)
    assert found == {row.id for row in rows}
    books.later(DAY_MS)
    assert books.floor.tick("reconciliation", "daily") is Outcome.ACK
    assert (kept(books), stored(books)) == (rows, set())


def test_a_file_that_does_not_say_what_was_written_keeps_the_trades_in_the_store(books, monkeypatch):
    books.put(closed(1, AT_MS - 40 * DAY_MS))
    blobs: Blobs = books.floor.ports.blobs
    plain = blobs.put

    def torn(name, data, content_type, if_generation=None):
        return plain(name, files.to_lines([]) if name.endswith(files.LINES) else data, content_type, if_generation)

    monkeypatch.setattr(blobs, "put", torn)
    books.floor.tick("reconciliation", "daily")
    assert stored(books) == {"trade-00001"}
    assert books.risks() == ["invariant_broken"]
