"""What the differences of two versions were worth on one floor: from its closed trades, its signals and its bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import numpy as np

from fluxfloor.adapters.embedded.blobs import FileBlobs
from fluxfloor.cerebro import several
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Instrument, InstrumentCatalog
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.state import CandleWindow, TradeRow
from fluxfloor.contracts.views import ShadowDecision
from fluxfloor.local import audit
from fluxfloor.market.window import CLOSE, OPEN_MS, Bars, decode, unique
from fluxfloor.ports import Store
from fluxfloor.reporting.versions import Bar, Comparison, Costs, Leaving, Outcome, compare, profits, untraded
from fluxfloor.runtime.clock import SystemClock
from fluxfloor.runtime.settings import Settings
from functions.simulation.archived import bars_between

BASIS_POINT = Decimal("0.0001")
Slot = tuple[str, str, str]
"""Portfolio, strategy, instrument."""


@dataclass(frozen=True)
class Worth:
    """Of what was decided on the floor in `directory` before `until_ms`."""

    store: Store
    directory: Path
    settings: Settings
    until_ms: int

    def compared(self, rows: Sequence[ShadowDecision]) -> Comparison:
        trades = [TradeRow.decode(row).trade for row in audit.rows(self.store, TradeRow.collection)]
        return compare(rows, profits(trades), self._untraded)

    def _untraded(self, row: ShadowDecision) -> Outcome | None:
        rules = self._rules.get(row.instrument_id)
        if rules is None:
            return None
        step_ms, bars = self._bars(rules, row.ts_event_ms)
        exits = self._exits.get((row.portfolio_id, row.strategy_id, row.instrument_id), [])
        known = [item for item in exits if item.at_ms < self.until_ms]
        return untraded(row, known, bars, step_ms, self._costs(row, rules))

    def _costs(self, row: ShadowDecision, rules: Instrument) -> Costs:
        """The instrument's fee; on paper, the slippage that is taken off there too."""
        (policy,) = [item for item in self._policies if item.id == row.portfolio_id]
        account = self.settings.accounts.get(policy.account_id)
        on_paper = account is None or account.venue == "paper"
        slippage = self.settings.paper.slippage_bps * BASIS_POINT if on_paper else Decimal(0)
        return Costs(rules.taker_fee, slippage)

    @cached_property
    def _policies(self) -> list[Policy]:
        return [Policy.decode(row) for row in audit.rows(self.store, Policy.collection)]

    @cached_property
    def _rules(self) -> dict[str, Instrument]:
        catalogs = [InstrumentCatalog.decode(row) for row in audit.rows(self.store, InstrumentCatalog.collection)]
        return {item.instrument_id: item for catalog in catalogs for item in catalog.instruments}

    @cached_property
    def _exits(self) -> dict[Slot, list[Leaving]]:
        """Whatever wants out: an EXIT, or a TARGET that is flat."""
        found: dict[Slot, list[Leaving]] = {}
        for fact in audit.facts(self.store):
            if fact["type"] != SignalScored.type:
                continue
            scored = SignalScored.model_validate(fact["data"], extra="ignore")
            for part in several.parts(scored):
                signal, quote = part.signal, part.quote
                flat = signal.action is Action.TARGET and signal.leg.direction is Direction.FLAT
                if quote is not None and (signal.action is Action.EXIT or flat):
                    slot = (signal.portfolio_id, signal.strategy_id, signal.leg.instrument_id)
                    found.setdefault(slot, []).append(Leaving(fact["ts_event_ms"], quote.bid, quote.ask))
        return found

    # --- bars ----------------------------------------------------------------------------------------------------

    def _bars(self, rules: Instrument, from_ms: int) -> tuple[int, list[Bar]]:
        """(their length in ms, those from that time on), of the finest timeframe that is kept of the instrument."""
        step_ms, bars = self._kept_bars.get(rules.instrument_id) or self._read_bars(rules)
        wanted = bars[(bars[:, OPEN_MS] >= from_ms - step_ms) & (bars[:, OPEN_MS] + step_ms <= self.until_ms)]
        return step_ms, [(int(row[0]), *(float(value) for value in row[1 : CLOSE + 1])) for row in wanted]  # type: ignore[misc]

    @cached_property
    def _kept_bars(self) -> dict[str, tuple[int, Bars]]:
        return {}

    def _read_bars(self, rules: Instrument) -> tuple[int, Bars]:
        windows = {
            window.id.rpartition("|")[2]: window
            for row in audit.rows(self.store, CandleWindow.collection)
            for window in [CandleWindow.decode(row)]
            if window.id.rpartition("|")[0] == rules.instrument_id
        }
        if not windows:
            return 1, np.empty((0, 6))
        timeframe = min(windows, key=lambda name: TIMEFRAME_MS[name])
        blobs = FileBlobs(self.directory / "blobs", b"", "", SystemClock())
        archived = bars_between(blobs, rules, timeframe, 0, self.until_ms)
        found = TIMEFRAME_MS[timeframe], unique(np.concatenate([archived, decode(windows[timeframe].bars)]))
        self._kept_bars[rules.instrument_id] = found
        return found
