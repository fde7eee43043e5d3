"""From a network and a chip to a plan that the checker accepts, or a refusal: never anything else."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip, InputCores
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.call import PassCall
from tests.sampling import examples
from tests.worlds import REAL_CHIPS, chain, chips, convnet, networks, real, recurrent, residual

OPTIONS = st.builds(
    Options,
    activity=st.sampled_from([None, 0.1, 0.25, 0.0]),
    reset=st.sampled_from(ResetMode),
    effort=st.sampled_from(["none", "quick"]),
    map_inputs=st.booleans(),
    seed=st.integers(0, 3),
)


def compiled(net: Network, on: Chip, options: Options) -> Plan:
    try:
        return compile_network(net, on, options)
    except (CapacityError, NoPlanError) as error:
        assert str(error)
        assume(False)
        raise


@settings(max_examples=examples(70), deadline=None)
@given(networks(), chips(), OPTIONS)
def test_a_network_is_refused_or_gets_a_plan_that_the_checker_accepts(net: Network, on: Chip, options: Options) -> None:
    plan = compiled(net, on, options)
    verify(plan, net)
    assert (plan.outcome == "optimal") == (plan.mapping.cores_inner == plan.mapping.cores_lower_bound)
    assert plan.mapping.chips_used <= plan.chips_available
    way = on.io.input(plan.options.inputs)
    on_cores = way is not None and way.cores is not InputCores.NONE
    held = sum(p.neurons for p in net.populations) + on_cores * sum(p.neurons for p in net.inputs)
    held += plan.mapping.relay_neurons
    assert plan.counts.neurons == net.neurons
    assert sum(s.run[1] - s.run[0] if s.run else _volume(s.block or ()) for c in plan.cores for s in c.slices) == held


def _volume(block: tuple[tuple[int, int], ...]) -> int:
    size = 1
    for start, stop in block:
        size *= stop - start
    return size


@settings(max_examples=examples(25), deadline=None)
@given(networks(), chips(), OPTIONS)
def test_the_same_question_has_the_same_answer(net: Network, on: Chip, options: Options) -> None:
    assert compiled(net, on, options) == compiled(net, on, options)


@settings(max_examples=examples(40), deadline=None)
@given(networks(most=2), chips(), OPTIONS)
def test_no_chip_left_out_of_the_machine_helps_a_network_that_does_not_fit(
    net: Network, on: Chip, options: Options
) -> None:
    """A proof that a network does not fit holds for fewer chips as well."""
    try:
        compile_network(net, on, options)
    except CapacityError:
        with pytest.raises(CapacityError):
            compile_network(net, on, replace(options, chips=1))
    except NoPlanError:
        assume(False)


@settings(max_examples=examples(30), deadline=None)
@given(networks(), chips(), OPTIONS)
def test_passes_that_keep_the_meaning_never_cost_a_core(net: Network, on: Chip, options: Options) -> None:
    plain = compiled(net, on, options)
    with_passes = replace(options, passes=(PassCall("fold-scale"), PassCall("drop-dead")))
    shorter = compiled(net, on, with_passes)
    assert shorter.options.passes == ("fold-scale", "drop-dead")
    assert shorter.counts.neurons <= plain.counts.neurons
    assert shorter.mapping.cores_lower_bound <= plain.mapping.cores_lower_bound


SMALL = {
    "chain": chain(inputs=60, model="IF", a=100, b=10),
    "convolutions": convnet(model="IF"),
    "recurrent": recurrent(model="IF"),
}


@pytest.mark.parametrize("name", REAL_CHIPS)
@pytest.mark.parametrize("net", SMALL.values(), ids=SMALL)
def test_every_real_chip_runs_every_small_network_by_all_its_ways(name: str, net: Network) -> None:
    on = real(name)
    for way, out in product(on.io.inputs, on.io.outputs):
        plan = compile_network(net, on, Options(effort="quick", inputs=way.name, outputs=out.name))
        verify(plan, net)
        assert plan.mapping.packing_proven
        assert (plan.mapping.cores_input > 0) == (way.cores is InputCores.INPUT)
        assert plan.mapping.cores_io == (way.cores is InputCores.IO) + out.gatherer


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_a_residual_block_takes_a_relay_where_no_chip_is_known_to_wait(name: str) -> None:
    plan = compile_network(residual(model="IF"), real(name))
    relays = [p.name for p in plan.populations if p.relay is not None]
    waits = real(name).capabilities.max_delay is not None
    assert relays == ([] if waits else ["a.relay1"])
    assert {p.name: p.delay for p in plan.projections}["a->c#3"] == (2 if waits else 1)
