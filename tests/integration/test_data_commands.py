"""`fluxfloor data`: bars fetched from a loopback Kraken, judged by the gate, and shown."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor.cli.main import app
from fluxfloor.errors import FloorError
from fluxfloor.market.archive import from_parquet, to_parquet
from typer.testing import CliRunner, Result

from tests.support.histories import HOUR, random_bars
from tests.support.kraken_rest import KrakenRest
from tests.support.runs import T0


@pytest.fixture
def kraken() -> Iterator[KrakenRest]:
    with KrakenRest() as server:
        yield server


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["data", *(str(word) for word in words)])


def answer(*words: object) -> dict[str, Any]:
    done = call(*words, "--json")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def day(days_ago: int) -> str:
    return f"{datetime.fromtimestamp(time.time() - days_ago * 86_400, UTC):%Y-%m-%d}"


def archived(folder: str) -> Any:
    files = sorted(Path(folder).glob("*.parquet"))
    return np.concatenate([from_parquet(file.read_bytes()) for file in files])


def test_a_download_fills_an_archive_that_a_second_one_goes_on_with(kraken: KrakenRest, tmp_path: Path) -> None:
    words = ("download", "BTC/USDT", "--base-url", kraken.url, "--directory", tmp_path)
    first = answer(*words, "--since", day(4), "--until", day(2))
    assert (first["bars"], first["quarantined"]) == (48, 0)
    assert first["folder"] == str(tmp_path / "candles" / "kraken" / "BTC-USDT" / "1h")
    before = archived(first["folder"])
    second = answer(*words, "--since", day(3), "--until", day(1))
    assert second["bars"] == 48
    bars = archived(second["folder"])
    assert len(bars) == 72
    assert (np.diff(bars[:, 0]) == HOUR).all()
    np.testing.assert_array_equal(bars[:48], before)
    assert not list(tmp_path.rglob("*.part"))


def test_bars_that_the_venues_candles_no_longer_hold_come_from_its_trades(kraken: KrakenRest, tmp_path: Path) -> None:
    words = ("download", "BTC/USDT", "--base-url", kraken.url, "--directory", tmp_path, "--timeframe", "1h")
    found = answer(*words, "--since", day(34), "--until", day(33))
    assert found["bars"] == 24
    assert kraken.asked("Trades")


def test_what_was_downloaded_can_be_checked_shown_and_drawn(kraken: KrakenRest, tmp_path: Path) -> None:
    words = ("download", "BTC/USDT", "--base-url", kraken.url, "--directory", tmp_path, "--timeframe", "15m")
    done = call(*words, "--since", day(3))
    assert done.exit_code == 0, done.output
    folder = next((tmp_path / "candles").rglob("*.parquet")).parent
    assert "fluxfloor backtest --candles" in " ".join(done.output.split())
    checked = call("check", folder)
    assert checked.exit_code == 0, checked.output
    assert "is fit" in checked.output
    shown = answer("show", folder, "--chart", tmp_path / "bars.png")
    assert shown["timeframe"] == "15m"
    assert shown["bars"] >= 2 * 96
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_a_symbol_that_is_not_listed_names_what_is(kraken: KrakenRest, tmp_path: Path) -> None:
    done = call("download", "BTC/EUR", "--base-url", kraken.url, "--directory", tmp_path, "--since", day(2))
    assert isinstance(done.exception, FloorError)
    assert str(done.exception) == "kraken lists no BTC/EUR; it has BTC/USD, BTC/USDT"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [(("--since", "2099-01-01"), "lies between"), (("--since", "soon"), "is no day like"),
     (("--since", "2024-01-01", "--timeframe", "7m"), "is none of 1m, 5m")],
)  # fmt: skip
def test_a_download_of_nothing_is_refused(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = call("download", "BTC/USDT", "--directory", tmp_path, *words)
    assert done.exit_code != 0
    assert told in (str(done.exception) if isinstance(done.exception, FloorError) else " ".join(done.output.split()))


def test_the_check_finds_every_kind_of_broken_bar_and_ends_with_one(tmp_path: Path) -> None:
    bars = random_bars(300, 1)
    bars[50, 2] = bars[50, 3] - 1  # high below low
    bars[60, 4] = np.nan
    bars[70, 5] = -1.0
    bars[80, 1] = bars[80, 2] * 2  # opens above its high
    bars = np.delete(bars, [100, 101, 102], axis=0)
    path = tmp_path / "bad.parquet"
    path.write_bytes(to_parquet(np.vstack([bars, bars[10:11]])))
    found = answer("check", path)
    assert {name: count for name, count in found.items() if name.startswith("quarantined_")} == {
        "quarantined_high_below_low": 1, "quarantined_not_a_price": 1, "quarantined_bad_volume": 1,
        "quarantined_outside_range": 1,
    }  # fmt: skip
    assert (found["repeated"], found["rows"]) == (1, 298)
    assert found["missing"] == 3 + 4  # the broken ones are missing as well
    done = call("check", path)
    assert done.exit_code == 1
    for told in ("has bars that no one should trade on", "high below low", "3 bars missing"):
        assert told in done.output


def test_a_history_full_of_holes_says_so_first(tmp_path: Path) -> None:
    bars = random_bars(400, 1)
    path = tmp_path / "holes.csv"
    rows = ["timestamp,open,high,low,close,volume", *(",".join(map(repr, row)) for row in bars[::2].tolist()[:-1])]
    rows += [",".join(map(repr, row)) for row in bars[398:].tolist()]
    path.write_text("\n".join(rows))
    done = call("check", path, "--timeframe", "1h")
    assert done.exit_code == 0, done.output
    assert "of its bars are missing" in " ".join(done.output.split())


def test_a_file_shows_its_span_and_its_ends(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    path.write_bytes(to_parquet(random_bars(100, 1)))
    found = answer("show", path)
    assert (found["bars"], found["first"], found["timeframe"]) == (100, "2024-01-01 00:00", "1h")
    assert found["lowest"] < found["first_close"] < found["highest"]
    assert "2024-01-05 03:00" in call("show", path).output
    assert T0 + 99 * HOUR == T0 + 4 * 24 * HOUR + 3 * HOUR


def test_what_is_no_file_of_bars_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy low\nsell high\n")
    for command in ("check", "show"):
        done = call(command, path)
        assert isinstance(done.exception, FloorError)
        assert "notes.txt" in str(done.exception)
