"""What ships imports only what its image installs: a development machine has more, and would not notice."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from fluxfloor.topology import STAGES

ROOT = Path(__file__).parents[3]
ROOMS = ROOT / "shared" / "fluxfloor"
NOT_DEPLOYED = ("cli", "bench", "local")
CONSOLE = ("reporting",)  # its charts are drawn by the console, with what the `report` extra installs
DEVELOPMENT = {"greenlet", "gcp-storage-emulator"}  # fault simulation and the emulators, which tests run
OWN = frozenset({"fluxfloor", "functions", "infra", "schemas", "tests"})


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def installed(*extras: str) -> set[str]:
    """The distributions that a lock of these extras has, everything that they need included."""
    return {
        normal(line.partition("==")[0].strip())
        for extra in extras
        for line in (ROOT / "shared" / "locks" / f"{extra}.txt").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }


def imported(path: Path) -> Iterator[str]:
    """Top-level names, those inside functions too; not what is only there for types."""
    tree = ast.parse(path.read_text())
    typed = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typed:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def missing(files: Iterator[Path], have: set[str]) -> list[str]:
    homes = packages_distributions()
    return sorted(
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in set(imported(path)) - OWN - sys.stdlib_module_names
        if not any(normal(home) in have for home in homes.get(name, [name]))
    )


def test_what_is_deployed_imports_only_what_the_core_image_has() -> None:
    have = installed("core")
    files = (path for path in ROOMS.rglob("*.py") if path.relative_to(ROOMS).parts[0] not in (*NOT_DEPLOYED, *CONSOLE))
    assert missing(files, have) == []


def test_the_console_imports_only_what_the_demo_installs() -> None:
    files = (path for path in ROOMS.rglob("*.py") if path.relative_to(ROOMS).parts[0] != "bench")
    assert missing(files, installed("demo") | installed("edge") | DEVELOPMENT) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_what_its_image_has(stage: str) -> None:
    have = installed(STAGES[stage].image)
    assert missing((ROOT / "functions" / stage).rglob("*.py"), have) == []


def test_a_package_that_is_not_there_would_be_found() -> None:
    assert missing(iter([ROOT / "tests" / "golden" / "test_kernels_talib.py"]), installed("core"))
