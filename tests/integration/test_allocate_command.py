"""`fluxfloor cerebro allocate` as people type it: weights as JSON, and refusals that say what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fluxfloor.cli.main import app
from fluxfloor.errors import Misconfigured
from typer.testing import CliRunner, Result

POLICY = """
objective: max_return
cvar_alpha: 0.95
cvar_limit: 0.012
max_weight: 0.4
shrinkage: none
fully_invested: false
"""


def table() -> pd.DataFrame:
    random = np.random.default_rng(3)
    returns = random.normal(0.0005, 0.01, (260, 5)) + random.normal(0, 0.005, (260, 1))
    return pd.DataFrame(returns, columns=list("vwxyz"), index=pd.bdate_range("2024-01-01", periods=260, name="date"))


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["cerebro", "allocate", *(str(word) for word in words)])


def answer(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(*words, "--json").stdout.splitlines()[-1])
    return found


def test_csv_and_parquet_give_the_same_certified_weights(tmp_path: Path, policy: Path) -> None:
    returns = table()
    returns.to_csv(tmp_path / "returns.csv")
    returns.to_parquet(tmp_path / "returns.parquet")
    one, other = (answer("--returns", tmp_path / f"returns.{kind}", "--policy", policy) for kind in ("csv", "parquet"))
    assert one["weights"] == pytest.approx(other["weights"], abs=1e-12)
    weights = np.array([one["weights"][name] for name in returns.columns])
    losses = np.sort(-(returns.to_numpy() @ weights))[::-1]
    assert one["status"] == "optimal"
    assert one["gap"] <= 1e-9
    assert one["cvar"] == pytest.approx(losses[:13].mean()) == pytest.approx(0.012)
    assert one["expected_return"] == pytest.approx(float(returns.mean().to_numpy() @ weights))
    assert one["duals"]["cvar_limit"] > 0
    assert one["solve_ms"] > 0


def test_people_get_a_table_and_a_picture(tmp_path: Path, policy: Path) -> None:
    table().to_csv(tmp_path / "returns.csv")
    done = call("--returns", tmp_path / "returns.csv", "--policy", policy, "--chart", tmp_path / "out.png")
    assert done.exit_code == 0, done.output
    assert "Limited by cvar_limit" in done.stdout
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_an_empty_cell_is_refused_until_the_policy_says_what_it_means(tmp_path: Path, policy: Path) -> None:
    returns = table()
    returns.iloc[5, 2] = np.nan
    returns.to_csv(tmp_path / "returns.csv")
    done = call("--returns", tmp_path / "returns.csv", "--policy", policy, "--json")
    found = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == 1
    assert (found["status"], found["reason"], found["weights"]) == ("refused", "missing_days", {})
    assert "missing: drop" in found["fix"]
    assert answer("--returns", tmp_path / "returns.csv", "--policy", policy, "--set", "missing=drop")["days"] == 259


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--set", "cvar_alpha=97.5"), "write 0.975"),
        (("--set", "cvar_limits=0.01"), "cvar_limits is no key of a policy"),
        (("--objective", "best"), "max_return"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_fix(tmp_path: Path, policy: Path, words: Any, says: str) -> None:
    table().to_csv(tmp_path / "returns.csv")
    done = call("--returns", tmp_path / "returns.csv", "--policy", policy, *words)
    assert isinstance(done.exception, Misconfigured)
    assert says in str(done.exception)


def test_a_cell_that_is_no_number_is_named(tmp_path: Path, policy: Path) -> None:
    (tmp_path / "returns.csv").write_text("date,a,b\n2024-01-01,0.01,1%\n")
    done = call("--returns", tmp_path / "returns.csv", "--policy", policy)
    assert "row 2: b has '1%'" in str(done.exception)
