"""The peers' venv: made on demand in the checkout from a lock with hashes, and made anew when the lock changes."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from fluxfloor.errors import Misconfigured

CHECKOUT = Path(__file__).resolve().parents[3]
LOCK = CHECKOUT / "shared" / "locks" / "peers.txt"
HOME = CHECKOUT / ".venv-peers"
STAMP = HOME / ".fluxfloor-peers"


def peers_python() -> Path:
    """The interpreter that has the peers. Raises Misconfigured where the lock is missing or does not install."""
    if not LOCK.exists():
        raise Misconfigured(f"the peers' lock is not there: {LOCK}; the bench needs a checkout of the repository")
    python = HOME / "bin" / "python"
    wanted = sha256(LOCK.read_bytes()).hexdigest()
    if not STAMP.exists() or STAMP.read_text() != wanted:
        print(f"Installing the peers into {HOME} …", file=sys.stderr)
        _run(sys.executable, "-m", "venv", "--clear", str(HOME))
        _run(
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "-r",
            str(LOCK),
        )
        STAMP.write_text(wanted)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Misconfigured(f"{' '.join(command)} failed: {done.stderr.strip()[-600:]}")
