"""The floor plan of the chips in use: which core lies where, what is on it, what it uses, what its links carry.

Everything is columns (`columns.py`), which `floor.js` draws. Positions count routers over the whole system, upwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from neuedge_nir.chip.model import Limit, LimitScope, Mesh
from neuedge_nir.plan.figures import Link
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import counted
from neuedge_nir.report.core_use import limits_of, neurons_of
from neuedge_nir.report.page.columns import Column, column
from neuedge_nir.report.page.ways import Ways
from neuedge_nir.report.per_layer import Layer
from neuedge_nir.report.use import copy_of
from neuedge_nir.report.words import shortened

LONGEST_NAME = 48
"""Columns of a name on the page; of a longer one the beginning and the end."""

ROLES = ("neurons", "input", "io", "synapses")

Json = dict[str, object]


def floor_of(plan: Plan, ways: Ways, layers: Sequence[Layer]) -> Json:
    """What the maps of a plan show; `layers` are those of the first copy."""
    topology = plan.chip.topology
    numbers = {layer.name: number for number, layer in enumerate(layers)}
    return {
        "hex": topology.mesh in (Mesh.HEX, Mesh.HEX_TORUS),
        "size": list(ways.grid.size),
        "extent": list(ways.grid.extent),
        "slots": topology.cores_per_router.count,
        "usable": topology.cores_per_chip.count,
        "chips": [list(position) for position in plan.machine.chips],
        "names": [shortened(layer.name, LONGEST_NAME) for layer in layers],
        "limits": [_limit(limit) for limit in limits_of(plan)],
        "cores": _cores(plan),
        "pieces": _pieces(plan, numbers),
        "links": _links(ways.loads),
        "hot": _hot(ways),
    }


def _limit(limit: Limit) -> Json:
    return {
        "name": limit.name,
        "most": limit.limit.typical,
        "unit": limit.limit.unit,
        "chip": limit.scope is LimitScope.CHIP,
    }


def _cores(plan: Plan) -> Json:
    arriving, leaving = _messages(plan)
    cores = plan.cores
    return {
        "chip": column([core.chip for core in cores]),
        "x": column([core.router[0] for core in cores]),
        "y": column([core.router[1] for core in cores]),
        "slot": column([core.slot for core in cores]),
        "role": column([ROLES.index(core.role) for core in cores]),
        "used": [column([core.used.get(limit.name, 0) for core in cores]) for limit in plan.chip.limits],
        "in": column(arriving),
        "out": column(leaving),
        "events": column([_short(each.synaptic_events) for each in plan.cost.cores]),
    }


def _messages(plan: Plan) -> tuple[list[float], list[float]]:
    """Messages per timestep that come to each core from others, and that leave it."""
    arriving, leaving = [0.0] * len(plan.cores), [0.0] * len(plan.cores)
    for route in plan.routes:
        rate = plan.activity.rates[plan.cores[route.core].slices[route.slice].population]
        for core, count in route.targets:
            if core != route.core:
                arriving[core] += count * rate
                leaving[route.core] += count * rate
    return [_short(value) for value in arriving], [_short(value) for value in leaving]


def _short(value: float) -> float:
    """In four digits, as far as a picture shows it; whole numbers as such."""
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded == int(rounded) else rounded


def _pieces(plan: Plan, numbers: Mapping[str, int]) -> Json:
    """All slices, core by core: how many a core has, of which layer, how many neurons, its spans axis by axis."""
    pieces = [piece for core in plan.cores for piece in core.slices]
    spans = [piece.block if piece.block is not None else (piece.run or (0, 0),) for piece in pieces]
    originals = copy_of((p.name for p in plan.populations), plan)
    axes = max((len(each) for each in spans), default=0)
    return {
        "per_core": column([len(core.slices) for core in plan.cores]),
        "layer": column([numbers[originals[piece.population][0]] for piece in pieces]),
        "copy": column([originals[piece.population][1] for piece in pieces]),
        "neurons": column([neurons_of(piece) for piece in pieces]),
        "run": column([int(piece.run is not None) for piece in pieces]),
        "spans": [[_axis(spans, axis, end) for end in (0, 1)] for axis in range(axes)],
    }


def _axis(spans: Sequence[Sequence[tuple[int, int]]], axis: int, end: int) -> Column:
    """Where each slice begins (0) or ends (1) along an axis; -1 where it has no such axis."""
    return column([each[axis][end] if axis < len(each) else -1 for each in spans])


def _links(loads: Mapping[Link, float]) -> Json:
    links = sorted(loads)
    return {
        "x": column([link[0][0] for link in links]),
        "y": column([link[0][1] for link in links]),
        "to_x": column([link[1][0] for link in links]),
        "to_y": column([link[1][1] for link in links]),
        "load": column([_short(loads[link]) for link in links]),
    }


def _hot(ways: Ways) -> list[Json]:
    return [
        {
            "link": _flat(hot.link),
            "flows": [{"core": flow.core, "links": [_flat(link) for link in flow.links]} for flow in hot.flows],
        }
        for hot in ways.hottest
    ]


def _flat(link: Link) -> list[int]:
    return [*link[0], *link[1]]


def grid_of(plan: Plan) -> str:
    """The shape of the machine in words."""
    topology = plan.chip.topology
    routers = math.prod((topology.columns.count, topology.rows.count))
    many = f"{topology.columns.count} x {topology.rows.count} routers" if routers > 1 else "one router"
    places, usable = routers * topology.cores_per_router.count, topology.cores_per_chip.count
    fewer = f", of which {usable:,} of a chip's {places:,} are usable" if usable < places else ""
    return f"{topology.mesh.value}, {many} a chip, {counted(topology.cores_per_router.count, 'core')} a router{fewer}"
