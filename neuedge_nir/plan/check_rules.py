"""How the checker of plans says no: one sentence, the place, and both numbers."""

from __future__ import annotations

import math
from typing import NoReturn

from neuedge_nir.errors import VerificationError

TOLERANCE = 1e-9
"""Relative: sums of floats depend on their order, and on nothing else here."""


def refuse(
    code: str, message: str, where: str | None = None, needed: float | None = None, available: float | None = None
) -> NoReturn:
    """A rule is broken."""
    raise VerificationError(code, message, where=where, needed=needed, available=available)


def same(code: str, what: str, stated: object, counted: object, where: str | None = None) -> None:
    """The plan states what the checker counted."""
    if stated != counted:
        refuse(code, f"{what}: the plan says {stated}, it is {counted}", where, _figure(counted), _figure(stated))


def close(code: str, what: str, stated: float | None, counted: float | None, where: str | None = None) -> None:
    """The plan states the sum that the checker found, up to the rounding of floats."""
    if stated is None or counted is None:
        same(code, what, stated, counted, where)
    elif not math.isclose(stated, counted, rel_tol=TOLERANCE, abs_tol=1e-300):
        refuse(code, f"{what}: the plan says {stated!r}, it is {counted!r}", where, counted, stated)


def at_most(code: str, what: str, needed: float, available: float, where: str | None = None) -> None:
    """A limit holds."""
    if not needed <= available:
        refuse(code, f"{what}: {needed:g} needed, {available:g} available", where, needed, available)


def _figure(value: object) -> float | None:
    return value if isinstance(value, int | float) else None
