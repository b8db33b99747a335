"""The build and the images, as far as they can be proved without Docker: a stand-in writes down what it is told."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from fluxfloor.kernels import _build
from fluxfloor.topology import STAGES

from infra.services import NUMBA_TARGET

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "infra" / "images"
BASES = ("edge", "core")
GIVEN_BY_CLOUD_BUILD = {"PROJECT_ID", "COMMIT_SHA", "BRANCH_NAME", "BUILD_ID", "SHORT_SHA", "LOCATION"}
BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
STEPS = {step["id"]: step for step in BUILD["steps"]}


def instructions(image):
    """(word, rest) of every Dockerfile instruction, continued lines joined."""
    text = re.sub(r"\\\n", " ", (IMAGES / f"{image}.Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines()]
    return [tuple(line.split(None, 1)) for line in lines if line and not line.startswith("#")]


def copied(image):
    """Sources that an image takes from the repository."""
    for word, rest in instructions(image):
        if word == "COPY" and "--from" not in rest:
            yield from rest.split()[:-1]


# --- the build -------------------------------------------------------------------------------------------------------


def test_the_build_tests_then_builds_then_deploys():
    assert list(STEPS) == ["test", "images", "deploy"]
    assert STEPS["images"]["waitFor"] == ["test"]
    assert STEPS["deploy"]["waitFor"] == ["images"]
    assert STEPS["test"]["script"].splitlines()[-1] == ".ci/run"


@pytest.mark.parametrize("step", STEPS)
def test_every_file_that_a_step_names_is_there(step):
    named = re.findall(r"(?<![\w./])((?:scripts|infra|shared|\.ci)/[\w./-]+)", STEPS[step]["script"])
    missing = [path for path in named if not (ROOT / path).exists()]
    assert missing == []
    commands = [
        line.split()[0] for line in STEPS[step]["script"].splitlines() if re.match(r"(scripts|infra|\.ci)/", line)
    ]
    assert [path for path in commands if not os.access(ROOT / path, os.X_OK)] == []


@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_a_readable_script_that_stops_at_its_first_error(step):
    script = STEPS[step]["script"]
    assert script.startswith("#!/usr/bin/env bash\nset -euo pipefail\n")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_every_substitution_is_declared_used_and_mapped_into_the_scripts():
    text = (ROOT / "cloudbuild.yaml").read_text()
    used = set(re.findall(r"\$\{?(_?[A-Z][A-Z_]+)", text)) - GIVEN_BY_CLOUD_BUILD
    declared = set(BUILD["substitutions"])
    assert used == declared
    assert BUILD["options"]["automapSubstitutions"] is True
    assert BUILD["options"]["dynamicSubstitutions"] is True


def test_the_build_keeps_what_a_roll_back_needs():
    (path,) = BUILD["artifacts"]["objects"]["paths"]
    assert path == ".build/images.json"
    assert '"$COMMIT_SHA" .build' in STEPS["images"]["script"]
    assert path in STEPS["deploy"]["script"]


# --- the images ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", BASES)
def test_what_a_base_image_copies_exists_and_reaches_the_builder(image):
    for source in copied(image):
        assert (ROOT / source).exists(), source
        assert reaches_the_builder(source), source


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_image_takes_exists_and_reaches_the_builder(stage):
    (source,) = copied("stage")
    assert reaches_the_builder(source)
    for folder in taken(stage):
        assert (ROOT / source / folder / "main.py").is_file()


def taken(stage):
    """The folders that end up in a stage's image: its own, and those of the stages that it carries."""
    return (stage, *STAGES[stage].carries)


def test_a_stage_image_takes_the_folders_it_is_told_and_no_other(tmp_path):
    """The very command, on folders of this test."""
    (command,) = [rest for word, rest in instructions("stage") if word == "RUN"]
    for folder in ("one", "two", "three"):
        (tmp_path / "all" / folder).mkdir(parents=True)
        (tmp_path / "all" / folder / "main.py").touch()
    script = command.replace("/tmp/", f"{tmp_path}/")
    done = subprocess.run(["sh", "-c", script], env={**os.environ, "STAGES": "one three"}, check=False)
    assert done.returncode == 0
    assert sorted(path.name for path in (tmp_path / "taken").iterdir()) == ["one", "three"]
    assert ("COPY", "--from=taken /tmp/taken /floor/functions") in instructions("stage")
    subprocess.run(["rm", "-r", tmp_path / "taken"], check=True)
    assert subprocess.run(["sh", "-c", script], env={**os.environ, "STAGES": "one lost"}, check=False).returncode != 0


def reaches_the_builder(source):
    ignore = (ROOT / ".dockerignore").read_text().split()
    assert ignore[0] == "*"
    return any(
        source == name or source.startswith(f"{name}/") for name in (line[1:] for line in ignore if line[0] == "!")
    )


@pytest.mark.parametrize("image", [*BASES, "stage"])
def test_an_image_stands_on_what_it_is_given_and_nothing_else(image):
    assert {rest.split()[0] for word, rest in instructions(image) if word == "FROM"} <= {"${PYTHON}", "${BASE}"}
    assert "ADD" not in {word for word, _ in instructions(image)}


@pytest.mark.parametrize("image", BASES)
def test_a_base_image_installs_its_lock_with_hashes_and_runs_as_nobody_special(image):
    commands = [rest for word, rest in instructions(image) if word == "RUN"]
    (install,) = [command for command in commands if "pip install" in command]
    assert "--require-hashes" in install
    assert f"shared/locks/{image}.txt" in copied(image)
    words = [word for word, _ in instructions(image)]
    assert [rest for word, rest in instructions(image) if word == "USER"] == ["floor"]
    assert "COPY" not in words[words.index("USER") :]


def test_the_core_image_compiles_for_the_cpu_that_its_services_are_told():
    settings = dict(rest.split("=", 1) for word, rest in instructions("core") if word == "ENV" and "NUMBA" in rest)
    assert settings == NUMBA_TARGET
    assert settings == {"NUMBA_CPU_NAME": _build.CPU_NAME, "NUMBA_CPU_FEATURES": _build.CPU_FEATURES}


def test_the_core_image_warms_the_cache_as_its_user_and_proves_it_in_another_process():
    after_user = instructions("core")[[word for word, _ in instructions("core")].index("USER") :]
    warm, prove = [rest for word, rest in after_user if word == "RUN"]
    rooms = "fluxfloor.strategies.warm fluxfloor.simulation.warm fluxfloor.allocation.warm"
    assert warm == f"python -m fluxfloor.kernels.warm {rooms}"
    assert prove == f"python -m fluxfloor.kernels.warm --prove {rooms}"


@pytest.mark.parametrize("image", BASES)
def test_the_python_in_an_image_s_commands_can_run(image):
    for word, rest in instructions(image):
        if word == "RUN":
            for command in re.split(r"&&|;(?=\s*python)", rest):
                check_python(shlex.split(command))


def check_python(words):
    """Modules that `python -m` or `python -c` names are there, and what the code takes from them is too."""
    if not words or not words[0].endswith("python"):
        return
    if words[1] == "-m":
        importlib.import_module(words[2])
    elif words[1] == "-c":
        tree = ast.parse(words[2])
        names = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                found = importlib.import_module(node.module)
                for alias in node.names:
                    if not hasattr(found, alias.name):
                        importlib.import_module(f"{node.module}.{alias.name}")
                    names[alias.name] = getattr(found, alias.name)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
                assert hasattr(names[node.value.id], node.attr), f"{node.value.id}.{node.attr}"


LOADS = {
    "ingestion": "",
    "features": "",
    "simulation": "from fluxfloor.local.floor import load_stage; from fluxfloor.topology import SIMULATED; "
    "print([load_stage(name).name for name in SIMULATED])",
}


@pytest.mark.parametrize("stage", LOADS)
def test_the_stage_s_entry_point_loads_its_function_from_what_the_images_copy(stage, tmp_path):
    folders = [f"functions/{folder}" for folder in taken(stage)]
    for source in (*copied(STAGES[stage].image), *folders):
        if not source.startswith("shared/locks"):
            target = tmp_path / source.removeprefix("shared/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(ROOT / source)
    (entry,) = [json.loads(rest) for word, rest in instructions("stage") if word == "ENTRYPOINT"]
    options = shlex.split(entry[2].replace("$FLUXFLOOR_STAGE", stage).split("functions-framework", 1)[1])
    source, target = options[options.index("--source") + 1], options[options.index("--target") + 1]
    code = f"import functions_framework as f; print(f.create_app({target!r}, {source!r}).name); {LOADS[stage]}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- infra/images/build and infra/deploy, with stand-ins -------------------------------------------------------------

FAKE_DOCKER = """#!/usr/bin/env python3
import hashlib, json, os, sys
with open(os.environ["ORDERS"], "a") as orders:
    orders.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1:3] == ["image", "inspect"]:
    name = sys.argv[-1]
    print(name.rsplit(":", 1)[0] + "@sha256:" + hashlib.sha256(name.encode()).hexdigest())
elif sys.argv[1] == "run":
    sys.argv = ["-c"]
    exec(json.loads(open(os.environ["ORDERS"]).read().splitlines()[-1])[-1])
else:
    print("noise that must not end up in a digest")
"""
FAKE_PULUMI = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$ORDERS"
"""


@dataclass
class Stood:
    """A folder with a stand-in on the PATH, and the orders it was given."""

    folder: Path
    orders: Path

    def run(self, *command, **env):
        path = f"{self.folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        told = {**os.environ, "PATH": path, "ORDERS": str(self.orders), "PYTHONPATH": str(ROOT / "shared"), **env}
        return subprocess.run([*map(str, command)], env=told, capture_output=True, text=True, check=True)


def stand_in(tmp_path, name, text):
    script = tmp_path / "bin" / name
    script.parent.mkdir()
    script.write_text(text)
    script.chmod(0o755)
    return Stood(script.parent, tmp_path / "orders")


@pytest.fixture
def built(tmp_path):
    docker = stand_in(tmp_path, "docker", FAKE_DOCKER)
    docker.run(ROOT / "infra/images/build", "pkg.dev/p/floor", "abc", tmp_path / "out", PYTHON="python:3.11-slim")
    orders = [json.loads(line) for line in docker.orders.read_text().splitlines()]
    return json.loads((tmp_path / "out/images.json").read_text()), orders


def build_args(order):
    return dict(order[i + 1].split("=", 1) for i, word in enumerate(order) if word == "--build-arg")


def test_the_build_hands_pulumi_one_reference_by_digest_for_every_stage(built, make_stack):
    images, _ = built
    assert set(images) == set(STAGES)
    assert make_stack(images=images).images == images
    assert all(reference.startswith(f"pkg.dev/p/floor/{stage}@sha256:") for stage, reference in images.items())


def test_every_image_is_built_on_a_digest_and_every_stage_on_the_base_its_topology_names(built):
    _, orders = built
    builds = {order[order.index("--tag") + 1]: order for order in orders if order[0] == "build"}
    for base in BASES:
        order = builds[f"pkg.dev/p/floor/{base}:abc"]
        assert build_args(order)["PYTHON"].startswith("python@sha256:")
        assert order[order.index("--file") + 1] == f"infra/images/{base}.Dockerfile"
    for name, stage in STAGES.items():
        given = build_args(builds[f"pkg.dev/p/floor/{name}:abc"])
        assert given["STAGE"] == name
        assert given["STAGES"].split() == [*taken(name)]
        assert given["BASE"].startswith(f"pkg.dev/p/floor/{stage.image}@sha256:")
    assert len(builds) == len(BASES) + len(STAGES)


def test_every_image_that_is_built_is_pushed_before_its_digest_is_asked_for(built):
    _, orders = built
    for tag in (order[order.index("--tag") + 1] for order in orders if order[0] == "build"):
        kinds = [order[0] for order in orders if tag in order]
        assert kinds == ["build", "push", "image"]


@pytest.mark.parametrize(
    ("branch", "live", "stacks"),
    [
        ("main", "no", ["paper"]), ("main", "yes", ["paper", "live"]), ("develop", "no", ["staging"]),
        ("develop", "yes", ["staging"]), ("a-branch", "yes", []),
    ],
)  # fmt: skip
def test_a_branch_is_deployed_to_its_own_stacks_and_live_only_when_said(tmp_path, branch, live, stacks):
    pulumi = stand_in(tmp_path, "pulumi", FAKE_PULUMI)
    pulumi.orders.touch()
    (tmp_path / "images.json").write_text('{"market": "x"}')
    pulumi.run(ROOT / "infra/deploy", branch, tmp_path / "images.json", DEPLOY_LIVE=live)
    expected = []
    for stack in stacks:
        expected += [f"stack select {stack}", 'config set images {"market": "x"}', "up --yes --non-interactive"]
    assert pulumi.orders.read_text().splitlines() == expected
