"""The Blobs on Cloud Storage, with its generations as preconditions and its V4 signed links."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import google.auth.transport.requests
from google.api_core import exceptions as google_errors
from google.auth import credentials as google_credentials
from google.auth import exceptions as auth_errors
from google.cloud.storage import Bucket, Client
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import exceptions as http_errors

from fluxfloor.adapters.google import faults
from fluxfloor.errors import Misconfigured, RetryLater
from fluxfloor.ports import Blob, Blobs

TIMEOUT_S = 30.0
EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"
MAX_LINK_S = 7 * 86_400  # what a V4 signature may last
_FAILED = (google_errors.GoogleAPIError, auth_errors.GoogleAuthError, http_errors.RequestException)


class GcsBlobs(Blobs):
    """One bucket.

    Links are signed with the credentials' own key where they have one. On Cloud Run they have none: then Google's IAM
    service signs, for which the stage's service account needs `roles/iam.serviceAccountTokenCreator` on itself.
    """

    def __init__(self, bucket: Bucket, timeout_s: float = TIMEOUT_S) -> None:
        self._bucket = bucket
        self._call: dict[str, Any] = {"timeout": timeout_s, "retry": DEFAULT_RETRY.with_timeout(timeout_s)}

    @classmethod
    def connect(cls, project: str, bucket: str) -> GcsBlobs:
        """With the process's own credentials, or to STORAGE_EMULATOR_HOST."""
        if not os.environ.get(EMULATOR_VARIABLE):
            return cls(Client(project=project).bucket(bucket))
        from fluxfloor.adapters.google.throwaway import ThrowawayCredentials

        return cls(Client(project=project, credentials=ThrowawayCredentials()).bucket(bucket))

    def put(self, name: str, data: bytes, content_type: str, if_generation: int | None = None) -> int:
        blob = self._bucket.blob(name)
        # With a precondition it is sent once: a repeat of a write that applied would look like somebody else's.
        once = {} if if_generation is None else {"if_generation_match": if_generation, "retry": None}
        try:
            blob.upload_from_string(data, content_type=content_type, **{**self._call, **once})
        except google_errors.PreconditionFailed as problem:
            raise faults.of_commit(problem, f"put {name}") from problem
        except _FAILED as problem:
            raise _fault(problem, f"put {name}") from problem
        return int(blob.generation)

    def get(self, name: str) -> Blob | None:
        blob = self._bucket.blob(name)
        try:
            data = blob.download_as_bytes(**self._call)
        except google_errors.NotFound:
            return None
        except _FAILED as problem:
            raise _fault(problem, f"get {name}") from problem
        return Blob(name, data, int(blob.generation))

    def list(self, prefix: str) -> list[str]:
        try:
            return sorted(blob.name for blob in self._bucket.list_blobs(prefix=prefix, **self._call))
        except _FAILED as problem:
            raise _fault(problem, f"list {prefix}") from problem

    def delete(self, name: str) -> None:
        try:
            self._bucket.blob(name).delete(**self._call)
        except google_errors.NotFound:
            return
        except _FAILED as problem:
            raise _fault(problem, f"delete {name}") from problem

    def link(self, name: str, expires_s: int) -> str:
        if not 0 < expires_s <= MAX_LINK_S:
            raise Misconfigured(f"a link may last 1 to {MAX_LINK_S} s, not {expires_s}")
        try:
            return str(
                self._bucket.blob(name).generate_signed_url(
                    version="v4", method="GET", expiration=timedelta(seconds=expires_s), **self._signer()
                )
            )
        except _FAILED as problem:
            raise _fault(problem, f"link {name}") from problem

    def _signer(self) -> dict[str, Any]:
        """What `generate_signed_url` needs to have IAM sign; nothing where the credentials sign themselves."""
        credentials = self._bucket.client._credentials
        if isinstance(credentials, google_credentials.Signing):
            return {"credentials": credentials}
        if not credentials.valid:
            credentials.refresh(google.auth.transport.requests.Request())
        email = getattr(credentials, "service_account_email", None)
        if not email:
            raise Misconfigured("links need the credentials of a service account, and these are none")
        return {"service_account_email": email, "access_token": credentials.token}


def _fault(problem: Exception, doing: str) -> Exception:
    if isinstance(problem, google_errors.GoogleAPIError):
        return faults.of_call(problem, doing)
    return RetryLater(f"{doing}: {type(problem).__name__}: {str(problem)[:300]}")
