"""How kernels are compiled: for one pinned CPU target, cached beside their source, never stale.

Numba stamps a cached function with its own file only, so an edited helper in another file would leave its cached
callers stale. Here the stamp is a digest of the whole package. The cache lies in this folder's `__pycache__`, so an
image that copies the folder copies the warm cache with it; where that is read-only, a private copy is used.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding as llvm  # type: ignore[import-untyped]

CPU_NAME = "x86-64-v3"
CPU_FEATURES = (
    "+64bit,+avx,+avx2,+bmi,+bmi2,+cmov,+crc32,+cx16,+cx8,+f16c,+fma,+fxsr,+lzcnt,+mmx,+movbe,+popcnt,+sahf,"
    "+sse,+sse2,+sse3,+sse4.1,+sse4.2,+ssse3,+xsave"
)
HOME = Path(__file__).parent


def pin_target() -> None:
    """Makes this process (and its children) compile for the target that ships, if this machine can run it.

    NUMBA_CPU_NAME in the environment wins. Any other machine compiles for itself and has a cache of its own.
    """
    host = llvm.get_host_cpu_features()
    if "NUMBA_CPU_NAME" in os.environ or not all(host.get(name[1:]) for name in CPU_FEATURES.split(",")):
        return
    os.environ["NUMBA_CPU_NAME"] = CPU_NAME
    os.environ["NUMBA_CPU_FEATURES"] = CPU_FEATURES


pin_target()  # Numba reads the environment when it is imported

import numba.core.config  # noqa: E402
from numba.core.caching import InTreeCacheLocator  # noqa: E402

config: Any = numba.core.config
config.reload_config()  # somebody may have imported Numba before us

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
KERNELS: dict[str, Any] = {}
"""Every compiled function of the package by name, helpers included."""


@cache
def source_digest() -> bytes:
    state = blake2b(digest_size=16)
    for path in sorted(HOME.glob("*.py")):
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return state.digest()


@cache
def cache_directory() -> Path:
    beside = HOME / "__pycache__"
    if os.access(beside if beside.exists() else HOME, os.W_OK):
        return beside
    own = Path(tempfile.mkdtemp(prefix="fluxfloor-kernels-"))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    if beside.exists():
        shutil.copytree(beside, own, dirs_exist_ok=True)
    return own


class PackageLocator(InTreeCacheLocator):
    """Where a kernel's cache lies, and what makes it stale."""

    def get_cache_path(self) -> str:
        return str(cache_directory())

    def get_source_stamp(self) -> bytes:
        return source_digest()


def kernel(function: Kernel) -> Kernel:
    """Compiles on first call, or loads from the cache. It runs without the interpreter's lock, so that threads may share
    the work; division follows IEEE (1/0 is inf), as in NumPy."""
    before = config.CACHE_LOCATOR_CLASSES
    config.CACHE_LOCATOR_CLASSES = f"{__name__}.{PackageLocator.__name__}"
    try:
        compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        config.CACHE_LOCATOR_CLASSES = before
    KERNELS[function.__name__] = compiled
    return cast("Kernel", compiled)
