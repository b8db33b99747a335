"""`fluxfloor cerebro min-account`, from files to the answer."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from fluxfloor.cli.main import app
from typer.testing import CliRunner

from tests.support.returns import fat_tailed

SLEEVES = "trend: {min_notional: 1000, lot_notional: 100}\ncarry: {min_notional: 5000, margin: 0.2}\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "returns.csv"
    rows = fat_tailed(2, 120)
    lines = [f"{date(2025, 1, 1) + timedelta(day)},{a},{b}" for day, (a, b) in enumerate(rows.tolist())]
    path.write_text("\n".join(["date,trend,carry", *lines]))
    return path


def test_the_least_account_comes_with_its_plans(table: Path, tmp_path: Path) -> None:
    sleeves = tmp_path / "sleeves.yaml"
    sleeves.write_text(SLEEVES)
    words = ["cerebro", "min-account", "--returns", str(table), "--sleeves", str(sleeves), "--cvar-limit", "0.02"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output.strip().splitlines()[-1])
    assert found["status"] == "optimal"
    assert found["capital"] >= 6_000.0
    assert [plan["multiple"] for plan in found["plans"]] == [1.0, 2.0, 5.0]
    assert found["money"]["carry"] >= 5_000.0 - 1e-6
    spoken = CliRunner().invoke(app, words)
    assert "least account" in spoken.output


def test_a_strategy_without_its_smallest_trade_is_refused(table: Path, tmp_path: Path) -> None:
    sleeves = tmp_path / "sleeves.yaml"
    sleeves.write_text(SLEEVES.splitlines()[0])
    done = CliRunner().invoke(
        app, ["cerebro", "min-account", "--returns", str(table), "--sleeves", str(sleeves), "--cvar-limit", "0.02"]
    )
    assert done.exit_code == 1
    assert "carry" in done.output
