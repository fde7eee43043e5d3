"""What a compiler printed of each layer beside what our checker counts of its tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.network.model import Network
from neuedge_nir.plan.check_demand import recount
from neuedge_nir.plan.check_wires import Part, boxes_in, rules_of
from neuedge_nir.plan.model import Plan
from neuedge_nir.validation.model import Case, Column, Layer, Table
from neuedge_nir.validation.model import Network as Stated

Used = Mapping[str, float]
"""What a slice uses, by limit."""


@dataclass(frozen=True, slots=True)
class Row:
    """A layer of a table: what was printed and what is ours, column by column; `causes` where they differ.

    `fills`: the limit that a published tile fills most, and how much of it.
    """

    layer: Layer
    slices: int
    printed: tuple[float, ...]
    ours: tuple[float, ...]
    agree: tuple[bool, ...]
    causes: tuple[str, ...]
    fills: tuple[str, float]


def rows_of(case: Case, network: Network, plan: Plan) -> Iterator[Row]:
    """The rows of a case's table, by the checker's count of every slice."""
    assert case.table is not None
    assert case.network is not None
    found = counted(case.network, network, plan)
    for layer in case.network.layers:
        yield _row(case, case.table, layer, found[layer.name], plan)


def counted(stated: Stated, network: Network, plan: Plan) -> dict[str, list[Used]]:
    """What every slice of a layer uses by the checker's count, the largest first."""
    shapes = {population.name: population.shape for population in network.populations}
    pieces = [(core, piece) for core, held in enumerate(plan.cores) for piece in held.slices]
    parts = [Part(core, piece.population, boxes_in(piece, shapes[piece.population])) for core, piece in pieces]
    used = recount(parts, rules_of(plan, network), messages=False).used
    found: dict[str, list[Used]] = {layer.name: [] for layer in stated.layers}
    for part, need in zip(parts, used, strict=True):
        found[part.population].append(need)
    return {layer: sorted(each, key=lambda need: -need["neurons"]) for layer, each in found.items()}


def _row(case: Case, table: Table, layer: Layer, slices: Sequence[Used], plan: Plan) -> Row:
    ours = tuple(_figure(table, column, layer, slices, plan) for column in table.columns)
    pairs = list(zip(table.columns, layer.printed, ours, strict=True)) if layer.printed else []
    agree = tuple(_agrees(table, *each) for each in pairs)
    causes = tuple(
        next((d.cause for d in case.deviations if layer.name in d.layers and d.column == column.name), "")
        for column in table.columns
    )
    return Row(layer, len(slices), layer.printed, ours, agree, causes, _fullest(slices[0], plan))


def _figure(table: Table, column: Column, layer: Layer, slices: Sequence[Used], plan: Plan) -> float:
    """Ours, of the core that the layer names; a mean loses its fraction, as it does in print."""
    one = slices[-1] if layer.of == "smallest" else slices[0]
    if column.mean or layer.of == "mean":
        value = float(sum(need[column.limit] for need in slices) // len(slices))
    else:
        value = float(one[column.limit])
    return 100 * value / _most(plan, column.limit) if table.percent else value


def _agrees(table: Table, column: Column, printed: float, ours: float) -> bool:
    """To the printed digit of a share (0.175 was printed as 0.17), and exactly of a number."""
    if not table.percent:
        return printed == ours
    return math.isclose(printed, ours, rel_tol=0, abs_tol=0.5 * 10.0**-column.digits + 1e-9)


def _fullest(one: Used, plan: Plan) -> tuple[str, float]:
    shares = {limit.name: one[limit.name] / limit.limit.typical for limit in plan.chip.limits}
    name = max(shares, key=lambda each: shares[each])
    return name, shares[name]


def _most(plan: Plan, limit: str) -> float:
    return next(each.limit.typical for each in plan.chip.limits if each.name == limit)
