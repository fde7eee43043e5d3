"""Small plans of every kind with their networks: all chips, and all that a plan can hold, in some seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from neuedge_nir.chip.model import Chip
from neuedge_nir.constraints.load import parse
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.build import build, join, lif, readout, source, synapses
from neuedge_nir.network.connect import Delay
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests.test_dead import round_it
from tests.test_extensions import late
from tests.test_irregular_orders import ordered_plan
from tests.test_splitters import looped, row
from tests.test_synapse_cores import world as with_synapse_cores
from tests.test_verify import even, grouped, named
from tests.worlds import (
    chain,
    chip,
    convnet,
    dense,
    limit,
    network,
    real,
    recurrent,
    residual,
    system,
    topology,
    wire,
)

Made = tuple[Plan, Network]

QUICK = Options(effort="none")

PINNED = b"""schema = 1
[[pin]]
population = "a"
cores = [{ router = [1, 1] }]
[[apart]]
populations = ["a", "b"]
on = "core"
[[cap]]
neurons = 70
[[forbid]]
router = [0, 0]
"""

ACROSS = b"""schema = 1
[[apart]]
populations = ["a", "b"]
on = "chip"
"""


CAPPED = b"""schema = 1
[[cap]]
neurons = 100
"""


def made(net: Network, on: Chip, options: Options = QUICK) -> Made:
    net = named(net)
    return compile_network(net, on, options), net


def sheet(side: int = 20, reach: int = 2) -> Network:
    """Neurons on a torus that reach their neighbours, their numbers shuffled, with parameters of their own."""
    size = side * side
    shuffled = np.random.default_rng(5).permutation(size)
    x, y = np.divmod(np.arange(size), side)
    steps = [(a, b) for a in range(-reach, reach + 1) for b in range(-reach, reach + 1) if (a, b) != (0, 0)]
    sources = np.tile(shuffled, len(steps))
    targets = np.concatenate([shuffled[(x + a) % side * side + (y + b) % side] for a, b in steps])
    p, noise = replace(lif("p", size), bias=np.arange(size) / size), source("noise", 5)
    out = readout("out", p)
    weights = np.random.default_rng(1).integers(-4, 5, len(sources)) / 8
    wires = [
        join(noise, p, synapses(np.arange(size) % 5, np.arange(size), 2.0)),
        join(p, p, synapses(sources, targets, weights)),
        join(p, out),
    ]
    return build("net", [p], wires, [noise], [out], dt=1.0)


def torus() -> Chip:
    """Chips of 2 x 2 routers on a torus, where a message round it may be the shorter."""
    sites = topology(columns=2, rows=2, per_router=2, per_chip=7, systems=(system(1, 1), system(3, 2)))
    return chip(on=sites, rules=(limit("placed_output_axons", 500),), neurons=16, input_axons=200, max_delay=15)


def waits() -> Network:
    """A skip of some timesteps, and a population that hears another twice."""
    wires = [
        wire("in", "a", dense(40, 20)),
        wire("a", "b", Delay("late", np.asarray(40.0), (40,)), dense(30, 40)),
        wire("a", "c", dense(20, 40)),
        wire("b", "c", dense(20, 30)),
    ]
    return network({"a": 40, "b": 30, "c": 20}, *wires, inputs={"in": 20}, model="IF", dt=1.0)


BUILDERS: Mapping[str, Callable[[], Made]] = {
    "loihi1 mesh": lambda: made(convnet(24, 12), real("loihi1")),
    "loihi1 relays": lambda: made(waits(), real("loihi1"), replace(QUICK, steps_per_sample=20)),
    "loihi1 copies": lambda: made(chain(a=40, b=10, model="IF"), real("loihi1"), replace(QUICK, copies=6)),
    "loihi2 onchip": lambda: made(chain(lif=30, lif2=10), real("loihi2"), replace(QUICK, inputs="onchip")),
    "loihi2 two chips": lambda: made(
        chain(a=60, b=30, model="IF"), real("loihi2"), replace(QUICK, constraints=parse(ACROSS, "made up"))
    ),
    "loihi2 constraints": lambda: made(
        chain(a=60, b=30, model="IF"), real("loihi2"), replace(QUICK, constraints=parse(PINNED, "made up"))
    ),
    "loihi2 samples": lambda: made(
        chain(a=40, b=10, model="IF"),
        real("loihi2"),
        replace(QUICK, activity=Samples({"in": np.ones((2, 6, 5))}), dt=1.0, tiles={"a": "7"}),
    ),
    "loihi2 sheet": lambda: made(
        sheet(), real("loihi2"), replace(QUICK, constraints=parse(CAPPED, "made up"), tiles={"p": "50"})
    ),
    "spinnaker1 sheet": lambda: made(sheet(), real("spinnaker1")),
    "truenorth copies": lambda: made(even(grouped()), real("truenorth")),
    "truenorth splitters": lambda: made(row(256, 256, 1024), real("truenorth")),
    "truenorth loop": lambda: made(looped(), real("truenorth")),
    "truenorth skip": lambda: made(even(residual(12, "IF")), real("truenorth")),
    "spinnaker1 inputs": lambda: made(recurrent(300), real("spinnaker1"), replace(QUICK, map_inputs=True)),
    "spinnaker1 tables": lambda: made(convnet(24, 8), real("spinnaker1")),
    "spinnaker1 dead": lambda: round_it()[1:],
    "spinnaker1 late": lambda: made(late(40, 3), real("spinnaker1"), replace(QUICK, activity=0.01)),
    "spinnaker1 slow": lambda: made(recurrent(60), real("spinnaker1"), replace(QUICK, time_scale=3)),
    "spinnaker2 bytes": lambda: made(grouped(), real("spinnaker2")),
    "spinnaker2 copies": lambda: made(chain(a=40, b=10, model="IF"), real("spinnaker2"), replace(QUICK, copies=3)),
    "toy order": ordered_plan,
    "toy synapse cores": with_synapse_cores,
    "toy torus": lambda: made(recurrent(90), torus()),
}
"""By name: what plan, and of which network."""


@cache
def plan_of(name: str) -> Made:
    return BUILDERS[name]()
