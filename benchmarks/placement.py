"""How near placements come to what is known: planted grids, and the layers that Jin et al. (ASPLOS 2023) place.

    python benchmarks/placement.py            # sides of 32 and 64, and the planted grids
    python benchmarks/placement.py --large    # also 65,536 cores

A row has the cost and what it is compared with: of a planted grid the optimum, which is known; of the layers the energy
of Jin's own placements (Hilbert start and force-directed swaps, the better of their two forces; their program, run by
us), under their cost, the sum of w * (1.1 * distance + 0.1). `bound` is the degree bound, below which no placement is.
Seconds are those of the processor, with the compiling of inner loops in the first row that needs it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from neuedge_nir.mapping.placing.annealing import Ground, Rooms, curve
from neuedge_nir.mapping.placing.bound import least_hops
from neuedge_nir.mapping.placing.engine import EFFORTS, arranged
from neuedge_nir.mapping.placing.floor import Floor
from neuedge_nir.mapping.placing.graph import Floats, Graph, Ints

READ, WRITE = 1.0, 0.1
"""Energy of a hop's router and link in Jin's model."""

JIN = {
    ("conv", 32): 8_039,
    ("conv", 64): 46_619,
    ("conv", 256): 1_171_000,
    ("dense", 32): 111_516,
    ("dense", 64): 1_367_000,
}
"""The least energy of their own placements, as their program gave it to us."""

Edges = tuple[Ints, Ints, Floats]


@dataclass(frozen=True, slots=True)
class Instance:
    """Clusters, one for every core of a square mesh, what they exchange, and what a placement costs elsewhere.

    `known`: the cost of the optimum or of a peer, and `whose`. A cost is `hop` for each hop and `message` besides.
    """

    name: str
    side: int
    edges: Edges
    known: float
    whose: str
    hop: float = 1.0
    message: float = 0.0

    @property
    def graph(self) -> Graph:
        return Graph.of(self.side**2, *self.edges)

    def cost(self, hops: float) -> float:
        return self.hop * hops + self.message * float(self.edges[2].sum())


def planted(side: int, torn: float = 0.0, seed: int = 0) -> Instance:
    """A grid with weights 1 to 19 under shuffled numbers; the share `torn` of its edges leads to anywhere instead."""
    random = np.random.default_rng(seed)
    ids = random.permutation(side * side).reshape(side, side)
    a = np.concatenate([ids[:, :-1].ravel(), ids[:-1].ravel()])
    b = np.concatenate([ids[:, 1:].ravel(), ids[1:].ravel()])
    weights = random.integers(1, 20, len(a)).astype(np.float64)
    away = random.random(len(a)) < torn
    b = np.where(away, random.integers(0, side * side, len(a)), b)
    at = np.empty((side * side, 2), dtype=np.int64)
    at[ids.ravel()] = np.stack(np.divmod(np.arange(side * side), side), axis=1)
    cost = float((weights * np.abs(at[a] - at[b]).sum(axis=1)).sum())
    name = f"planted {side}x{side}" + f", {torn:.0%} torn" * bool(torn)
    return Instance(name, side, (a, b, weights), cost, "as planted" if torn else "optimum")


def layers(kind: str, side: int, seed: int = 0) -> Instance:
    """`side` layers of `side` cores: conv, core j sends to the cores j to j + 3 of the next, or dense, to all."""
    random = np.random.default_rng(seed)
    layer, core = np.divmod(np.arange(side * (side - 1)), side)
    reach = range(4) if kind == "conv" else range(side)
    pairs = [(layer * side + core, core + k if kind == "conv" else np.full_like(core, k)) for k in reach]
    a = np.concatenate([source[target < side] for source, target in pairs])
    b = np.concatenate([((layer + 1) * side + target)[target < side] for _, target in pairs])
    edges = (a, b, random.random(len(a)))
    return Instance(f"{kind} {side}x{side}", side, edges, JIN[kind, side], "Jin's", READ + WRITE, WRITE)


def row(instance: Instance, effort: str) -> str:
    begun = time.process_time()
    graph, floor = instance.graph, Floor.mesh(instance.side, instance.side)
    ground = Ground(graph, floor, Rooms.none(graph.count))
    number = np.arange(graph.count)
    back = np.where(floor.y % 2 == 1, number - floor.x + instance.side - 1 - floor.x, number)
    starts = [number, back, np.argsort(curve(floor.x, floor.y), kind="stable")]
    found, ran = arranged(ground, starts, EFFORTS[effort])
    seconds = time.process_time() - begun
    cost = instance.cost(ground.cost(found) * graph.unit)
    first = instance.cost(min(map(ground.cost, starts)) * graph.unit)
    bound = instance.cost(least_hops(graph.count, *instance.edges, 1, False))
    return (
        f"{instance.name:26}{cost:14,.0f}{first:14,.0f}{bound:14,.0f}{instance.known:14,.0f} {instance.whose:10}"
        f"{cost / instance.known:7.3f}{cost / bound:8.2f}{seconds:9.1f}  {ran}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--large", action="store_true", help="65,536 cores too: half a minute more")
    parser.add_argument("--effort", choices=("quick", "normal", "high"), default="normal")
    asked = parser.parse_args()
    instances = [planted(16), planted(32), planted(64), planted(64, 0.02), planted(64, 0.1)]
    instances += [layers(kind, side) for kind in ("conv", "dense") for side in (32, 64)]
    instances += [layers("conv", 256)] if asked.large else []
    print(
        f"{'instance':26}{'cost':>14}{'best order':>14}{'bound':>14}{'known':>14} {'whose':10}"
        f"{'ratio':>7}{'/ bound':>8}{'s':>9}"
    )
    for instance in instances:
        print(row(instance, asked.effort), flush=True)


if __name__ == "__main__":
    main()
