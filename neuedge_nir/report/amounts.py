"""Numbers as people read them, and the rows of tables that they stand in."""

from __future__ import annotations

import math

Row = tuple[str, ...]


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def number(value: float) -> str:
    """A count in at most four digits."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M"}


def quantity(value: float, unit: str) -> str:
    """A figure with three digits and an SI prefix."""
    if value == 0:
        return f"0 {unit}"
    power = min(max(3 * math.floor(math.log10(abs(value)) / 3 + 1e-9), -15), 6)
    return f"{value / 10.0**power:.3g} {PREFIXES[power]}{unit}"


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the plural where that belongs."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
