"""The Secrets on Secret Manager, each value kept in memory for a minute."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from typing import Any

import grpc
from google.api_core import exceptions as google
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport
from google.cloud.secretmanager_v1.types import ListSecretVersionsRequest

from fluxfloor.adapters.google import faults
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Secrets

TIMEOUT_S = 5.0
KEEP_S = 60.0
EMULATOR_VARIABLE = "SECRET_MANAGER_EMULATOR_HOST"  # ours: Google names none
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


class SecretManagerSecrets(Secrets):
    """Values stay in this object: they are in no repr, no message and no log of it."""

    def __init__(
        self,
        client: SecretManagerServiceClient,
        project: str,
        keep_s: float = KEEP_S,
        timeout_s: float = TIMEOUT_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._project = project
        self._keep_s = keep_s
        self._call: dict[str, Any] = {"retry": faults.repeating(timeout_s), "timeout": timeout_s}
        self._monotonic_s = monotonic_s
        self._kept: dict[str, tuple[float, str]] = {}

    @classmethod
    def connect(cls, project: str) -> SecretManagerSecrets:
        """With the process's own credentials, or to SECRET_MANAGER_EMULATOR_HOST."""
        return cls(secret_manager_client(), project)

    def get(self, name: str) -> str:
        kept = self._kept.get(name)
        if kept is not None and self._monotonic_s() - kept[0] < self._keep_s:
            return kept[1]
        value = self._fetch(name)
        self._kept[name] = (self._monotonic_s(), value)
        return value

    def _fetch(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise Misconfigured(f"{name!r} is not a secret's name: letters, digits, - and _ only")
        secret = f"projects/{self._project}/secrets/{name}"
        try:
            return self._newest(secret)
        except google.NotFound:
            raise Misconfigured(f"secret {name!r} is missing in project {self._project}, or has no version") from None
        except google.FailedPrecondition:
            raise Misconfigured(f"secret {name!r} has no enabled version") from None
        except google.GoogleAPIError as problem:
            raise faults.of_call(problem, f"secret {name!r}") from problem

    def _newest(self, secret: str) -> str:
        """`latest` means the newest version even when that one is disabled; then the list tells the newest enabled."""
        try:
            return self._access(f"{secret}/versions/latest")
        except google.FailedPrecondition:
            request = ListSecretVersionsRequest(parent=secret, filter="state:ENABLED", page_size=1)
            enabled = next(iter(self._client.list_secret_versions(request, **self._call)), None)
            if enabled is None:
                raise
            return self._access(enabled.name)

    def _access(self, version: str) -> str:
        answer = self._client.access_secret_version(name=version, **self._call)
        return str(answer.payload.data.decode()).strip()

    def __repr__(self) -> str:
        return f"SecretManagerSecrets({self._project!r})"


def secret_manager_client() -> SecretManagerServiceClient:
    host = os.environ.get(EMULATOR_VARIABLE)
    if not host:
        return SecretManagerServiceClient()
    return SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=grpc.insecure_channel(host)))
