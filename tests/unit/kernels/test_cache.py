"""The compile cache: hit by the next process, never stale, usable where it cannot be written; and shipped warm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.kernels import _build, warm

PROBE = """
from __future__ import annotations
import numpy as np
from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.returns import log_return

@kernel
def probe(x):
    return log_return(x, np.int64(1))[-1]
"""
ELSEWHERE = """
from __future__ import annotations
import numpy as np
from fluxfloor.kernels._build import kernel
from {source} import {name} as inner

@kernel
def {own}(x):
    return {factor} * inner(x)
"""
RUN_ELSEWHERE = """
import json, numpy as np
from fluxfloor.loops.loop import loop
from fluxfloor.kernels import warm
print(json.dumps([loop(np.exp(np.arange(4.0))), warm.misses(), ""]))
"""
RUN = """
import json, numpy as np
from fluxfloor.kernels.probe import probe
from fluxfloor.kernels import warm
answer = probe(np.exp(np.arange(4.0)))
print(json.dumps([answer, warm.misses().get("probe", 0), str(warm.cache_directory())]))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the kernels with one more, which calls a kernel of another file."""
    home = tmp_path / "fluxfloor"
    shutil.copytree(_build.HOME, home / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "__init__.py").touch()
    (home / "kernels" / "probe.py").write_text(PROBE)
    return home / "kernels"


def run(package: Path, code: str = RUN) -> tuple[float, Any, str]:
    env = {**os.environ, "PYTHONPATH": str(package.parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    answer, misses, directory = json.loads(done.stdout)
    return answer, misses, directory


def test_the_second_process_compiles_nothing_and_an_edited_helper_is_never_stale(package: Path) -> None:
    assert run(package) == (1.0, 1, str(package / "__pycache__"))
    assert run(package)[:2] == (1.0, 0)
    helper = package / "returns.py"
    helper.write_text(helper.read_text().replace("np.log(close[i]", "2.0 * np.log(close[i]"))
    assert run(package)[:2] == (2.0, 1)
    assert run(package)[:2] == (2.0, 0)


def test_a_kernel_of_another_room_is_cached_there_and_stale_when_any_room_it_calls_into_changes(package: Path) -> None:
    house = package.parent
    for room in ("plans", "loops"):
        (house / room).mkdir()
        (house / room / "__init__.py").touch()
    plan, loop = house / "plans" / "plan.py", house / "loops" / "loop.py"
    plan.write_text(ELSEWHERE.format(source="fluxfloor.kernels.probe", name="probe", own="plan", factor=2.0))
    loop.write_text(ELSEWHERE.format(source="fluxfloor.plans.plan", name="plan", own="loop", factor=5.0))
    helper = package / "returns.py"
    assert run(package, RUN_ELSEWHERE)[:2] == (
        10.0,
        {"log_return": 1, "probe": 1, "plans.plan.plan": 1, "loops.loop.loop": 1},
    )
    assert run(package, RUN_ELSEWHERE)[:2] == (10.0, {})
    assert list((house / "loops" / "__pycache__").glob("loop.loop-*.nbc"))
    assert list((house / "plans" / "__pycache__").glob("plan.plan-*.nbc"))
    plan.write_text(plan.read_text().replace("2.0", "3.0"))
    assert run(package, RUN_ELSEWHERE)[:2] == (15.0, {"plans.plan.plan": 1, "loops.loop.loop": 1})
    helper.write_text(helper.read_text().replace("np.log(close[i]", "2.0 * np.log(close[i]"))
    answer, misses, _ = run(package, RUN_ELSEWHERE)
    assert answer == 30.0
    assert {"plans.plan.plan", "loops.loop.loop", "probe", "log_return"} == set(misses)
    assert run(package, RUN_ELSEWHERE)[:2] == (30.0, {})


def test_a_function_that_no_file_holds_is_compiled_all_the_same() -> None:
    space: dict[str, Any] = {"__name__": "fluxfloor.example", "kernel": _build.kernel}
    exec(compile("@kernel\ndef twice(x):\n    return 2.0 * x", "nowhere.py", "exec"), space)
    assert space["twice"](4.0) == 8.0
    assert "example.twice" in _build.KERNELS
    del _build.KERNELS["example.twice"]


FUSED = """
from __future__ import annotations
from fluxfloor.kernels._build import fused_kernel, kernel

@kernel
def inner(x, y, z):
    return x * y + z

@fused_kernel
def probe(x):
    return inner(x[1], x[1], x[0])
"""
RUN_FUSED = """
import json, numpy as np
from fluxfloor.kernels.probe import inner, probe
x = np.array([-1.0, 1.0 + 2.0**-30])
probe(x)
print(json.dumps([inner(x[1], x[1], x[0]), 0, ""]))
"""


def test_a_kernel_rounds_the_same_whoever_called_it_first(package: Path) -> None:
    (package / "probe.py").write_text(FUSED)
    x = 1.0 + 2.0**-30
    assert run(package, RUN_FUSED)[0] == x * x - 1.0


def test_warming_leaves_no_public_kernel_cold() -> None:
    warm.warm()
    assert warm.cold() == []


def test_the_warming_program_says_what_it_compiled_and_proves_the_next_one_compiles_nothing(tmp_path: Path) -> None:
    warm.warm()
    home = tmp_path / "fluxfloor"
    shutil.copytree(_build.HOME, home / "kernels", ignore=shutil.ignore_patterns("*.pyc", "windows.sma-*"))
    (home / "plans").mkdir()
    for package in (home, home / "plans"):
        (package / "__init__.py").touch()
    source = ELSEWHERE.format(source="fluxfloor.kernels.windows", name="rolling_median", own="plan", factor=2.0)
    source = source.replace("inner(x)", "inner(x, 2)[-1]")
    (home / "plans" / "warm.py").write_text(source + "\ndef warm():\n    plan(np.exp(np.arange(4.0)))\n")
    command = [sys.executable, "-m", "fluxfloor.kernels.warm", "--prove", "fluxfloor.plans.warm"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    cold, warmed = (subprocess.run(command, env=env, check=False, capture_output=True, text=True) for _ in range(2))
    assert cold.returncode == 1
    busy, wrong = cold.stderr.splitlines()
    assert busy.startswith("compiling kernels")
    assert wrong == "the cache was not warm"
    assert all(f" {name}" in cold.stdout for name in ("plans.warm.plan", "sma"))
    assert " suite" not in cold.stdout
    assert (warmed.returncode, warmed.stdout) == (0, "compiled: nothing, all were in the cache\n")


def test_a_cache_that_cannot_be_written_is_copied_and_stays_warm(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "row.latest-1.nbi").write_bytes(b"warm")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(_build.tempfile, "mkdtemp", lambda prefix: str(tmp_path / "own"))
    directory = _build.cache_directory.__wrapped__(package)
    assert directory == tmp_path / "own"
    assert (directory / "row.latest-1.nbi").read_bytes() == b"warm"


def test_the_target_is_pinned_where_this_machine_can_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    able = dict.fromkeys((name[1:] for name in _build.CPU_FEATURES.split(",")), True)
    for host, expected in ((able, _build.CPU_NAME), ({**able, "avx2": False}, None), ({}, None)):
        monkeypatch.setattr(os, "environ", {})
        monkeypatch.setattr(_build.llvm, "get_host_cpu_features", lambda host=host: host)
        _build.pin_target()
        assert os.environ.get("NUMBA_CPU_NAME") == expected
    monkeypatch.setattr(os, "environ", {"NUMBA_CPU_NAME": "generic"})
    monkeypatch.setattr(_build.llvm, "get_host_cpu_features", lambda: able)
    _build.pin_target()
    assert os.environ == {"NUMBA_CPU_NAME": "generic"}


# --- the layer that ships it -------------------------------------------------------------------------------------


def test_the_assembled_layer_is_warm_and_stands_on_its_own(tmp_path: Path) -> None:
    command = [str(Path(__file__).parents[3] / "scripts" / "layer"), str(tmp_path / "layer"), "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["cache_misses"] == {}
    assert figures["layer"] == str(tmp_path / "layer")
    assert list((tmp_path / "layer" / "fluxfloor" / "kernels" / "__pycache__").glob("row.latest-*.nbc"))
    assert (tmp_path / "layer" / "functions" / "__init__.py").exists()
