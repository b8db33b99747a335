"""Starting and stopping the emulators."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fluxfloor.local import emulators as room

PARENT = """
import sys, time
from pathlib import Path
from fluxfloor.local.emulators import start
both = start(Path(sys.argv[1]))
print(both.pubsub.process.pid, both.firestore.process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.emulators
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_the_emulators_die_with_a_killed_parent(emulators: object, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": "shared"}
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        assert all(_alive(pid) for pid in children)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in children):
        assert time.monotonic() < deadline, "an emulator outlived its parent"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.emulators
def test_stopping_frees_the_ports_and_may_be_done_twice(emulators: object, tmp_path: Path) -> None:
    with room.running(tmp_path) as both:
        hosts = [both.pubsub.host, both.firestore.host]
        assert both.environment() == {"PUBSUB_EMULATOR_HOST": hosts[0], "FIRESTORE_EMULATOR_HOST": hosts[1]}
    both.stop()
    for host in hosts:
        address, port = host.split(":")
        with socket.socket() as probe:
            assert probe.connect_ex((address, int(port))) != 0


def test_what_is_missing_is_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def installed(*names: str) -> None:
        for name in names:
            (tmp_path / "bin").mkdir(exist_ok=True)
            (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
            (tmp_path / "bin" / name).chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "no `java`" in (room.available() or "")
    installed("java")
    assert "no `gcloud`" in (room.available() or "")
    installed("gcloud")
    (tmp_path / "platform").mkdir()
    assert "components install pubsub-emulator cloud-firestore-emulator" in (room.available() or "")
    with pytest.raises(room.EmulatorFailed, match="components install"):
        room.start(tmp_path / "logs")


def test_an_emulator_that_ends_at_once_shows_its_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("bin", "platform/pubsub-emulator/lib", "platform/cloud-firestore-emulator"):
        (tmp_path / folder).mkdir(parents=True)
    for name, body in (("java", "echo no room for a heap; exit 1"), ("gcloud", "")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "platform/pubsub-emulator/lib/cloud-pubsub-emulator-1.jar").touch()
    (tmp_path / "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar").touch()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(room.EmulatorFailed, match="no room for a heap"):
        room.start(tmp_path / "logs")
