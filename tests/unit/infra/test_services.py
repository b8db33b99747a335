"""Cloud Run services: sized, closed and told what the topology and the stack say."""

from __future__ import annotations

import pytest
from fluxfloor.kernels import _build
from fluxfloor.runtime import settings
from fluxfloor.topology import INTERNAL_PATH, STAGES, subscribers

from infra.services import consumers_first

EVERY = pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)


def template(floor, stage):
    return floor.one(f"service-{stage}")["template"]


def told(floor, stage):
    (container,) = template(floor, stage)["containers"]
    return {each["name"]: each["value"] for each in container["envs"]}


def test_there_is_one_service_a_stage(either):
    assert {each["name"] for each in either.of("cloudrunv2/service:Service")} == set(STAGES)


@EVERY
def test_a_service_is_sized_as_the_topology_says(paper, stage):
    found = template(paper, stage.name)
    (container,) = found["containers"]
    assert container["resources"] == {
        "limits": {"cpu": f"{stage.cpu:g}", "memory": f"{stage.memory_mb}Mi"}, "cpuIdle": True, "startupCpuBoost": True,
    }  # fmt: skip
    assert found["scaling"] == {"minInstanceCount": 0, "maxInstanceCount": stage.max_instances}
    assert found["maxInstanceRequestConcurrency"] == stage.concurrency
    assert found["timeout"] == f"{stage.timeout_s}s"


@EVERY
def test_a_service_runs_its_own_image_by_digest(paper, stage):
    (container,) = template(paper, stage.name)["containers"]
    assert container["image"] == paper.stack.images[stage.name]
    assert f"/{stage.name}@sha256:" in container["image"]


@EVERY
def test_only_public_stages_take_calls_from_outside(either, stage):
    ingress = either.one(f"service-{stage.name}")["ingress"]
    assert ingress == ("INGRESS_TRAFFIC_ALL" if stage.name in ("ingestion", "api") else "INGRESS_TRAFFIC_INTERNAL_ONLY")


@EVERY
def test_half_a_gigabyte_is_enough_for_the_environment_it_starts_in(paper, stage):
    second = template(paper, stage.name)["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN2"
    assert second is (stage.image == "core")
    assert not second or stage.memory_mb >= 512


@EVERY
def test_the_environment_is_what_the_stage_s_settings_read(either, stage, monkeypatch):
    for name, value in told(either, stage.name).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("FLUXFLOOR_SETTINGS", raising=False)  # where the file is mounted there, it is not here
    read = settings.load(either.stack.floor_file or None)
    assert (read.backend, read.mode) == ("google", either.stack.mode)
    assert (read.google.project, read.google.region) == ("my-floor", "us-central1")
    assert read.google.bucket == either.one("blobs")["name"]
    assert read.google.caller == f"call-{stage.name}@my-floor.iam.gserviceaccount.com"
    assert read.google.verify_internal_calls
    assert read.google.stage_url.replace("{stage}", stage.name) == either.stack.url(stage.name)


@EVERY
def test_only_the_core_image_is_told_which_cpu_its_cache_was_compiled_for(paper, stage):
    target = {name: value for name, value in told(paper, stage.name).items() if name.startswith("NUMBA_")}
    pinned = {"NUMBA_CPU_NAME": _build.CPU_NAME, "NUMBA_CPU_FEATURES": _build.CPU_FEATURES}
    assert target == (pinned if stage.image == "core" else {})


@EVERY
def test_a_token_for_the_stage_or_its_internal_path_is_accepted(paper, stage):
    url = paper.stack.url(stage.name)
    assert paper.one(f"service-{stage.name}")["customAudiences"] == [url, url + INTERNAL_PATH]


def test_the_server_is_as_wide_as_cloud_run_may_fill_it(paper):
    for stage in STAGES.values():
        assert told(paper, stage.name)["THREADS"] == str(stage.concurrency)


def test_a_settings_file_is_mounted_in_every_stage_at_a_fixed_version(live):
    for stage in STAGES:
        found = template(live, stage)
        (volume,) = found["volumes"]
        assert volume["secret"]["items"] == [{"path": "floor.toml", "version": "7"}]
        (mount,) = found["containers"][0]["volumeMounts"]
        assert told(live, stage)["FLUXFLOOR_SETTINGS"] == f"{mount['mountPath']}/floor.toml"


def test_without_a_settings_file_nothing_is_mounted(paper):
    for stage in STAGES:
        assert not template(paper, stage).get("volumes")
        assert "FLUXFLOOR_SETTINGS" not in told(paper, stage)


def test_the_readers_of_webhook_signals_are_deployed_before_ingestion():
    order = consumers_first()
    assert sorted(order) == sorted(STAGES)
    for reader in subscribers("signals.received"):
        assert order.index(reader) < order.index("ingestion")
    for reader in subscribers("candles.closed"):
        assert order.index(reader) < order.index("market")
