"""The file that remembers which seeds were played: a line of JSON for each finished chunk, only ever added to."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fluxfloor.errors import Misconfigured
from fluxfloor.local.chaos.campaign import Chunk


def load(path: Path) -> list[Chunk]:
    """Nothing where there is no file. A last line that was cut off counts as not written; any other is an error."""
    if not path.exists():
        return []
    found, lines = [], path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines):
        if not line:
            continue
        try:
            found.append(Chunk(**json.loads(line)))
        except (TypeError, ValueError) as problem:
            if number == len(lines) - 1:
                break
            raise Misconfigured(f"{path}, line {number + 1}, is no chunk of a fault simulation: {problem}") from problem
    return found


def add(path: Path, chunk: Chunk) -> None:
    """Durable when it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)  # what was cut off
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(chunk.record(), sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def summed(chunks: Sequence[Chunk]) -> dict[str, Any]:
    """What all of them did together."""
    faults: Counter[str] = Counter()
    for chunk in chunks:
        faults.update(chunk.faults)
    cpu_s, steps = sum(chunk.cpu_s for chunk in chunks), sum(chunk.steps for chunk in chunks)
    return {
        "seeds": sum(chunk.seeds for chunk in chunks), "steps": steps,
        "handled": sum(chunk.handled for chunk in chunks), "faults": dict(sorted(faults.items())),
        "violations": [broken for chunk in chunks for broken in chunk.violations], "cpu_s": round(cpu_s, 1),
        "steps_per_s_per_core": round(steps / cpu_s) if cpu_s else 0,
    }  # fmt: skip


def table(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """One row for each version of the code, in the order in which they first ran."""
    versions = dict.fromkeys(chunk.code for chunk in chunks)
    rows = []
    for code in versions:
        own = [chunk for chunk in chunks if chunk.code == code]
        rows.append({"code": code, "ranges": _ranges(own), **summed(own)})
    return rows


def _ranges(chunks: Sequence[Chunk]) -> str:
    merged: list[list[int]] = []
    for chunk in sorted(chunks, key=lambda item: item.first):
        if merged and chunk.first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], chunk.end)
        elif chunk.seeds:
            merged.append([chunk.first, chunk.end])
    return ", ".join(f"{first}:{end}" for first, end in merged)
