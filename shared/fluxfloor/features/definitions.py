"""Feature definitions by version. A version never changes: what was stored under it can always be computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fluxfloor.errors import Misconfigured
from fluxfloor.kernels import WARM_UP_BARS, Row, latest
from fluxfloor.kernels.floor_2 import LOOKBACK_BARS, Row2, floor_2_batch, floor_2_latest

Array = NDArray[np.float64]
Latest = Callable[[Array, Array, Array, Array, Array], Row | Row2]


@dataclass(frozen=True, slots=True)
class Definition:
    """What a version's columns are, and how they come from bars.

    latest(open, high, low, close, volume): the named row of the last bar of a window of `lookback_bars` bars (fewer,
    but at least `warm_up_bars`, only while the history itself is shorter).
    """

    version: str
    names: tuple[str, ...]
    warm_up_bars: int
    lookback_bars: int
    latest: Latest

    def batch(
        self, open: Array, high: Array, low: Array, close: Array, volume: Array, names: Sequence[str] | None = None
    ) -> Array:
        """The same columns for every bar of a history: (n, k), contiguous, in the order of `names` (None: all).

        open, high, low, close, volume: (n,), oldest first. Rows before the warm-up are NaN. Equal to `latest` over each
        bar's lookback to 1e-9. Only what the named columns need is computed. Raises Misconfigured for a name that the
        version does not have, ValueError for a repeated one or unequal lengths.
        """
        places = self._places(self.names if names is None else names)
        return floor_2_batch(_column(open), _column(high), _column(low), _column(close), _column(volume), places)

    def _places(self, names: Sequence[str]) -> NDArray[np.int64]:
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise Misconfigured(f"features {self.version} have no {', '.join(unknown)}")
        if len(set(names)) != len(names):
            raise ValueError("a column is named twice")
        places = np.full(len(Row2._fields), -1)
        places[[Row2._fields.index(name) for name in names]] = np.arange(len(names))
        return places


def _column(values: Array) -> Array:
    return np.ascontiguousarray(values, np.float64)


def _latest_2(open: Array, high: Array, low: Array, close: Array, volume: Array) -> Row2:
    return Row2(*floor_2_latest(open, high, low, close, volume).tolist())


DEFINITIONS: dict[str, Definition] = {
    "floor-1": Definition("floor-1", Row._fields, WARM_UP_BARS, LOOKBACK_BARS, latest),
    "floor-2": Definition("floor-2", Row2._fields, WARM_UP_BARS, LOOKBACK_BARS, _latest_2),
}
VERSION = "floor-2"
"""What the floor stores from now on."""


def definition(version: str = VERSION) -> Definition:
    """Raises Misconfigured for a version nobody has defined."""
    found = DEFINITIONS.get(version)
    if found is None:
        raise Misconfigured(f"feature version {version!r} is none of {', '.join(DEFINITIONS)}")
    return found
