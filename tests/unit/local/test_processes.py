"""What the floor of processes says before anything of it can be asked."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.local import processes


class Books:
    """Stands where a runner reads."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)

    def read(self, key: Any) -> object | None:
        return key if key.id in self.known else None


def test_it_is_open_once_the_last_portfolio_has_its_book() -> None:
    books = Books("main")
    threading.Timer(0.3, books.known.add, ["second"]).start()
    processes._wait_for_books(books, ("main", "second"))
    assert books.known == {"main", "second"}


def test_a_portfolio_without_a_book_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "BOOKS_TIMEOUT_S", 0.2)
    with pytest.raises(Misconfigured, match="no book of second, third after"):
        processes._wait_for_books(Books("main"), ("main", "second", "third"))
