"""Tables of a core that hold different values: counted exactly, shared where slices meet, and recounted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError, VerificationError
from neuedge_nir.mapping.values import rounded
from neuedge_nir.network.model import CubaLIF, Network, Population
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.worlds import chain, chip, chips, conv, dense, limit, network, networks, real, wire

QUICK = Options(effort="none")


def with_values(net: Network, name: str, **parameters: Any) -> Network:
    """The network with other parameters of one population, broadcastable to its shape."""
    arrays: dict[str, Any] = {key: np.asarray(value, dtype=float) for key, value in parameters.items()}

    def changed(population: Population) -> Population:
        return replace(population, neuron=replace(population.neuron, **arrays))

    return replace(net, populations=tuple(changed(p) if p.name == name else p for p in net.populations))


def values_on_cores(plan: Plan, net: Network, of: Callable[[Population, int], object]) -> list[int]:
    """Different values per core with neurons, neuron by neuron."""
    populations = {p.name: p for p in net.populations}
    found = []
    for core in (core for core in plan.cores if core.role == "neurons"):
        seen: set[object] = set()
        for piece in core.slices:
            population = populations[piece.population]
            numbers = np.arange(population.neurons).reshape(population.shape)
            block = tuple(slice(*span) for span in piece.block or ())
            held = numbers.ravel()[slice(*piece.run)] if piece.run else numbers[block]
            seen |= {of(population, int(n)) for n in held.ravel()}
        found.append(len(seen))
    return found


def at(population: Population, name: str, neuron: int) -> float | None:
    values = population.parameters.get(name)
    return None if values is None else float(np.broadcast_to(values, population.shape).ravel()[neuron])


def profile(population: Population, neuron: int) -> object:
    return at(population, "tau", neuron), at(population, "tau_mem", neuron), at(population, "tau_syn", neuron)


def test_a_population_of_one_threshold_takes_one_entry_however_it_is_cut() -> None:
    plan = compile_network(chain(inputs=20, a=90), real("loihi1"), Options(tiles={"a": "/10"}))
    (core,) = plan.cores
    assert (len(core.slices), core.used["thresholds"], core.used["compartment_profiles"]) == (10, 1, 1)


def test_thresholds_that_a_core_cannot_hold_are_spread_over_more_cores() -> None:
    net = with_values(chain(inputs=20, a=90), "a", v_threshold=1 + np.arange(90) // 6)
    plan = compile_network(net, real("loihi1"), QUICK)
    assert len(plan.cores) == 2
    assert max(core.used["thresholds"] for core in plan.cores) <= 8
    verify(plan, net)


def test_per_neuron_time_constants_limit_a_core_by_their_number() -> None:
    net = with_values(chain(inputs=20, a=90), "a", tau=np.linspace(5, 50, 90), r=np.linspace(5, 50, 90))
    plan = compile_network(net, real("loihi1"), QUICK)
    assert [core.used["compartment_profiles"] for core in plan.cores] == [30, 30, 30]
    assert [core.used["thresholds"] for core in plan.cores] == [1, 1, 1], "tau / r is the same: one threshold"


def test_populations_have_thresholds_of_their_own_and_share_decays() -> None:
    names = [f"p{k}" for k in range(10)]
    wires = [wire("in", name, dense(4, 5, seed=k)) for k, name in enumerate(names)]
    net = network(dict.fromkeys(names, 4), *wires, inputs={"in": 5})
    plan = compile_network(net, real("loihi1"), QUICK)
    assert [core.used["thresholds"] for core in plan.cores] == [7, 3], "each has a synapse format too, and there are 7"
    assert [core.used["synapse_formats"] for core in plan.cores] == [7, 3]
    assert [core.used["compartment_profiles"] for core in plan.cores] == [1, 1]


def test_neurons_that_never_fire_share_one_entry() -> None:
    wires = wire("in", "a", dense(4, 5)), wire("in", "b", dense(4, 5, seed=1))
    net = network({"a": 4, "b": 4}, *wires, inputs={"in": 5}, outputs={"x": "a", "y": "b"}, model="LI")
    (core,) = compile_network(net, real("loihi1"), QUICK).cores
    assert (core.used["thresholds"], core.used["compartment_profiles"]) == (1, 1)


def test_values_that_the_registers_cannot_tell_apart_are_one() -> None:
    net = with_values(chain(inputs=20, a=90), "a", v_threshold=1 + np.arange(90) * 1e-8)
    (core,) = compile_network(net, real("loihi1"), QUICK).cores
    assert core.used["thresholds"] == 1


@given(st.lists(st.floats(1e-30, 1e30), min_size=1), st.integers(4, 20))
def test_rounding_to_significant_bits_keeps_so_many(values: list[float], bits: int) -> None:
    found = rounded(np.array(values), bits)
    assert np.all(np.abs(found / np.array(values) - 1) <= 2.0**-bits)
    assert all((math.frexp(v)[0] * 2**bits).is_integer() for v in found.tolist())


@settings(max_examples=examples(70), deadline=None)
@given(networks("CubaLIF"), chips(), st.data())
def test_whatever_values_neurons_have_the_checker_counts_as_the_mapper(net: Network, on: Chip, data: Any) -> None:
    rules = (
        limit("decay_profiles", data.draw(st.integers(1, 4))),
        limit("threshold_values", data.draw(st.integers(1, 4))),
    )
    on = replace(
        on, limits=(*(r for r in on.limits if r.formula not in ("decay_profiles", "threshold_values")), *rules)
    )
    for population in net.populations:
        assert isinstance(population.neuron, CubaLIF)
        if data.draw(st.booleans()):
            several = np.arange(population.neurons).reshape(population.shape) % data.draw(st.integers(1, 5)) + 1
            key = data.draw(st.sampled_from(["tau_mem", "tau_syn", "v_threshold", "r"]))
            net = with_values(net, population.name, **{key: several})
    try:
        plan = compile_network(net, on, QUICK)
    except (CapacityError, NoPlanError):
        assume(False)
        return
    assume(not plan.mapping.relay_neurons)
    verify(plan, net)
    neurons = [core for core in plan.cores if core.role == "neurons"]
    assert [core.used["decay_profiles"] for core in neurons] == values_on_cores(plan, net, profile)
    above = values_on_cores(
        plan,
        net,
        lambda p, n: (
            p.name,
            round(
                math.prod(at(p, key, n) or 0 for key in ("v_threshold", "tau_mem", "tau_syn")) / (at(p, "r", n) or 1), 9
            ),
        ),
    )
    assert [core.used["threshold_values"] for core in neurons] == above


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("r", [1.0, 1e-308, 1e308])
def test_thresholds_beyond_all_numbers_are_one_value(r: float) -> None:
    net = with_values(chain(a=8), "a", v_threshold=[1e308, 1.0] * 4, tau=1e308, r=r)
    plan = compile_network(net, chip(neurons=12, rules=[limit("threshold_values", 2)]), QUICK)
    assert [core.used["threshold_values"] for core in plan.cores if core.role == "neurons"] == [1 + (r >= 1)]


def test_a_solver_never_puts_too_many_values_on_a_core() -> None:
    """Four pairs out of four values: two on a core would have three, though all together fill two tables."""
    taus = {"p0": [1, 2, 1], "p1": [3, 4, 3], "p2": [1, 3, 1], "p3": [2, 4, 2]}
    wires = [wire("in", name, dense(3, 4, seed=k)) for k, name in enumerate(taus)]
    net = network(dict.fromkeys(taus, 3), *wires, inputs={"in": 4})
    for name, values in taus.items():
        net = with_values(net, name, tau=values)
    on = chip(neurons=12, rules=[limit("decay_profiles", 2)])
    plan = compile_network(net, on, Options(effort="quick"))
    assert (plan.mapping.cores_neurons, plan.mapping.cores_lower_bound, plan.outcome) == (4, 2, "feasible")
    verify(plan, net)


def test_all_values_of_a_network_over_those_of_a_core_are_cores_that_any_plan_takes() -> None:
    names = [f"p{k}" for k in range(9)]
    wires = [wire("in", name, dense(3, 4, seed=k)) for k, name in enumerate(names)]
    net = network(dict.fromkeys(names, 3), *wires, inputs={"in": 4})
    plan = compile_network(net, chip(neurons=12, rules=[limit("threshold_values", 2)]), Options(effort="quick"))
    assert (plan.mapping.cores_neurons, plan.mapping.cores_lower_bound, plan.outcome) == (5, 5, "optimal")
    verify(plan, net)


@pytest.mark.parametrize("name", ["thresholds", "compartment_profiles"])
def test_a_plan_with_too_few_values_told_is_refused(name: str) -> None:
    net = with_values(chain(inputs=20, a=90), "a", v_threshold=1 + np.arange(90) % 3, tau=5 + np.arange(90) % 4)
    plan = compile_network(net, real("loihi1"), QUICK)
    verify(plan, net)
    (core, *rest) = plan.cores
    fewer = replace(core, used={**core.used, name: core.used[name] - 1})
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, cores=(fewer, *rest)), net)
    assert refusal.value.code == "PLAN112"


def test_a_core_with_more_values_than_its_table_is_refused() -> None:
    net = with_values(chain(inputs=20, a=90), "a", v_threshold=1 + np.arange(90) % 3)
    plan = compile_network(net, real("loihi1"), QUICK)
    small = tuple(
        replace(rule, limit=replace(rule.limit, low=2, typical=2, high=2)) if rule.name == "thresholds" else rule
        for rule in plan.chip.limits
    )
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, chip=replace(plan.chip, limits=small)), net)
    assert refusal.value.code == "PLAN113"


# --- The longest row -----------------------------------------------------------------------------------------------


def test_a_row_of_a_sparse_projection_is_cut_where_it_outgrows_its_words() -> None:
    """A pixel that reaches 1000 neurons has 17 entries, and an index of 10 bits at each synapse: 284 words."""
    net = network({"a": (1000, 1, 1)}, wire("in", "a", conv((1, 1, 1), 1000, 1, padding=0)), inputs={"in": (1, 1, 1)})
    plan = compile_network(net, real("loihi1"), QUICK)
    assert len(plan.cores) == 1
    assert [len(core.slices) for core in plan.cores] == [2], "two slices, each with a row of its own, share a core"
    assert max(core.used["longest_row"] for core in plan.cores) <= 256
    verify(plan, net)


def test_a_core_has_the_longest_row_of_its_slices() -> None:
    wires = wire("in", "a", dense(40, 5)), wire("in", "b", dense(100, 5, seed=1))
    net = network({"a": 40, "b": 100}, *wires, inputs={"in": 5})
    plan = compile_network(net, real("loihi1"), QUICK)
    (core,) = plan.cores
    assert core.used["longest_row"] == math.ceil((2 * (10 + 10) + 100 * 8) / 64)
    fewer = replace(core, used={**core.used, "longest_row": core.used["longest_row"] - 1})
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, cores=(fewer,)), net)
    assert refusal.value.code == "PLAN112"
