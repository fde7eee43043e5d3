"""Loihi 1's rows of synapses, packed in entries, and the formats that a core keeps for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip, Limit
from neuedge_nir.errors import CapacityError, NoPlanError, VerificationError
from neuedge_nir.mapping.entries import row_words, self_row_words
from neuedge_nir.network.connect import Delay, Dense
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan, PlanFormat
from neuedge_nir.plan.verify import verify
from tests.conftest import Neuedge
from tests.sampling import examples
from tests.worlds import chain, chip, conv, dense, limit, network, networks, real, system, topology, wire

QUICK = Options(effort="none")
LOIHI = real("loihi1")


def entry(**numbers: int) -> Limit:
    """The rule of Loihi 1's rows, some of its numbers others."""
    rule = next(rule for rule in LOIHI.limits if rule.formula == "entry_row_words")
    changed = {name: replace(rule.parameters[name], typical=float(value)) for name, value in numbers.items()}
    return replace(rule, parameters={**rule.parameters, **changed})


def bits(synapses: int, of_each: int, *, index: int, dense: bool) -> int:
    """Bits of a row: its words, were words of one bit."""
    return row_words(synapses, of_each, entry(word_bits=1, index_bits=index, trailer_bits=0), dense=dense)


# --- words of a row ---------------------------------------------------------------------------------------------------


def test_entries_have_the_bits_that_nxtf_tests_its_encoder_with() -> None:
    assert bits(4, 8, index=6, dense=False) == 66  # (0, 5, 6, 11)
    assert bits(12, 8, index=8, dense=True) == 114  # 200 .. 211, with zeros between
    assert bits(2, 8, index=8, dense=True) == 34
    assert bits(2, 8, index=6, dense=False) == 38


@given(st.integers(1, 2000), st.integers(1, 9), st.booleans())
def test_a_row_has_a_word_more_where_its_last_is_full_or_nearly_so(synapses: int, of_each: int, dense: bool) -> None:
    """As NxTF says it: whole words, and one more where bits mod 64 is 0 or at least 59."""
    whole = bits(synapses, of_each, index=10, dense=dense)
    due = -(-whole // 64) + (whole % 64 == 0 or whole % 64 >= 59)
    assert row_words(synapses, of_each, entry(), dense=dense) == due


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 11), st.booleans())
def test_a_row_cut_in_two_never_takes_fewer_words(one: int, other: int, of_each: int, dense: bool) -> None:
    """So that whole populations bound the cores from below."""
    parts = [row_words(n, of_each, entry(), dense=dense) for n in (one, other)]
    assert sum(parts) >= row_words(one + other, of_each, entry(), dense=dense)


def test_a_dense_row_of_a_thousand_neurons() -> None:
    """17 entries of 20 bits before their synapses, 8000 bits of weights; nengo-loihi's padded blocks take 141 words."""
    plan = compile_network(chain(inputs=1, a=1000), LOIHI, QUICK)
    (core,) = plan.cores
    assert core.used["longest_row"] == -(-(17 * 20 + 8000 + 6) // 64) == 131
    assert core.used["synapse_memory"] == 131


def test_a_short_row_takes_the_word_behind_its_last_that_blocks_do_without() -> None:
    (core,) = compile_network(chain(inputs=1, a=5), LOIHI, QUICK).cores
    assert core.used["synapse_memory"] == 2  # 60 bits


def delayed(steps: int) -> Network:
    """From a to b in so many steps, as a hears the input a step late and b not."""
    return network(
        {"a": 100, "b": 100},
        wire("in", "a", dense(100, 10)),
        wire("a", "b", Delay("d", np.asarray(float(steps + 1)), (100,)), dense(100, 100)),
        inputs={"in": 10},
    )


def memory(net: Network, reset: ResetMode = ResetMode.ZERO) -> int:
    plan = compile_network(net, LOIHI, replace(QUICK, dt=1.0, reset=reset))
    verify(plan, net)
    return sum(core.used["synapse_memory"] for core in plan.cores)


def test_synapses_that_wait_store_how_long() -> None:
    """100 rows of 100 synapses: 840 bits, or 300 more."""
    for steps in (1, 2, 8):
        plan = compile_network(delayed(steps), LOIHI, replace(QUICK, dt=1.0))
        assert plan.projections[-1].delay == steps
    assert memory(delayed(2)) - memory(delayed(1)) == 100 * (-(-(1140 + 6) // 64) - -(-(840 + 6) // 64))
    assert memory(delayed(8)) == memory(delayed(2))


def test_a_neuron_that_resets_itself_has_a_row_of_its_own() -> None:
    net = chain(inputs=10, a=100)
    assert self_row_words(entry(), 8) == 1
    assert memory(net, ResetMode.SUBTRACT) == memory(net) + 100


# --- formats ----------------------------------------------------------------------------------------------------------


def formats(net: Network, on: Chip = LOIHI, **options: Any) -> list[int]:
    plan = compile_network(net, on, replace(QUICK, **options))
    verify(plan, net)
    return [core.used["synapse_formats"] for core in plan.cores]


def several(*layers: Dense, delays: tuple[float, ...] = ()) -> Network:
    """One population that these layers lead into, each from an input of its own."""
    waits = [(Delay(f"d{k}", np.asarray(d), (4,)),) if d else () for k, d in enumerate(delays or (0,) * len(layers))]
    wires = [wire(f"i{k}", "a", *wait, layer) for k, (layer, wait) in enumerate(zip(layers, waits, strict=True))]
    return network({"a": 3}, *wires, inputs={f"i{k}": 4 for k in range(len(layers))})


def weights(scale: float = 1.0, *, signs: str = "mixed") -> Dense:
    """127 is there, so that the weights take all bits of a mantissa."""
    values = np.array([[127.0, 3, 5, 7], [9, -11, 13, -15], [1, 2, -3, 4]])
    values = {"mixed": values, "excitatory": np.abs(values), "inhibitory": -np.abs(values)}[signs]
    return Dense(f"dense{scale}{signs}", values * scale)


def test_projections_that_are_stored_alike_share_a_format() -> None:
    assert formats(several(weights(), weights())) == [1]


def test_exponents_signs_and_delays_are_formats_of_their_own() -> None:
    assert formats(several(weights(), weights(0.25))) == [2]
    assert formats(several(weights(signs="excitatory"), weights(signs="inhibitory"), weights())) == [3]
    assert formats(several(weights(), weights(), delays=(0.0, 3.0)), dt=1.0) == [2]


def test_a_convolution_is_stored_sparse_and_a_layer_dense() -> None:
    net = network(
        {"a": (2, 4, 4)},
        wire("in", "a", conv((2, 4, 4), 2, 3)),
        wire("x", "a", dense(32, 5)),
        inputs={"in": (2, 4, 4), "x": 5},
    )
    assert formats(net) == [2]


def test_a_reset_by_subtraction_takes_a_format() -> None:
    assert formats(chain(inputs=3, a=4), reset=ResetMode.SUBTRACT) == [2]


def test_one_population_with_more_formats_than_a_core_keeps_is_refused() -> None:
    layers = [weights(2.0**-k) for k in range(8)]
    assert formats(several(*layers[:7])) == [7]
    with pytest.raises(CapacityError) as refusal:
        compile_network(several(*layers), LOIHI, QUICK)
    assert (refusal.value.code, refusal.value.resource, refusal.value.needed) == ("FIT010", "synapse_formats", 8)
    assert "delays and weights alike" in (refusal.value.hint or "")


def test_slices_of_one_population_share_their_formats_on_a_core() -> None:
    net = several(weights(), weights(0.5), weights(0.25), weights(0.125))
    plan = compile_network(net, LOIHI, replace(QUICK, tiles={"a": "1"}))
    (core,) = plan.cores
    assert (len(core.slices), core.used["synapse_formats"]) == (3, 4)


def test_populations_with_too_many_formats_together_are_put_apart() -> None:
    names = [f"p{k}" for k in range(4)]
    wires = [wire("in", name, Dense(f"{name}{k}", weights(2.0**-k).weight)) for name in names for k in range(3)]
    net = network(dict.fromkeys(names, 3), *wires, inputs={"in": 4})
    assert formats(net) == [6, 6]
    assert formats(net, effort="quick") == [6, 6]


# --- the checker ------------------------------------------------------------------------------------------------------


def compiled(net: Network, **options: Any) -> Plan:
    plan = compile_network(net, LOIHI, replace(QUICK, **options))
    verify(plan, net)
    return plan


def refused(plan: Plan, net: Network) -> str:
    with pytest.raises(VerificationError) as refusal:
        verify(plan, net)
    return refusal.value.code


@pytest.mark.parametrize("name", ["synapse_formats", "synapse_memory", "longest_row"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_plan_that_tells_other_counts_is_refused(name: str, by: int) -> None:
    net = several(weights(), weights(0.5), weights(signs="inhibitory"))
    plan = compiled(net)
    (core,) = plan.cores
    wrong = replace(core, used={**core.used, name: core.used[name] + by})
    assert refused(replace(plan, cores=(wrong,)), net) == "PLAN112"


def test_more_formats_than_a_core_has_are_refused() -> None:
    net = several(weights(), weights(0.5), weights(signs="inhibitory"))
    plan = compiled(net)
    assert refused(replace(plan, chip=with_limit(plan.chip, "synapse_formats", 2)), net) == "PLAN113"


def test_a_row_longer_than_the_chip_has_is_refused() -> None:
    net = chain(inputs=3, a=300)
    plan = compiled(net)
    assert plan.cores[0].used["longest_row"] == 40
    assert refused(replace(plan, chip=with_limit(plan.chip, "longest_row", 39)), net) == "PLAN113"


def with_limit(on: Chip, name: str, most: int) -> Chip:
    limits = (
        replace(rule, limit=replace(rule.limit, low=most, typical=most, high=most)) if rule.name == name else rule
        for rule in on.limits
    )
    return replace(on, limits=tuple(limits))


def test_a_delay_that_nobody_stored_is_found() -> None:
    net = delayed(3)
    plan = compiled(net, dt=1.0)
    at = next(k for k, core in enumerate(plan.cores) if core.slices[-1].population == "b")
    core = plan.cores[at]
    words = 100 * (-(-(1140 + 6) // 64) - -(-(840 + 6) // 64))
    wrong = replace(core, used={**core.used, "synapse_memory": core.used["synapse_memory"] - words})
    assert refused(replace(plan, cores=(*plan.cores[:at], wrong, *plan.cores[at + 1 :])), net) == "PLAN112"


def test_a_table_of_formats_bounds_the_cores() -> None:
    names = [f"p{k}" for k in range(5)]
    wires = [wire("in", name, dense(3, 4, seed=k)) for k, name in enumerate(names)]
    net = network(dict.fromkeys(names, 3), *wires, inputs={"in": 4})
    plan = compile_network(net, chip(neurons=99, rules=[limit("synapse_formats", 2)]), QUICK)
    verify(plan, net)
    assert (plan.mapping.cores_neurons, plan.mapping.cores_lower_bound, plan.mapping.bound_resource) == (
        3,
        3,
        "synapse_formats",
    )


# --- what the plan tells of projections -------------------------------------------------------------------------------


def across_chips() -> tuple[Network, Chip]:
    """Four neurons that drive four others on each of three cores, two cores a chip."""
    wires = wire("in", "a", dense(4, 3)), *(wire("a", name, dense(4, 4, seed=n)) for n, name in enumerate("bcd"))
    net = network(dict.fromkeys("abcd", 4), *wires, inputs={"in": 3})
    on = topology(columns=2, rows=1, per_router=1, per_chip=2, systems=(system(1, 1), system(4, 1)))
    return net, chip(on=on, neurons=4, rules=[limit("placed_output_axons", 99), limit("synapse_formats", 7)])


def test_a_plan_tells_the_format_and_the_axons_of_each_projection() -> None:
    net, on = across_chips()
    plan = compile_network(net, on, QUICK)
    found = {p.name: p.axons for p in plan.projections}
    chips = {core.slices[0].population: core.chip for core in plan.cores}
    for name, axons in found.items():
        source, target = (end.partition("#")[0] for end in name.split("->"))
        due = (3, 0, 0) if source == "in" else (4, 4, 4 * (chips[source] != chips[target]))
        assert axons is not None
        assert (axons.kind, axons.inputs, axons.outputs, axons.crossing) == ("discrete", *due)
    assert sum(a.crossing for a in found.values() if a) == 8


def test_formats_are_told_as_weights_and_delays_make_them() -> None:
    plan = compiled(several(weights(), weights(0.25, signs="inhibitory"), delays=(3.0, 0.0)), dt=1.0)
    told = [p.format for p in plan.projections]
    assert told == [PlanFormat(0, "mixed", 8, 3, "dense"), PlanFormat(-2, "inhibitory", 8, 0, "dense")]


def test_where_no_limit_counts_them_nothing_is_told() -> None:
    plan = compile_network(chain(inputs=3, a=4), real("loihi2"), QUICK)
    assert {(p.format, p.axons) for p in plan.projections} == {(None, None)}


@settings(max_examples=examples(90), deadline=None)
@given(networks(), st.booleans(), st.sampled_from(["input_axons", "merged_input_axons"]))
def test_the_entries_of_projections_are_those_of_the_cores(net: Network, mapped: bool, into: str) -> None:
    on = topology(columns=2, rows=1, per_router=1, per_chip=2, systems=(system(1, 1), system(8, 8)))
    rules = [limit("placed_output_axons", 9999), limit(into, 9999), limit("synapse_formats", 99)]
    try:
        plan = compile_network(net, chip(on=on, neurons=5, rules=rules), replace(QUICK, map_inputs=mapped))
    except (CapacityError, NoPlanError):
        assume(False)
        return
    axons = [p.axons for p in plan.projections if p.axons is not None]
    assert sum(a.outputs + a.crossing for a in axons) == sum(core.used["placed_output_axons"] for core in plan.cores)
    assert sum(a.inputs for a in axons) == sum(core.used[into] for core in plan.cores)


def test_shared_axons_of_a_chip_that_counts_none_are_refused() -> None:
    net, on = across_chips()
    plan = compile_network(net, on, QUICK)
    assert refused(with_axons(plan, kind="shared"), net) == "PLAN172"


@pytest.mark.parametrize("field", ["inputs", "outputs", "crossing"])
def test_an_entry_that_is_not_counted_is_refused(field: str) -> None:
    net, on = across_chips()
    plan = compile_network(net, on, QUICK)
    last = plan.projections[-1].axons
    assert last is not None
    assert last.crossing == 4
    assert refused(with_axons(plan, **{field: getattr(last, field) - 1}), net) == "PLAN170"


def with_axons(plan: Plan, **changes: Any) -> Plan:
    """The plan with other axons of its last projection."""
    *rest, last = plan.projections
    assert last.axons is not None
    return replace(plan, projections=(*rest, replace(last, axons=replace(last.axons, **changes))))


@pytest.mark.parametrize(
    "change", [{"exponent": -1}, {"sign": "excitatory"}, {"delay_bits": 3}, {"encoding": "sparse"}, {"weight_bits": 7}]
)
def test_another_format_than_the_weights_make_is_refused(change: dict[str, Any]) -> None:
    net = several(weights(), weights(0.5, signs="inhibitory"))
    plan = compiled(net)
    first, *rest = plan.projections
    assert first.format is not None
    wrong = replace(first, format=replace(first.format, **change))
    assert refused(replace(plan, projections=(wrong, *rest)), net) == "PLAN171"


@pytest.mark.parametrize("rule", LOIHI.limits, ids=lambda rule: rule.name)
def test_every_limit_of_the_chip_is_shown_and_its_formula_explained(rule: Limit, neuedge: Neuedge) -> None:
    explained = neuedge("explain", rule.formula).out
    assert explained.startswith(f"{rule.formula}, in {rule.limit.unit}\n")
    shown = " ".join(neuedge("targets", "show", "loihi1").out.split())
    assert rule.formula in shown
    assert f"limits[{rule.name}]" in shown
