"""Irregular recurrent networks on cores: how many, how many sources a core hears, and what messages between cores cost.

Uniform random (ER) and local networks of 10,000 and 100,000 neurons and the local sheet, made from seeds; each is
compiled and verified in a process of its own, with the extra `fast` and without. One table: cores and their bound,
input axons per neuron (deliveries with those within a core), km1 (pairs of a source and another core with any of its
targets), what found the order, and seconds of processor time of the whole compilation.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FAST = ("numba", "pymetis", "scipy")
Pairs = tuple[int, np.ndarray, np.ndarray]
"""The neurons, and the source and target of each synapse."""


def uniform(neurons: int, degree: int, seed: int) -> Pairs:
    """Targets anywhere."""
    rng = np.random.default_rng(seed)
    return neurons, np.repeat(np.arange(neurons), degree), rng.integers(0, neurons, neurons * degree)


def local(side: int, degree: int, spread: float, far: float, seed: int, *, itself: bool = True) -> Pairs:
    """A torus of side x side: targets at normal offsets in both axes, a share of them anywhere; ids are shuffled."""
    rng = np.random.default_rng(seed)
    neurons = side * side
    sources = np.repeat(np.arange(neurons), degree)
    moves = np.rint(rng.normal(0, spread, (2, len(sources)))).astype(np.int64)
    rows, columns = (sources // side + moves[0]) % side, (sources % side + moves[1]) % side
    targets = rows * side + columns
    anywhere = rng.random(len(sources)) < far
    targets[anywhere] = rng.integers(0, neurons, int(anywhere.sum()))
    kept = np.ones(len(sources), bool) if itself else sources != targets
    shuffled = rng.permutation(neurons)
    return neurons, shuffled[sources[kept]], shuffled[targets[kept]]


@dataclass(frozen=True)
class Row:
    """A network and its cores: neurons, input axons and bytes of weights that one has, and how many there are."""

    pairs: Callable[[], Pairs]
    side: int
    neurons: int = 1024
    memory: int = 96 << 10
    axons: int = 8192
    recorded: str = ""


ROWS = {
    "ER 10k": Row(lambda: uniform(10_000, 50, 1), 16, recorded="METIS 29 cores, id order 30"),
    "local 10k": Row(lambda: local(100, 50, 8, 0.1, 1), 16, recorded="METIS 10 cores, 6.9 axons"),
    "sheet 10k": Row(lambda: local(100, 32, 5, 0, 1, itself=False), 8, 256, 1 << 40, recorded="Mt-KaHyPar km1 32,061"),
    "ER 100k": Row(lambda: uniform(100_000, 50, 1), 32, recorded="METIS 582 cores, id order 588"),
    "local 100k": Row(lambda: local(316, 50, 8, 0.1, 1), 32, recorded="METIS 125 cores, 10.2 axons"),
}


@dataclass(frozen=True)
class Found:
    """What came of a row; `seconds` of processor time."""

    cores: int
    bound: int
    axons: float
    km1: int
    by: str
    seconds: float


def measured(row: Row, effort: str) -> Found:
    """The row compiled, which verifies it, in this process."""
    from neuedge_nir.chip.load import load
    from neuedge_nir.network.build import build, join, lif, synapses
    from neuedge_nir.pipeline import Options, compile_network

    neurons, sources, targets = row.pairs()
    weights = np.random.default_rng(2).integers(-127, 128, len(sources))
    p = lif("p", neurons)
    net = build("net", [p], [join(p, p, synapses(sources, targets, weights))], dt=1.0)
    model = load(HERE / "loihi2_model.toml")
    most = {"neurons": row.neurons, "weight_bytes": row.memory, "input_axons": row.axons}
    limits = tuple(
        replace(limit, limit=_number(limit.limit, most[limit.formula]), parameters={}) for limit in model.limits
    )
    sides = {name: _number(getattr(model.topology, name), row.side) for name in ("columns", "rows")}
    grid = replace(model.topology, **sides, cores_per_chip=_number(model.topology.cores_per_chip, row.side**2))
    start = time.process_time()
    plan = compile_network(net, replace(model, limits=limits, topology=grid), Options(effort=effort))
    seconds = time.process_time() - start
    heard = sum(core.used["input_axons"] for core in plan.cores) / neurons
    km1 = sum(count for route in plan.routes for core, count in route.targets if core != route.core)
    by = plan.orders["p"].by if plan.orders else "ids"
    return Found(plan.mapping.cores_neurons, plan.mapping.cores_lower_bound, heard, km1, by, seconds)


def _number(quantity: object, value: int) -> object:
    return replace(quantity, low=value, typical=value, high=value)  # type: ignore[type-var]


def in_own_process(name: str, effort: str, *, fast: bool) -> Found:
    command = [sys.executable, __file__, "--row", name, "--effort", effort, *([] if fast else ["--plain"])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Found(**json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=ROWS, help="one row in this process, as JSON")
    parser.add_argument("--plain", action="store_true", help="as if the extra `fast` were not there")
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--small", action="store_true", help="10,000 neurons only")
    given = parser.parse_args()
    if given.plain:
        sys.modules.update(dict.fromkeys(FAST))  # type: ignore[arg-type]
    if given.row:
        print(json.dumps(asdict(measured(ROWS[given.row], given.effort))))
        return
    print("| network | extra | cores | bound | axons per neuron | km1 | order by | s | recorded |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, row in ROWS.items():
        if given.small and not name.endswith(" 10k"):
            continue
        for fast in (True, False):
            found = in_own_process(name, given.effort, fast=fast)
            shown = f"{found.cores} | {found.bound} | {found.axons:.2f} | {found.km1:,} | {found.by}"
            extra = "fast" if fast else "none"
            print(f"| {name} | {extra} | {shown} | {found.seconds:.1f} | {row.recorded} |", flush=True)


if __name__ == "__main__":
    main()
