"""What three published mappings on Loihi 1 took, layer by layer, beside ours with their tile sizes and without.

docs/loihi1_tables.md is written by `pytest tests/test_loihi1_tables.py --update-golden`. The networks are built from
their shapes, with random weights of the bits told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from neuedge_nir.errors import NoPlanError
from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_axons import axons_of
from neuedge_nir.plan.check_demand import recount
from neuedge_nir.plan.check_wires import Part, boxes_in, rules_of
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.conftest import Golden
from tests.worlds import Shape, network, pool, real, wire

ROOT = Path(__file__).parents[1]
LIMITS = ("neurons", "input_axons", "output_axons", "synapse_memory", "longest_row")


@dataclass(frozen=True)
class Layer:
    """A layer as it was printed: its shape, neurons on a core, cores. `tiles` is a shape with as many neurons.

    `window` is the kernel of a convolution (with its padding), or the side of a pool.
    """

    name: str
    shape: Shape
    per_core: int
    cores: int
    tiles: str
    bits: int = 8
    window: tuple[str, int, int] | None = None
    recurrent: bool = False


@dataclass(frozen=True)
class Table:
    title: str
    source: str
    layers: tuple[Layer, ...]


REPOSITORY = "intel-nrc-ecosystem/models `nxsdk_modules_contrib/spytorch2loihi"

TABLES: Mapping[str, Table] = {
    "nmnist": Table(
        "N-MNIST, 34x34x2-512-10",
        f"{REPOSITORY}/slayer_rec/tutorials/nmnist/NMNISTAuto.ipynb`",
        (
            Layer("input", (2, 34, 34), 341, 7, "341"),
            Layer("hidden", (512,), 62, 9, "62", bits=6),
            Layer("output", (10,), 277, 1, "10"),
        ),
    ),
    "gesture": Table(
        "DVS gesture, 128x128x2, convolutional",
        f"{REPOSITORY}/slayer_rec/tutorials/gesture/gestureAuto.ipynb`",
        (
            Layer("input", (2, 128, 128), 1024, 32, "1x32x32"),
            Layer("pool1", (2, 32, 32), 256, 8, "2x16x8", window=("pool", 4, 0)),
            Layer("conv1", (16, 32, 32), 256, 64, "16x4x4", window=("conv", 5, 2)),
            Layer("pool2", (16, 16, 16), 341, 13, "341", window=("pool", 2, 0)),
            Layer("conv2", (32, 16, 16), 256, 32, "32x2x4", window=("conv", 3, 1)),
            Layer("pool3", (32, 8, 8), 340, 7, "340", window=("pool", 2, 0)),
            Layer("dense", (512,), 46, 12, "46"),
            Layer("output", (11,), 500, 1, "11"),
        ),
    ),
    "ntidigits": Table(
        "N-TIDIGITS, 64-256-256-242",
        f"{REPOSITORY}/slayer_rec/tutorials/ntidigits/ntidigitsAuto.ipynb`",
        (
            Layer("input", (64,), 1024, 1, "64"),
            Layer("hidden1", (256,), 128, 2, "128"),
            Layer("hidden2", (256,), 128, 2, "128"),
            Layer("output", (242,), 336, 1, "242"),
        ),
    ),
    "tactile": Table(
        "Braille by touch, 48-450-28, recurrent",
        f"{REPOSITORY}`; sizes chosen by hand",
        (
            Layer("input", (48,), 10, 5, "10"),
            Layer("hidden", (450,), 10, 45, "10", recurrent=True),
            Layer("output", (28,), 14, 2, "14"),
        ),
    ),
}


def integers(shape: Shape, bits: int) -> np.ndarray:
    """Weights of so many bits with their sign."""
    most = 2 ** (bits - 1) - 1
    values = np.random.default_rng([bits, *shape]).integers(-most, most + 1, shape)
    values.ravel()[:2] = most, 1
    return values.astype(np.float32)


def operator(layer: Layer, source: Shape) -> Operator:
    if layer.window is None:
        return Dense(layer.name, integers((layer.shape[0], math.prod(source)), layer.bits))
    kind, side, padding = layer.window
    if kind == "pool":
        return pool(source, side, stride=side)
    weight = integers((layer.shape[0], source[0], side, side), layer.bits)
    return Conv(layer.name, weight, source, layer.shape, (1, 1), ((padding, padding),) * 2, (1, 1), 1)


def network_of(table: Table) -> Network:
    """The populations of a table, one behind the other, the first of them the input: it lies on the chip."""
    wires = []
    for before, layer in zip(table.layers, table.layers[1:], strict=False):
        wires.append(wire(before.name, layer.name, operator(layer, before.shape)))
        if layer.recurrent:
            size = layer.shape[0]
            wires.append(wire(layer.name, layer.name, Dense("back", integers((size, size), layer.bits)), steps=1))
    return network({layer.name: layer.shape for layer in table.layers}, *wires, inputs={})


@cache
def tiled(name: str) -> Plan:
    """With as many neurons on a core as were printed."""
    table = TABLES[name]
    tiles = {layer.name: layer.tiles for layer in table.layers}
    return compile_network(network_of(table), real("loihi1"), Options(effort="none", tiles=tiles))


@cache
def free(name: str) -> Plan:
    return compile_network(network_of(TABLES[name]), real("loihi1"), Options(effort="quick"))


def slices(plan: Plan, layer: Layer) -> int:
    return sum(piece.population == layer.name for core in plan.cores for piece in core.slices)


@pytest.mark.parametrize("name", TABLES)
def test_every_layer_takes_as_many_cores_as_were_printed(name: str) -> None:
    """The tiles fit our limits, every one of them recounted, and are as many."""
    plan, table = tiled(name), TABLES[name]
    verify(plan, network_of(table))
    assert {layer.name: slices(plan, layer) for layer in table.layers} == {
        layer.name: layer.cores for layer in table.layers
    }
    assert all(min(layer.per_core, math.prod(layer.shape)) == tile_size(layer) for layer in table.layers)


def tile_size(layer: Layer) -> int:
    return math.prod(map(int, layer.tiles.split("x")))


@pytest.mark.parametrize("name", TABLES)
def test_without_tiles_no_more_cores_are_taken(name: str) -> None:
    assert free(name).mapping.cores_neurons <= sum(layer.cores for layer in TABLES[name].layers)


def test_six_bits_are_the_most_that_the_tile_of_nmnist_has_room_for() -> None:
    """2312 rows of 62 synapses: 7 words each, as the chip has 16384; a bit more would take 8."""
    hidden = TABLES["nmnist"].layers[1]
    finer = replace(TABLES["nmnist"], layers=(TABLES["nmnist"].layers[0], replace(hidden, bits=7)))
    with pytest.raises(NoPlanError) as refusal:
        compile_network(network_of(finer), real("loihi1"), Options(effort="none", tiles={"hidden": "62"}))
    assert (refusal.value.code, refusal.value.resource, refusal.value.needed) == ("FIT023", "synapse_memory", 2312 * 8)


def test_tiles_of_one_channel_need_axons_that_sources_share() -> None:
    table = TABLES["gesture"]
    tiles = {layer.name: layer.tiles for layer in table.layers[:4]} | {"conv1": "1x8x32", "pool1": "256"}
    with pytest.raises(NoPlanError) as refusal:
        compile_network(network_of(replace(table, layers=table.layers[:4])), real("loihi1"), Options(tiles=tiles))
    assert (refusal.value.code, refusal.value.resource) == ("FIT023", "output_axons")


def test_the_tables_in_the_docs_are_what_came_of_it(golden: Golden) -> None:
    golden("loihi1_tables.md", DOCUMENT.format(tables="\n\n".join(drawn(name) for name in TABLES)), ROOT / "docs")


def fullest(table: Table, plan: Plan) -> list[dict[str, float]]:
    """For each layer the most that one of its tiles uses of each limit, by the checker's count."""
    shapes = {layer.name: layer.shape for layer in table.layers}
    parts = [
        Part(at, piece.population, boxes_in(piece, shapes[piece.population]))
        for at, core in enumerate(plan.cores)
        for piece in core.slices
    ]
    rules = rules_of(plan, network_of(table))
    used, more = recount(parts, rules, messages=False).used, axons_of(rules, parts)
    for number, need in enumerate(used):
        for one in plan.chip.limits:
            need[one.name] += more.of(one, number)
    return [
        {
            limit: max(need[limit] for part, need in zip(parts, used, strict=True) if part.population == layer.name)
            for limit in (*LIMITS, "destination_groups")
        }
        for layer in table.layers
    ]


def drawn(name: str) -> str:
    table, plan, ours = TABLES[name], tiled(name), free(name)
    rows = []
    for layer, used, alone in zip(table.layers, fullest(table, plan), fullest(table, ours), strict=True):
        of_ours = sum(any(piece.population == layer.name for piece in core.slices) for core in ours.cores)
        numbers, groups = (int(used[limit]) for limit in LIMITS), int(alone["destination_groups"])
        cells = (layer.name, "x".join(map(str, layer.shape)), layer.per_core, layer.tiles, layer.bits, layer.cores)
        rows.append(f"| {' | '.join(map(str, (*cells, *numbers, of_ours, groups)))} |")
    head = (
        "| layer | shape | per core | tile | bits | cores | neurons | in-axons | out-axons | words | row | free "
        "| groups |\n"
        f"|{'---|' * 13}"
    )
    total = sum(layer.cores for layer in table.layers)
    text = (
        f"{table.source}. Printed: {total} cores. Ours with these tiles: {plan.mapping.cores_neurons}, as tiles may "
        f"share a core; free: {ours.mapping.cores_neurons}, and {ours.mapping.cores_lower_bound} at least in any plan."
    )
    shared = [p.name.partition("#")[0] for p in ours.projections if p.axons is not None and p.axons.kind == "shared"]
    text += f" Axons are shared in {', '.join(shared)}." if shared else ""
    return "\n".join((f"## {table.title}", "", text, "", head, *rows))


DOCUMENT = """# What published mappings took on Loihi 1

Generated by `pytest tests/test_loihi1_tables.py --update-golden`. Three networks of SLAYER's for which a notebook keeps
the neurons and cores of each layer, and one whose sizes were chosen by hand, beside our plans: cut into tiles of as
many neurons (`--tiles`), and free. All of ours are recounted by the checker.

`cores` are those printed; our plan with these tiles has as many slices. The counts are the most of any tile: in-axons
and out-axons of 4,096 (on one chip), `words` of 16,384, `row` the longest, of 256. `free`: cores that hold neurons of
the layer when the mapper cuts it as it likes.

{tables}

## What differs, and what this does not show

* Only numbers of neurons were printed. The shape of a tile is our choice, and so are the weights: 8 bits, random, for
  the trained ones are not at hand. The 62 neurons of N-MNIST fit 6 bits by our count of words, and no more.
* The printed mappings put one layer on a core. Where ours takes fewer cores, small tiles share one.
* The input is on the chip, as there: neurons that nothing on the chip projects to.
* Columns of a convolution's sources share rows where that takes fewer words, and axons where no core takes more entries
  by it; `groups` are the destination groups of the free plan by which rows are shared, 1 where none are. Narrow tiles
  have too few like columns, and the numbers of neurons have gaps: 16 columns of conv2 take 18. How the printed ones
  were cut is not known. With tiles of one channel, 256 neurons of pool1 would send to 16 channels of conv1 and need
  more than the 4,096 entries, which shared axons would not spare, as no neuron has one destination there; tiles of all
  channels fit.
* Delays that differ from neuron to neuron (all hidden layers of two of these networks) are left out: a plan has one for
  each projection. They would take three bits of every synapse.
* N-TIDIGITS ends in an average over its outputs, read by the host; it takes no core in either. Intel ran 19 copies of
  it on a chip of 128 cores.
"""
