"""What every Blobs does, on every backend.

On Google's side this is the real client against gcp-storage-emulator behind `local/cloud_storage.py`, which adds the
refusal of a broken `ifGenerationMatch`. The emulator checks no signature, so only that a link reads its blob is shown
here for both; that a link is bound to its name, time and key is shown where it can be.
"""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from fluxfloor.errors import Conflict
from fluxfloor.ports import Blobs


def test_what_is_put_is_got(blobs: Blobs) -> None:
    data = bytes(range(256)) * 100
    generation = blobs.put("candles/kraken/2026-01.parquet", data, "application/vnd.apache.parquet")
    found = blobs.get("candles/kraken/2026-01.parquet")
    assert found is not None
    assert (found.name, found.data, found.generation) == ("candles/kraken/2026-01.parquet", data, generation)


def test_an_empty_blob_is_a_blob(blobs: Blobs) -> None:
    blobs.put("empty", b"", "text/plain")
    found = blobs.get("empty")
    assert found is not None
    assert found.data == b""


def test_what_was_never_put_is_nothing(blobs: Blobs) -> None:
    assert blobs.get("nothing") is None


def test_every_write_changes_the_generation(blobs: Blobs) -> None:
    generations = {blobs.put("a", data, "text/plain") for data in (b"1", b"2", b"2")}
    assert len(generations) == 3
    assert 0 not in generations
    found = blobs.get("a")
    assert found is not None
    assert found.data == b"2"


def test_a_blob_is_made_only_once_under_generation_0(blobs: Blobs) -> None:
    blobs.put("a", b"first", "text/plain", if_generation=0)
    with pytest.raises(Conflict):
        blobs.put("a", b"second", "text/plain", if_generation=0)
    found = blobs.get("a")
    assert found is not None
    assert found.data == b"first"


def test_a_blob_that_changed_is_not_overwritten(blobs: Blobs) -> None:
    seen = blobs.put("a", b"1", "text/plain")
    now = blobs.put("a", b"2", "text/plain", if_generation=seen)
    with pytest.raises(Conflict):
        blobs.put("a", b"3", "text/plain", if_generation=seen)
    found = blobs.get("a")
    assert found is not None
    assert (found.data, found.generation) == (b"2", now)


def test_names_are_listed_by_prefix_and_sorted(blobs: Blobs) -> None:
    for name in ("b/2", "b/10", "a/1", "b/1/c", "bb"):
        blobs.put(name, b"x", "text/plain")
    assert blobs.list("b/") == ["b/1/c", "b/10", "b/2"]
    assert blobs.list("") == ["a/1", "b/1/c", "b/10", "b/2", "bb"]
    assert blobs.list("c") == []


def test_a_deleted_blob_is_gone_and_deleting_again_is_fine(blobs: Blobs) -> None:
    blobs.put("a", b"x", "text/plain")
    blobs.delete("a")
    assert blobs.get("a") is None
    assert blobs.list("") == []
    blobs.delete("a")


@pytest.mark.parametrize("name", ["exports/trades 2026.csv", "exports/čau+&?.csv"])
def test_a_link_reads_its_blob(blobs: Blobs, name: str) -> None:
    blobs.put(name, b"a,b\n1,2\n", "text/csv")
    with urllib.request.urlopen(blobs.link(name, 60), timeout=5) as answer:
        assert answer.read() == b"a,b\n1,2\n"


def test_a_link_is_for_one_name(blobs: Blobs) -> None:
    blobs.put("a", b"x", "text/plain")
    blobs.put("b", b"x", "text/plain")
    assert blobs.link("a", 60).split("?")[1] != blobs.link("b", 60).split("?")[1]


def test_a_link_to_nothing_reads_nothing(blobs: Blobs) -> None:
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(blobs.link("nothing", 60), timeout=5)
