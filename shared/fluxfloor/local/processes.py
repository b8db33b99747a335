"""The floor as it is deployed, on this machine: every stage its own functions-framework process, joined by Google's
emulators, with loopback servers where there is no emulator (Storage, Secret Manager, Cloud Tasks, Scheduler).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import functions
from fluxfloor.adapters.google.push import schedule_push
from fluxfloor.contracts.state import RiskBook
from fluxfloor.errors import Misconfigured
from fluxfloor.local import emulators, provision
from fluxfloor.local.child import dying_with_this_process
from fluxfloor.local.cloud_storage import CloudStorageServer
from fluxfloor.local.cloud_tasks import CloudTasksServer
from fluxfloor.local.floor import load_stage
from fluxfloor.local.secret_manager import SecretManagerServer
from fluxfloor.topology import INTERNAL_PATH, STAGES

if TYPE_CHECKING:
    from fluxfloor.runtime.runner import Runner

PROJECT = "fluxfloor-local"
BUCKET = "fluxfloor-local"
READY_TIMEOUT_S = 180.0  # twelve processes that start at once share what processors there are
BOOKS_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0


@dataclass(slots=True)
class StageProcess:
    """One stage's server. `started_s`: from the process's start to its first answer."""

    name: str
    port: int
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    _output: IO[bytes] | None = None
    _begun_s: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        source = Path(functions.__file__).parent / self.name / "main.py"
        command = [sys.executable, "-m", "functions_framework", "--source", str(source), "--target", "main"]
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        self._begun_s = time.monotonic()
        self._output = self.log.open("ab")
        self.process = subprocess.Popen(
            dying_with_this_process([*command, *address]),
            env={**self.environment, "FUNCTION_SIGNATURE_TYPE": "http"},
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        while time.monotonic() - self._begun_s < READY_TIMEOUT_S:
            if self.process is None or self.process.poll() is not None:
                raise Misconfigured(f"stage {self.name} ended while starting; see {self.log}")
            if _answers(self.url):
                self.started_s = time.monotonic() - self._begun_s
                return
            time.sleep(0.02)
        raise Misconfigured(f"stage {self.name} did not answer within {READY_TIMEOUT_S:.0f} s; see {self.log}")

    def kill(self) -> None:
        """As a machine would take it away: no goodbye, workers included."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self._output is not None:
            self._output.close()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_TIMEOUT_S)
        self.kill()


def _answers(url: str) -> bool:
    """Any answer will do, a refusal too: the stage's code is loaded by then."""
    try:
        urllib.request.urlopen(url + "/healthz", timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@dataclass(slots=True)
class ProcessFloor:
    """All stages, running."""

    stages: dict[str, StageProcess]
    tasks: CloudTasksServer
    environment: dict[str, str]
    _stopping: threading.Event = field(default_factory=threading.Event)

    def tick(self, stage: str, job: str, scheduled_ms: int | None = None) -> int:
        """Calls a scheduled job as Cloud Scheduler would; returns the HTTP status."""
        at_ms = int(time.time() * 1000) if scheduled_ms is None else scheduled_ms
        body, headers = schedule_push(stage, job, at_ms)
        request = urllib.request.Request(self.stages[stage].url + INTERNAL_PATH, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return int(response.status)
        except urllib.error.HTTPError as problem:
            return problem.code

    def run_schedules(self) -> threading.Thread:
        """Ticks every job at its times until `stop_schedules`."""
        thread = threading.Thread(target=self._tick_for_ever, name="scheduler", daemon=True)
        thread.start()
        return thread

    def stop_schedules(self) -> None:
        self._stopping.set()

    def _tick_for_ever(self) -> None:
        last_minute = int(time.time() // 60)
        while not self._stopping.wait(0.5):
            minute = int(time.time() // 60)
            for now in range(last_minute + 1, minute + 1):
                self._tick_minute(now)
            last_minute = minute

    def _tick_minute(self, minute: int) -> None:
        for name in self.stages:
            for schedule in STAGES[name].schedules:
                if minute % schedule.every_min == 0:
                    threading.Thread(target=self.tick, args=(name, schedule.job, minute * 60_000), daemon=True).start()


@contextmanager
def running(
    directory: Path, settings: Path | None, secrets: Mapping[str, str], stages: tuple[str, ...] = tuple(STAGES),
    extra: Mapping[str, str] | None = None,
) -> Iterator[ProcessFloor]:  # fmt: skip
    """Everything up, for the length of a `with` block. Call it from the main thread: children die with their parent.

    Raises Misconfigured, saying what is missing, where the emulators can't be started.
    """
    problem = emulators.available()
    if problem is not None:
        raise Misconfigured(problem)
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        both = stack.enter_context(emulators.running(directory / "emulators"))
        tasks, storage, secret_manager = CloudTasksServer(), CloudStorageServer(BUCKET), SecretManagerServer(secrets)
        for server in (tasks, storage, secret_manager):
            stack.callback(server.stop)
        ours = {
            **both.environment(),
            "CLOUD_TASKS_EMULATOR_HOST": tasks.host,
            "STORAGE_EMULATOR_HOST": storage.url,
            "SECRET_MANAGER_EMULATOR_HOST": secret_manager.host,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "FLUXFLOOR__BACKEND": "google",
            "FLUXFLOOR__GOOGLE__PROJECT": PROJECT,
            "FLUXFLOOR__GOOGLE__BUCKET": BUCKET,
            "FLUXFLOOR__GOOGLE__VERIFY_INTERNAL_CALLS": "false",
            "FLUXFLOOR_SETTINGS": str(settings) if settings else "",
        }
        environment = {**os.environ, **ours, **(extra or {})}
        floor = ProcessFloor(_processes(directory, environment, stages), tasks, environment)
        for stage in floor.stages.values():
            stack.callback(stage.stop)
            stage.start()
        with _environment(both.environment()):
            provision.provision(
                PROJECT, lambda name: floor.stages[name].url if name in floor.stages else "http://127.0.0.1:9"
            )
        for stage in floor.stages.values():
            stage.wait_until_ready()
        stack.callback(floor.stop_schedules)
        with _environment(ours):
            yield floor


def open_for_business(floor: ProcessFloor) -> None:
    """What a deployment does once: policies and senders from the settings, then catalog, bars and books.

    Returns when Cerebro has a book of every portfolio: to a signal that comes sooner it would say that it has none.
    """
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.runner import Runner
    from fluxfloor.runtime.settings import load
    from fluxfloor.webapi.settled import apply_settings
    from fluxfloor.wiring import google_ports

    api = load_stage("api")
    settings = load(floor.environment["FLUXFLOOR_SETTINGS"] or None)
    runner = Runner(api, google_ports(settings, api))
    apply_settings(Context(runner))
    for stage, job in (("market", "catalog"), ("market", "pull"), ("reconciliation", "sweep")):
        status = floor.tick(stage, job)
        if status >= 300:
            raise Misconfigured(f"{stage}'s {job} failed ({status}); see {floor.stages[stage].log}")
    _wait_for_books(runner, tuple(settings.portfolios))


def _wait_for_books(runner: Runner, portfolios: tuple[str, ...]) -> None:
    """The sweep's news of the accounts reaches Cerebro over the bus, beside whatever a sender posts meanwhile."""
    until_s = time.monotonic() + BOOKS_TIMEOUT_S
    while missing := [name for name in portfolios if runner.read(RiskBook.key(name)) is None]:
        if time.monotonic() > until_s:
            names = ", ".join(missing)
            raise Misconfigured(f"no book of {names} after {BOOKS_TIMEOUT_S:.0f} s; look into reconciliation.log")
        time.sleep(0.1)


def _processes(directory: Path, environment: Mapping[str, str], stages: tuple[str, ...]) -> dict[str, StageProcess]:
    found = {}
    for name in stages:
        port = emulators.free_port()
        own = {**environment, "FLUXFLOOR_STAGE": name, "FLUXFLOOR__GOOGLE__STAGE_URL": f"http://127.0.0.1:{port}"}
        found[name] = StageProcess(name, port, own, directory / f"{name}.log")
    return found


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Sets variables for this process's own Google clients, and takes them back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def get_json(url: str, headers: Mapping[str, str] | None = None) -> object:
    """A read of one of the floor's HTTP answers."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)
