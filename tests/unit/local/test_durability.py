"""How much a commit outlives is a choice; that it is all or nothing is not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from fluxfloor.adapters.embedded.sqlite import Database, Durability
from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.errors import Conflict
from fluxfloor.local.floor import Floor
from fluxfloor.local.simulating import Passing
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import Settings


@pytest.mark.parametrize("durability", [kind for kind in Durability if kind is not Durability.MEMORY])
def test_a_commit_that_conflicts_leaves_nothing_of_itself(tmp_path: Path, durability: Durability) -> None:
    store = SqliteStore(tmp_path, durability=durability)
    first, second = Ref("things", "a"), Ref("things", "b")
    store.commit(Commit(creates={second: {"n": 1}}))
    with pytest.raises(Conflict):
        store.commit(Commit(creates={first: {"n": 2}, second: {"n": 2}}))
    assert [found.data for found in store.read([first, second])] == [None, {"n": 1}]
    store.close()
    assert SqliteStore(tmp_path).read([second])[0].data == {"n": 1}


@pytest.mark.parametrize(
    ("durability", "journal", "synchronous"),
    [
        (Durability.DISK, "wal", 2),
        (Durability.PROCESS, "wal", 1),
        (Durability.NONE, "memory", 0),
        (Durability.MEMORY, "memory", 0),
    ],
)
def test_each_is_what_sqlite_is_told(tmp_path: Path, durability: Durability, journal: str, synchronous: int) -> None:
    database = Database(tmp_path / "x.db", "", durability)
    told = [database.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert told == [journal, synchronous]


def test_only_a_simulated_floor_is_not_meant_to_last(tmp_path: Path) -> None:
    lasting = Floor(tmp_path / "a", Settings(), VirtualClock(0), stages=("dashboard",))
    passing = Passing(tmp_path / "b", Settings(), VirtualClock(0), stages=("dashboard",))
    for floor in (lasting, passing):
        floor.close()
    with sqlite3.connect(tmp_path / "a" / "paper.db") as one, sqlite3.connect(tmp_path / "b" / "paper.db") as other:
        assert one.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert other.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


def test_in_memory_no_file_is_written_and_a_conflict_leaves_nothing_either(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "nowhere", durability=Durability.MEMORY)
    first, second = Ref("things", "a"), Ref("things", "b")
    store.commit(Commit(creates={second: {"n": 1}}))
    with pytest.raises(Conflict):
        store.commit(Commit(creates={first: {"n": 2}, second: {"n": 2}}))
    assert [found.data for found in store.read([first, second])] == [None, {"n": 1}]
    assert not list(tmp_path.iterdir())


def test_a_copy_is_what_the_other_was_and_goes_its_own_way() -> None:
    one, other = (SqliteStore(Path(), durability=Durability.MEMORY) for _ in range(2))
    ref, later = Ref("things", "a"), Ref("things", "b")
    one.commit(Commit(creates={ref: {"n": 1}}))
    one.copy_to(other)
    one.commit(Commit(creates={later: {"n": 2}}))
    assert [found.data for found in other.read([ref, later])] == [{"n": 1}, None]
