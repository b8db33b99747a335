"""Children that end when the thread that starts them does, where the system can do that.

The request is made by the child itself, in a moment of its own before it becomes the command: this file is run as a
program. A `preexec_fn` would run between fork and exec of a parent with threads, and a child of one whose gRPC is busy
at that moment dies there about once in two hundred times.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def dying_with_this_process(command: Sequence[str]) -> list[str]:
    """The command to start in place of this one. It keeps its process id and whatever it inherits."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def become(parent_pid: int, command: Sequence[str]) -> None:
    """Does not return: this process is the command from here on, or ends with 1 where the parent is not `parent_pid`.
    FileNotFoundError where there is no such command."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it was gone before the request took hold
        sys.exit(1)
    os.execvp(command[0], list(command))


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
