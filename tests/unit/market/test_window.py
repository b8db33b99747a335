from __future__ import annotations

from base64 import b64encode
from struct import pack

import numpy as np
import pytest
from fluxfloor.contracts.state import CandleWindow
from fluxfloor.errors import InvariantBroken
from fluxfloor.market.window import columns, decode, encode, extend, tail, window_id

from tests.support.bars import HOUR, T0, bar, calm, table


def test_a_window_gives_back_the_bars_it_was_given() -> None:
    candles = calm(7)
    window = extend(None, "x|1h", candles)
    assert np.array_equal(decode(window.bars), table(candles))
    assert (window.id, window.count, window.last_open_ms) == ("x|1h", 7, T0 + 6 * HOUR)


def test_the_text_is_base64_of_little_endian_float64() -> None:
    row = (1_700_000_000_000.0, 1.5, 2.0, 1.0, 1.75, 3.0)
    assert encode(np.array([row])) == b64encode(pack("<6d", *row)).decode()
    assert decode(b64encode(pack("<6d", *row)).decode()).tolist() == [list(row)]


def test_adding_a_bar_leaves_the_text_of_the_others_alone() -> None:
    window = extend(None, "x|1h", calm(3), limit=3)
    longer = extend(window, "x|1h", [bar(3)], limit=3)
    assert longer.bars.startswith(window.bars[64:])
    assert longer.count == 3


def test_only_the_newest_bars_stay() -> None:
    window = extend(None, "x|1h", calm(10), limit=4)
    assert np.array_equal(decode(window.bars), table(calm(10)[-4:]))
    assert window.count == 4


def test_a_late_bar_goes_to_its_place() -> None:
    window = extend(None, "x|1h", [bar(0), bar(2)])
    mended = extend(window, "x|1h", [bar(1, 101.0)])
    assert np.array_equal(decode(mended.bars), table([bar(0), bar(1, 101.0), bar(2)]))
    assert mended.last_open_ms == T0 + 2 * HOUR


def test_a_bar_given_twice_is_kept_once_as_it_was_given_last() -> None:
    window = extend(None, "x|1h", [bar(0), bar(1, 100.0)])
    corrected = extend(window, "x|1h", [bar(1, 101.0), bar(2)])
    assert np.array_equal(decode(corrected.bars), table([bar(0), bar(1, 101.0), bar(2)]))


def test_a_late_bar_older_than_a_full_window_is_not_taken_in() -> None:
    window = extend(None, "x|1h", calm(3, start=5), limit=3)
    same = extend(window, "x|1h", [bar(1)], limit=3)
    assert (same.bars, same.last_open_ms) == (window.bars, window.last_open_ms)


def test_extending_keeps_what_else_the_document_holds() -> None:
    window = CandleWindow(id="x|1h", version=4, judged_open_ms=9)
    longer = extend(window, "x|1h", [bar(0)])
    assert (longer.version, longer.judged_open_ms) == (4, 9)


def test_no_bars_leave_the_window_as_it_is() -> None:
    window = extend(None, "x|1h", calm(2))
    assert extend(window, "x|1h", []) is window
    assert extend(None, "x|1h", []).count == 0


def test_decoded_bars_can_be_written_to_and_columns_are_contiguous() -> None:
    bars = decode(extend(None, "x|1h", calm(3)).bars)
    bars[0, 0] = 1.0
    assert bars.dtype == np.float64
    by_column = columns(bars)
    assert by_column.shape == (6, 3)
    assert by_column[4].flags.c_contiguous


def test_the_tail_is_the_newest_bars() -> None:
    window = extend(None, "x|1h", calm(5))
    assert np.array_equal(tail(window.bars, 2), table(calm(5)[-2:]))
    assert np.array_equal(tail(window.bars, 9), table(calm(5)))
    assert tail(window.bars, 0).shape == (0, 6)


@pytest.mark.parametrize("text", ["A" * 63, "!" * 64, "AAAA" * 15 + "A===", "é" * 64])
def test_a_damaged_window_breaks_an_invariant(text: str) -> None:
    with pytest.raises(InvariantBroken, match="candle window"):
        decode(text)


def test_the_id_names_instrument_and_timeframe() -> None:
    assert window_id("kraken:BTC/USDT", "15m") == "kraken:BTC/USDT|15m"
