"""The cores of each population that PACMAN, sPyNNaker's mapper, takes, beside ours with its slices and without.

docs/spinnaker1_tables.md is written by `pytest tests/test_spinnaker1_tables.py -m '' --update-golden`. The networks are
built from their shapes; what PACMAN made of them is quoted here, and held against its files where they are at hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from neuedge_nir.errors import NoPlanError
from neuedge_nir.network.connect import Dense, Operator, Pool, PoolKind
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.conftest import Golden
from tests.worlds import Shape, Wire, conv, dense, network, real, wire

ROOT = Path(__file__).parents[1]
PEERS = ROOT.parent / "shared" / "peers"
BUSY = 0.1
"""Spikes per neuron and timestep that are assumed where nobody says any."""
NEURONS, SOURCES = 256, 500
"""What PACMAN puts on a core of each."""


@dataclass(frozen=True)
class Layer:
    """Populations alike: `count` of them, called `name` and `name_0` .. where there are several; cores of all."""

    name: str
    shape: Shape
    cores: int
    source: bool = False
    count: int = 1
    tile: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,) if self.count == 1 else tuple(f"{self.name}_{k}" for k in range(self.count))

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def tiles(self) -> str:
        """PACMAN's slice of one of them, or all of it where it is smaller."""
        return self.tile or str(min(self.size, SOURCES if self.source else NEURONS))


@dataclass(frozen=True)
class Table:
    """A network, its populations in order, and a rate at which no core is short of time. `pairs`: see the document."""

    title: str
    layers: tuple[Layer, ...]
    wires: Callable[[], tuple[Wire, ...]]
    chip: str = "spinnaker1"
    quiet: float = 0.01
    pairs: bool = False

    def network(self) -> Network:
        shapes = [(name, layer) for layer in self.layers for name in layer.names]
        populations = {name: layer.shape for name, layer in shapes if not layer.source}
        inputs = {name: layer.shape for name, layer in shapes if layer.source}
        return network(populations, *self.wires(), inputs=inputs, outputs={"read": list(populations)[-1]}, dt=1.0)


def full(outputs: int, inputs: int) -> Dense:
    """All to all, with one weight, which takes no memory here."""
    return Dense("all", np.broadcast_to(np.float32(1), (outputs, inputs)))


def perceptron() -> tuple[Wire, ...]:
    return wire("in", "h", dense(512, 784)), wire("h", "o", dense(10, 512))


def sum_pool(shape: Shape) -> Pool:
    half = tuple(size // 2 for size in shape[1:])
    return Pool("pool", PoolKind.SUM, shape, (shape[0], *half), (2, 2), (2, 2), (0, 0))


def convolved(inputs: int, middle: int, last: int) -> tuple[tuple[Operator, ...], ...]:
    """The chains of the N-MNIST network's convolutions, between so many channels."""
    first = conv((inputs, 34, 34), middle, 5, stride=2)
    second = conv((middle, 16, 16), middle)
    return (first,), (second,), (sum_pool((middle, 16, 16)), conv((middle, 8, 8), last))


def layered() -> tuple[Wire, ...]:
    """A population for every layer."""
    first, second, third = convolved(2, 16, 8)
    sides = [("in", "c0", first), ("c0", "c1", second), ("c1", "c2", third)]
    rest = wire("c2", "fc", sum_pool((8, 8, 8)), full(256, 128)), wire("fc", "out", full(10, 256))
    return (*(wire(source, target, *chain) for source, target, chain in sides), *rest)


def by_channel() -> tuple[Wire, ...]:
    """A population for every channel, and a projection for every pair of them."""
    first, second, third = convolved(1, 1, 1)
    sides = [("in", 2, "c0", 16, first), ("c0", 16, "c1", 16, second), ("c1", 16, "c2", 8, third)]
    found = [
        wire(f"{source}_{i}", f"{target}_{k}", *chain)
        for source, before, target, behind, chain in sides
        for i in range(before)
        for k in range(behind)
    ]
    found += [wire(f"c2_{k}", "fc", full(256, 64)) for k in range(8)]
    return (*found, wire("fc", "out", full(10, 256)))


CORTEX = {
    "L23E": (2068, 9, 5),
    "L23I": (583, 3, 2),
    "L4E": (2191, 9, 5),
    "L4I": (547, 3, 2),
    "L5E": (485, 2, 1),
    "L5I": (106, 1, 1),
    "L6E": (1439, 6, 3),
    "L6I": (294, 2, 1),
}
"""A tenth of the neurons of Potjans and Diesmann's populations, PACMAN's cores of them and of their sources."""


def cortex() -> tuple[Wire, ...]:
    sizes = {name: size for name, (size, _, _) in CORTEX.items()}
    between = [
        wire(source, target, full(sizes[target], sizes[source]), steps=1) for source in sizes for target in sizes
    ]
    return (*(wire(f"bg{name}", name) for name in sizes), *between)


MLP = (Layer("in", (784,), 2, source=True), Layer("h", (512,), 2), Layer("o", (10,), 1))

TABLES: Mapping[str, Table] = {
    "mlp784": Table("MLP, 784-512-10", MLP, perceptron),
    "nircnn_list": Table(
        "N-MNIST, a population for each layer",
        (
            Layer("in", (2, 34, 34), 5, source=True),
            Layer("c0", (16, 16, 16), 16),
            Layer("c1", (16, 16, 16), 16),
            Layer("c2", (8, 8, 8), 2),
            Layer("fc", (256,), 1),
            Layer("out", (10,), 1),
        ),
        layered,
    ),
    "nircnn_conv": Table(
        "N-MNIST, a population for each channel",
        (
            Layer("in", (1, 34, 34), 8, source=True, count=2, tile="1x17x17"),
            Layer("c0", (1, 16, 16), 16, count=16),
            Layer("c1", (1, 16, 16), 16, count=16),
            Layer("c2", (1, 8, 8), 8, count=8),
            Layer("fc", (256,), 1),
            Layer("out", (10,), 1),
        ),
        by_channel,
    ),
    "rand10k": Table(
        "10,000 neurons, each pair connected with probability 0.01",
        (Layer("r", (10_000,), 40),),
        lambda: (wire("r", "r", full(10_000, 10_000), steps=1),),
        quiet=0.001,
        pairs=True,
    ),
    "pd0.1": Table(
        "Potjans and Diesmann's cortical column, a tenth of its neurons",
        tuple(
            layer
            for name, (size, cores, sources) in CORTEX.items()
            for layer in (Layer(name, (size,), cores), Layer(f"bg{name}", (size,), sources, source=True))
        ),
        cortex,
        quiet=0.003,
        pairs=True,
    ),
    "mlp784_v201": Table("The MLP on SpiNNaker 2, one chip", MLP, perceptron, chip="spinnaker2"),
}
NOT_MAPPED = {"pd0.5": 235, "pd1": 462, "pd1_v248": 462, "rand100k": 391, "layers1M": 3950}
"""Networks of PACMAN's that are left out here, and its cores."""
QUICK = ("mlp784", "nircnn_list", "nircnn_conv", "mlp784_v201")


@cache
def plan_of(name: str, rate: float, tiled: bool = False) -> Plan | NoPlanError:
    table = TABLES[name]
    tiles = {each: layer.tiles for layer in table.layers for each in layer.names} if tiled else {}
    net = table.network()
    try:
        plan = compile_network(net, real(table.chip), Options(effort="quick", activity=rate, tiles=tiles))
    except NoPlanError as refusal:
        return refusal
    verify(plan, net)
    return plan


def cores(plan: Plan | NoPlanError, layer: Layer) -> int | None:
    """Cores that hold some of these populations."""
    if isinstance(plan, NoPlanError):
        return None
    return sum(any(piece.population in layer.names for piece in core.slices) for core in plan.cores)


def ours(name: str, rate: float, tiled: bool = False) -> Mapping[str, int | None]:
    return {layer.name: cores(plan_of(name, rate, tiled), layer) for layer in TABLES[name].layers}


SLOW = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in TABLES]


@pytest.mark.parametrize("name", [param for param in SLOW if param.values[0] != "mlp784_v201"])
def test_with_pacmans_slices_every_population_takes_as_many_cores(name: str) -> None:
    assert ours(name, TABLES[name].quiet, tiled=True) == {layer.name: layer.cores for layer in TABLES[name].layers}


@pytest.mark.parametrize("name", [param for param in SLOW if param.values[0] != "mlp784_v201"])
def test_free_they_take_no_more(name: str) -> None:
    """The inputs alone take fewer where PACMAN was told to cut rectangles."""
    found = ours(name, TABLES[name].quiet)
    assert {layer.name: found[layer.name] for layer in TABLES[name].layers if layer.cores != found[layer.name]} == (
        {"in": 6} if name == "nircnn_conv" else {}
    )


@pytest.mark.parametrize("name", SLOW)
def test_the_tables_in_the_docs_hold(name: str) -> None:
    assert section(name) in (ROOT / "docs" / "spinnaker1_tables.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_document_is_what_came_of_it(golden: Golden) -> None:
    text = DOCUMENT.format(busy=BUSY, tables="\n\n".join(map(section, TABLES)), left=left_out())
    golden("spinnaker1_tables.md", text, ROOT / "docs")


@pytest.mark.skipif(not PEERS.is_dir(), reason="PACMAN's files are not at hand")
@pytest.mark.parametrize("name", TABLES)
def test_what_is_quoted_stands_in_pacmans_files(name: str) -> None:
    found = json.loads((PEERS / f"{name}.pacman.json").read_text(encoding="utf-8"))
    layers = TABLES[name].layers
    quoted = {each: layer.cores // layer.count for layer in layers for each in layer.names}
    assert found["per_pop"] == quoted
    assert found["cores"] == sum(layer.cores for layer in layers)
    assert found["neurons"] == sum(layer.size * layer.count for layer in layers)


@pytest.mark.skipif(not PEERS.is_dir(), reason="PACMAN's files are not at hand")
@pytest.mark.parametrize("name", NOT_MAPPED)
def test_what_is_left_out_was_cut_by_the_numbers_of_our_chip_too(name: str) -> None:
    chip = real("spinnaker1")
    limit, way = chip.limit("neurons"), chip.io.input("source-core")
    assert limit is not None
    assert way is not None
    assert way.neurons_per_core is not None
    most = {"lif": limit.limit.count, "poisson": way.neurons_per_core.count}
    assert most == {"lif": NEURONS, "poisson": SOURCES}
    asked = json.loads((PEERS / f"{name}.network.json").read_text(encoding="utf-8"))["pops"]
    found = json.loads((PEERS / f"{name}.pacman.json").read_text(encoding="utf-8"))
    assert found["per_pop"] == {each["name"]: -(-each["n"] // most[each["kind"]]) for each in asked}
    assert found["cores"] == NOT_MAPPED[name]


def section(name: str) -> str:
    table = TABLES[name]
    columns = {"ours, its slices": (table.quiet, True), "ours, free": (table.quiet, False)}
    if not table.pairs:
        columns[f"free, at {BUSY}"] = (BUSY, False)
    found = {head: ours(name, *asked) for head, asked in columns.items()}
    head = ("population", "neurons", "slice", "PACMAN", *columns)
    rows = [
        (*_named(layer), layer.tiles, layer.cores, *(_cell(column[layer.name]) for column in found.values()))
        for layer in table.layers
    ]
    printed = tuple(sum(layer.cores for layer in table.layers if layer.source is kind) for kind in (True, False))
    totals = {"PACMAN": "{} + {}".format(*printed)}
    totals |= {head: _total(plan_of(name, *asked)) for head, asked in columns.items()}
    text = f"`{name}`, {table.quiet:g} spikes per neuron and step. Cores of sources + neurons: "
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head, *rows)]
    lines.insert(1, f"|{'---|' * len(head)}")
    told = "; ".join(f"{label} {total}" for label, total in totals.items())
    return "\n".join((f"## {table.title}", "", f"{text}{told}.", "", *lines))


def _named(layer: Layer) -> tuple[str, str]:
    if layer.count == 1:
        return layer.name, f"{layer.size:,}"
    return f"{layer.names[0]} .. {layer.names[-1]}", f"{layer.count} x {layer.size:,}"


def _cell(count: int | None) -> str:
    return "-" if count is None else str(count)


def _total(plan: Plan | NoPlanError) -> str:
    if isinstance(plan, NoPlanError):
        return f"refused ({plan.code}, {plan.resource})"
    return f"{plan.mapping.cores_input} + {plan.mapping.cores_inner}"


def left_out() -> str:
    return ", ".join(f"`{name}` ({count:,})" for name, count in NOT_MAPPED.items())


DOCUMENT = """# What PACMAN takes on SpiNNaker 1

Generated by `pytest tests/test_spinnaker1_tables.py -m '' --update-golden`. Networks that PACMAN (sPyNNaker 1!7.4.1, on
virtual boards) was measured with, population by population, beside our plans: cut into slices like its own
(`--tiles`), and free. All of ours are recounted by the checker.

Figures are cores. `slice`: the most neurons that PACMAN put on a core, or their shape. PACMAN does not look at the time
that a core has; we do, so that ours depend on how busy the network is. At the rate told no core is short of time; the
last column has the {busy} spikes per neuron and step that we assume where nobody says any.

{tables}

## What differs, and what this does not show

* With PACMAN's slices all counts on SpiNNaker 1 are its own. Free they are too, but for the inputs of `nircnn_conv`:
  PACMAN needs rectangles that sPyNNaker's convolutions can read, and was told 17 x 17; ours are 500 sources to a core.
* At {busy} spikes per neuron and step a slice of 256 neurons with many synapses gets more than the 13,000 events that a
  core has time for in 1 ms: 20,070 in `h` of the MLP (784 x 256 x {busy}), 13,107 in `fc` of N-MNIST.
  sPyNNaker runs such a core, and it loses spikes or slips its tick.
* SpiNNaker 2: PACMAN puts 256 neurons or 500 sources on a core there as well, and makes no check of memory. We take 250
  of both, the default of py-spinnaker2, and what 96 kB of a core hold of 8-bit weights: 125 neurons with 784 inputs.
  Slices of 256 are therefore refused.
* `rand10k` (p = 0.01) and `pd0.1` connect neurons at random. A network here cannot say that without a weight for
  each pair, and on these chips a weight of 0 counts as a synapse. Our plans are of networks in which all pairs are
  connected, which take more time and memory. Their cores are those of the sparse ones, as neurons bind in both; their
  chips are not, and are not shown.
* Left out, as all pairs would be 20 to 1,000 times the synapses, another network in time, memory and chips (in brackets
  PACMAN's cores): {left}.
  Each of their populations takes its neurons over 256, or its sources over 500, rounded up: our chip's limits alike.
* System cores (a monitor on each chip, and one more where Ethernet is) are counted in neither.
* Weights are not those of the files. On SpiNNaker 1 they make no difference to either mapper.
"""
