"""Secret Manager on loopback: secrets with versions that can be disabled, read by the real client."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import grpc
from google.cloud.secretmanager_v1.types import (
    AccessSecretVersionRequest,
    AccessSecretVersionResponse,
    ListSecretVersionsRequest,
    ListSecretVersionsResponse,
    SecretPayload,
    SecretVersion,
)

from fluxfloor.local.loopback import LoopbackServer, refuse

SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"


class SecretManagerServer:
    """`host` is for SECRET_MANAGER_EMULATOR_HOST. Every project sees the same secrets."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, list[bytes]] = {}
        self._disabled: set[tuple[str, int]] = set()
        self.accesses = 0
        for name, value in (values or {}).items():
            self.add_version(name, value)
        self._server = LoopbackServer(
            SERVICE,
            {
                "AccessSecretVersion": (self._access, AccessSecretVersionRequest, AccessSecretVersionResponse),
                "ListSecretVersions": (self._list, ListSecretVersionsRequest, ListSecretVersionsResponse),
            },
        )
        self.host = self._server.host

    def add_version(self, name: str, value: str) -> int:
        """Returns its number, counted from 1."""
        with self._lock:
            versions = self._versions.setdefault(name, [])
            versions.append(value.encode())
            return len(versions)

    def disable(self, name: str, version: int) -> None:
        with self._lock:
            self._disabled.add((name, version))

    def stop(self) -> None:
        self._server.stop()

    def _access(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.accesses += 1
        _, _, _, name, _, wanted = request.name.split("/")
        versions = self._found(name, context)
        number = len(versions) if wanted == "latest" else int(wanted)
        if not 1 <= number <= len(versions):
            refuse(context, grpc.StatusCode.NOT_FOUND, f"Secret Version [{request.name}] not found.")
        if (name, number) in self._disabled:
            refuse(
                context, grpc.StatusCode.FAILED_PRECONDITION, f"Secret Version [{request.name}] is in DISABLED state."
            )
        return AccessSecretVersionResponse(name=request.name, payload=SecretPayload(data=versions[number - 1]))

    def _list(self, request: Any, context: grpc.ServicerContext) -> Any:
        name = request.parent.rsplit("/", 1)[1]
        newest_first = range(len(self._found(name, context)), 0, -1)
        versions = [self._version(request.parent, name, number) for number in newest_first]
        if request.filter == "state:ENABLED":
            versions = [version for version in versions if version.state == SecretVersion.State.ENABLED]
        return ListSecretVersionsResponse(versions=versions[: request.page_size or None])

    def _version(self, secret: str, name: str, number: int) -> Any:
        disabled = (name, number) in self._disabled
        state = SecretVersion.State.DISABLED if disabled else SecretVersion.State.ENABLED
        return SecretVersion(name=f"{secret}/versions/{number}", state=state)

    def _found(self, name: str, context: grpc.ServicerContext) -> list[bytes]:
        with self._lock:
            versions = self._versions.get(name)
        if versions is None:
            refuse(context, grpc.StatusCode.NOT_FOUND, f"Secret [{name}] not found.")
        return versions
