"""A plan's traffic in the terms of other people's graders, so that figures can be compared and confirmed outside.

A core graph has an edge for each slice and destination core; its weight is messages per timestep, its length the
Manhattan distance of the two routers. Edges that stay on their core count nowhere.

* Jin et al. (ASPLOS'23, Jinouwen/mapping_cpp@96c3d5c): energy = sum w (d (EN_r + EN_w) + EN_w) with EN_r = 1, EN_w =
  0.1; latency of an edge = d (L_r + L_w) + L_w with L_r = 1, L_w = 0.01; their average is over edges, unweighted.
* Ronzani and Silvano (EMJzero/AxonCUDA@20881cc, grading/): connectivity = sum f (lambda - 1), messages times the other
  cores that they go to; energy = sum f ((d + 1) E_r + d E_w), with the energies of their preset loihi64.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.plan.model import Plan

JIN_ENERGY = 1.0, 0.1
JIN_LATENCY = 1.0, 0.01
LOIHI64_PJ = 1.7, 3.5
"""Of a router and of a wire."""


@dataclass(frozen=True, slots=True, eq=False)
class CoreGraph:
    """`source` and `target` are cores of a plan, `weight` messages per timestep, `routers` (cores, 2) positions."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float64]
    routers: NDArray[np.int64]

    @property
    def distance(self) -> NDArray[np.int64]:
        """Of each edge, in hops of a mesh."""
        return np.abs(self.routers[self.source] - self.routers[self.target]).sum(axis=1)

    def write(self, folder: Path) -> None:
        """edges.csv (source, target, weight) and cores.csv (core, x, y), for graders that are run elsewhere."""
        folder.mkdir(parents=True, exist_ok=True)
        edges = zip(self.source.tolist(), self.target.tolist(), self.weight.tolist(), strict=True)
        _table(folder / "edges.csv", ("source", "target", "weight"), edges)
        cores = ((core, x, y) for core, (x, y) in enumerate(self.routers.tolist()))
        _table(folder / "cores.csv", ("core", "x", "y"), cores)


def _table(path: Path, head: tuple[str, ...], rows: object) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)  # type: ignore[arg-type]


def core_graph(plan: Plan) -> CoreGraph:
    """The edges of a plan, slice by slice."""
    rates = plan.activity.rates
    edges = [
        (route.core, core, messages * rates[plan.cores[route.core].slices[route.slice].population])
        for route in plan.routes
        for core, messages in route.targets
        if core != route.core
    ]
    source, target, weight = zip(*edges, strict=True) if edges else ((), (), ())
    return CoreGraph(
        np.array(source, dtype=np.int64),
        np.array(target, dtype=np.int64),
        np.array(weight, dtype=np.float64),
        np.array([core.router for core in plan.cores], dtype=np.int64).reshape(-1, 2),
    )


@dataclass(frozen=True, slots=True)
class Grades:
    """What the graders above make of a core graph: Jin's in units of EN_r and L_r."""

    jin_energy: float
    jin_latency_mean: float
    jin_latency_max: float
    connectivity: float
    energy_pj: float


def grades(graph: CoreGraph) -> Grades:
    """Nothing sent costs nothing."""
    distance, weight = graph.distance, graph.weight
    latency = distance * sum(JIN_LATENCY) + JIN_LATENCY[1]
    router, wire = LOIHI64_PJ
    return Grades(
        float((weight * (distance * sum(JIN_ENERGY) + JIN_ENERGY[1])).sum()),
        float(latency.mean()) if latency.size else 0.0,
        float(latency.max(initial=0.0)),
        float(weight.sum()),
        float((weight * ((distance + 1) * router + distance * wire)).sum()),
    )
