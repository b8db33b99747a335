"""`fluxfloor cerebro sandbox` and `ablation`, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor.cli.main import main


@pytest.fixture
def returns(tmp_path: Path) -> Path:
    drawn = np.random.default_rng(4).standard_t(4, (320, 3)) * 0.007 + [0.0009, 0.0006, 0.0004]
    days = np.datetime64("2023-01-01") + np.arange(320)
    lines = [
        "date,trend,breakout,pairs",
        *(f"{day},{','.join(map(str, row))}" for day, row in zip(days, drawn, strict=True)),
    ]
    path = tmp_path / "returns.csv"
    path.write_text("\n".join(lines))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.argv", ["fluxfloor", "cerebro", *words])
        with pytest.raises(SystemExit) as left:
            main()
    told = capsys.readouterr()
    return int(left.value.code or 0), told.out, told.err


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code, out, err = run(capsys, *words, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def test_a_tighter_limit_and_a_shock_are_answered(capsys: pytest.CaptureFixture[str], returns: Path) -> None:
    tight = answered(capsys, "sandbox", "--returns", str(returns), "--set", "cvar_limit=0.008")
    assert tight["then"]["cvar"] <= 0.008 + 1e-9 < tight["today"]["cvar"]
    shaken = answered(
        capsys, "sandbox", "--returns", str(returns), "--shock", "trend=-0.3", "--set", "cvar_limit=0.008"
    )
    code, _, _ = run(
        capsys,
        "sandbox",
        "--returns",
        str(returns),
        "--shock",
        "trend=-0.3",
        "--chart",
        str(returns.with_suffix(".png")),
    )
    assert code == 0
    assert returns.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert shaken["today"]["max_drawdown"] > tight["today"]["max_drawdown"]
    assert shaken["then"]["weights"]["trend"] < tight["then"]["weights"]["trend"]


def test_a_new_strategy_is_tried(capsys: pytest.CaptureFixture[str], returns: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    rows = returns.read_text().splitlines()
    made = np.random.default_rng(9).normal(0.003, 0.002, len(rows) - 1)
    cells = [f"{row.split(',')[0]},{x}" for row, x in zip(rows[1:], made, strict=True)]
    more.write_text("\n".join(["date,carry", *cells]))
    found = answered(capsys, "sandbox", "--returns", str(returns), "--add", str(more), "--set", "cvar_limit=0.01")
    assert found["difference"]["carry"] > 0.2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shock", "tend=-0.1"), "no such strategy"),
        (("--shock", "trend=-3"), "write trend=-0.10"),
        (("--set", "cvar_limt=0.1"), "is no key of a policy"),
    ],
)
def test_a_wish_that_makes_no_sense_is_told(
    capsys: pytest.CaptureFixture[str], returns: Path, words: tuple[str, ...], said: str
) -> None:
    code, _, err = run(capsys, "sandbox", "--returns", str(returns), *words)
    assert code != 0
    assert said in err


def test_limits_that_nothing_keeps_are_an_error_with_the_nearest(
    capsys: pytest.CaptureFixture[str], returns: Path
) -> None:
    code, out, _ = run(
        capsys, "sandbox", "--returns", str(returns), "--set", "cvar_limit=1e-6", "--set", "fully_invested=true"
    )
    assert code == 1
    assert "raise cvar_limit to" in out.replace("\n", " ")


def test_the_ablation_is_a_table_a_picture_and_json(
    capsys: pytest.CaptureFixture[str], returns: Path, tmp_path: Path
) -> None:
    words = ("ablation", "--returns", str(returns), "--train-days", "150", "--hold-days", "60")
    found = answered(capsys, *words, "--chart", str(tmp_path / "a.png"))
    assert (found["days"], found["strategies"], len(found["rows"])) == (170, 3, 7)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "equal weight" in out
    code, _, err = run(capsys, "ablation", "--returns", str(returns), "--train-days", "400")
    assert code != 0
    assert "leave none to hold" in err
