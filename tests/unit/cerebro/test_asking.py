"""Asking Cerebro from the command line: the waterfall of the example, and what is said of bad files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.cli.cerebro_size import EXAMPLES
from fluxfloor.cli.main import app
from fluxfloor.contracts.decisions import Decision, Verdict
from fluxfloor.errors import Misconfigured
from typer.testing import CliRunner


def asked(folder: Path, *more: str, **changed: Any) -> Any:
    """The command on the example, with changes to its book."""
    case = json.loads((EXAMPLES / "book.json").read_bytes())
    for place, value in changed.items():
        case[place] = {**case[place], **value} if isinstance(value, dict) else value
    (folder / "book.json").write_text(json.dumps(case))
    given = ["--signal", str(EXAMPLES / "signal.json"), "--book", str(folder / "book.json"), *more]
    return CliRunner().invoke(app, ["cerebro", "size", *given])


def test_the_example_is_sized_and_every_limit_is_shown(tmp_path: Path) -> None:
    told = asked(tmp_path).output
    assert told.startswith("BUY 0.19994 ETH at about 3,000.9 USDT, because trend saw close 3,000 and ma_20 2,985.5")
    for name in ("strategy_budget     0.39988 ETH", "portfolio_cvar      0.47458 ETH", "▶ correlation"):
        assert name in told
    assert "one-day CVaR at 97.5%: 0.63% of equity before, 0.95% after" in told


def test_as_json_it_is_the_whole_decision(tmp_path: Path) -> None:
    decision = Decision.model_validate_json(asked(tmp_path, "--json").output)
    assert decision.verdict is Verdict.ACCEPTED
    assert decision.tail is not None
    assert decision.tail.days == 250


def test_the_example_can_be_written_and_asked_about(tmp_path: Path) -> None:
    command = CliRunner().invoke(app, ["cerebro", "size", "--example", str(tmp_path / "new")]).output.split()
    again = CliRunner().invoke(app, command[1:])
    assert again.output == asked(tmp_path).output


def test_a_refusal_shows_what_refused(tmp_path: Path) -> None:
    told = asked(tmp_path, book={"equity": "9700", "day_start_equity": "10000"}).output
    assert told.startswith("REFUSED ENTRY LONG ETH/USDT of trend: 3% lost today, entries stop at a loss of 2%")
    assert "✗ daily_loss" in told


def test_an_account_that_is_worth_nothing_is_told_to_be_funded(tmp_path: Path) -> None:
    told = asked(tmp_path, book={"equity": "0", "high_water": "0", "day_start_equity": "0", "cash": "0"}).output
    assert "the account is worth 0 USDT: there is nothing to risk until it is funded" in told


@pytest.mark.parametrize("value", ["NaN", "-3000", "Infinity"])
def test_a_price_that_is_none_is_named_with_its_field(tmp_path: Path, value: str) -> None:
    rules = json.loads((EXAMPLES / "book.json").read_bytes())["instruments"]
    problem = asked(tmp_path, instruments=[{**rules[0], "tick_size": value}, rules[1]]).exception
    assert isinstance(problem, Misconfigured)
    assert "instruments.0.tick_size" in str(problem)
    assert "--example FOLDER shows what belongs there" in str(problem)


def test_both_files_are_asked_for() -> None:
    problem = CliRunner().invoke(app, ["cerebro", "size"]).exception
    assert "--signal FILE and --book FILE" in str(problem)
