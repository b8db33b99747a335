"""The shortest history of a seed that still breaks something: what it does not need is left out, piece by piece.

Zeller's ddmin (Simplifying and Isolating Failure-Inducing Input, 2002) over four lists: the webhooks, what people do,
the outages, and the faults that struck. What is left out draws nothing else anew (see weather.py), so that most of what
is left happens as it did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fluxfloor.local.chaos.play import Only, Play, Result
from fluxfloor.local.chaos.playing import play, story_of

MOST_PLAYS = 600
MOST_S = 180.0
Parts = tuple[tuple[str | int, ...], ...]  # webhooks, people, outages, faults


@dataclass(frozen=True, slots=True)
class Shrunk:
    """`result` is of `play`, the smallest that was found; `plays` is what it took."""

    play: Play
    result: Result
    plays: int

    @property
    def command(self) -> str:
        """What plays it again."""
        only = self.play.only
        told = "" if only is None else "".join(
            f" --{name} {','.join(map(str, sorted(items, key=_place))) or 'none'}"
            for name, items in (
                ("webhooks", only.webhooks), ("people", only.people), ("outages", only.outages),
                ("strikes", only.faults),
            )
        )  # fmt: skip
        return f"fluxfloor chaos --seed {self.play.seed}{told} --history"


def _place(item: str | int) -> tuple[str, int]:
    kind, _, number = str(item).rpartition(":")
    return kind, int(number)


def shrink(seed: int, most_plays: int = MOST_PLAYS, most_s: float = MOST_S) -> Shrunk:
    """Of a seed that breaks something. Raises ValueError where it does not."""
    whole = Play(seed)
    found = play(whole)
    if not found.violations:
        raise ValueError(f"seed {seed} breaks nothing")
    return _Shrinking(whole, found, most_plays, time.monotonic() + most_s).run()


class _Shrinking:
    def __init__(self, whole: Play, found: Result, most_plays: int, until_s: float) -> None:
        self._whole, self._found, self._most, self._until_s = whole, found, most_plays, until_s
        self._kinds = {kind_of(text) for text in found.violations}
        self._best = Shrunk(whole, found, 1)
        self._plays = 1

    def run(self) -> Shrunk:
        given = story_of(self._whole)
        parts: Parts = (
            tuple(range(len(given.webhooks))), tuple(range(len(given.people))),
            tuple(range(len(given.outages))), tuple(self._found.struck),
        )  # fmt: skip
        before: Parts | None = None
        while parts != before and not self._spent():
            before = parts
            for place in (3, 0, 1, 2):
                parts = self._smaller(parts, place)
        return replace(self._best, plays=self._plays)

    def _smaller(self, parts: Parts, place: int) -> Parts:
        def with_part(part: Sequence[str | int]) -> Parts:
            return (*parts[:place], tuple(part), *parts[place + 1 :])

        return with_part(ddmin(parts[place], lambda part: self._breaks(with_part(part))))

    def _spent(self) -> bool:
        return self._plays >= self._most or time.monotonic() > self._until_s

    def _breaks(self, parts: Parts) -> bool:
        """Does the same kind of thing go wrong with no more than these?"""
        if self._spent():
            return False
        only = Only(frozenset(map(str, parts[3])), *(frozenset(map(int, part)) for part in parts[:3]))
        how = replace(self._whole, only=only)
        self._plays += 1
        result = play(how)
        breaks = bool(self._kinds & {kind_of(text) for text in result.violations})
        if breaks:
            self._best = Shrunk(how, result, self._plays)
        return breaks


def kind_of(violation: str) -> str:
    """What was broken, whatever by: the invariant's number and name where there is one."""
    return violation.partition(":")[0]


def ddmin(items: Sequence[str | int], breaks: Callable[[Sequence[str | int]], bool]) -> Sequence[str | int]:
    """A part of `items` that breaks, of which no single one can be left out. `items` must break."""
    if items and breaks(()):
        return ()
    pieces = 2
    while len(items) >= 2:
        size = -(-len(items) // pieces)
        for start in range(0, len(items), size):
            rest = [*items[:start], *items[start + size :]]
            if breaks(rest):
                items, pieces = rest, max(pieces - 1, 2)
                break
        else:
            if pieces >= len(items):
                break
            pieces = min(len(items), 2 * pieces)
    return items
