"""Fixed-point operations on int64 arrays, with a count of every number that did not fit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(slots=True)
class Tally:
    """How often a number of one population overflowed, by what it was and what became of it."""

    counts: Counter[str] = field(default_factory=Counter)

    def wrapped(self, values: Whole, bits: int, what: str) -> Whole:
        """The values in two's complement of so many bits, sign included."""
        half = 1 << (bits - 1)
        if not values.size or (values.max() < half and values.min() >= -half):
            return values
        self.counts[f"{what} wrapped"] += int(np.count_nonzero((values >= half) | (values < -half)))
        return ((values + half) & (2 * half - 1)) - half

    def clipped(self, values: Whole, low: int, high: int, what: str) -> Whole:
        """The values held within low .. high."""
        if not values.size or (values.max() <= high and values.min() >= low):
            return values
        self.counts[f"{what} saturated"] += int(np.count_nonzero((values > high) | (values < low)))
        return np.clip(values, low, high)


def times_fraction(values: Whole, numerator: Whole, bits: int) -> Whole:
    """values * numerator / 2^bits, rounded towards zero."""
    product = values * numerator
    product += (product >> 63) & ((1 << bits) - 1)  # shifting alone would round down
    product >>= bits
    return product


def floored(values: Array) -> Array:
    """The largest whole number below or at a value; one that misses a whole number by rounding noise is that number."""
    nearest = np.rint(values)
    near = np.abs(values - nearest) <= 1e-9 * np.maximum(1.0, np.abs(values))
    return np.where(near, nearest, np.floor(values))


def whole(values: Array) -> Whole:
    """The nearest whole numbers."""
    return np.rint(values).astype(np.int64)


def largest_power(bound: float) -> int:
    """The largest exponent whose power of two is at most `bound`, rounding noise allowed."""
    return math.floor(math.log2(bound) + 1e-9)


def halved_until(fits: Callable[[float], bool], scale: float) -> float | None:
    """The scale, or the first half of it, quarter ... that fits; None where 2^-300 of it does not."""
    return next((scale * 2.0**-n for n in range(300) if fits(scale * 2.0**-n)), None)
