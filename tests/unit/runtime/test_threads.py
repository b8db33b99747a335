"""One runner, many threads: what functions-framework makes of it."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fluxfloor.adapters.embedded.sqlite import Database
from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.errors import CommitUnknown, RetryLater
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime import logging as logs
from fluxfloor.runtime.runner import Outcome

from tests.support.runtime_lab import BOOK, Lab, count_one, heard

THREADS = 8


def together(work: Callable[[int], object]) -> list[object]:
    gate = threading.Barrier(THREADS)

    def run(number: int) -> object:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


@pytest.fixture(autouse=True)
def _counting(lab: Lab) -> None:
    lab.stage.on(AccountUpdated)(count_one)


def test_of_many_threads_with_one_message_one_decides(lab: Lab) -> None:
    for turn in range(10):
        fact = heard(turn)
        assert set(together(lambda _, fact=fact: lab.handle(fact))) == {Outcome.ACK}
    assert lab.find(BOOK).account_version == 10
    assert lab.runner.committed == 10
    assert {item.event_id for item in lab.bus.published} == {fact["event_id"] for fact in stated(lab)}


def stated(lab: Lab) -> list[dict[str, str]]:
    return [fact for step in lab.journal() for fact in step["facts"]]


def test_of_many_threads_with_messages_of_their_own_none_is_lost(lab: Lab) -> None:
    each = 10

    def handle(number: int) -> None:
        for turn in range(each):
            while lab.handle(heard(number * each + turn)) is Outcome.NACK:
                pass

    together(handle)
    assert lab.find(BOOK).account_version == THREADS * each
    assert lab.runner.committed == THREADS * each
    assert {item.event.message for item in lab.bus.published} == {f"counted {i + 1}" for i in range(THREADS * each)}


def test_fresh_is_at_most_one_of_many(lab: Lab) -> None:
    for turn in range(10):
        fact = heard(turn)
        taken = together(lambda _, fact=fact: lab.context.step(fact, count_one).fresh)
        assert taken.count(True) == 1


def test_secrets_are_registered_while_others_log() -> None:
    formatter = logs.CloudFormatter()
    stop = threading.Event()
    problems: list[BaseException] = []

    def write() -> None:
        while not stop.is_set():
            try:
                formatter.format(logging.LogRecord("x", 20, "", 0, "a line", (), None))
            except BaseException as problem:
                problems.append(problem)

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(300):
        logs.register_secret(f"rotating-secret-{number:04d}")
    stop.set()
    writer.join()
    assert problems == []


# --- the embedded store under pressure ---------------------------------------------------------------------------


def locked(path: Path) -> Database:
    """Another process in the middle of a write."""
    other = Database(path, "")
    other.connection.execute("BEGIN IMMEDIATE")
    return other


def test_a_busy_file_is_an_unknown_commit_and_a_mark_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxfloor.adapters.embedded.sqlite.BUSY_MS", 1)
    store = SqliteStore(tmp_path)
    ref = Ref("risk_books", "main")
    store.commit(Commit(creates={ref: {"version": 1}}))
    other = locked(tmp_path / "paper.db")
    with pytest.raises(CommitUnknown):
        store.commit(Commit(creates={Ref("risk_books", "b"): {"version": 1}}))
    with pytest.raises(RetryLater):
        store.patch(ref, {"pending": None})
    other.connection.execute("ROLLBACK")
    store.patch(ref, {"pending": None})
    assert store.read([ref])[0].data == {"version": 1, "pending": None}
    other.close()
    store.close()


def test_a_commit_that_fails_at_its_very_end_leaves_the_connection_usable(tmp_path: Path) -> None:
    schema = "CREATE TABLE a (n PRIMARY KEY); CREATE TABLE b (n REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
    database = Database(tmp_path / "x.db", schema)
    database.connection.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as connection:
        connection.execute("INSERT INTO b VALUES (1)")  # found out by COMMIT, and not before
    with database.transaction() as connection:
        connection.execute("INSERT INTO a VALUES (2)")
    assert database.connection.execute("SELECT n FROM a").fetchall() == [(2,)]
    database.close()
