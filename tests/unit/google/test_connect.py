"""Opening a stage's ports on Google."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fluxfloor.adapters.google.connect import Unused, open_ports
from fluxfloor.adapters.google.timers import CloudTasksTimers
from fluxfloor.errors import Misconfigured
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import GoogleSettings, Settings
from fluxfloor.topology import STAGES

HOSTS = ("PUBSUB", "FIRESTORE", "CLOUD_TASKS", "SECRET_MANAGER")
SETTINGS = Settings(google=GoogleSettings(project="floor", bucket="blobs", stage_url="https://{stage}.example"))


@pytest.fixture(autouse=True)
def _emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in HOSTS:
        monkeypatch.setenv(f"{service}_EMULATOR_HOST", "127.0.0.1:9")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_gets_what_the_topology_gives_it_and_no_more(stage: str) -> None:
    opened, spec = open_ports(SETTINGS, VirtualClock(0), stage), STAGES[stage]
    used = {role for role in ("bus", "timers", "blobs", "secrets") if not isinstance(getattr(opened, role), Unused)}
    given = {
        "bus": bool(spec.produces), "timers": spec.uses_timers, "blobs": spec.uses_blobs,
        "secrets": bool(spec.secrets),
    }  # fmt: skip
    assert used == {role for role, wanted in given.items() if wanted}


def test_what_a_stage_was_not_given_says_so() -> None:
    with pytest.raises(Misconfigured, match="ingestion uses timers"):
        open_ports(SETTINGS, VirtualClock(0), "ingestion").timers.set([])


def test_timers_find_a_stage_by_the_setting() -> None:
    timers = open_ports(SETTINGS, VirtualClock(0), "execution").timers
    assert isinstance(timers, CloudTasksTimers)
    assert timers._url_of_stage("execution") == "https://execution.example"


@pytest.mark.parametrize("missing", ["project", "bucket"])
def test_a_missing_setting_is_named(missing: str) -> None:
    google = SETTINGS.google.model_copy(update={missing: ""})
    with pytest.raises(Misconfigured, match=f"google.{missing}"):
        open_ports(SETTINGS.model_copy(update={"google": google}), VirtualClock(0), "exports")


def test_a_machine_without_credentials_is_misconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(Misconfigured, match="credentials"):
        open_ports(SETTINGS, VirtualClock(0), "ingestion")


def test_ingestion_imports_nothing_it_does_not_use() -> None:
    heavy = ("numpy", "numba", "pandas", "scipy", "ccxt", "pyarrow", "google.cloud.tasks_v2", "google.cloud.storage")
    program = f"""
import sys
from fluxfloor.adapters.google.connect import open_ports
from fluxfloor.runtime.clock import SystemClock
from fluxfloor.runtime.settings import GoogleSettings, Settings
open_ports(Settings(google=GoogleSettings(project="floor")), SystemClock(), "ingestion")
print([name for name in {heavy!r} if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
