"""The assembled core layer answers without compiling anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_assembled_layer_is_warm_and_stands_on_its_own(tmp_path: Path) -> None:
    command = [str(ROOT / "scripts" / "layer"), str(tmp_path / "layer"), "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["cache_misses"] == {}
    assert figures["layer"] == str(tmp_path / "layer")
    assert list((tmp_path / "layer" / "fluxfloor" / "kernels" / "__pycache__").glob("row.latest-*.nbc"))
    assert (tmp_path / "layer" / "functions" / "__init__.py").exists()
