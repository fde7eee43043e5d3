"""Pools that merge at the axon: on Loihi 1 the sources of a window share an input axon and its row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neuedge_nir.errors import VerificationError
from neuedge_nir.network.connect import Conv, Pool
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.worlds import Shape, conv, network, pool, real, wire

QUICK = Options(effort="none")


def fed(image: Shape, *chain: Conv | Pool) -> Network:
    """An image that the host sends into one population."""
    return network({"a": chain[-1].output_shape}, wire("in", "a", *chain), inputs={"in": image})


def planned(net: Network) -> Plan:
    plan = compile_network(net, real("loihi1"), QUICK)
    verify(plan, net)
    return plan


def used(net: Network) -> tuple[int, int]:
    """Input axons and words, of all cores."""
    cores = planned(net).cores
    return sum(core.used["input_axons"] for core in cores), sum(core.used["synapse_memory"] for core in cores)


def test_a_pool_before_a_convolution_takes_no_axon_and_no_word() -> None:
    summed = pool((2, 8, 8), 2, stride=2)
    kernel = conv(summed.output_shape, 4, 3)
    assert used(fed((2, 8, 8), summed, kernel)) == used(fed(summed.output_shape, kernel))


def test_a_pool_alone_has_an_axon_and_a_row_of_one_synapse_for_each_window() -> None:
    assert used(fed((1, 8, 8), pool((1, 8, 8), 4, stride=4))) == (4, 4)


def test_sources_in_two_windows_keep_axons_of_their_own() -> None:
    axons, _ = used(fed((1, 7, 7), pool((1, 7, 7), 3, stride=2)))
    assert axons == 49


def test_a_pool_behind_a_pool_merges_where_both_are_cut_apart() -> None:
    first = pool((1, 8, 8), 2, stride=2)
    apart, sliding = pool(first.output_shape, 2, stride=2), pool(first.output_shape, 2, stride=1)
    assert used(fed((1, 8, 8), first, apart))[0] == 4
    assert used(fed((1, 8, 8), first, sliding))[0] == 16


def test_every_source_still_sends_its_own_message() -> None:
    """A neuron has an entry for each core, whatever is merged there."""
    summed = pool((1, 8, 8), 2, stride=2)
    net = network({"a": (1, 8, 8), "b": summed.output_shape}, wire("a", "b", summed), inputs={})
    (core,) = planned(net).cores
    told = planned(net).projections[0].axons
    assert told is not None
    assert (core.used["input_axons"], core.used["output_axons"]) == (16, 64)
    assert (told.inputs, told.outputs) == (16, 64)


@pytest.mark.parametrize("name", ["input_axons", "synapse_memory", "output_axons"])
@pytest.mark.parametrize("by", [-1, 1])
def test_what_a_pool_takes_is_recounted(name: str, by: int) -> None:
    summed = pool((1, 8, 8), 2, stride=2)
    net = network({"a": (1, 8, 8), "b": summed.output_shape}, wire("a", "b", summed), inputs={})
    plan = planned(net)
    (core,) = plan.cores
    wrong = replace(core, used={**core.used, name: core.used[name] + by})
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, cores=(wrong,)), net)
    assert refusal.value.code == "PLAN112"
