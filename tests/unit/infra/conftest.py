"""Runs the Pulumi program under mocks and hands out what it declared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest
from fluxfloor.topology import STAGES
from pulumi.runtime.stack import wait_for_rpcs

from infra.floor import build
from infra.stack import Stack

PROJECT, NUMBER = "my-floor", "123456789012"
DIGEST = "sha256:" + "0123456789abcdef" * 4


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The provider deprecates its own misspelt names when it is imported; that is not ours to mend."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_gcp"))


@dataclass(frozen=True)
class Declared:
    """One resource as the engine would get it."""

    kind: str
    name: str
    inputs: dict[str, Any]

    def __getitem__(self, field: str) -> Any:
        return self.inputs[field]

    def get(self, field: str, default: Any = None) -> Any:
        return self.inputs.get(field, default)


@dataclass(frozen=True)
class Floor:
    stack: Stack
    resources: tuple[Declared, ...]

    def of(self, kind: str) -> list[Declared]:
        """Of one kind, named by the end of its type, such as "Topic" or "pubsub/topic:Topic"."""
        return [each for each in self.resources if each.kind.endswith(f"/{kind}") or each.kind.endswith(f":{kind}")]

    def one(self, name: str) -> Declared:
        (found,) = [each for each in self.resources if each.name == name]
        return found


class Recorder(pulumi.runtime.Mocks):
    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.declared.append(Declared(args.typ, args.name, dict(args.inputs)))
        return f"{args.name}-id", {**args.inputs, **_given_by_the_cloud(args)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {"number": NUMBER, "projectId": PROJECT}


def _given_by_the_cloud(args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
    if args.typ.endswith(":Account"):
        email = f"{args.inputs['accountId']}@{PROJECT}.iam.gserviceaccount.com"
        return {"email": email, "name": f"projects/{PROJECT}/serviceAccounts/{email}"}
    if args.typ.endswith(":SecretVersion"):
        return {"version": "7"}
    return {"name": args.inputs.get("name", args.name)}


def stack(**overrides: Any) -> Stack:
    images = {name: f"us-central1-docker.pkg.dev/{PROJECT}/floor/{name}@{DIGEST}" for name in STAGES}
    return Stack(**{"project": PROJECT, "project_number": NUMBER, "images": images, **overrides})


def record(program: Callable[[], None]) -> tuple[Declared, ...]:
    """What a program declares, every output resolved."""
    recorder = Recorder()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        pulumi.runtime.set_mocks(recorder, project="fluxfloor", stack="test", preview=False)
        program()
        loop.run_until_complete(wait_for_rpcs())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return tuple(recorder.declared)


@cache
def floor(*overrides: tuple[str, Any]) -> Floor:
    told = stack(**dict(overrides))
    return Floor(told, record(lambda: build(told)))


LIVE = (("mode", "live"), ("trade_real_money_in", PROJECT), ("notify_email", "desk@example.com"))


@pytest.fixture
def paper() -> Floor:
    """The default floor: paper, no fixed address, nobody to notify."""
    return floor()


@pytest.fixture(scope="session")
def floor_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("settings") / "floor.toml"
    account = '[accounts.desk]\nvenue = "kraken"\n'
    path.write_text(f'[portfolios.main]\npreset = "kraken-mvp"\naccount = "desk"\n{account}')
    return str(path)


@pytest.fixture
def live(floor_file: str) -> Floor:
    """Everything on: live, fixed address, budget, a settings file and a sender's secret."""
    return floor(
        *LIVE, ("static_egress", True), ("billing_account", "000000-111111-222222"), ("floor_file", floor_file),
        ("secrets", ("sender-tv",)),
    )  # fmt: skip


@pytest.fixture(params=["paper", "live"])
def either(request: pytest.FixtureRequest) -> Floor:
    """Each of the two, for what must hold of both."""
    found: Floor = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def make_stack() -> Callable[..., Stack]:
    return stack


@pytest.fixture
def record_program() -> Callable[[Callable[[], None]], tuple[Declared, ...]]:
    return record
