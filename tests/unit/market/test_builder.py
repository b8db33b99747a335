from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.market.builder import CandleBuilder, build

T0 = 1_700_000_040_000  # a whole minute


def trades(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array([(T0 + at * 1_000, price, amount) for at, price, amount in rows], np.float64).reshape(-1, 3)


THREE_MINUTES = trades(
    (0, 10.0, 1.0), (20, 12.0, 0.5), (40, 9.0, 0.25), (59.999, 11.0, 0.25),
    (60, 11.5, 2.0),
    (180, 8.0, 3.0), (181, 8.5, 1.0),
)  # fmt: skip


def test_bars_are_first_highest_lowest_last_and_sum() -> None:
    assert build(THREE_MINUTES, "1m").tolist() == [
        [T0, 10.0, 12.0, 9.0, 11.0, 2.0],
        [T0 + 60_000, 11.5, 11.5, 11.5, 11.5, 2.0],
        [T0 + 180_000, 8.0, 8.5, 8.0, 8.5, 4.0],
    ]


def test_a_minute_without_a_trade_has_no_bar() -> None:
    assert T0 + 120_000 not in build(THREE_MINUTES, "1m")[:, 0]


def test_no_trades_make_no_bars() -> None:
    assert build(trades(), "1m").shape == (0, 6)
    assert CandleBuilder("1m").add(trades()).shape == (0, 6)
    assert CandleBuilder("1m").finish(T0).shape == (0, 6)


def test_trades_of_one_millisecond_keep_the_venues_order() -> None:
    assert build(trades((0, 10.0, 1.0), (0, 11.0, 1.0)), "1m")[0, [1, 4]].tolist() == [10.0, 11.0]
    assert build(trades((0, 11.0, 1.0), (0, 10.0, 1.0)), "1m")[0, [1, 4]].tolist() == [11.0, 10.0]


def test_trades_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted by time"):
        build(trades((5, 1.0, 1.0), (4, 1.0, 1.0)), "1m")


def test_small_amounts_are_not_lost_beside_a_large_one() -> None:
    """Plain summation gives 1e16 here; the exact sum is 1e16 + 1000."""
    amounts = trades((0, 1.0, 1e16), *((1, 1.0, 1.0) for _ in range(1_000)))
    assert build(amounts, "1m")[0, 5] == 1e16 + 1_000


def test_a_bar_is_given_out_once_a_later_one_has_begun() -> None:
    builder = CandleBuilder("1m")
    assert len(builder.add(THREE_MINUTES[:4])) == 0
    assert builder.add(THREE_MINUTES[4:5])[:, 0].tolist() == [T0]
    assert builder.add(THREE_MINUTES[5:])[:, 0].tolist() == [T0 + 60_000]
    assert builder.finish(T0 + 240_000)[:, 0].tolist() == [T0 + 180_000]


def test_the_last_bar_is_given_out_only_when_it_is_over() -> None:
    builder = CandleBuilder("1m")
    builder.add(THREE_MINUTES[:4])
    assert len(builder.finish(T0 + 59_999)) == 0


def test_a_trade_of_a_bar_that_was_given_out_is_refused() -> None:
    builder = CandleBuilder("1m")
    builder.add(THREE_MINUTES[:5])
    with pytest.raises(ValueError, match="sorted by time"):
        builder.add(THREE_MINUTES[3:4])
