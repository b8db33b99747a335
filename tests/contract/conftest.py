"""One fixture per port, once on the embedded adapter and once on Google's: the tests see only the port."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fluxfloor.adapters.embedded.blobs import FileBlobs
from fluxfloor.adapters.embedded.secrets import FileSecrets
from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.adapters.google.blobs import GcsBlobs
from fluxfloor.adapters.google.secrets import SecretManagerSecrets
from fluxfloor.adapters.google.store import FirestoreStore
from fluxfloor.local.cloud_storage import CloudStorageServer
from fluxfloor.local.cloud_tasks import CloudTasksServer
from fluxfloor.local.secret_manager import SecretManagerServer
from fluxfloor.ports import Blobs, Store
from fluxfloor.runtime.clock import SystemClock
from google.api_core.exceptions import DeadlineExceeded
from google.cloud import firestore

from tests.support.file_server import FileServer
from tests.support.labs import (
    BusLab,
    CloudTasksLab,
    EmbeddedBusLab,
    EmbeddedTimersLab,
    SecretsLab,
    TimersLab,
    pubsub_lab,
)
from tests.support.simulated_venue import FACADES, VenueRoom, venue_room
from tests.support.venue_door import Door

ON_EMULATORS = ("embedded", pytest.param("google", marks=pytest.mark.emulators))
ON_LOOPBACK = ("embedded", "google")
BUCKET = "floor-blobs"


@pytest.fixture
def project() -> str:
    """A project of its own per test: the emulators hold any number of them apart."""
    return f"contract-{uuid4().hex[:12]}"


# --- store ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=ON_EMULATORS)
def store(request: pytest.FixtureRequest) -> Store:
    return request.getfixturevalue(f"_{request.param}_store")


@pytest.fixture
def _embedded_store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def _google_clients(emulators: object, project: str) -> Iterator[dict[str, firestore.Client]]:
    clients = {role: firestore.Client(project=project, database=name) for role, name in _NAMES.items()}
    yield clients
    for client in clients.values():
        client.close()


_NAMES = {"edge": "edge", "mode": "paper"}


@pytest.fixture
def _google_store(_google_clients: dict[str, firestore.Client]) -> FirestoreStore:
    return FirestoreStore(_google_clients)


@pytest.fixture
def losing_answers(store: Store, request: pytest.FixtureRequest) -> Callable[[], Store]:
    """The same documents through a connection that applies a commit and then loses the answer."""
    if isinstance(store, SqliteStore):
        return lambda: _losing_sqlite(store)
    clients = request.getfixturevalue("_google_clients")
    return lambda: FirestoreStore({role: _LosingClient(client) for role, client in clients.items()})


def _losing_sqlite(store: SqliteStore) -> SqliteStore:
    for database in store._databases.values():
        database.transaction = _losing(database.transaction)  # type: ignore[method-assign]
    return store


def _losing(transaction: Callable[[], Any]) -> Callable[[], Any]:
    @contextmanager
    def applies_and_fails() -> Iterator[sqlite3.Connection]:
        with transaction() as connection:
            yield connection
        raise sqlite3.OperationalError("disk I/O error")

    return applies_and_fails


class _LosingClient:
    """What FirestoreStore uses of a client, with a wire that breaks between the commit and its answer."""

    def __init__(self, client: firestore.Client) -> None:
        self._client = client
        self._database_string = client._database_string
        self._rpc_metadata = client._rpc_metadata
        self._firestore_api = self
        self.batch_get_documents = client._firestore_api.batch_get_documents

    def commit(self, **call: Any) -> None:
        self._client._firestore_api.commit(**call)
        raise DeadlineExceeded("the answer was lost")


# --- bus and timers -------------------------------------------------------------------------------------------------


@pytest.fixture(params=ON_EMULATORS)
def bus_lab(request: pytest.FixtureRequest, tmp_path: Path, project: str) -> Iterator[BusLab]:
    if request.param == "embedded":
        yield EmbeddedBusLab(tmp_path)
        return
    request.getfixturevalue("emulators")
    with pubsub_lab(project) as lab:
        yield lab


@pytest.fixture(params=ON_LOOPBACK)
def timers_lab(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TimersLab]:
    if request.param == "embedded":
        yield EmbeddedTimersLab(tmp_path)
        return
    server = CloudTasksServer()
    monkeypatch.setenv("CLOUD_TASKS_EMULATOR_HOST", server.host)
    lab = CloudTasksLab(server)
    yield lab
    server.stop()
    lab.close()


# --- blobs and secrets ----------------------------------------------------------------------------------------------


@pytest.fixture(params=ON_LOOPBACK)
def blobs(request: pytest.FixtureRequest) -> Blobs:
    return request.getfixturevalue(f"_{request.param}_blobs")


@pytest.fixture
def _embedded_blobs(tmp_path: Path) -> Iterator[FileBlobs]:
    server = FileServer()
    server.blobs = FileBlobs(tmp_path, b"a key of this test", server.url, SystemClock())
    yield server.blobs
    server.close()


@pytest.fixture
def _google_blobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsBlobs]:
    server = CloudStorageServer(BUCKET)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    yield GcsBlobs.connect("floor", BUCKET)
    server.stop()


@pytest.fixture(params=ON_LOOPBACK)
def secrets_lab(request: pytest.FixtureRequest) -> SecretsLab:
    return request.getfixturevalue(f"_{request.param}_secrets_lab")


@pytest.fixture
def _embedded_secrets_lab(tmp_path: Path) -> SecretsLab:
    return SecretsLab(FileSecrets(tmp_path), lambda name, value: (tmp_path / name).write_text(value))


@pytest.fixture
def secret_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretManagerServer]:
    server = SecretManagerServer()
    monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", server.host)
    yield server
    server.stop()


@pytest.fixture
def _google_secrets_lab(secret_manager: SecretManagerServer) -> SecretsLab:
    return SecretsLab(SecretManagerSecrets.connect("floor"), secret_manager.add_version)


# --- venues ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=FACADES)
def room(request: pytest.FixtureRequest) -> Iterator[VenueRoom]:
    """A simulated venue over HTTP, and the real adapter that speaks to it."""
    with venue_room(request.param) as simulated:
        yield simulated


@pytest.fixture
def at(room: VenueRoom) -> Door:
    return Door(room, room.rules, room.clock.now_ms())
