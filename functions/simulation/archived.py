"""Bars out of the archive, month by month."""

from __future__ import annotations

import numpy as np
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.market.archive import blob_name, from_parquet
from fluxfloor.market.window import OPEN_MS, Bars, unique
from fluxfloor.ports import Blobs


def bars_between(blobs: Blobs, instrument: Instrument, timeframe: str, from_ms: int, to_ms: int) -> Bars:
    """The archived bars that opened in [from_ms, to_ms), (n, 6), sorted, one per open time; months without are left
    out."""
    folder = blob_name(instrument, timeframe, "").rpartition("/")[0] + "/"
    first, last = _month(from_ms), _month(to_ms - 1)
    found = [_read(blobs, name) for name in blobs.list(folder) if first <= _named(name) <= last]
    bars = unique(np.concatenate(found)) if found else np.empty((0, 6))
    inside = (bars[:, OPEN_MS] >= from_ms) & (bars[:, OPEN_MS] < to_ms)
    return np.ascontiguousarray(bars[inside])


def _read(blobs: Blobs, name: str) -> Bars:
    blob = blobs.get(name)
    return from_parquet(blob.data) if blob is not None else np.empty((0, 6))


def _month(at_ms: int) -> str:
    return str(np.datetime64(at_ms, "ms").astype("datetime64[M]"))


def _named(blob: str) -> str:
    return blob.rpartition("/")[2].removesuffix(".parquet")
