"""The Pub/Sub and Firestore emulators of the Google Cloud SDK, started as children of this process.

The jars are run directly: behind `gcloud beta emulators …` the Java process outlives a killed parent.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fluxfloor.local.child import dying_with_this_process

HOST = "127.0.0.1"
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
FIRESTORE_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
# One client compiler and the serial collector: half the memory and start time of the defaults.
JVM_FLAGS = ("-Duser.language=en", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx1g")


class EmulatorFailed(Exception):
    """An emulator did not start; says which one and what it printed last."""


@dataclass(slots=True)
class Emulator:
    """One running emulator; `host` is "address:port" as the Google clients want it."""

    name: str
    host: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Ends it and waits for that. Harmless when it has ended already."""
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Emulators:
    """Both of them, running."""

    pubsub: Emulator
    firestore: Emulator

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment so that its Google clients talk to these."""
        return {"PUBSUB_EMULATOR_HOST": self.pubsub.host, "FIRESTORE_EMULATOR_HOST": self.firestore.host}

    def stop(self) -> None:
        self.pubsub.stop()
        self.firestore.stop()


def available() -> str | None:
    """None when both emulators can be started here, else one plain sentence on what is missing and how to get it."""
    if shutil.which("java") is None:
        return "the emulators need Java: no `java` on the PATH"
    root = sdk_root()
    if root is None:
        return "the emulators need the Google Cloud SDK: no `gcloud` on the PATH"
    missing = [
        name for name, jar in (("pubsub", _pubsub_jar(root)), ("firestore", _firestore_jar(root))) if jar is None
    ]
    if missing:
        components = " ".join(
            {"pubsub": "pubsub-emulator", "firestore": "cloud-firestore-emulator"}[m] for m in missing
        )
        return f"the Google Cloud SDK at {root} lacks an emulator: `gcloud components install {components}`"
    return None


def sdk_root() -> Path | None:
    """Where the Google Cloud SDK is installed. Looks beside `gcloud` first: asking gcloud itself takes a second."""
    command = shutil.which("gcloud")
    if command is None:
        return None
    beside = Path(command).resolve().parent.parent
    if (beside / "platform").is_dir():
        return beside
    asked = subprocess.run(
        [command, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, check=False
    )
    root = Path(asked.stdout.strip() or "/nonexistent")
    return root if root.is_dir() else None


def start(logs: Path) -> Emulators:
    """Starts both side by side and returns when both answer; their output goes to files in `logs`.

    Call it from the main thread: on Linux the children die with the *thread* that started them.
    Raises EmulatorFailed.
    """
    problem, root = available(), sdk_root()
    if problem or root is None:
        raise EmulatorFailed(problem)
    logs.mkdir(parents=True, exist_ok=True)
    pubsub = _spawn("pubsub", ["-jar", str(_pubsub_jar(root))], logs)
    firestore = _spawn("firestore", ["-cp", str(_firestore_jar(root)), FIRESTORE_MAIN, "start"], logs)
    both = Emulators(pubsub, firestore)
    try:
        for emulator in (pubsub, firestore):
            _wait_until_ready(emulator, logs)
    except BaseException:
        both.stop()
        raise
    return both


@contextmanager
def running(logs: Path) -> Iterator[Emulators]:
    """Both emulators for the length of a `with` block."""
    both = start(logs)
    try:
        yield both
    finally:
        both.stop()


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _pubsub_jar(root: Path) -> Path | None:
    return _newest(root / "platform/pubsub-emulator/lib", "cloud-pubsub-emulator-*.jar")


def _firestore_jar(root: Path) -> Path | None:
    return _newest(root / "platform/cloud-firestore-emulator", "*.jar")


def _newest(folder: Path, pattern: str) -> Path | None:
    return max(folder.glob(pattern), default=None)


def _spawn(name: str, arguments: list[str], logs: Path) -> Emulator:
    port = free_port()
    command = ["java", *JVM_FLAGS, *arguments, f"--host={HOST}", f"--port={port}"]
    with (logs / f"{name}.log").open("wb") as output:
        return Emulator(name, f"{HOST}:{port}", _child(command, output))


def _child(command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        dying_with_this_process(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches the runner, which then stops its children in order
    )


def _wait_until_ready(emulator: Emulator, logs: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if emulator.process.poll() is not None:
            break
        if _answers(emulator.host):
            return
        time.sleep(0.05)
    tail = (logs / f"{emulator.name}.log").read_text(errors="replace")[-2000:]
    raise EmulatorFailed(f"the {emulator.name} emulator did not start on {emulator.host}:\n{tail}")


def _answers(host: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{host}/", timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
