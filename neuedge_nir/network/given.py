"""What a caller may give, on any of the doors of the Python API."""

from __future__ import annotations

import math
from reprlib import repr as shown
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import ResetMode

Given = TypeVar("Given")


def timestep_given(value: object, where: str = "dt") -> float | None:
    """A timestep in the file's time unit, None for none. Raises `UsageError` (USE017) for what is no positive time."""
    if value is None:
        return None
    dt = _number(value)
    if not 0 < dt < math.inf:
        message = f"a timestep of {shown(value)} is no positive time"
        raise UsageError("USE017", message, where=where, hint="give a number, in the file's time unit")
    return dt


def _number(value: object) -> float:
    """A real number as a float, NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def reset_given(value: object, where: str = "reset") -> ResetMode | None:
    """A reset by itself or by name, None for none. Raises `UsageError` (USE019) for a name that none has."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in tuple(ResetMode):
        hint = f"there are: {', '.join(ResetMode)}"
        raise UsageError("USE019", f"there is no reset {shown(value)}", where=where, hint=hint)
    return ResetMode(value)


def array_given(value: object, where: str) -> NDArray[Any]:
    """An array, or what numpy makes of nested lists. Raises `UsageError` (USE034) where they are no box of numbers."""
    try:
        return np.asarray(value)
    except ValueError as error:
        message = f"{where} cannot be a {type(value).__name__} whose rows differ in length"
        raise UsageError("USE034", message, where=where, hint="fill up what is short, or give one array") from error


def of_type(value: Given, kinds: type | tuple[type, ...], where: str, hint: str) -> Given:
    """The value. Raises `UsageError` (USE034) where it is of another type."""
    if not isinstance(value, kinds):
        raise UsageError("USE034", f"{where} cannot be a {type(value).__name__}", where=where, hint=hint)
    return value
