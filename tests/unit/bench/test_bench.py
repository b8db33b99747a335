"""The bench: turns, ratios of neighbours, aims, and that a wrong answer is no figure."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor.bench import row, rows, runner, venv
from fluxfloor.bench.prices import bars
from fluxfloor.cli.main import app
from fluxfloor.errors import InvariantBroken, Misconfigured
from typer.testing import CliRunner

PEERS = runner.PEERS


class Told(runner.Side):
    """A side that answers with given seconds and notes when it was asked."""

    def __init__(self, name: str, seconds: list[float], asked: list[str]) -> None:
        self.name, self.seconds, self.asked = name, seconds, asked

    def time(self, work: str, calls: int) -> float:
        self.asked.append(f"{self.name} {work} {calls}")
        return self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]


def quick(name: str = "kernel-ema") -> row.Row:
    (found,) = [one for one in rows.all_rows() if one.name == name]
    return replace(found, seconds=0.0)


def test_everybody_has_a_turn_before_anybody_has_a_second() -> None:
    asked: list[str] = []
    ours, peer = Told("ours", [0.01], asked), Told("peer", [1.0], asked)
    times = runner.take_turns({"ours": (ours, "run"), "peer": (peer, "run"), "floor": (ours, "floor")}, seconds=0.0)
    assert {name: len(values) for name, values in times.items()} == {"ours": 5, "peer": 5, "floor": 5}
    assert asked[:3] == ["ours run 1", "peer run 1", "ours floor 1"]
    assert asked[3:] == ["ours run 2", "peer run 1", "ours floor 2"] * 5


def test_a_machine_that_slows_down_for_both_leaves_their_ratio_alone() -> None:
    assert runner.paired([2.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == (2.0, (2.0, 3.0))


def test_a_row_is_held_against_its_aims() -> None:
    aims = (row.faster(3.0), row.Aim("ours_ms", 5.0), row.Aim("times_floor", 1.3), row.Aim("first_answer_s", 2.0))
    times = {"ours": [0.004, 0.004], "peer": [0.02, 0.008], "floor": [0.002, 0.002]}
    found = runner.judged(replace(quick(), aims=aims), times, {"ours": 1.0, "peer": 9.0}, {"numba": "1"})
    assert (found.ratio, found.ratio_range, found.times_floor) == (3.5, (2.0, 5.0), 2.0)
    assert [aim["met"] for aim in found.aims] == [True, True, False, True]
    assert found.aims[0]["aim"] == "ratio ≥ 3"
    assert not found.met


def test_both_sides_are_told_the_same_threads_and_the_cpu_that_ships() -> None:
    told = runner.environment(threads=1)
    assert {told[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")} == {"1"}
    assert told["NUMBA_CPU_NAME"] == "x86-64-v3"
    assert "NUMBA_DISABLE_JIT" not in told
    assert runner.environment(threads=1, interpreted=True)["NUMBA_DISABLE_JIT"] == "1"


def test_a_row_runs_in_two_processes_and_says_how_they_compare() -> None:
    found = runner.measure(quick())
    assert found.turns == 5
    assert found.peer == "interpreted"
    assert found.ratio is not None
    assert found.ratio > 1.0
    assert found.first_answer_s > 0.1
    assert set(found.versions) == {"numba", "numpy"}


def test_sides_that_disagree_have_no_figures() -> None:
    def never(ours: row.Outputs, peers: row.Outputs) -> None:
        row.agree(ours, [value + 1e-3 for value in peers])

    with pytest.raises(InvariantBroken, match="kernel-ema: the sides do not agree"):
        runner.measure(replace(quick(), same=never))


def test_a_side_that_fails_says_why() -> None:
    with pytest.raises(Misconfigured, match="KeyError: 'close'"):
        runner.measure(replace(quick(), prepare=lambda: {"open": np.ones(3)}))


def test_results_agree_only_as_far_as_they_do() -> None:
    x = np.array([1.0, np.nan])
    row.agree([x], [x * (1 + 1e-10)])
    for other in ([x * (1 + 1e-8)], [np.nan_to_num(x)], [x, x]):
        with pytest.raises(AssertionError):
            row.agree([x], other)


def test_rows_are_chosen_by_how_their_name_begins() -> None:
    assert {found.name for found in runner.chosen(["suite"])} == {"suite-10k", "suite-1m", "suite-1000x1260"}
    assert len(runner.chosen(["kernel-sma", "kernel-ema"])) == 2
    with pytest.raises(Misconfigured, match="no row is called nothing"):
        runner.chosen(["nothing"])


def test_every_row_has_a_name_of_its_own_a_peer_that_is_there_and_known_aims() -> None:
    names = [found.name for found in rows.all_rows()]
    assert len(set(names)) == len(names)
    for found in rows.all_rows():
        assert found.peer in ("", "interpreted") or (PEERS / f"{found.peer}.py").exists(), found.name
        assert {aim.figure for aim in found.aims} <= set(row.FIGURES), found.name


@pytest.mark.parametrize("path", sorted(PEERS.glob("*.py")), ids=lambda path: path.stem)
def test_a_peers_side_imports_nothing_of_ours(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        assert not [name for name in names if name.startswith(("fluxfloor", "functions", "."))]


def test_bars_of_the_bench_are_bars() -> None:
    made = bars(5_000)
    assert all(column.shape == (5_000,) and np.isfinite(column).all() for column in made.values())
    assert (made["high"] >= np.maximum(made["open"], made["close"])).all()
    assert (made["low"] <= np.minimum(made["open"], made["close"])).all()
    np.testing.assert_array_equal(made["close"], bars(5_000)["close"])


def test_peers_without_a_lock_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venv, "LOCK", tmp_path / "peers.txt")
    with pytest.raises(Misconfigured, match="needs a checkout"):
        venv.peers_python()


def test_the_peers_venv_is_made_once_for_a_lock_and_anew_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(venv, "LOCK", tmp_path / "peers.txt")
    monkeypatch.setattr(venv, "HOME", tmp_path)
    monkeypatch.setattr(venv, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(venv, "_run", lambda *command: commands.append(command))
    for text, runs in (("one", 2), ("one", 2), ("two", 4)):
        venv.LOCK.write_text(text)
        assert venv.peers_python() == tmp_path / "bin" / "python"
        assert len(commands) == runs
    assert "--require-hashes" in commands[1]


def test_the_command_prints_a_table_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(found: row.Row) -> runner.Measured:
        times: dict[str, list[float]] = {"ours": [1e-3], "peer": [5e-3], "floor": [1e-3]}
        return runner.judged(found, times, {"ours": 1.0, "peer": 2.0}, {"ta-lib": "9"})

    monkeypatch.setattr(runner, "measure", told)
    shown = CliRunner().invoke(app, ["bench", "--only", "suite-1m"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "ta-lib 9" in shown.output
    assert "met" in shown.output
    assert "the floor is" in shown.output
    raw: dict[str, Any] = json.loads(CliRunner().invoke(app, ["bench", "--json", "--only", "suite-1m"]).stdout)
    assert raw["target"] == "x86-64-v3"
    assert [(one["name"], one["ratio"], one["met"]) for one in raw["rows"]] == [("suite-1m", 5.0, True)]
