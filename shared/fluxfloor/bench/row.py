"""What one row of the bench is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Outputs = list[NDArray[Any]]
"""What a side returned, flattened: a tuple's or a dict's members in order, each an array."""

FIGURES = ("ratio", "ours_ms", "first_answer_s", "times_floor")


@dataclass(frozen=True, slots=True)
class Aim:
    """`figure` is one of FIGURES: the peer's time over ours, our median, a fresh process to its first answer with
    whatever cache it finds, our time over the floor's."""

    figure: str
    limit: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def words(self) -> str:
        return f"{self.figure} {'≥' if self.at_least else '≤'} {self.limit:g}"


def faster(times: float) -> Aim:
    """At least so many times as fast as the peer."""
    return Aim("ratio", times, at_least=True)


def agree(ours: Outputs, peers: Outputs, rtol: float = 1e-9, atol: float = 0.0) -> None:
    """Every output of one side is the other's, NaN where it is NaN."""
    if len(ours) != len(peers):
        raise AssertionError(f"{len(ours)} outputs here, {len(peers)} there")
    for place, (mine, other) in enumerate(zip(ours, peers, strict=True)):
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=atol, err_msg=f"output {place}")


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is what --only takes; `work` says it to people. `prepare` makes the input (seeded; no files, no network).

    `ours` is called with what `prepared` made of the arrays (the arrays themselves, if there is none). The peer is a
    file of `peers/` without its suffix, or "interpreted": `ours` again, with Numba switched off. `packages` are those
    whose versions count. `floor` is a yardstick on our side: what no implementation could be faster than. `threads` is
    what both sides are told they may use. `note` says what bounds the figure.
    """

    name: str
    work: str
    prepare: Callable[[], Arrays]
    ours: Callable[[Any], Any]
    peer: str = ""
    packages: tuple[str, ...] = ()
    same: Callable[[Outputs, Outputs], None] = agree
    aims: tuple[Aim, ...] = ()
    prepared: Callable[[Arrays], Any] | None = None
    floor: Callable[[Any], Any] | None = None
    threads: int = 1
    note: str = ""
    seconds: float = field(default=6.0)
    """How long the turns may go on."""
