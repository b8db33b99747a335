"""Children that end with who started them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fluxfloor.local import child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parents")

PARENT = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from fluxfloor.local.child import dying_with_this_process
print(subprocess.Popen(dying_with_this_process(["sleep", "60"])).pid, flush=True)
time.sleep(60)
"""


def command_of(pid: int) -> str:
    """What it runs; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except FileNotFoundError:
        return ""


def wait_until(pid: int, command: str) -> None:
    until = time.monotonic() + 10
    while command_of(pid) != command:
        assert time.monotonic() < until, command_of(pid)
        time.sleep(0.02)


def test_a_child_becomes_its_command_and_ends_when_its_parent_is_killed() -> None:
    shared = str(Path(child.__file__).parents[2])
    parent = subprocess.Popen([sys.executable, "-c", PARENT, shared], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    wait_until(pid, "sleep 60")
    parent.kill()
    parent.wait()
    wait_until(pid, "")


def test_a_child_whose_parent_is_gone_already_does_not_begin() -> None:
    somebody_else = str(os.getpid() + 1)
    ended = subprocess.run([sys.executable, child.__file__, somebody_else, "echo", "begun"], capture_output=True)
    assert (ended.returncode, ended.stdout) == (1, b"")


def test_it_keeps_its_environment_its_output_and_its_exit_status() -> None:
    command = child.dying_with_this_process(["sh", "-c", "echo $WORD; exit 7"])
    ended = subprocess.run(command, capture_output=True, env={**os.environ, "WORD": "kept"})
    assert (ended.returncode, ended.stdout) == (7, b"kept\n")
