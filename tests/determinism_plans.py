"""What `tests/test_determinism.py` runs in processes of their own: plans, and what their bytes and tools are.

`python -m tests.determinism_plans few|all [HIDDEN ...]`: as if those packages were not installed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

FEW = ("truenorth", "spinnaker1 chips", "sheet on chips")
"""Those that take half a second each; of several chips, with tables and an order of neurons."""


def hide(names: list[str]) -> None:
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]


def sheet(side: int) -> Any:
    """Neurons on a torus that reach their neighbours, their numbers shuffled, in a network built in Python."""
    from neuedge_nir.network.build import build, join, lif, readout, source, synapses

    size = side * side
    shuffled = np.random.default_rng(3).permutation(size)
    s, d = np.divmod(np.arange(size * 8), 8)
    targets = shuffled[(s + np.array([1, -1, side, -side, side + 1, side - 1, 2, -2])[d]) % size]
    p, noise = lif("p", size), source("noise", 5)
    out = readout("out", p)
    fed = join(noise, p, synapses(np.arange(size) % 5, np.arange(size), 2.0))
    wires = [fed, join(p, p, synapses(shuffled[s], targets, 0.5)), join(p, out)]
    return build("net", [p], wires, [noise], [out], dt=1.0)


def worlds() -> Mapping[str, Callable[[], Any]]:
    """By name, how a network and a chip become a plan: of all chips, regular and irregular, on one chip and on more."""
    from neuedge_nir.pipeline import Options, compile_network
    from tests.worlds import chain, chip, convnet, limit, real, recurrent, system, topology

    sites = topology(columns=2, rows=2, per_router=2, systems=(system(1, 1), system(3, 3)))
    many = chip(on=sites, rules=(limit("row_table_bytes", 40000, shared=True),), neurons=16, input_axons=300)
    quick = Options(effort="quick")
    return {
        "loihi1": lambda: compile_network(convnet(model="IF"), real("loihi1")),
        "loihi2 copies": lambda: compile_network(recurrent(40, "IF"), real("loihi2"), Options(copies=3, seed=1)),
        "truenorth": lambda: compile_network(convnet(model="IF"), real("truenorth"), quick),
        "spinnaker1 chips": lambda: compile_network(convnet(24, 8), real("spinnaker1"), quick),
        "spinnaker1 sheet": lambda: compile_network(sheet(30), real("spinnaker1")),
        "spinnaker2": lambda: compile_network(chain(a=200, b=90, c=10), real("spinnaker2")),
        "several chips": lambda: compile_network(recurrent(150, "IF"), many, Options(effort="high")),
        "sheet on chips": lambda: compile_network(sheet(16), many),
    }


def main(which: str, *hidden: str) -> None:
    """Print the hash of each plan's bytes and the tools that the plan names."""
    hide([*hidden])
    from neuedge_nir.plan.store import encode

    told = {}
    for name, made in worlds().items():
        if which == "all" or name in FEW:
            plan = made()
            told[name] = hashlib.sha256(encode(plan)).hexdigest(), sorted(plan.tool)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
