"""A strategy's position before and after an order, and what is to be done about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Direction
from fluxfloor.signals.positions import Change, moves
from fluxfloor.signals.refusals import Refused

L, S, F = Direction.LONG, Direction.SHORT, Direction.FLAT
BUY, SELL = Side.BUY, Side.SELL
ALL = "fraction 1"


def told(**change: Any) -> list[tuple[str, str, str, bool]]:
    sized = {
        name: Decimal(value) if name in ("contracts", "now_size", "before_size") else value
        for name, value in change.items()
    }
    return [
        (
            move.action.value,
            move.direction.value,
            f"{move.size.kind.value} {move.size.value}" if move.size else "",
            move.adds,
        )
        for move in moves(Change(**sized))
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"before": F, "now": L, "now_size": "2"}, [("ENTRY", "LONG", "quantity 2", False)]),
        ({"before": F, "now": S, "side": SELL, "contracts": "3"}, [("ENTRY", "SHORT", "quantity 3", False)]),
        ({"before": F, "now": L}, [("ENTRY", "LONG", "", False)]),
        ({"before": L, "now": F, "side": SELL, "contracts": "2"}, [("EXIT", "LONG", ALL, False)]),
        ({"before": S, "now": F, "side": BUY}, [("EXIT", "SHORT", ALL, False)]),
        ({"before": L, "now": S, "side": SELL, "before_size": "2", "now_size": "3", "contracts": "5"},
         [("EXIT", "LONG", ALL, False), ("ENTRY", "SHORT", "quantity 3", False)]),
        ({"before": S, "now": L, "before_size": "2", "contracts": "5"},
         [("EXIT", "SHORT", ALL, False), ("ENTRY", "LONG", "quantity 3", False)]),
        ({"before": S, "now": L, "contracts": "5"}, [("EXIT", "SHORT", ALL, False), ("ENTRY", "LONG", "", False)]),
        ({"before": L, "now": L, "before_size": "2", "now_size": "5"}, [("ENTRY", "LONG", "quantity 3", True)]),
        ({"before": L, "now": L, "before_size": "5", "now_size": "2", "side": SELL},
         [("EXIT", "LONG", "quantity 3", False)]),
        ({"before": S, "now": S, "before_size": "1", "now_size": "4", "side": SELL},
         [("ENTRY", "SHORT", "quantity 3", True)]),
        ({"before": S, "now": S, "side": BUY, "contracts": "1"}, [("EXIT", "SHORT", "quantity 1", False)]),
        ({"before": L, "now": L, "side": BUY, "contracts": "1"}, [("ENTRY", "LONG", "quantity 1", True)]),
        ({"now": L, "now_size": "2"}, [("TARGET", "LONG", "quantity 2", False)]),
        ({"now": S, "now_size": "2", "side": BUY}, [("TARGET", "SHORT", "quantity 2", False)]),
        ({"now": L, "side": BUY, "contracts": "2"}, [("ENTRY", "LONG", "quantity 2", False)]),
        ({"now": L, "side": SELL, "contracts": "2"}, [("EXIT", "LONG", "quantity 2", False)]),
        ({"now": F}, [("EXIT", "FLAT", ALL, False)]),
        ({"now": F, "side": SELL}, [("EXIT", "LONG", ALL, False)]),
        ({"now": F, "side": BUY}, [("EXIT", "SHORT", ALL, False)]),
        ({"now": L, "now_size": "0"}, [("EXIT", "LONG", ALL, False)]),
        ({"before": F, "side": SELL, "contracts": "2"}, [("ENTRY", "SHORT", "quantity 2", False)]),
        ({"before": L, "side": SELL}, [("EXIT", "LONG", ALL, False)]),
        ({"before": L, "side": BUY, "contracts": "1"}, [("ENTRY", "LONG", "quantity 1", True)]),
    ],
)  # fmt: skip
def test_a_change_of_position_becomes_its_signals(change: dict[str, Any], expected: list[Any]) -> None:
    assert told(**change) == expected


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"before": F, "now": L, "side": SELL}, "contradiction"),
        ({"before": L, "now": F, "side": BUY}, "contradiction"),
        ({"before": L, "now": L, "before_size": "2", "now_size": "5", "side": SELL}, "contradiction"),
        ({"before": S, "now": S, "before_size": "2", "now_size": "5", "side": BUY}, "contradiction"),
        ({"before": L, "now": L, "side": SELL}, "contradiction"),  # reduce, but by how much?
        ({"before": F, "now": F}, "no_change"),
        ({"before": L, "now": L}, "no_change"),
        ({"before": L, "now": L, "before_size": "2", "now_size": "2"}, "no_change"),
        ({"before": L}, "no_change"),
    ],
)  # fmt: skip
def test_a_change_that_makes_no_sense_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        told(**change)
    assert caught.value.code == code
