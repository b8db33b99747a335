"""Ranges of seeds from the console: kept as they finish, taken up again, and the same whoever plays them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fluxfloor.cli.main import app
from fluxfloor.errors import Misconfigured
from fluxfloor.local.chaos import campaign, house, progress, scenario, shrinking
from fluxfloor.local.chaos.campaign import Chunk
from fluxfloor.local.chaos.play import Play
from fluxfloor.local.chaos.playing import play
from typer.testing import CliRunner

from tests.chaos.test_mutations import taken_out, without_the_claim

HERE = Path(__file__).resolve().parents[2]
JOURNAL = (
    "import sys, hashlib; from fluxfloor.local.chaos.playing import journal;"
    "from fluxfloor.local.chaos.play import Play;"
    "print([hashlib.sha256(journal(Play(int(seed)))[0]).hexdigest() for seed in sys.argv[1:]])"
)


def console(*words: str) -> tuple[int, dict[str, object]]:
    done = CliRunner().invoke(app, ["chaos", *words, "--json"])
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


def test_a_seed_is_the_same_journal_in_any_process_and_in_any_order() -> None:
    def of(hash_seed: str, *seeds: str) -> list[str]:
        told = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{HERE / 'shared'}{os.pathsep}{HERE}"}
        done = subprocess.run(
            [sys.executable, "-c", JOURNAL, *seeds], env=told, cwd=HERE, check=True, capture_output=True, text=True
        )
        found: list[str] = eval(done.stdout)
        return found

    one, other = of("1", "3", "4", "5"), of("77", "5", "4", "3")
    assert one == other[::-1]
    assert len(set(one)) == 3


def test_a_past_is_lived_through_once_whatever_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "_ready", {})
    for seed in range(12):
        play(Play(seed, signals=1, venue={}, limits={}, stops="floor", two=False))
    assert len(house._ready) <= scenario.PASTS


def test_what_is_finished_is_kept_and_not_played_again(tmp_path: Path) -> None:
    file = str(tmp_path / "progress.jsonl")
    status, first = console("--seeds", "0:3", "--resume", file)
    assert (status, first["seeds"], first["skipped"], first["violations"]) == (0, 3, 0, [])
    status, more = console("--seeds", "0:5", "--resume", file)
    assert (status, more["seeds"], more["skipped"]) == (0, 2, 3)
    _, both = console("--table", "--resume", file)
    (version,) = both["versions"]  # type: ignore[misc]
    assert (version["ranges"], version["seeds"]) == ("0:5", 5)
    assert both["all"]["steps"] == first["steps"] + more["steps"]  # type: ignore[index,operator]


def test_another_version_of_the_code_plays_its_own_seeds() -> None:
    done = [Chunk(0, 50, code="now"), Chunk(70, 75, code="now")]
    assert list(campaign.chunks(range(40, 100), done)) == [(50, 70), (75, 95), (95, 100)]
    assert list(campaign.chunks(range(50), done)) == []
    rows = progress.table([*done, Chunk(0, 10, steps=5, cpu_s=2.0, code="then")])
    assert [(row["code"], row["ranges"], row["seeds"]) for row in rows] == [
        ("now", "0:50, 70:75", 55),
        ("then", "0:10", 10),
    ]


def test_a_line_that_was_cut_off_is_as_if_it_was_not_written(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    progress.add(file, Chunk(0, 20, code="a"))
    whole = file.read_text()
    file.write_text(whole + whole[:30])
    assert progress.load(file) == [Chunk(0, 20, code="a")]
    progress.add(file, Chunk(20, 40, code="a"))
    assert progress.load(file) == [Chunk(0, 20, code="a"), Chunk(20, 40, code="a")]
    file.write_text("nonsense\n" + whole)
    with pytest.raises(Misconfigured, match="line 1"):
        progress.load(file)


def test_two_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "CHUNK", 1)  # so that both have something to do
    _, one = console("--seeds", "40:42")
    _, two = console("--seeds", "40:42", "--jobs", "2")
    assert [one[name] for name in ("seeds", "steps", "handled", "faults")] == [
        two[name] for name in ("seeds", "steps", "handled", "faults")
    ]


def test_ctrl_c_keeps_every_seed_that_was_played(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    told = {**os.environ, "PYTHONPATH": f"{HERE / 'shared'}{os.pathsep}{HERE}"}
    command = [
        sys.executable,
        "-m",
        "fluxfloor.cli.main",
        "chaos",
        "--seeds",
        "0:100000",
        "--json",
        "--resume",
        str(file),
    ]
    running = subprocess.Popen(command, env=told, cwd=HERE, stdout=subprocess.PIPE, text=True)
    while not file.exists() and running.poll() is None:
        time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=120)
    found = json.loads(output.splitlines()[-1])
    assert running.returncode == 130
    assert found["interrupted"]
    assert found["seeds"] == sum(chunk.seeds for chunk in progress.load(file)) >= campaign.CHUNK


def test_a_failure_is_made_small_and_its_command_plays_it_again() -> None:
    with taken_out(without_the_claim):
        seed = next(seed for seed in range(20) if play(Play(seed)).violations)
        whole, shrunk = play(Play(seed)), shrinking.shrink(seed, most_plays=25)
        status, again = console(*shrunk.command.split()[2:-1])
    assert len(shrunk.result.history) < len(whole.history)
    assert len(shrunk.result.struck) < len(whole.struck)
    assert (status, again["violations"], again["strikes"]) == (1, shrunk.result.violations, shrunk.result.struck)


def test_what_is_needed_is_found_whatever_lies_between() -> None:
    def breaks(part: object) -> bool:
        return {3, 11, 12} <= set(part)  # type: ignore[call-overload]

    assert shrinking.ddmin(range(40), breaks) == [3, 11, 12]
    assert shrinking.ddmin(range(40), lambda part: True) == ()
    assert shrinking.ddmin([7], lambda part: 7 in part) == [7]


@pytest.mark.parametrize(
    "words", [("--seeds", "5"), ("--seeds", "9:3"), ("--seed", "3", "--webhooks", "900"), ("--table",)]
)
def test_what_can_not_be_played_is_said(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, ["chaos", *words]).exit_code == 2
