"""What can be simulated, and what a simulation leaves: a report, its trades and its equity. Pure: nothing asks time.

The trades and equity files are those of an export, column by column (see exports.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
from pydantic import ValidationError

from fluxfloor.contracts.base import Document
from fluxfloor.contracts.events import ExportKind, SimulationCompleted, SimulationRequested
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Instrument
from fluxfloor.contracts.policy import PRESETS, Limits
from fluxfloor.contracts.simulations import SimulationRecord, SimulationSpec
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import EquityPoint, ExportRecord
from fluxfloor.errors import Misconfigured
from fluxfloor.features.definitions import definition
from fluxfloor.market.window import VOLUME, Bars
from fluxfloor.measures.performance import performance
from fluxfloor.measures.records import Run
from fluxfloor.reporting import exports
from fluxfloor.strategies import build

MAX_BARS = 36_000  # a year of quarters of an hour; what this takes is measured in functions/simulation/README.md
ACCOUNT = "paper-main"  # of the simulated floor
CONTENT_TYPES = {"json": "application/json", **exports.CONTENT_TYPES}
PLACES = 10  # of a figure in the report: digits beyond are the machine's


@dataclass(frozen=True, slots=True)
class Refused:
    """Why this can't be simulated, and what may help."""

    reason: str
    fix: str


# --- what was asked ----------------------------------------------------------------------------------------------


def refusal(
    spec: SimulationSpec, rules: Instrument | None, now_ms: int, max_bars: int | None = MAX_BARS
) -> Refused | None:
    """As far as can be told before any bar is read. None: it can be tried."""
    if rules is None:
        return Refused(f"no catalog lists {spec.instrument_id}", "ask for an instrument of the exchange in [market]")
    if spec.to_ms > now_ms:
        return Refused("the range has not ended yet", f"let it end by {exports.iso(now_ms)}")
    asked = -(-(spec.to_ms - spec.from_ms) // TIMEFRAME_MS[spec.timeframe])
    if max_bars is not None and asked > max_bars:
        return Refused(
            f"the range holds up to {asked:,} bars of {spec.timeframe}, the most is {max_bars:,}",
            "ask for a shorter range, a longer timeframe, or play it with `fluxfloor simulate`",
        )
    return _limits_refused(spec) or _strategies_refused(spec)


def _limits_refused(spec: SimulationSpec) -> Refused | None:
    if spec.preset not in PRESETS:
        return Refused(f"there is no preset {spec.preset}", f"take one of {', '.join(PRESETS)}")
    try:
        Limits.model_validate({**PRESETS[spec.preset].model_dump(), **spec.limits})
    except ValidationError as problem:
        found = problem.errors()[0]
        name = ".".join(map(str, found["loc"]))
        return Refused(f"limits.{name}: {found['msg']}", f"the limits are {', '.join(Limits.model_fields)}")
    return None


def _strategies_refused(spec: SimulationSpec) -> Refused | None:
    for item in spec.strategies:
        try:
            build(item.plugin, item.params)
        except Misconfigured as problem:
            return Refused(str(problem), f"correct the plug-in or the parameters of {item.strategy_id}")
    return None


def bars_refusal(spec: SimulationSpec, bars: Bars) -> Refused | None:
    """Whether these bars, (n, 6), are enough of them."""
    what = f"{spec.instrument_id} {spec.timeframe}"
    if not len(bars):
        return Refused(f"the archive holds no bars of {what} in the range", "the market stage archives what it watches")
    needed = definition().warm_up_bars + 1
    if len(bars) < needed:
        return Refused(
            f"{len(bars):,} bars of {what} are too few: features warm up for {needed - 1:,}",
            f"ask for a range of at least {needed:,} bars",
        )
    if spec.participation is not None and not np.nansum(bars[:, VOLUME]) > 0:
        return Refused(f"the bars of {what} tell no volume, so nobody can take part in it", "leave out participation")
    return None


def requested(
    asked: SimulationRequested, rules: Instrument | None, refused: Refused | None, now_ms: int
) -> SimulationRecord:
    return SimulationRecord(
        id=asked.simulation_id, spec=asked.spec, rules=rules, requested_by=asked.requested_by,
        status="failed" if refused else "requested", failed=refused.reason if refused else "",
        fix=refused.fix if refused else "", ts_event_ms=now_ms,
    )  # fmt: skip


def asked_again(record: SimulationRecord) -> SimulationRequested:
    """The request that this record was made for."""
    return SimulationRequested(simulation_id=record.id, spec=record.spec, requested_by=record.requested_by)


def completed(record: SimulationRecord, now_ms: int) -> SimulationCompleted:
    return SimulationCompleted(
        simulation_id=record.id, files=record.files, summary=record.summary, failed=record.failed, fix=record.fix,
        ts_event_ms=now_ms,
    )  # fmt: skip


# --- what came of it ---------------------------------------------------------------------------------------------


def report(
    spec: SimulationSpec, rules: Instrument, counts: Mapping[str, Any], run: Run, versions: Mapping[str, str]
) -> dict[str, Any]:
    """Everything that is told of a simulation: what was asked, what was counted, and what it was worth."""
    return {
        "spec": spec.model_dump(mode="json"), "instrument": rules.model_dump(mode="json"),
        "bars": len(run.close_ms), "counts": dict(counts), "performance": _figures(run), "versions": dict(versions),
    }  # fmt: skip


def _figures(run: Run) -> dict[str, Any]:
    return {name: _rounded(value) for name, value in asdict(performance(run)).items()}


def _rounded(value: Any) -> Any:
    """To PLACES significant digits."""
    return float(f"{value:.{PLACES}g}") if isinstance(value, float) else value


def summary(told: Mapping[str, Any]) -> dict[str, str]:
    """The figures that people ask for first; fractions of one."""
    counts, figures = told["counts"], told["performance"]
    picked = {name: counts[name] for name in ("orders", "fills", "trades", "equity")}
    picked |= {name: figures[name] for name in ("total_return", "max_drawdown", "sharpe")}
    picked |= {"bars": told["bars"], "halted": "yes" if counts["halts"] else "no"}
    return {name: f"{value:.6g}" if isinstance(value, float) else str(value) for name, value in picked.items()}


def files(
    record: SimulationRecord, told: Mapping[str, Any], trades: Sequence[TradeRow], equity: Sequence[EquityPoint]
) -> dict[str, bytes]:
    """File name -> bytes."""
    made = {"report.json": orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)}
    for kind, rows in ((ExportKind.TRADES, trades), (ExportKind.EQUITY, equity)):
        for format, data in _table(record, kind, rows).items():
            made[f"{kind}.{format}"] = data
    return made


def _table(record: SimulationRecord, kind: ExportKind, rows: Sequence[Document]) -> dict[str, bytes]:
    like = ExportRecord(
        id=record.id, kind=kind, account_id=ACCOUNT, from_ms=record.spec.from_ms, to_ms=record.spec.to_ms,
        requested_by=record.requested_by, status="requested", ts_event_ms=record.ts_event_ms,
    )  # fmt: skip
    written = exports.Files(like)
    if rows:
        written.add(rows)
    return written.finish()


def blob_name(record: SimulationRecord, file: str) -> str:
    """simulations/<id>/<file>; the id is quoted, so that it stays one part of the path."""
    return f"simulations/{quote(record.id, safe='')}/{file}"


def content_type(file: str) -> str:
    return CONTENT_TYPES[file.rpartition(".")[2]]
