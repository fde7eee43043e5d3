"""How the checker of plans says no: what is wrong, where, and both numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NoReturn

from neuedge_nir.errors import VerificationError

TOLERANCE = 1e-9
"""Relative, for sums of floats: they depend on their order."""


def _figure(value: float) -> float:
    """The number, infinite where it is too large to be told: a file holds whole numbers of any length."""
    return (
        math.copysign(math.inf, -1 if value < 0 else 1)
        if isinstance(value, int) and value.bit_length() > 1023
        else value
    )


def refuse(
    code: str, message: str, where: str | None = None, needed: float | None = None, available: float | None = None
) -> NoReturn:
    """A rule is broken."""
    raise VerificationError(code, message, where=where, needed=needed, available=available)


def same(code: str, what: str, stated: object, counted: object, where: str | None = None) -> None:
    """The plan states what the checker counted."""
    a, b = (_figure(value) if isinstance(value, int | float) else None for value in (stated, counted))
    floats = isinstance(stated, float) or isinstance(counted, float)
    equal = math.isclose(a, b, rel_tol=TOLERANCE) if floats and None not in (a, b) else stated == counted  # type: ignore[arg-type]
    if not equal:
        refuse(code, f"{what}: the plan says {stated}, it is {counted}", where, b, a)


def agree(code: str, stated: object, where: str | None = None, **counted: object) -> None:
    """The named fields of a part of the plan hold what the checker counted."""
    for name, value in counted.items():
        same(code, name.replace("_", " "), getattr(stated, name), value, where)


def match(code: str, what: str, stated: Mapping[str, object], counted: Mapping[str, object]) -> None:
    """The plan names the same things as the checker, and says the same of each."""
    for name in sorted({*stated, *counted}):
        same(code, what, stated.get(name), counted.get(name), name)


def at_most(code: str, what: str, needed: float, available: float, where: str | None = None) -> None:
    """A limit holds."""
    if not needed <= available:
        needed, available = _figure(needed), _figure(available)
        refuse(code, f"{what}: {needed:g} needed, {available:g} available", where, needed, available)


def rounded(events: float, error: float) -> int:
    """Rounded up: a sum of rates may exceed a whole number by a rounding error, and then is that number."""
    return math.ceil(events * (1 - error))
