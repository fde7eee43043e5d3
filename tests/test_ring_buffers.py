"""Ring buffers of SpiNNaker 1: 14 bits of index bound what a core holds, by the longest delay into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import VerificationError
from neuedge_nir.network.connect import Delay
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.verify import verify
from tests.test_verify import add, changed, named
from tests.worlds import dense, fed_by_host, known, network, real, wire


def waiting(steps: int, size: int = 600) -> Network:
    """in -> a -> b, whose spikes wait so many steps on the chip: b has the lag 0, a step less than a."""
    late = Delay("late", np.asarray((steps + 1) * 1e-3), (4,))
    wires = wire("in", "a", dense(4, 3)), wire("a", "b", late, dense(size, 4))
    return named(network({"a": 4, "b": size}, *wires, inputs={"in": 3}, dt=1e-3))


def patient() -> Chip:
    """SpiNNaker 1 that delays 2^12 steps and takes any number of neurons on a core, as far as its buffers go."""
    chip = real("spinnaker1")
    able = replace(chip.capabilities, max_delay=known(4096, "timesteps"))
    limits = tuple(
        replace(limit, limit=replace(limit.limit, low=4096.0, typical=4096.0, high=4096.0))
        if limit.name == "neurons"
        else limit
        for limit in chip.limits
    )
    return replace(chip, capabilities=able, limits=limits)


def sizes(steps: int) -> list[int]:
    """Neurons of the slices of the population behind the delay, largest first, and all plans verified."""
    net = waiting(steps)
    plan = compile_network(net, patient(), Options(effort="none", activity=0.001))
    verify(plan, net)
    pieces = [piece for core in plan.cores for piece in core.slices if piece.population == "b"]
    found = [piece.run or (piece.block or ())[0] for piece in pieces]
    return sorted((stop - start for start, stop in found), reverse=True)


@pytest.mark.parametrize(
    ("steps", "most"), [(8, 600), (9, 512), (16, 512), (17, 256), (32, 256), (33, 128), (64, 128), (65, 64)]
)
def test_a_slice_has_as_many_neurons_as_its_delay_leaves_bits_for(steps: int, most: int) -> None:
    found = sizes(steps)
    assert sum(found) == 600
    assert found[0] <= most
    assert len(found) == -(-600 // most)


def test_a_plan_says_its_bits_and_the_checker_counts_them_again() -> None:
    net = waiting(6, 100)
    plan = compile_network(net, real("spinnaker1"), Options(effort="none", tiles={"b": "100"}))
    core = next(i for i, core in enumerate(plan.cores) if core.slices[-1].population == "b")
    assert plan.cores[core].used["ring_buffer_index"] == 7 + 1 + 3  # 100 neurons, two signs, 6 steps
    for amount in (-1, 1):
        wrong = changed(plan, ("cores", core, "used", "ring_buffer_index"), add(amount))
        with pytest.raises(VerificationError) as refusal:
            verify(wrong, net)
        assert refusal.value.code == "PLAN112"


def test_an_index_of_more_bits_than_there_are_is_refused() -> None:
    net = waiting(65)
    plan = compile_network(net, patient(), Options(effort="none", activity=0.001))
    at = next(i for i, limit in enumerate(plan.chip.limits) if limit.name == "ring_buffer_index")
    small = changed(
        plan, ("chip", "limits", at, "limit"), lambda most: replace(most, low=12.0, typical=12.0, high=12.0)
    )
    with pytest.raises(VerificationError) as refusal:
        verify(small, net)
    assert refusal.value.code == "PLAN113"


def test_what_the_host_injects_late_takes_no_slots() -> None:
    chain = [wire("in", "a", dense(4, 3)), wire("a", "b", dense(4, 4)), wire("b", "c", dense(4, 4))]
    net = named(network({"a": 4, "b": 4, "c": 4}, *chain, wire("in", "c", dense(4, 3, seed=2)), inputs={"in": 3}))
    options = {"a": "4", "b": "4", "c": "4"}
    for on, bits in ((fed_by_host(real("spinnaker1")), 2 + 1 + 0), (real("spinnaker1"), 2 + 1 + 2)):
        plan = compile_network(net, on, Options(effort="none", tiles=options))
        used = [core.used["ring_buffer_index"] for core in plan.cores if core.role == "neurons"]
        assert max(used) == bits
