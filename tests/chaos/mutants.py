"""Random mutants of what makes orders safe, and whether any test notices.

    python -m tests.chaos.mutants [--sample 200] [--seed 1] [--part 1/2] [--only 17,203] [--json]

Every place of the rooms below where the program could plausibly be wrong in a small way is one mutant: a comparison
moved by one or turned round, `and` for `or`, a condition negated, a `not` dropped, a number off by one, another sign, a
call, `return`, `raise` or `continue` left out. `--sample` of them, drawn by `--seed`, are put one at a time into a copy
of the tree, and a short selection of the tests runs against each until one fails. What survives is for a person to
read: either it changes nothing (equivalent), or a test is missing. Numbers name mutants as long as the rooms stay as
they are; `--only` plays some again. Calls to the log, annotations and texts are left alone.

Takes a quarter of an hour for 100 on one core, so no test run includes it. README.md has what came of it.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[2]
ROOMS = ("shared/fluxfloor/runtime", "shared/fluxfloor/execution", "functions/execution")
COPIED = ("shared", "functions", "tests", "schemas", "pyproject.toml", "README.md")
LIMIT_S = 120
# The cheap ones first; the storms are for both.
OF_RUNTIME = ("tests/unit/runtime", "tests/unit/settings", "tests/contract/test_store.py",
              "tests/contract/test_decisions_at_once.py")  # fmt: skip
OF_EXECUTION = ("tests/unit/execution", "tests/property/test_execution.py")
STORMS = "tests/chaos/test_storm.py"
STORM_SEEDS = 3
EXAMPLES = 5  # of a property
PRELOADED = ("pytest", "_pytest.assertion.rewrite", "hypothesis.stateful", "pydantic", "numpy", "numba", "orjson",
             "greenlet", "werkzeug", "flask", "opentelemetry.trace", "xml.etree.ElementTree")  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: `was` at this place of `path` becomes `now`. Offsets count bytes."""

    number: int
    path: str
    line: int
    kind: str
    was: str
    now: str
    start: int
    end: int


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    fate: str  # "killed", "survived", "timeout"
    by: str = ""  # the first test that failed, or "import"
    seconds: float = 0.0


# --- making them -------------------------------------------------------------------------------------------------

_OTHER_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
_OTHER_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
Change = tuple[str, ast.AST, ast.AST]
"""Kind, the node, and what stands in its place."""


def all_mutants() -> list[Mutant]:
    """Of every room, in an order that depends on the text alone."""
    found: list[Mutant] = []
    for path in sorted(path for room in ROOMS for path in (ROOT / room).glob("*.py")):
        source = path.read_bytes()
        lines = [0]
        for line in source.splitlines(keepends=True):
            lines.append(lines[-1] + len(line))
        for kind, node, other in _changes(ast.parse(source)):
            start, end = _span(node, lines)
            was, now = source[start:end].decode(), ast.unparse(other)
            if isinstance(other, ast.expr) and not isinstance(other, ast.Constant):
                now = f"({now})"
            name = str(path.relative_to(ROOT))
            found.append(Mutant(len(found), name, getattr(node, "lineno", 0), kind, was, now, start, end))
    return found


def _span(node: ast.AST, lines: list[int]) -> tuple[int, int]:
    assert isinstance(node, (ast.expr, ast.stmt))
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset


def _changes(tree: ast.Module) -> Iterator[Change]:
    for node in _walk(tree):
        if isinstance(node, ast.expr):
            yield from _of_expression(node)
        if isinstance(node, (ast.If, ast.While, ast.IfExp)):
            yield "condition negated", node.test, ast.UnaryOp(ast.Not(), node.test)
        if isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
            yield f"{type(node).__name__.lower()} left out", node, ast.Pass()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield "call left out", node, ast.Pass()


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Without annotations, texts and the log."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr) and not _left_alone(child):
                yield from _walk(child)


def _left_alone(node: ast.AST) -> bool:
    """The log, and what is there for types only."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
        return node.test.id == "TYPE_CHECKING"
    called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "log"


def _of_expression(node: ast.expr) -> Iterator[Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _OTHER_COMPARISONS.get(type(node.ops[0]), ()):
            yield "comparison", node, ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and/or", node, ast.BoolOp(swapped, node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not dropped", node, node.operand
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign dropped", node, node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _OTHER_OPERATORS:
        yield "arithmetic", node, ast.BinOp(node.left, _OTHER_OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "truth", node, ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        for step in (1, -1):
            yield "number", node, ast.Constant(node.value + step)


# --- trying them -------------------------------------------------------------------------------------------------


def selection(mutant: Mutant | None) -> tuple[str, ...]:
    if mutant is None:
        return (*OF_RUNTIME, *OF_EXECUTION, STORMS)
    return (*(OF_RUNTIME if mutant.path.startswith(ROOMS[0]) else OF_EXECUTION), STORMS)


class Short:
    """A pytest plugin: no emulators, few examples, few seeds; notes the first test that fails."""

    def __init__(self, told: Path) -> None:
        self._told = told

    def pytest_configure(self) -> None:
        """The same examples for every mutant, and no deadline: a busy machine must not look like a test that fails."""
        settings = importlib.import_module("hypothesis").settings
        settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        settings = importlib.import_module("hypothesis").settings
        kept = []
        for item in items:
            if item.get_closest_marker("emulators") is not None or "[google" in item.name or not _few(item):
                continue
            if getattr(item.cls, "settings", None) is not None:
                item.cls.settings = settings(item.cls.settings, max_examples=EXAMPLES, derandomize=True)
            kept.append(item)
        items[:] = kept

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self._told.exists():
            self._told.write_text(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self._told.exists():
            self._told.write_text("import")


def _few(item: Any) -> bool:
    """Of the storms, the first seeds of the plain ones."""
    if item.path.name != Path(STORMS).name:
        return True
    plain = item.originalname == "test_after_any_storm_the_books_are_right_and_nothing_is_lost"
    return plain and item.callspec.params["seed"] < STORM_SEEDS


def _tried(tree: Path, mutant: Mutant | None, limit_s: float) -> Verdict:
    """Runs the selection against the mutant that is in the tree, in a fork of this process."""
    told, began = tree / "told", time.monotonic()
    told.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _run(tree, mutant, told)
    code = _wait(child, began + limit_s)
    seconds = round(time.monotonic() - began, 1)
    none = Mutant(-1, "", 0, "", "", "", 0, 0)
    if code is None:
        return Verdict(mutant or none, "timeout", seconds=seconds)
    by = told.read_text() if told.exists() else f"exit {code}"
    return Verdict(mutant or none, "killed" if code else "survived", by if code else "", seconds)


def _run(tree: Path, mutant: Mutant | None, told: Path) -> None:
    """In the child; never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(tree)
        quiet = os.open(tree / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        for name in [name for name in sys.modules if name == "tests" or name.startswith("tests.")]:
            del sys.modules[name]
        sys.path[:] = [str(tree / "shared"), str(tree), *(place for place in sys.path if Path(place) != ROOT and place)]
        sys.path[:] = [place for place in sys.path if place != str(ROOT / "shared")]
        sys.dont_write_bytecode = mutant is not None
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1" if mutant is not None else ""
        pytest = importlib.import_module("pytest")
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "--rootdir", str(tree)]
        code = int(pytest.main([*options, *selection(mutant)], plugins=[Short(told)]))
    finally:
        os._exit(code)


def _wait(child: int, until: float) -> int | None:
    """Its exit code; None where it took too long and was ended."""
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class Tree:
    """A copy of what the tests need, with one mutant in it at a time. Byte code and compiled kernels come along; every
    mutant gives its file a time of its own, so that no stale byte code is ever taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)

    def try_one(self, mutant: Mutant, limit_s: float) -> Verdict:
        path = self.folder / mutant.path
        before, times = path.read_bytes(), path.stat()
        path.write_bytes(before[: mutant.start] + mutant.now.encode() + before[mutant.end :])
        os.utime(path, (1_000_000_000 + mutant.number, 1_000_000_000 + mutant.number))
        try:
            return _tried(self.folder, mutant, limit_s)
        finally:
            path.write_bytes(before)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def play(chosen: list[Mutant], limit_s: float = LIMIT_S, trusted: bool = False) -> list[Verdict]:
    """One after another. Raises SystemExit where the selection fails on the tree as it is, unless that is `trusted`."""
    for name in PRELOADED:
        with suppress(ImportError):
            importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        sound = None if trusted else _tried(tree.folder, None, limit_s * 5)
        if sound is not None and sound.fate != "survived":
            raise SystemExit(f"without any mutant: {sound}\n{(tree.folder / 'output').read_text()[-3000:]}")
        verdicts = []
        for mutant in chosen:
            verdicts.append(tree.try_one(mutant, limit_s))
            print(_line(verdicts[-1]), file=sys.stderr, flush=True)
        return verdicts


# --- telling -----------------------------------------------------------------------------------------------------


def _line(verdict: Verdict) -> str:
    it = verdict.mutant
    change = f"{' '.join(it.was.split())[:70]} -> {' '.join(it.now.split())[:70]}"
    place = f"#{it.number} {it.path}:{it.line}"
    return f"{verdict.fate:<9}{verdict.seconds:>6} s  {place} {it.kind}: {change}  {verdict.by}"


def figures(verdicts: list[Verdict], of: int) -> dict[str, Any]:
    rooms = {room: Counter[str]() for room in ROOMS}
    for verdict in verdicts:
        rooms[str(Path(verdict.mutant.path).parent)][verdict.fate] += 1
    killers = Counter(verdict.by.partition("::")[0] for verdict in verdicts if verdict.fate == "killed")
    return {
        "mutants": of, "tried": len(verdicts), **Counter(verdict.fate for verdict in verdicts),
        "rooms": {room: dict(counts) for room, counts in rooms.items()}, "killed_by": dict(killers.most_common()),
        "survivors": [asdict(verdict.mutant) for verdict in verdicts if verdict.fate != "killed"],
        "seconds": round(sum(verdict.seconds for verdict in verdicts), 1),
    }  # fmt: skip


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Random mutants of the runtime and of execution.")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", default="1/1", help="1/2 and 2/2 are two halves of the same sample")
    parser.add_argument("--only", default="", help="numbers of mutants instead of a sample")
    parser.add_argument("--limit-s", type=float, default=LIMIT_S)
    parser.add_argument("--trusted", action="store_true", help="the selection is known to pass as it is")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    everything = all_mutants()
    if asked.only:
        chosen = [everything[int(number)] for number in asked.only.split(",")]
    else:
        chosen = Random(asked.seed).sample(everything, asked.sample)  # however many are tried, they are a fair sample
    part, parts = map(int, asked.part.split("/"))
    found = figures(play(chosen[part - 1 :: parts], asked.limit_s, asked.trusted), len(everything))
    print(json.dumps(found, indent=None if asked.json else 1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
