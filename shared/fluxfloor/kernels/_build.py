"""How kernels are compiled: for one pinned CPU target, cached beside their source, never stale.

Numba stamps a cached function with its own file only, so an edited helper in another file would leave its cached
callers stale. Here the stamp is a digest of whole folders: this one, the function's own, and those of the kernels that
its module imports. So a strategy or a backtest loop elsewhere in the house is `@kernel` as well. The cache lies in the
`__pycache__` of the function's folder: who copies the folder copies the warm cache with it. Where that is read-only, a
private copy is used.
"""

from __future__ import annotations

import atexit
import inspect
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
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
from numba.core import event  # noqa: E402
from numba.core.caching import InTreeCacheLocator  # noqa: E402

config: Any = numba.core.config
config.reload_config()  # somebody may have imported Numba before us

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
KERNELS: dict[str, Any] = {}
"""Every compiled function: by its name if it lives in this folder, else as `strategies.trend.decide`."""
ROOMS: dict[Callable[..., Any], frozenset[Path]] = {}
"""The folders whose source decides what a kernel's machine code is, by the kernel's plain function."""


@cache
def folder_digest(folder: Path) -> bytes:
    state = blake2b(digest_size=16)
    for path in sorted(folder.glob("*.py")):
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return state.digest()


@cache
def cache_directory(folder: Path = HOME) -> Path:
    """Where the kernels of that folder are cached."""
    beside = folder / "__pycache__"
    if os.access(beside if beside.exists() else folder, os.W_OK):
        return beside
    own = Path(tempfile.mkdtemp(prefix=f"fluxfloor-{folder.name}-"))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    if beside.exists():
        shutil.copytree(beside, own, dirs_exist_ok=True)
    return own


def rooms_of(function: Callable[..., Any]) -> frozenset[Path]:
    """Its own folder, this one, and whatever the kernels that its module imports depend on in their turn."""
    found = {HOME, Path(inspect.getfile(function)).parent}
    for value in function.__globals__.values():
        for used in vars(value).values() if isinstance(value, ModuleType) else (value,):
            found |= ROOMS.get(getattr(used, "py_func", None), frozenset())  # type: ignore[arg-type]
    return frozenset(found)


class PackageLocator(InTreeCacheLocator):
    """Where a kernel's cache lies, and what makes it stale."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        super().__init__(py_func, py_file)  # type: ignore[no-untyped-call]
        self._folder = Path(py_file).parent
        self._rooms = rooms_of(py_func)

    def get_cache_path(self) -> str:
        return str(cache_directory(self._folder))

    def get_source_stamp(self) -> bytes:
        return b"".join(folder_digest(room) for room in sorted(self._rooms))


def kernel(function: Kernel) -> Kernel:
    """Compiles on first call, or loads from the cache; a function that no file holds is not cached.

    It runs without the interpreter's lock, so that threads may share the work. Division follows IEEE, as in NumPy.
    """
    return _compiled(function)


def fused_kernel(function: Kernel) -> Kernel:
    """As `kernel`, and a product may be added to a sum with one rounding instead of two. NaN keep their meaning."""
    return _compiled(function, fastmath={"contract"})


def bare_kernel(function: Kernel) -> Kernel:
    """As `kernel`, for what only kernels call, and what makes no array and keeps none.

    It counts no references to the arrays that its caller holds: that is dear where tuples of arrays go through many
    small functions, once for every array of every call. Nor is it compiled to be called from Python.
    """
    return _compiled(function, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def part_of_kernel(function: Kernel) -> Kernel:
    """A piece of a longer kernel, for reading: it becomes part of its caller, where the compiler sees both at once."""
    return _compiled(function, inline="always")


class FirstMiss(event.Listener):
    """Says once, as a warning in the log, why a process that found no cache is busy: whoever waits should know."""

    told = False

    def on_start(self, event: Any) -> None:
        if not self.told and event.data["dispatcher"].py_func in ROOMS:
            self.told = True
            logging.getLogger("fluxfloor.kernels").warning(
                "compiling kernels that are not in the cache yet: up to a minute, this once"
            )

    def on_end(self, event: Any) -> None:
        """Nothing to say."""


event.register("numba:compile", FirstMiss())  # type: ignore[no-untyped-call]


def _compiled(function: Kernel, **options: Any) -> Kernel:
    path = Path(inspect.getfile(function))
    # Left unsaid, a kernel would take this from whoever happens to call it first, and be cached so for everybody.
    options.setdefault("fastmath", False)
    before = config.CACHE_LOCATOR_CLASSES
    config.CACHE_LOCATOR_CLASSES = f"{__name__}.{PackageLocator.__name__}"
    try:
        compiled: Any = numba.njit(cache=path.exists(), nogil=True, error_model="numpy", **options)(function)
    finally:
        config.CACHE_LOCATOR_CLASSES = before
    ROOMS[function] = rooms_of(function)
    module = function.__module__.removeprefix("fluxfloor.")
    KERNELS[function.__name__ if path.parent == HOME else f"{module}.{function.__name__}"] = compiled
    return cast("Kernel", compiled)
