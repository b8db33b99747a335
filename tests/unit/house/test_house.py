"""The house as it must stay: what the folders, the map and the README promise."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.events import EVENTS
from fluxfloor.local.picture import mermaid
from fluxfloor.topology import QUERIES, STAGES, TOPICS, subscribers

ROOT = Path(__file__).resolve().parents[3]
NUMERICS = ("numba", "numpy", "pandas", "scipy", "pyarrow", "ccxt")


def documents(kind: type[Document] = Document) -> list[type[Document]]:
    return [found for child in kind.__subclasses__() for found in (child, *documents(child))]


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_a_folder_with_a_short_main_and_a_readme(stage: str) -> None:
    folder = ROOT / "functions" / stage
    assert len((folder / "main.py").read_text().splitlines()) < 45
    assert (folder / "README.md").read_text().startswith(f"# {stage}")


def test_the_readme_shows_the_topology_as_it_is() -> None:
    assert mermaid() in (ROOT / "README.md").read_text()


def test_every_topic_is_stated_and_heard_and_carries_a_known_event() -> None:
    carried = {event.topic() for event in EVENTS.values()}
    for topic in TOPICS:
        assert subscribers(topic), f"nobody hears {topic}"
        assert [stage.name for stage in STAGES.values() if topic in stage.produces], f"nobody states {topic}"
        assert topic in carried


def declared_documents() -> list[type[Document]]:
    import fluxfloor.contracts

    for module in pkgutil.iter_modules(fluxfloor.contracts.__path__, "fluxfloor.contracts."):
        importlib.import_module(module.name)
    return documents()


def test_every_document_has_one_owner_that_is_a_stage() -> None:
    owners = {kind.collection: kind.owner for kind in declared_documents()}
    assert set(owners.values()) <= {*STAGES, "*", "paper"}
    assert [name for name, owner in owners.items() if owner == "*"] == ["halts"]


def test_the_infrastructure_knows_every_module_that_declares_documents() -> None:
    from infra.stores import _MODULES

    declared = {kind.__module__ for kind in declared_documents() if kind.__module__.startswith("fluxfloor.contracts.")}
    assert declared == {module.__name__ for module in _MODULES}


def test_no_query_shape_is_declared_twice() -> None:
    assert len(set(QUERIES)) == len(QUERIES)


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES.values() if stage.image == "edge"])
def test_a_stage_on_the_edge_image_loads_no_numerics(stage: str) -> None:
    code = f"import functions.{stage}.main, sys, json; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert [name for name in NUMERICS if name in loaded] == []


def test_every_lock_pins_by_hash_and_names_no_address() -> None:
    for lock in (ROOT / "shared" / "locks").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text
        assert "index-url" not in text
        assert text.count("==") <= text.count("--hash=sha256:")
