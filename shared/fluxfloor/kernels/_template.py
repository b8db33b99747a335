"""Kernels that take another kernel as an argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from fluxfloor.kernels._build import ROOMS, rooms_of

import numba  # isort: skip  (after the target is pinned)

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def template(function: Kernel) -> Kernel:
    """Compiled into each kernel that calls it, which may then be cached. (Handing a kernel over at run time would put
    its address into the machine code.)"""
    compiled: Any = numba.njit(nogil=True, error_model="numpy", forceinline=True)(function)
    ROOMS[function] = rooms_of(function)
    return cast("Kernel", compiled)
