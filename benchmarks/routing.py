"""What routing takes: closed forms against NetworkX, and multicast trees on other people's placements.

Loads in dimension order on 64 x 64 routers are timed against NetworkX's shortest path of each flow, some of which are
walked. `--shared DIR` has networks with what PACMAN made of them (`peers/NAME.network.json` and
`NAME.pacman.json`): our trees and tables on its placements stand beside its own. A source sends a message for each
neuron. Seconds are of the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import networkx
import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.fabric import Fabric, Router, Site, fabric_for
from neuedge_nir.mapping.keys import KeySpace
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.route import route
from neuedge_nir.mapping.routing.forest import trees_of
from neuedge_nir.mapping.routing.model import Routing
from neuedge_nir.mapping.routing.order import link_counts, tree_counts
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.plugin import load_target

SIDE = 64
FAN = 10
"""Destinations of a source."""

PEERS = (("pd1", "spinnaker1"), ("layers1M", "spinnaker1"), ("pd0.5", "spinnaker1"), ("rand100k", "spinnaker1"),
         ("pd1_v248", "spinnaker2"))  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def closed_forms(flows: int, walked: int) -> Iterator[str]:
    """Lines: so many flows on a mesh and on a torus, beside NetworkX on the first `walked` of them."""
    random = np.random.default_rng(0)
    sources, targets = (random.integers(0, SIDE, (flows, 2)) for _ in range(2))
    counts, of = random.integers(1, 100, flows), np.arange(flows) // FAN
    for name, wraps in (("mesh", False), ("torus", True)):
        many = partial(link_counts, sources, targets, counts, (SIDE, SIDE), wraps=wraps)
        fans = partial(tree_counts, of, sources, targets, counts, (SIDE, SIDE), wraps=wraps, flows=flows // FAN + 1)
        each = timed(partial(walk, sources[:walked], targets[:walked], wraps=wraps)) / walked * flows
        loads, trees = timed(many), timed(fans)
        yield f"| {flows:,} on a {name} | {loads:.4f} | {trees:.4f} | {each:,.0f} | {each / loads:,.0f}x |"


def walk(sources: NDArray[np.int64], targets: NDArray[np.int64], *, wraps: bool) -> None:
    """The shortest path of every flow, by NetworkX."""
    graph = networkx.grid_2d_graph(SIDE, SIDE, periodic=wraps).to_directed()
    for source, target in zip(map(tuple, sources.tolist()), map(tuple, targets.tolist()), strict=True):
        networkx.shortest_path(graph, source, target)


@dataclass(frozen=True, slots=True)
class Cores:
    """Cores of a peer: router, slot, population and neurons [first, behind the last] of each; targets of each."""

    at: tuple[tuple[Router, int], ...]
    held: tuple[tuple[str, int, int], ...]
    targets: tuple[tuple[int, ...], ...]


def cores_of(network: dict[str, Any], result: dict[str, Any]) -> Cores:
    """A peer's cores, placed as it did; one-to-one projections join the cores whose neurons overlap."""
    sizes = {population["name"]: population["n"] for population in network["pops"]}
    at, held = [], []
    for label, x, y, slot, *_ in result["placements"]:
        name, _, rest = label.partition("(")
        span = re.fullmatch(r"(\d+):(\d+)\)", rest)
        first, last = map(int, span.groups()) if span else (0, sizes[name] - 1)
        at.append(((x, y), slot))
        held.append((name, first, last + 1))
    targets: list[set[int]] = [set() for _ in held]
    for projection in network["projs"]:
        after = [j for j, core in enumerate(held) if core[0] == projection["post"]]
        for i, (name, first, last) in enumerate(held):
            if name == projection["pre"]:
                one = projection["conn"] == "one"
                targets[i] |= {j for j in after if not one or (held[j][1] < last and first < held[j][2])}
    return Cores(tuple(at), tuple(held), tuple(tuple(sorted(those)) for those in targets))


def keys_of(cores: Cores) -> KeySpace:
    """A field for the population, the core and the neuron, each as wide as needed, and four bits of colour."""
    sending = [i for i, targets in enumerate(cores.targets) if targets]
    own: dict[str, list[int]] = {}
    for i in sending:
        own.setdefault(cores.held[i][0], []).append(i)
    bits = {name: (len(those) - 1).bit_length() for name, those in own.items()}
    atoms = {
        name: (max(cores.held[i][2] - cores.held[i][1] for i in those) - 1).bit_length() for name, those in own.items()
    }
    low = 4 + max(bits[name] + atoms[name] for name in own)
    keys = [
        (i, 0, place << low | n << atoms[name] + 4, (1 << 32) - (1 << atoms[name] + 4))
        for place, (name, those) in enumerate(own.items())
        for n, i in enumerate(those)
    ]
    return KeySpace((len(own) - 1).bit_length(), low, bits, atoms, tuple(sorted(keys)))


def routed(cores: Cores, fabric: Fabric) -> Routing:
    """Our trees and tables on a peer's placement."""
    flows = [
        Flow(i, 0, last - first, 1.0, tuple((target, 1) for target in targets))
        for i, ((_, first, last), targets) in enumerate(zip(cores.held, cores.targets, strict=True))
    ]
    sites = tuple(Site(fabric.chip_of(router), router, slot) for router, slot in cores.at)
    return route(flows, Placement(fabric, sites, 0.0), keys_of(cores))


def first_try(cores: Cores, fabric: Fabric) -> tuple[float, float]:
    """Tree hops and largest load without the second try for hot links."""
    sending = [i for i, targets in enumerate(cores.targets) if targets]
    ends = [[cores.at[j][0] for j in cores.targets[i]] for i in sending]
    weights = [float(cores.held[i][2] - cores.held[i][1]) for i in sending]
    forest = trees_of([cores.at[i][0] for i in sending], ends, weights, fabric, relieved=False)
    return forest.tree_hops, forest.max_load


def peers(folder: Path) -> Iterator[str]:
    """A line for each network that the folder has."""
    for name, target in PEERS:
        files = [folder / f"{name}.{kind}.json" for kind in ("network", "pacman")]
        if all(file.is_file() for file in files):
            network, result = (json.loads(file.read_text()) for file in files)
            cores = cores_of(network, result)
            fabric = fabric_for(load_target(target).chip(), result["machine_chips"])
            before = os.times().user
            found = routed(cores, fabric)
            seconds = os.times().user - before
            hops, load = first_try(cores, fabric)
            yield (
                f"| {name}, {target} | {result['weighted_tree_hops']:,.0f} | {hops:,.0f} | {found.tree_hops:,.0f} "
                f"| {result['max_link_load']:,} | {load:,.0f} | {found.max_load:,.0f} "
                f"| {result['max_entries_chip']} | {max(found.entries.values())} | {seconds:.1f} |"
            )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--walked", type=int, default=500, help="flows that NetworkX walks")
    parser.add_argument("--shared", type=Path, help="a folder with peers/NAME.network.json and NAME.pacman.json")
    given = parser.parse_args(arguments)
    print("| flows, 64 x 64 | loads s | tree hops s | NetworkX s | ratio |\n|---|---|---|---|---|")
    for flows in given.flows:
        for line in closed_forms(flows, min(given.walked, flows)):
            print(line, flush=True)
    if given.shared is not None:
        print("\n| on PACMAN's placement | hops, PACMAN | first try | ours | max link, PACMAN | first try | ours "
              "| entries, PACMAN | ours | s |\n|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
        for line in peers(given.shared / "peers"):
            print(line, flush=True)


if __name__ == "__main__":
    main()
