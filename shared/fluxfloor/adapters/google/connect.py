"""Opens a stage's ports on Google Cloud, or on the emulators that *_EMULATOR_HOST variables name.

Only what the topology gives the stage is opened and imported: `ingestion` pays for no Cloud Tasks client in its cold
start. What the stage does not have says so when it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from google.auth.exceptions import DefaultCredentialsError

from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Blobs, Bus, Clock, Secrets, Store, Timers
from fluxfloor.topology import STAGES, StageSpec


class Cloud(Protocol):
    """The part of the settings that says where the floor is; `stage_url` holds a "{stage}"."""

    @property
    def project(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def bucket(self) -> str: ...
    @property
    def stage_url(self) -> str: ...
    @property
    def caller(self) -> str: ...


class Floor(Protocol):
    """What is read of the settings."""

    @property
    def google(self) -> Cloud: ...
    @property
    def mode(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Opened:
    store: Store
    bus: Bus
    timers: Timers
    blobs: Blobs
    secrets: Secrets


class Unused:
    """Stands in for a port that the topology does not give the stage."""

    def __init__(self, stage: str, role: str) -> None:
        self._told = f"{stage} uses {role}, but topology gives it none"

    def __getattr__(self, name: str) -> NoReturn:
        raise Misconfigured(self._told)


def open_ports(settings: Floor, clock: Clock, stage: str) -> Opened:
    """Everything that `stage` uses. Raises Misconfigured when a setting or the credentials are missing."""
    spec, google = STAGES[stage], settings.google
    if not google.project:
        raise Misconfigured("google.project is not set")
    try:
        return Opened(
            store=_store(settings, spec, clock),
            bus=_bus(google) if spec.produces else _unused(stage, "a bus"),
            timers=_timers(google) if spec.uses_timers else _unused(stage, "timers"),
            blobs=_blobs(google) if spec.uses_blobs else _unused(stage, "blobs"),
            secrets=_secrets(google) if spec.secrets else _unused(stage, "secrets"),
        )
    except DefaultCredentialsError as problem:
        raise Misconfigured(f"no Google credentials: {problem}") from problem


def _store(settings: Floor, spec: StageSpec, clock: Clock) -> Store:
    from fluxfloor.adapters.google.store import FirestoreStore

    names = {role: settings.mode if role == "mode" else role for role in spec.databases}
    return FirestoreStore.connect(settings.google.project, names, lambda: clock.now_ms() / 1000)


def _bus(google: Cloud) -> Bus:
    from fluxfloor.adapters.google.bus import PubSubBus

    return PubSubBus.connect(google.project)


def _timers(google: Cloud) -> Timers:
    from fluxfloor.adapters.google.timers import CloudTasksTimers

    def url(stage: str) -> str:
        return google.stage_url.format(stage=stage)

    return CloudTasksTimers.connect(google.project, google.region, url, google.caller)


def _blobs(google: Cloud) -> Blobs:
    from fluxfloor.adapters.google.blobs import GcsBlobs

    if not google.bucket:
        raise Misconfigured("google.bucket is not set")
    return GcsBlobs.connect(google.project, google.bucket)


def _secrets(google: Cloud) -> Secrets:
    from fluxfloor.adapters.google.secrets import SecretManagerSecrets

    return SecretManagerSecrets.connect(google.project)


def _unused(stage: str, role: str) -> Any:
    return Unused(stage, role)
