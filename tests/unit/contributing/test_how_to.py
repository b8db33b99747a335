"""The examples in CONTRIBUTING.md are code: they run, and do what the text says."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from fluxfloor import topology
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import Holding
from fluxfloor.kernels._build import KERNELS
from fluxfloor.signals import formats
from fluxfloor.simulation import backtest, spot
from fluxfloor.strategies import registry

from tests.support.webhooks import gist, refused, signal

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"```python\n# (\S+?)(?:, in (\w+))?\n(.*?)```", re.DOTALL)


def blocks() -> dict[str, str]:
    return {path: code for path, _, code in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text())}


@pytest.fixture
def module(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModuleType]:
    """The example of that path, as a module imported from a file."""
    path = tmp_path / Path(request.param).name
    path.write_text(blocks()[request.param])
    spec = importlib.util.spec_from_file_location("contributing_example", path)
    assert spec is not None
    assert spec.loader is not None
    made = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    known = set(KERNELS)
    spec.loader.exec_module(made)
    yield made
    del sys.modules[made.__name__]
    for name in set(KERNELS) - known:
        del KERNELS[name]


@pytest.mark.parametrize("module", ["shared/fluxfloor/signals/formats/arrow.py"], indirect=True)
def test_the_example_of_a_format_reads_its_bodies(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FORMATS", (module, *formats.FORMATS))
    assert gist(signal({"arrow": "up", "pair": "BTC/USDT"})) == ("ENTRY", "LONG", "")
    assert gist(signal({"arrow": "down", "pair": "BTC/USDT"})) == ("EXIT", "LONG", "fraction 1")
    assert signal({"arrow": "up", "pair": "BTC/USDT"}).format == "arrow"
    told = refused({"arrow": "sideways", "pair": "BTC/USDT"})
    assert (told.code, told.field, told.fix) == ("invalid_field", "arrow", "Send up or down.")


@pytest.mark.parametrize("module", ["shared/fluxfloor/strategies/rsi_dip.py"], indirect=True)
def test_the_example_of_a_strategy_enters_and_leaves(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PLUGINS, "rsi_dip", module.RsiDip)
    strategy = registry.build("rsi_dip", {"entry_rsi": 25})
    bar = Candle(
        instrument_id="kraken:BTC/USDT", timeframe="15m", open_ms=0, open=100, high=101, low=99, close=100, volume=1
    )
    entry = strategy.decide({"rsi_14": 20.0, "atr_14": 2.0}, bar, Holding())
    assert entry is not None
    assert entry.stop_price == 96
    assert strategy.decide({"rsi_14": 26.0, "atr_14": 2.0}, bar, Holding()) is None
    assert strategy.decide({"rsi_14": 60.0, "atr_14": 2.0}, bar, Holding(lots=5)) is not None
    run = backtest(strategy, [waves(600)], [spot("BTC/USDT")])
    assert len(run.trades) > 3
    assert {run.trades.triggers[code] for code in run.trades.left_on} <= {"recovered", "stop"}


def waves(count: int) -> np.ndarray:
    at = np.arange(count)
    close = 100.0 + 5.0 * np.sin(at / 9.0)
    return np.column_stack([at * 900_000, close, close + 0.2, close - 0.2, close, np.ones(count)])


def test_the_example_of_a_stage_is_an_entry_of_the_topology() -> None:
    spec = eval(blocks()["shared/fluxfloor/topology.py"], vars(topology))
    assert spec.name not in topology.STAGES
    assert set(spec.topics) <= set(topology.TOPICS)
    main = blocks()["functions/journalist/main.py"]
    compile(main, "main.py", "exec")
    assert f'Stage("{spec.name}")' in main
    assert len(main.splitlines()) < 40


def test_every_file_that_the_text_names_is_there() -> None:
    text = BLOCK.sub("", (ROOT / "CONTRIBUTING.md").read_text())
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?)`", text))
    assert len(named) > 8
    roots = (ROOT, ROOT / "shared" / "fluxfloor")
    assert [name for name in sorted(named) if not any((root / name).exists() for root in roots)] == []
