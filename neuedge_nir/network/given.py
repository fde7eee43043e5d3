"""What a caller may give, on any of the doors of the Python API."""

from __future__ import annotations

import math

from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import ResetMode
from neuedge_nir.network.typed import real, told


def timestep_given(value: object, where: str = "dt") -> float | None:
    """A timestep in the file's time unit, None for none. Raises `UsageError` (USE017) for what is no positive time."""
    if value is None:
        return None
    dt = real(value)
    if not 0 < dt < math.inf:
        message = f"a timestep of {told(value)} is no positive time"
        raise UsageError("USE017", message, where=where, hint="give a number, in the file's time unit")
    return dt


def reset_given(value: object, where: str = "reset") -> ResetMode | None:
    """A reset by itself or by name, None for none. Raises `UsageError` (USE019) for a name that none has."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in tuple(ResetMode):
        hint = f"there are: {', '.join(ResetMode)}"
        raise UsageError("USE019", f"there is no reset {told(value)}", where=where, hint=hint)
    return ResetMode(value)
