"""The format `arrays`: every neuron's core, and every route, as the plan has them."""

from __future__ import annotations

import io
from itertools import pairwise

import h5py
import numpy as np
import pytest

from neuedge_nir import emit
from neuedge_nir.emission.arrays import arrays_of
from neuedge_nir.network.build import build, join, lif, synapses
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests.conftest import CHIPS
from tests.worlds import chain, convnet, real


def opened(content: bytes) -> h5py.File:
    return h5py.File(io.BytesIO(content), "r")


def compiled(net: Network, on: str) -> Plan:
    return compile_network(net, real(on), Options(effort="none", dt=1.0, activity=0.01))


def shuffled_ring(size: int = 900, reach: int = 12) -> Network:
    """A population whose neurons send to neighbours on a ring, numbered in no order."""
    number = np.random.default_rng(3).permutation(size)
    source = np.repeat(np.arange(size), reach)
    target = (source + np.tile(np.arange(1, reach + 1), size)) % size
    ring = lif("ring", size)
    return build("ring", [ring], [join(ring, ring, synapses(number[source], number[target]))])


@pytest.mark.parametrize("chip", CHIPS)
def test_every_neuron_is_on_the_core_that_the_plan_says(chip: str) -> None:
    plan = compiled(convnet(model="IF"), chip)
    file = opened(emit(plan, convnet(model="IF"), "arrays")["arrays.h5"])
    names = [name.decode() for name in file["populations"][()]]
    for number, core in enumerate(plan.cores):
        for part in core.slices:
            of = file[f"neurons/{names.index(part.population)}"][()]
            box = of[tuple(slice(*span) for span in part.block)] if part.block else of.ravel()[slice(*part.run or ())]
            assert (box == number).all()
    on = sum(int((file[f"neurons/{n}"][()] >= 0).sum()) for n in range(len(names)))
    assert on == sum(core.used.get("neurons", 0) for core in plan.cores) or chip == "truenorth"
    assert file["cores/router"][()].tolist() == [list(core.router) for core in plan.cores]
    ends, targets = file["routes/target_ends"][()], file["routes/target"][()]
    for number, route in enumerate(plan.routes):
        assert targets[ends[number] : ends[number + 1]].tolist() == [core for core, _ in route.targets]
    links = [[*a, *b] for route in plan.routes for a, b in route.links]
    assert file["routes/link"][()].tolist() == links


def test_neurons_that_were_cut_in_another_order_are_found_by_the_models_numbers() -> None:
    plan = compiled(shuffled_ring(), "spinnaker1")
    order = np.concatenate([np.arange(*run) for run in plan.orders["ring"].runs])
    found = opened(arrays_of(plan))["neurons/0"][()]
    for number, core in enumerate(plan.cores):
        for part in core.slices:
            assert part.run is not None
            assert (found[order[slice(*part.run)]] == number).all()
    assert (found >= 0).all()


def test_keys_and_tables_are_those_of_the_plan() -> None:
    plan = compiled(chain(a=300, b=300, c=300), "spinnaker1")
    assert plan.keys is not None
    assert plan.tables is not None
    file = opened(arrays_of(plan))
    assert file["keys/key"][()].tolist() == [key.key for key in plan.keys.slices]
    entries = [(k, m, t.routes[r]) for t in plan.tables for k, m, r in t.entries]
    assert file["tables/key"][()].tolist() == [key for key, _, _ in entries]
    assert file["tables/mask"][()].tolist() == [mask for _, mask, _ in entries]
    assert file["tables/links"][()].tolist() == [links for _, _, (links, _) in entries]
    ends, slots = file["tables/slot_ends"][()].tolist(), file["tables/slot"][()].tolist()
    assert [tuple(slots[a:b]) for a, b in pairwise(ends)] == [own for _, _, (_, own) in entries]


def test_the_same_plan_has_the_same_bytes() -> None:
    plan = compiled(chain(a=300, b=20), "loihi2")
    assert arrays_of(plan) == arrays_of(plan)
