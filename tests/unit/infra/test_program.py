"""The program as Pulumi runs it, and what it refuses to start with."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pulumi
import pytest
import yaml
from fluxfloor import topology
from fluxfloor.topology import STAGES, Schedule, StageSpec
from fluxfloor.webapi import sessions

import infra
from infra.floor import build
from infra.stack import Stack

FOLDER = Path(infra.__file__).parent


def test_the_program_reads_its_stack_s_configuration_and_declares_the_floor(make_stack, record_program, monkeypatch):
    images = dict(make_stack().images)
    config = {"gcp:project": "my-floor", "fluxfloor:images": json.dumps(images), "fluxfloor:region": "europe-west1"}

    def program():
        pulumi.runtime.set_all_config(config)
        runpy.run_path(str(FOLDER), run_name="__main__")  # a folder, as Pulumi does

    try:
        declared = record_program(program)
    finally:
        pulumi.runtime.set_all_config({})
    services = [each for each in declared if each.kind == "gcp:cloudrunv2/service:Service"]
    assert {each["name"] for each in services} == set(STAGES)
    assert {each["location"] for each in services} == {"europe-west1"}
    audience = "https://market-123456789012.europe-west1.run.app"
    assert audience in next(each for each in services if each["name"] == "market")["customAudiences"]


def test_no_room_hides_a_module_of_python_s_own():
    """Pulumi puts this folder first on the path: a room called secrets.py would be everybody's secrets."""
    rooms = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "__main__"}
    assert rooms & sys.stdlib_module_names == set()


def test_paper_is_what_a_stack_is_unless_it_says_otherwise(make_stack):
    assert make_stack().mode == "paper"
    assert yaml.safe_load((FOLDER / "Pulumi.yaml").read_text())["config"]["mode"]["default"] == "paper"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"mode": "live", "notify_email": "a@b"}, "trade_real_money_in = my-floor"),
        ({"mode": "live", "notify_email": "a@b", "trade_real_money_in": "other-floor"}, "trade_real_money_in"),
        ({"mode": "live", "trade_real_money_in": "my-floor"}, "notify_email"),
        ({"mode": "live", "trade_real_money_in": "my-floor", "notify_email": "a@b"}, "needs floor_file"),
        ({"trade_real_money_in": "my-floor"}, "the mode is paper"),
        ({"mode": "Live"}, "none of paper, live"),
        ({"region": "mars"}, "not a region"),
        ({"images": {}}, "images.ingestion must be a reference by digest"),
        ({"floor_file": "nowhere.toml"}, "nowhere.toml"),
        ({"secrets": ("venus-kraken",)}, "no stage may read secret 'venus-kraken'"),
    ],
)
def test_a_stack_that_contradicts_itself_is_refused_with_what_to_change(make_stack, told, reason):
    with pytest.raises(ValueError, match=reason):
        make_stack(**told)


def test_an_image_by_tag_is_refused(make_stack):
    images = {**make_stack().images, "market": "us-central1-docker.pkg.dev/my-floor/floor/market:latest"}
    with pytest.raises(ValueError, match=r"images\.market must"):
        make_stack(images=images)


def test_a_settings_file_that_the_stages_could_not_read_is_refused(make_stack, tmp_path):
    wrong = tmp_path / "floor.toml"
    wrong.write_text('[portfolios.main]\npreset = "yolo"\n')
    with pytest.raises(ValueError, match="yolo"):
        make_stack(floor_file=str(wrong))


def test_nothing_is_declared_for_a_topology_that_can_t_be_deployed(make_stack, record_program, monkeypatch):
    odd = StageSpec("odd", "", image="edge", schedules=(Schedule("often", 45, ""),))
    told = make_stack()
    monkeypatch.setitem(topology.STAGES, "odd", odd)
    with pytest.raises(ValueError, match="odd/often"):
        record_program(lambda: build(told))


def test_every_setting_of_a_stack_is_described_in_the_project_file():
    described = set(yaml.safe_load((FOLDER / "Pulumi.yaml").read_text())["config"])
    assert described == set(Stack.__dataclass_fields__) - {"project", "project_number", "images"}


def test_a_new_stack_has_room_for_the_secrets_without_which_nobody_can_log_in(make_stack):
    secrets = tuple(yaml.safe_load((FOLDER / "Pulumi.yaml").read_text())["config"]["secrets"]["default"])
    assert set(secrets) == {sessions.KEY_SECRET, sessions.PASSWORD_SECRET}
    assert make_stack(secrets=secrets).secrets == secrets


def test_a_secret_s_value_never_passes_through_the_program(live):
    for each in live.of("SecretVersion"):
        assert each.name == "floor-settings-version"
    assert [each["secretId"] for each in live.of("secretmanager/secret:Secret")] == ["sender-tv", "floor-settings"]


def test_apis_that_cost_or_open_something_are_enabled_only_when_asked_for(paper, live):
    def enabled(floor):
        return {each["service"].split(".")[0] for each in floor.of("projects/service:Service")}

    assert enabled(live) - enabled(paper) == {"compute", "billingbudgets"}
    assert {"run", "pubsub", "firestore", "cloudscheduler", "cloudtasks", "secretmanager"} <= enabled(paper)
