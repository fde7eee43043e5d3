"""Keys of SpiNNaker 1: whoever sends has a field of its own within 32 bits, and the checker finds what overlaps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import NoPlanError, VerificationError
from neuedge_nir.mapping.keys import allocate
from neuedge_nir.mapping.partition import Cluster, Piece, Role
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.network.model import Network
from neuedge_nir.network.slices import Run
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan, PlanKeys
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.test_verify import changed, drop, named, put, twice
from tests.worlds import chain, fed_by_host, real

COLOURS = 16


@cache
def world() -> tuple[Plan, Network]:
    """Two populations in slices of 30 that send, and one that does not."""
    net = named(chain(a=70, b=40, c=10))
    on = fed_by_host(real("spinnaker1"))
    return compile_network(net, on, Options(effort="none", tiles={"a": "30", "b": "30"})), net


def keys_of(plan: Plan) -> PlanKeys:
    assert plan.keys is not None
    return plan.keys


def test_every_slice_that_sends_has_the_keys_of_its_neurons_and_colours() -> None:
    plan, _ = world()
    keys = keys_of(plan)
    senders = {(route.core, route.slice) for route in plan.routes}
    assert senders == {(key.core, key.slice) for key in keys.slices}
    # Bits of neuron, core and population: slices of 30 in 5, three slices in 2, two senders in 1.
    assert (keys.atom_bits, keys.core_bits) == ({"a": 5, "b": 5}, {"a": 2, "b": 1})
    assert (keys.low_bits, keys.population_bits) == (4 + 5 + 2, 1)
    found: dict[int, tuple[int, int, int]] = {}
    for key in keys.slices:
        spans = plan.cores[key.core].slices[key.slice]
        start, stop = spans.run or (spans.block or ())[0]
        for neuron in range(stop - start):
            for colour in range(COLOURS):
                spike = key.key + neuron * COLOURS + colour
                assert spike & key.mask == key.key
                assert spike not in found
                found[spike] = key.core, key.slice, neuron
    assert max(found) < 2**32


def test_sources_have_keys_too() -> None:
    plan = compile_network(named(chain(inputs=1200, a=3)), real("spinnaker1"), Options(effort="none"))
    assert (keys_of(plan).atom_bits, keys_of(plan).core_bits) == ({"in": 9}, {"in": 2})


def test_a_chip_whose_messages_carry_no_keys_has_none_in_its_plans() -> None:
    assert compile_network(named(chain(a=3)), real("loihi2"), Options(effort="none")).keys is None


def moved(amount: int) -> Callable[[Any], Any]:
    return lambda key: key + amount


def together(keys: PlanKeys) -> PlanKeys:
    """The cores of both populations numbered on in one field of three bits."""
    low = [replace(key, key=at << 9) for at, key in zip((0, 1, 2, 4, 5), keys.slices, strict=True)]
    return replace(keys, low_bits=12, core_bits={"a": 3, "b": 3}, slices=tuple(low))


DAMAGES: Mapping[str, tuple[str, tuple[Any, ...], Callable[[Any], Any]]] = {
    "no keys": ("PLAN180", (), put(None)),
    "a key lost": ("PLAN180", ("slices",), drop(0)),
    "a key twice": ("PLAN180", ("slices",), twice),
    "a key of no slice": ("PLAN180", ("slices", 0, "slice"), put(7)),
    "the keys of another slice": ("PLAN181", ("slices", 1, "key"), lambda _: keys_of(world()[0]).slices[0].key),
    "half of another's keys": ("PLAN180", ("slices", 1, "key"), moved(-16 * COLOURS)),
    "a key of the other population": ("PLAN180", ("slices", 0, "key"), moved(1 << 11)),
    "a key of more than 32 bits": ("PLAN180", ("slices", 0, "key"), moved(1 << 32)),
    "a key below zero": ("PLAN180", ("slices", 0, "key"), moved(-(1 << 11))),
    "a mask that leaves neurons out": ("PLAN180", ("slices", 0, "mask"), moved(16 * COLOURS)),
    "a mask that takes the next slice in": ("PLAN180", ("slices", 0, "mask"), moved(-32 * COLOURS)),
    "a mask with a hole": ("PLAN180", ("slices", 0, "mask"), moved(1)),
    "a field too narrow for its cores": ("PLAN180", ("core_bits", "a"), put(1)),
    "a field too narrow for its neurons": ("PLAN180", ("atom_bits", "a"), put(4)),
    "a field wider than its mask": ("PLAN180", ("atom_bits", "a"), put(6)),
    "a field of neurons without an end": ("PLAN180", ("atom_bits", "a"), put(1 << 62)),
    "a field of cores without an end": ("PLAN180", ("core_bits", "b"), put(1 << 62)),
    "a field of populations without an end": ("PLAN180", ("population_bits",), put(1 << 62)),
    "a field below none": ("PLAN180", ("low_bits",), put(-2000)),
    "fields of a population that does not send": ("PLAN180", ("core_bits",), lambda bits: {**bits, "c": 0}),
    "populations in no field": ("PLAN180", ("population_bits",), put(0)),
    "more bits than a key has": ("PLAN180", ("population_bits",), put(22)),
    "populations in the field of cores": ("PLAN180", ("low_bits",), put(10)),
    "populations numbered twice": ("PLAN180", ("low_bits",), put(12)),
    "two populations in one field": ("PLAN181", (), lambda keys: together(keys)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_keys_that_are_amiss_are_refused(name: str) -> None:
    plan, net = world()
    code, path, make = DAMAGES[name]
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plan, ("keys", *path), make), net)
    assert refusal.value.code == code


def test_a_chip_without_keys_takes_no_plan_that_has_them() -> None:
    plan, net = world()
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plan, ("chip", "topology", "keys"), put(None)), net)
    assert refusal.value.code == "PLAN180"


def sending(sizes: Mapping[str, list[int]]) -> tuple[list[Flow], list[Cluster]]:
    """Slices of so many neurons that all send to the first core."""
    pieces = [Piece(name, Run(0, size)) for name, each in sizes.items() for size in each]
    flows = [Flow(i, 0, piece.part.neurons, 0.1, ((0, 1),)) for i, piece in enumerate(pieces)]
    return flows, [Cluster(Role.NEURONS, (piece,), {}) for piece in pieces]


slices = st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.integers(1, 300), min_size=1, max_size=9), min_size=1)


@settings(max_examples=examples(60))
@given(slices)
def test_no_spike_has_the_key_of_two_slices(sizes: dict[str, list[int]]) -> None:
    found = allocate(*sending(sizes), real("spinnaker1"), {})
    assert found is not None
    spans = sorted((key, key + 2**32 - mask) for _, _, key, mask in found.slices)
    assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))
    assert spans[-1][1] <= 2**32
    assert len(spans) == sum(map(len, sizes.values()))


def test_fields_that_are_wider_than_a_key_are_refused() -> None:
    """Of 2^13 populations one may have 2^12 neurons on a core, 13 + 12 + 4 bits, but not 2^8 cores of 2^8."""
    many = {f"p{k}": [1] for k in range(2**13 - 1)}
    assert allocate(*sending({**many, "wide": [2**12]}), real("spinnaker1"), {}) is not None
    with pytest.raises(NoPlanError) as refusal:
        allocate(*sending({**many, "wide": [256] * 2**8}), real("spinnaker1"), {})
    assert (refusal.value.code, refusal.value.needed, refusal.value.available) == ("FIT040", 13 + 8 + 8 + 4, 32)


def test_the_emitted_document_has_the_keys() -> None:
    from neuedge_nir.emission.document import document
    from neuedge_nir.emission.runbook import runbook

    plan, net = world()
    told = json.loads(document(plan, replace(net, dt=1e-3), runbook(plan, net)))["keys"]
    assert told["colour_bits"] == 4
    assert [(each["core"], each["key"], each["mask"]) for each in told["slices"]] == [
        (key.core, key.key, key.mask) for key in keys_of(plan).slices
    ]
