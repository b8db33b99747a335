"""Cloud Run services, one a stage. They cost nothing while nothing comes in."""

from __future__ import annotations

from collections.abc import Iterator

import pulumi
import pulumi_gcp as gcp
from fluxfloor.topology import STAGES, StageSpec, subscribers

from infra import names
from infra.egress import leaves_by_it, leaves_through
from infra.identities import Identities
from infra.stack import Stack

SETTINGS_FOLDER = "/etc/fluxfloor"
SETTINGS_FILE = "floor.toml"
# The CPU the image's Numba cache was compiled for (kernels/_build.py). Unpinned, a newer machine would miss the cache
# and spend its first request compiling.
NUMBA_TARGET = {
    "NUMBA_CPU_NAME": "x86-64-v3",
    "NUMBA_CPU_FEATURES": (
        "+64bit,+avx,+avx2,+bmi,+bmi2,+cmov,+crc32,+cx16,+cx8,+f16c,+fma,+fxsr,+lzcnt,+mmx,+movbe,+popcnt,+sahf,"
        "+sse,+sse2,+sse3,+sse4.1,+sse4.2,+ssse3,+xsave"
    ),
}
Services = dict[str, gcp.cloudrunv2.Service]


def services(
    stack: Stack,
    people: Identities,
    settings: gcp.secretmanager.SecretVersion | None,
    subnetwork: gcp.compute.Subnetwork | None,
) -> Services:
    """By stage. A fact's readers are brought up to date before its writers, as far as the circle of facts allows."""
    running: Services = {}
    for name in consumers_first():
        after = [running[consumer] for consumer in sorted(_readers_of(name)) if consumer in running]
        running[name] = _service(stack, STAGES[name], people, settings, subnetwork, after)
    return running


def consumers_first() -> list[str]:
    """Every stage after the stages that read what it states; where facts run in a circle, it is cut where it closes."""
    order: list[str] = []
    entered: set[str] = set()

    def visit(name: str) -> None:
        if name in entered:
            return
        entered.add(name)
        for consumer in sorted(_readers_of(name)):
            visit(consumer)
        order.append(name)

    for name in STAGES:
        visit(name)
    return order


def _readers_of(name: str) -> set[str]:
    return {reader for topic in STAGES[name].produces for reader in subscribers(topic)} - {name}


def environment(stack: Stack, stage: StageSpec) -> dict[str, str]:
    """What the stage's settings read (fluxfloor.runtime.settings), and how wide its server is."""
    values = {
        "FLUXFLOOR_STAGE": stage.name,
        "FLUXFLOOR__BACKEND": "google",
        "FLUXFLOOR__MODE": stack.mode,
        "FLUXFLOOR__LIVE_CONFIRMED": "true" if stack.live else "false",
        "FLUXFLOOR__GOOGLE__PROJECT": stack.project,
        "FLUXFLOOR__GOOGLE__REGION": stack.region,
        "FLUXFLOOR__GOOGLE__BUCKET": names.bucket(stack.project),
        "FLUXFLOOR__GOOGLE__STAGE_URL": stack.url_pattern,
        "FLUXFLOOR__GOOGLE__CALLER": stack.email(names.caller_account(stage.name)),
        "FLUXFLOOR__API__PUBLIC_URL": stack.url("api"),
        "THREADS": str(stage.concurrency),
    }
    if stack.floor_file:
        values["FLUXFLOOR_SETTINGS"] = f"{SETTINGS_FOLDER}/{SETTINGS_FILE}"
    return values | (NUMBA_TARGET if stage.image == "core" else {})


def _service(
    stack: Stack,
    stage: StageSpec,
    people: Identities,
    settings: gcp.secretmanager.SecretVersion | None,
    subnetwork: gcp.compute.Subnetwork | None,
    after: list[gcp.cloudrunv2.Service],
) -> gcp.cloudrunv2.Service:
    through = leaves_through(subnetwork) if subnetwork is not None and leaves_by_it(stage) else None
    return gcp.cloudrunv2.Service(
        f"service-{stage.name}",
        name=names.service(stage.name),
        project=stack.project,
        location=stack.region,
        description=stage.does[:512],
        ingress="INGRESS_TRAFFIC_ALL" if stage.public else "INGRESS_TRAFFIC_INTERNAL_ONLY",
        # A token may name the stage or the very address that it calls.
        custom_audiences=[stack.url(stage.name), stack.internal_url(stage.name)],
        deletion_protection=False,  # a service holds no state; a stage that leaves the topology leaves the cloud
        template=gcp.cloudrunv2.ServiceTemplateArgs(
            service_account=people.runners[stage.name].email,
            # The first generation starts faster, which a webhook's sender waits for; the second computes faster.
            execution_environment=f"EXECUTION_ENVIRONMENT_GEN{1 if stage.image == 'edge' else 2}",
            max_instance_request_concurrency=stage.concurrency,
            timeout=f"{stage.timeout_s}s",
            scaling=gcp.cloudrunv2.ServiceTemplateScalingArgs(
                min_instance_count=0, max_instance_count=stage.max_instances
            ),
            containers=[_container(stack, stage, settings)],
            volumes=list(_volumes(settings)),
            vpc_access=through,
        ),
        opts=pulumi.ResourceOptions(depends_on=after),
    )


def _container(
    stack: Stack, stage: StageSpec, settings: gcp.secretmanager.SecretVersion | None
) -> gcp.cloudrunv2.ServiceTemplateContainerArgs:
    return gcp.cloudrunv2.ServiceTemplateContainerArgs(
        image=stack.images[stage.name],
        envs=[
            gcp.cloudrunv2.ServiceTemplateContainerEnvArgs(name=name, value=value)
            for name, value in environment(stack, stage).items()
        ],
        resources=gcp.cloudrunv2.ServiceTemplateContainerResourcesArgs(
            limits={"cpu": f"{stage.cpu:g}", "memory": f"{stage.memory_mb}Mi"},
            cpu_idle=True,  # paid for while a request runs, and not in between
            startup_cpu_boost=True,
        ),
        ports=gcp.cloudrunv2.ServiceTemplateContainerPortsArgs(container_port=8080),
        volume_mounts=None
        if settings is None
        else [gcp.cloudrunv2.ServiceTemplateContainerVolumeMountArgs(name="settings", mount_path=SETTINGS_FOLDER)],
    )


def _volumes(
    settings: gcp.secretmanager.SecretVersion | None,
) -> Iterator[gcp.cloudrunv2.ServiceTemplateVolumeArgs]:
    if settings is not None:
        item = gcp.cloudrunv2.ServiceTemplateVolumeSecretItemArgs(path=SETTINGS_FILE, version=settings.version)
        mounted = gcp.cloudrunv2.ServiceTemplateVolumeSecretArgs(secret=settings.secret, items=[item])
        yield gcp.cloudrunv2.ServiceTemplateVolumeArgs(name="settings", secret=mounted)
