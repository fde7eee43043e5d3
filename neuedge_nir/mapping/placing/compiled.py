"""Inner loops compiled by numba, where that is installed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def compiled_by_numba(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function compiled, and kept on disk where there is a place for it; None where numba is not installed."""
    try:
        from numba import njit
    except ImportError:
        return None
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # nowhere to keep what was compiled
        return njit(function)  # type: ignore[no-any-return]
