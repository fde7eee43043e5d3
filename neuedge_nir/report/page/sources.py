"""Where each figure of a plan comes from: formula, inputs, sources and confidence, in groups."""

from __future__ import annotations

import math
from collections.abc import Mapping

from neuedge_nir.report.amounts import number, quantity
from neuedge_nir.report.figures import Figure, Given
from neuedge_nir.report.headline import ends, told
from neuedge_nir.report.page.floor import LONGEST_NAME
from neuedge_nir.report.words import shortened

Row = dict[str, object]

LEFT_OUT = ("populations.", "projections.", "traffic.link_histogram.")
"""Counts that stand in the tables: `explain` tells of each."""


GROUPS = {
    "energy": "Energy",
    "time": "Time of a timestep",
    "inference": "An inference",
    "utilisation": "Utilisation",
    "limits": "Limits",
    "mapping": "Mapping",
    "traffic": "Traffic",
    "activity": "Activity",
    "model": "Model",
}
"""The figures by the first word of their path; what has none of these stands last."""


def sources_of(figures: Mapping[str, Figure]) -> list[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {title: [] for title in (*GROUPS.values(), "Others")}
    for path, figure in figures.items():
        if not path.startswith(LEFT_OUT):
            found[GROUPS.get(path.partition(".")[0], "Others")].append(_figure(figure))
    return [(title, rows) for title, rows in found.items() if rows]


def _figure(figure: Figure) -> Row:
    return {
        "path": figure.path,
        "title": shortened(figure.title, 120),
        "text": told(figure, span=False).removesuffix("*"),
        "span": ends(figure),
        "formula": "" if figure.formula == "count" else shortened(figure.formula, 300),
        "why": shortened(figure.why, 300) if figure.low != figure.high or figure.typical is None else "",
        "assumed": figure.assumed,
        "inputs": [_given(given) for given in figure.inputs],
    }


def _given(given: Given) -> Row:
    low, typical, high = (_amount(given, v) for v in (given.low, given.typical, given.high))
    text = typical if given.low == given.high else f"{typical} ({low} .. {high})"
    return {
        "name": shortened(given.name, LONGEST_NAME),
        "text": text,
        "confidence": given.confidence,
        "source": shortened(given.source, 300),
        "note": shortened(given.note or "", 300),
    }


def _amount(given: Given, amount: float) -> str:
    if given.unit in ("J", "W", "s") and math.isfinite(amount):
        return quantity(amount, given.unit)
    return f"{number(amount)} {given.unit}".rstrip()
