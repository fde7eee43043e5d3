"""Intervals as pictures: a bar up to the typical value with whiskers, or a dot with whiskers on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from neuedge_nir.report.figures import Figure
from neuedge_nir.report.headline import ends, value

WIDTH = 230
"""Pixels of a whole scale."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure in words, and where its ends lie in pixels; None: nobody knows it."""

    name: str
    text: str
    span: str
    why: str
    assumed: bool
    filled: bool
    low: float | None
    typical: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """Bars to one scale."""

    title: str
    note: str
    bars: tuple[Bar, ...]


def linear(figures: Sequence[tuple[str, Figure]]) -> tuple[Bar, ...]:
    """Bars from 0 on, by name; the longest whisker fills the width."""
    most = max((figure.high for _, figure in figures if figure.high is not None), default=0.0) or 1.0
    return tuple(_bar(name, figure, True, lambda v: v / most) for name, figure in figures)


def logarithmic(figures: Sequence[Figure | None]) -> list[Bar | None] | None:
    """Dots on one logarithmic scale; None where the figures are too close to each other or to zero for one."""
    known = [v for f in figures if f is not None for v in (f.low, f.typical, f.high) if v is not None]
    if not known or min(known) <= 0:
        return None
    low, high = math.log(min(known)), math.log(max(known))
    if high - low < 1e-9:
        return None
    return [
        None
        if figure is None or figure.typical is None
        else _bar("", figure, False, lambda v: 0.03 + 0.94 * (math.log(v) - low) / (high - low))
        for figure in figures
    ]


def _bar(name: str, figure: Figure, filled: bool, place: Callable[[float], float]) -> Bar:
    if figure.typical is None or figure.low is None or figure.high is None:
        return Bar(name, "not published", "", figure.why, False, filled, None, None, None)
    low, typical, high = (round(WIDTH * place(v), 1) for v in (figure.low, figure.typical, figure.high))
    text = value(figure, figure.typical)
    return Bar(name, text, ends(figure), figure.why, figure.assumed, filled, low, typical, high)
