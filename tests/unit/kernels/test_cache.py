"""The compile cache: hit by the next process, never stale, usable where it cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def run(package: Path) -> tuple[float, int, str]:
    env = {**os.environ, "PYTHONPATH": str(package.parent.parent)}
    done = subprocess.run([sys.executable, "-c", RUN], env=env, check=True, capture_output=True, text=True)
    answer, misses, directory = json.loads(done.stdout)
    return answer, misses, directory


def test_the_second_process_compiles_nothing_and_an_edited_helper_is_never_stale(package: Path) -> None:
    assert run(package) == (1.0, 1, str(package / "__pycache__"))
    assert run(package)[:2] == (1.0, 0)
    helper = package / "returns.py"
    helper.write_text(helper.read_text().replace("np.log(close[i]", "2.0 * np.log(close[i]"))
    assert run(package)[:2] == (2.0, 1)
    assert run(package)[:2] == (2.0, 0)


def test_warming_leaves_no_public_kernel_cold() -> None:
    warm.warm()
    assert warm.cold() == []


def test_a_cache_that_cannot_be_written_is_copied_and_stays_warm(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "row.latest-1.nbi").write_bytes(b"warm")
    monkeypatch.setattr(_build, "HOME", package)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(_build.tempfile, "mkdtemp", lambda prefix: str(tmp_path / "own"))
    directory = _build.cache_directory.__wrapped__()
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
