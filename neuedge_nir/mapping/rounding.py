"""Whole numbers of what is added up from rates."""

from __future__ import annotations

import math


def whole_events(events: float) -> int:
    """Rounded up; what lies beyond a whole number by a rounding error only is that number: a sum depends on its order.

    >>> whole_events(0.1 + 0.2 + 2.7), whole_events(3.001)
    (3, 4)
    """
    return math.ceil(events * (1 - 1e-10))
