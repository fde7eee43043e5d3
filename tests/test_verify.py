"""The checker of plans, checked: what the pipeline makes is accepted, and a plan with anything amiss is refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import AxonWeights, Chip
from neuedge_nir.errors import CapacityError, NoPlanError, VerificationError
from neuedge_nir.network.activity import uniform
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, PoolKind
from neuedge_nir.network.model import Network, Origin, Projection
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_fan import fan, stages, synapses, used_weights
from neuedge_nir.plan.check_parts import Patch, boxes_of, flat_indices, joined
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.strategies import convs, projections
from tests.worlds import (
    REAL_CHIPS,
    chain,
    chips,
    conv,
    convnet,
    dense,
    network,
    networks,
    real,
    recurrent,
    wire,
)

Path = tuple[Any, ...]
Change = tuple[Path, Callable[[Any], Any]]


def named(net: Network) -> Network:
    return replace(net, origin=Origin("net", "ab" * 32, "1.0"))


def even(net: Network) -> Network:
    """All weights one, so that TrueNorth takes one axon per input."""

    def flat(operator: Operator) -> Operator:
        if isinstance(operator, Dense | Conv):
            return replace(operator, weight=np.ones_like(operator.weight))
        return operator

    return replace(net, projections=tuple(replace(p, chain=tuple(map(flat, p.chain))) for p in net.projections))


def delayed() -> Network:
    late = Delay("late", np.asarray(2e-3), (6,))
    wires = wire("in", "a", dense(6, 4)), wire("a", "b", late, dense(5, 6)), wire("b", "b", dense(5, 5), steps=1)
    return network({"a": 6, "b": 5}, *wires, inputs={"in": 4}, dt=1e-3)


def grouped() -> Network:
    first = conv((2, 12, 12), 4)
    second = conv(first.output_shape, 8, stride=2, groups=4, seed=2)
    size = math.prod(second.output_shape)
    ends: dict[str, int | tuple[int, ...]] = {"a": first.output_shape, "b": second.output_shape, "c": size}
    wires = wire("in", "a", first), wire("a", "b", second), wire("b", "c"), wire("c", "c", steps=1)
    return network(ends, *wires, inputs={"in": (2, 12, 12)}, model="IF")


WORLDS: Mapping[str, tuple[str, Callable[[], Network], Options]] = {
    "mesh": ("loihi1", lambda: convnet(24, 12), Options(effort="none")),
    "tree": ("spinnaker1", lambda: convnet(24, 8), Options(effort="none")),
    "inputs": ("spinnaker1", lambda: recurrent(300), Options(effort="none", map_inputs=True)),
    "onchip": ("loihi2", lambda: chain(lif=30, lif2=10), Options(effort="none", inputs="onchip")),
    "copies": ("truenorth", lambda: even(grouped()), Options(effort="none")),
    "delayed": ("spinnaker1", delayed, Options(effort="none")),
    "small": ("loihi2", lambda: chain(lif=30, lif2=10), Options(effort="none")),
    "bytes": ("spinnaker2", grouped, Options(effort="none")),
}


@cache
def world(name: str) -> tuple[Plan, Network]:
    target, build, options = WORLDS[name]
    net = named(build())
    return compile_network(net, real(target), options), net


def changed(node: Any, path: Path, make: Callable[[Any], Any]) -> Any:
    """A copy of nested tuples, mappings and dataclasses with the value at `path` made anew."""
    if not path:
        return make(node)
    head, rest = path[0], path[1:]
    if isinstance(node, tuple):
        index = head % len(node)
        return (*node[:index], changed(node[index], rest, make), *node[index + 1 :])
    if isinstance(node, Mapping):
        return {**node, head: changed(node[head], rest, make)}
    return replace(node, **{head: changed(getattr(node, head), rest, make)})


def code_of(plan: Plan, net: Network | None) -> str:
    with pytest.raises(VerificationError) as refusal:
        verify(plan, net)
    return refusal.value.code


@pytest.mark.parametrize("name", WORLDS)
def test_a_plan_of_the_pipeline_is_accepted(name: str) -> None:
    plan, net = world(name)
    verify(plan, net)
    verify(plan, None)


@pytest.mark.parametrize("target", REAL_CHIPS)
@pytest.mark.parametrize("build", [grouped, lambda: chain(if1=70, if2=30, model="IF"), lambda: recurrent(40, "IF")])
def test_every_chip_has_accepted_plans(target: str, build: Callable[[], Network]) -> None:
    net = named(even(build()))
    verify(compile_network(net, real(target), Options(effort="none")), net)


@settings(max_examples=examples(40), deadline=None)
@given(networks(), chips(), st.booleans(), st.sampled_from([0.1, 0.25, 1.0]))
def test_whatever_the_pipeline_makes_is_accepted(net: Network, chip: Chip, mapped: bool, rate: float) -> None:
    typed = chip.capabilities.weights is AxonWeights.AXON_TYPES
    assume(not (typed and any(limit.formula.endswith("output_axons") for limit in chip.limits)))  # no chip has both
    options = Options(effort="none", map_inputs=mapped, activity=uniform(net, rate))
    try:
        plan = compile_network(net, chip, options)
    except (CapacityError, NoPlanError):
        return
    verify(plan, net)
    verify(plan, None)


def add(amount: float) -> Callable[[Any], Any]:
    return lambda value: value + amount


def put(value: object) -> Callable[[Any], Any]:
    return lambda _: value


def having(**values: object) -> Callable[[Any], Any]:
    return lambda node: replace(node, **values)


def drop(index: int) -> Callable[[Any], Any]:
    return lambda values: (*values[:index], *values[index:][1:])


def twice(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*values, values[-1])


def backwards(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return values[::-1]


def swapped(role: str) -> str:
    return "input" if role == "neurons" else "neurons"


def sharing(cores: tuple[Any, ...]) -> tuple[Any, ...]:
    """The second core holds what the first does."""
    return (cores[0], replace(cores[1], slices=cores[0].slices), *cores[2:])


def on_the_first(core: Any) -> Any:
    first = world("mesh")[0].cores[0]
    return replace(core, chip=first.chip, router=first.router, slot=first.slot)


TRAFFIC = ("cost", "traffic")
MAPPING = ("mapping",)
USE = ("mapping", "utilisation")

CORRUPTIONS: Mapping[str, tuple[str, str, Change]] = {
    "another schema": ("small", "PLAN101", (("schema",), put("other"))),
    "another model's hash": ("small", "PLAN101", (("model", "sha256"), put("cd" * 32))),
    "another NIR version": ("small", "PLAN101", (("model", "nir_version"), put("2.0"))),
    "a population renamed": ("small", "PLAN103", (("populations", 1, "name"), put("other"))),
    "a population lost": ("small", "PLAN103", (("populations",), drop(1))),
    "a population of another model": ("small", "PLAN102", (("populations", 1, "model"), put("IF"))),
    "a population of another shape": ("small", "PLAN102", (("populations", 1, "shape"), put((29,)))),
    "a population twice": ("small", "PLAN102", (("populations",), twice)),
    "a projection lost": ("small", "PLAN103", (("projections",), drop(0))),
    "a projection twice": ("small", "PLAN103", (("projections",), twice)),
    "a projection turned round": ("small", "PLAN103", (("projections", 1, "source"), put("lif2"))),
    "a projection into a port": ("small", "PLAN103", (("projections", 1, "target"), put("out"))),
    "another signal": ("small", "PLAN103", (("projections", 0, "signal"), put("graded"))),
    "another kind": ("small", "PLAN105", (("projections", 0, "kind"), put("conv"))),
    "populations miscounted": ("small", "PLAN104", (("counts", "populations"), add(1))),
    "projections miscounted": ("small", "PLAN104", (("counts", "projections"), add(-1))),
    "neurons miscounted": ("small", "PLAN104", (("counts", "neurons"), add(1))),
    "synapses miscounted": ("mesh", "PLAN104", (("counts", "synapses"), add(1))),
    "weights miscounted": ("mesh", "PLAN104", (("counts", "stored_weights"), add(-1))),
    "a core lost": ("tree", "PLAN106", (("cores",), drop(-1))),
    "a slice lost": ("small", "PLAN106", (("cores", 0, "slices"), drop(0))),
    "a slice twice": ("tree", "PLAN106", (("cores", 0, "slices"), twice)),
    "a slice on two cores": ("tree", "PLAN106", (("cores",), sharing)),
    "a run beyond its population": ("bytes", "PLAN107", (("cores", -1, "slices", 0), having(block=None, run=(0, 999)))),
    "a block that is empty": ("bytes", "PLAN107", (("cores", -1, "slices", 0), having(block=((3, 3),), run=None))),
    "a slice of neither form": ("small", "PLAN107", (("cores", 0, "slices", 0), having(block=None, run=None))),
    "a slice of both forms": ("small", "PLAN107", (("cores", 0, "slices", 0), having(block=((0, 30),), run=(0, 30)))),
    "a slice of nothing": ("small", "PLAN107", (("cores", 0, "slices", 0, "population"), put("ghost"))),
    "a slice of an output": ("small", "PLAN107", (("cores", 0, "slices", 0, "population"), put("out"))),
    "an empty core": ("mesh", "PLAN108", (("cores", 0, "slices"), put(()))),
    "a role unheard of": ("small", "PLAN108", (("cores", 0, "role"), put("relay"))),
    "neurons on an input core": ("small", "PLAN108", (("cores", 0, "role"), put("input"))),
    "inputs on a neuron core": ("inputs", "PLAN108", (("cores", 0, "role"), swapped)),
    "inputs that nobody asked for": ("onchip", "PLAN106", (("options", "inputs"), put("host"))),
    "sources in place of injectors": ("inputs", "PLAN108", (("options", "inputs"), put("host"))),
    "a way in that the chip lacks": ("inputs", "PLAN160", (("options", "inputs"), put("onchip"))),
    "a way out that the chip lacks": ("inputs", "PLAN160", (("options", "outputs"), put("probe"))),
    "an unknown machine": ("small", "PLAN109", (("machine", "system"), put("Deep Thought"))),
    "a chip where none is fitted": ("tree", "PLAN109", (("machine", "chips", 0), put((7, 0)))),
    "a chip twice": ("tree", "PLAN109", (("machine", "chips"), twice)),
    "more chips than asked for": ("tree", "PLAN110", (("options", "chips"), put(1))),
    "more chips than there are": ("tree", "PLAN110", (("chips_available",), add(1))),
    "a core on no chip": ("tree", "PLAN111", (("cores", 0, "chip"), put(99))),
    "a core on another chip": ("tree", "PLAN111", (("cores", 0, "chip"), lambda chip: 1 - chip)),
    "a core outside its chip": ("mesh", "PLAN111", (("cores", 0, "router"), put((8, 0)))),
    "a core at a negative router": ("mesh", "PLAN111", (("cores", 0, "router"), put((-1, 0)))),
    "a slot that does not exist": ("mesh", "PLAN111", (("cores", 0, "slot"), put(4))),
    "two cores in one place": ("mesh", "PLAN111", (("cores", 1), on_the_first)),
    "neurons used understated": ("mesh", "PLAN112", (("cores", 0, "used", "neurons"), add(-1))),
    "memory used understated": ("mesh", "PLAN112", (("cores", 0, "used", "synapse_memory"), add(-64))),
    "input axons used understated": ("mesh", "PLAN112", (("cores", 0, "used", "input_axons"), add(-1))),
    "output axons used overstated": ("mesh", "PLAN112", (("cores", 0, "used", "output_axons"), add(1))),
    "kernel words used understated": ("small", "PLAN112", (("cores", 0, "used", "synapse_words"), add(-1))),
    "axon map understated": ("small", "PLAN112", (("cores", 0, "used", "axon_map"), add(-1))),
    "weights of a kernel understated": ("bytes", "PLAN112", (("cores", 0, "used", "weight_memory"), add(-1))),
    "events understated": ("tree", "PLAN112", (("cores", 0, "used", "synaptic_events"), add(-1))),
    "row tables understated": ("tree", "PLAN112", (("cores", 0, "used", "sdram"), add(-4))),
    "copies of neurons understated": ("copies", "PLAN112", (("cores", 0, "used", "neurons"), add(-1))),
    "a limit left out": ("small", "PLAN112", (("cores", 0, "used"), put({}))),
    "an input that lags": ("small", "PLAN114", (("populations", 0, "lag"), add(1))),
    "a population that lags more": ("small", "PLAN114", (("populations", 1, "lag"), add(1))),
    "an output that lags more": ("small", "PLAN114", (("populations", -1, "lag"), add(1))),
    "a delay of no step": ("small", "PLAN114", (("projections", 1, "delay"), put(0))),
    "a delay forgotten": ("delayed", "PLAN114", (("projections", 1, "delay"), add(-1))),
    "a delay that the chip lacks": ("small", "PLAN115", (("projections", 1, "delay"), put(2))),
    "more bits than the chip has": ("small", "PLAN116", (("projections", 0, "weight_bits"), put(9))),
    "weights of no bits": ("small", "PLAN116", (("projections", 0, "weight_bits"), put(0))),
    "three axons per input": ("copies", "PLAN116", (("projections", 0, "axons_per_input"), put(3))),
    "two axons on a chip without types": ("small", "PLAN116", (("projections", 0, "axons_per_input"), put(2))),
    "no weight step where one would do": ("small", "PLAN117", (("projections", 0, "weight_step"), put(0.0))),
    "weights beyond their bits": ("small", "PLAN117", (("projections", 0, "weight_step"), lambda step: step / 4)),
    "a weight step of another error": ("small", "PLAN117", (("projections", 0, "weight_step"), lambda step: step * 2)),
    "an error made small": ("small", "PLAN117", (("projections", 0, "weight_error"), lambda error: error / 2)),
    "an error that is no number": ("small", "PLAN117", (("projections", 0, "weight_error"), put(math.nan))),
    "a reset that the chip lacks": ("tree", "PLAN118", (("options", "reset"), put("subtract"))),
    "a model that the chip lacks": ("small", "PLAN118", (("chip", "capabilities", "neuron_models"), put(("IF",)))),
    "a leak that the chip lacks": ("small", "PLAN118", (("chip", "capabilities", "exponential_leak"), put(False))),
    "a route lost": ("mesh", "PLAN119", (("routes",), drop(0))),
    "a route twice": ("mesh", "PLAN119", (("routes",), twice)),
    "routes out of order": ("mesh", "PLAN119", (("routes",), backwards)),
    "a route of no slice": ("mesh", "PLAN119", (("routes", -1, "slice"), put(99))),
    "a route without a target": ("mesh", "PLAN119", (("routes", 0, "targets"), put(()))),
    "a target lost": ("mesh", "PLAN119", (("routes", 0, "targets"), drop(0))),
    "a target that is no core": ("mesh", "PLAN119", (("routes", 0, "targets", -1, 0), put(10**6))),
    "targets out of order": ("mesh", "PLAN119", (("routes", 0, "targets"), backwards)),
    "a message too few": ("mesh", "PLAN119", (("routes", 0, "targets", 0, 1), add(-1))),
    "a tree on a mesh of paths": ("mesh", "PLAN120", (("routes", 0, "links"), put((((0, 0), (1, 0)),)))),
    "spikes understated": ("tree", "PLAN122", ((*TRAFFIC, "spikes_per_step"), add(-1))),
    "host spikes understated": ("tree", "PLAN122", ((*TRAFFIC, "host_spikes_per_step"), add(-1))),
    "deliveries understated": ("tree", "PLAN122", ((*TRAFFIC, "deliveries_per_step"), add(-1))),
    "unicast hops understated": ("mesh", "PLAN122", ((*TRAFFIC, "unicast_hops_per_step"), add(-1))),
    "tree hops understated": ("tree", "PLAN122", ((*TRAFFIC, "tree_hops_per_step"), add(-1))),
    "hops of the placement understated": ("mesh", "PLAN230", ((*TRAFFIC, "placed", "hops"), add(-1))),
    "hops between chips understated": ("tree", "PLAN230", ((*TRAFFIC, "placed", "hops"), add(-1))),
    "a bound on hops too high": ("mesh", "PLAN231", ((*TRAFFIC, "placed", "bound"), add(1))),
    "a bound on hops too low": ("tree", "PLAN231", ((*TRAFFIC, "placed", "bound"), add(-1))),
    "traffic between chips understated": ("tree", "PLAN122", ((*TRAFFIC, "interchip_spikes_per_step"), add(-1))),
    "the busiest link understated": ("mesh", "PLAN123", ((*TRAFFIC, "max_link_load"), add(-1))),
    "a hot link's load misstated": ("mesh", "PLAN123", ((*TRAFFIC, "hottest_links", 0, 1), add(1))),
    "a hot link left out": ("mesh", "PLAN123", ((*TRAFFIC, "hottest_links"), drop(0))),
    "hot links out of order": ("mesh", "PLAN123", ((*TRAFFIC, "hottest_links"), backwards)),
    "table entries understated": ("tree", "PLAN124", ((*TRAFFIC, "table_entries_max"), add(-1))),
    "deadlock not excluded": ("mesh", "PLAN125", ((*TRAFFIC, "deadlock_free"), put(None))),
    "deadlock excluded without a reason": ("tree", "PLAN125", ((*TRAFFIC, "deadlock_free"), put(True))),
    "cores miscounted": ("tree", "PLAN126", ((*MAPPING, "cores_used"), add(-1))),
    "input cores miscounted": ("inputs", "PLAN126", ((*MAPPING, "cores_input"), add(-1))),
    "neuron cores miscounted": ("tree", "PLAN126", ((*MAPPING, "cores_neurons"), add(-1))),
    "relays that do not exist": ("tree", "PLAN126", ((*MAPPING, "cores_relay_or_copy"), put(1))),
    "copies miscounted": ("copies", "PLAN126", ((*MAPPING, "copies"), add(1))),
    "chips miscounted": ("tree", "PLAN126", ((*MAPPING, "chips_used"), add(-1))),
    "a chip that nobody uses": ("mesh", "PLAN126", (("machine",), having(chips=((0, 0), (1, 0))))),
    "neuron use misstated": ("mesh", "PLAN127", ((*USE, "neurons"), lambda share: share / 2)),
    "memory use unknown": ("mesh", "PLAN127", ((*USE, "synapse_memory"), put(None))),
    "no reason for no figure": ("tree", "PLAN127", ((*USE, "why"), put({}))),
    "a bound too high": ("tree", "PLAN128", ((*MAPPING, "cores_lower_bound"), add(1))),
    "a bound too low": ("mesh", "PLAN128", ((*MAPPING, "cores_lower_bound"), put(1))),
    "a bound by another limit": ("mesh", "PLAN128", ((*MAPPING, "bound_resource"), put("output_axons"))),
    "a bound of tiles": ("mesh", "PLAN128", ((*MAPPING, "bound_scope"), put("tiles"))),
    "a bound of chips too high": ("tree", "PLAN247", ((*MAPPING, "chips_lower_bound"), add(99))),
    "a bound of chips too low": ("tree", "PLAN245", ((*MAPPING, "chips_lower_bound"), add(-1))),
    "a bound of chips by another limit": ("tree", "PLAN246", ((*MAPPING, "chips_bound_resource"), put("output_axons"))),
    "optimal without proof": ("small", "PLAN129", ((*MAPPING, "packing_proven"), put(False))),
    "optimal called feasible": ("small", "PLAN129", (("outcome",), put("feasible"))),
    "all limits claimed": ("small", "PLAN129", (("scope",), put("all limits"))),
    "synaptic events understated": ("small", "PLAN130", (("cost", "synaptic_events_per_step"), add(-1))),
    "updates understated": ("small", "PLAN130", (("cost", "neuron_updates_per_step"), add(-1))),
    "energy understated": ("mesh", "PLAN130", (("cost", "dynamic_j_per_step", "low"), lambda joules: joules / 2)),
    "energy of no basis": ("mesh", "PLAN130", (("cost", "dynamic_j_per_step", "basis"), put(" "))),
    "static power understated": ("tree", "PLAN131", (("cost", "static_w", "typical"), lambda watts: watts / 2)),
    "a step made short": ("mesh", "PLAN132", (("cost", "step_s", "high"), lambda seconds: seconds / 2)),
    "a step of unknown length": ("tree", "PLAN132", (("cost", "step_s", "typical"), put(None))),
    "a rate below zero": ("small", "PLAN133", (("activity", "rates", "lif"), put(-0.1))),
    "a rate without end": ("small", "PLAN133", (("activity", "rates", "lif"), put(math.inf))),
    "a rate left out": ("small", "PLAN133", (("activity", "rates"), put({"in": 0.1}))),
    "activity by hearsay": ("small", "PLAN133", (("activity", "kind"), put("rumoured"))),
}  # fmt: skip


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupt_plan_is_refused(name: str) -> None:
    base, code, (path, make) = CORRUPTIONS[name]
    plan, net = world(base)
    assert code_of(changed(plan, path, make), net) == code


@pytest.mark.parametrize("pooled", [False, True])
def test_zeros_that_take_no_room_are_found_by_the_checker_too(pooled: bool) -> None:
    rng = np.random.default_rng(7)
    weight = np.where(rng.random((130, 400)) < 0.6, 0.0, rng.normal(size=(130, 400)))
    front = (Pool("pool", PoolKind.AVERAGE, (4, 20, 20), (4, 10, 10), (2, 2), (2, 2), (0, 0)),) if pooled else ()
    inputs: tuple[int, ...] = (4, 20, 20) if pooled else (400,)
    net = named(network({"a": 130}, wire("in", "a", *front, Dense("fc", weight)), inputs={"in": inputs}))
    plan = compile_network(net, real("loihi2"), Options(effort="none", tiles={"a": "50"}))
    verify(plan, net)
    words = sum(core.used["synapse_words"] for core in plan.cores)
    full = compile_network(named(even(net)), real("loihi2"), Options(effort="none", tiles={"a": "50"}))
    assert words < 0.6 * sum(core.used["synapse_words"] for core in full.cores)
    assert code_of(changed(plan, ("cores", 0, "used", "synapse_words"), add(1)), net) == "PLAN112"


def test_an_axon_that_the_sources_of_a_pool_would_share_is_refused_where_spikes_merge() -> None:
    """On TrueNorth an axon carries one bit a tick: 64 sources of a pool, each its own; merged they would be 16."""
    pool = Pool("pool", PoolKind.SUM, (1, 8, 8), (1, 4, 4), (2, 2), (2, 2), (0, 0))
    net = even(network({"a": 3}, wire("in", "a", pool, dense(3, 16)), inputs={"in": (1, 8, 8)}, model="IF"))
    plan = compile_network(net, real("truenorth"), Options(effort="none"))
    assert plan.cores[0].used["input_axons"] == 64
    assert code_of(changed(plan, ("cores", 0, "used", "input_axons"), put(16)), net) == "PLAN112"


def test_an_analog_signal_without_graded_spikes_is_refused() -> None:
    plan, _ = world("mesh")
    assert code_of(changed(plan, ("projections", 0, "signal"), put("analog")), None) == "PLAN118"


def test_a_core_that_is_overfull_is_refused() -> None:
    plan, net = world("small")
    full = changed(plan, ("chip", "limits", 0, "limit"), lambda limit: replace(limit, typical=39.0))
    assert code_of(full, net) == "PLAN113"


def test_a_chip_that_nobody_can_count_with_is_refused() -> None:
    plan, net = world("small")
    assert code_of(changed(plan, ("chip", "limits", 0, "formula"), put("magic")), net) == "PLAN134"
    assert code_of(changed(plan, ("chip", "limits", 1, "parameters"), put({})), net) == "PLAN134"
    assert code_of(changed(plan, ("chip", "topology", "rows", "typical"), put(0.0)), net) == "PLAN134"


def test_a_chip_that_is_overfull_is_refused() -> None:
    plan, net = world("tree")
    at = next(n for n, limit in enumerate(plan.chip.limits) if limit.name == "sdram")
    most = max(core.used["sdram"] for core in plan.cores)
    full = changed(plan, ("chip", "limits", at, "limit"), lambda limit: replace(limit, typical=float(most)))
    assert code_of(full, net) == "PLAN113"


def test_a_routing_table_that_is_overfull_is_refused() -> None:
    plan, net = world("tree")
    entries = plan.cost.traffic.table_entries_max
    full = changed(plan, ("chip", "topology", "table_entries"), lambda most: replace(most, typical=entries - 1.0))
    assert code_of(full, net) == "PLAN124"


def test_a_message_that_goes_too_far_is_refused() -> None:
    plan, net = world("copies")
    near = changed(plan, ("chip", "topology", "max_offset"), lambda most: replace(most, typical=0.0))
    assert code_of(near, net) == "PLAN121"


def branching() -> tuple[Plan, Network, int]:
    plan, net = world("tree")
    return plan, net, next(n for n, route in enumerate(plan.routes) if route.links)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a link lost", drop(-1)),
        ("a link twice", twice),
        ("a link out of the board", lambda links: (*links, ((0, 0), (-1, 0)))),
        ("a link to no neighbour", lambda links: (*links, ((0, 0), (2, 1)))),
        ("a link that hangs in the air", lambda links: (*links, ((3, 3), (4, 4)))),
        ("a link to where no target is", lambda links: (*links, (links[-1][1], _beyond(links)))),
        ("a ring", lambda links: (*links, (links[0][1], links[0][0]))),
    ],
)
def test_a_corrupt_tree_is_refused(name: str, make: Callable[[Any], Any]) -> None:
    assert name
    plan, net, at = branching()
    assert code_of(changed(plan, ("routes", at, "links"), make), net) == "PLAN120"


def _beyond(links: tuple[Any, ...]) -> tuple[int, int]:
    """A fitted neighbour of the last router that the tree does not touch."""
    x, y = links[-1][1]
    touched = {router for link in links for router in link}
    steps = [(x + 1, y), (x, y + 1), (x + 1, y + 1), (x - 1, y), (x, y - 1), (x - 1, y - 1)]
    return next(router for router in steps if router not in touched and all(0 <= at < 4 for at in router))


def test_a_plan_of_another_network_is_refused() -> None:
    plan, net = world("small")
    first, *rest = net.projections
    other = replace(first.chain[0], weight=first.chain[0].weight * 1.1)  # type: ignore[arg-type, union-attr]
    assert code_of(plan, replace(net, projections=(replace(first, chain=(other,)), *rest))) == "PLAN117"


def test_weights_that_need_more_axons_are_refused() -> None:
    net = named(chain(if1=8, model="IF"))
    plan = compile_network(named(even(net)), real("truenorth"), Options(effort="none"))
    assert code_of(plan, net) == "PLAN117"


def test_without_the_network_the_plan_alone_is_checked() -> None:
    plan, _ = world("mesh")
    assert code_of(changed(plan, ("cores", 0, "used", "neurons"), add(-1)), None) == "PLAN112"
    assert code_of(changed(plan, (*TRAFFIC, "unicast_hops_per_step"), add(-1)), None) == "PLAN122"
    assert code_of(changed(plan, ("cost", "dynamic_j_per_step", "low"), add(-1)), None) == "PLAN130"


def leaves(node: Any, path: Path = ()) -> Iterator[tuple[Path, float]]:
    """Every number of a plan and where it stands."""
    if isinstance(node, int | float) and not isinstance(node, bool):
        yield path, node
    elif isinstance(node, tuple):
        for index, item in enumerate(node):
            yield from leaves(item, (*path, index))
    elif isinstance(node, Mapping):
        for key, item in node.items():
            yield from leaves(item, (*path, key))
    elif is_dataclass(node):
        for field in fields(node):
            yield from leaves(getattr(node, field.name), (*path, field.name))


def free(plan: Plan, path: Path) -> bool:
    """The numbers that may be others: the chip's own, hints, and choices without a consequence."""
    if path[0] == "chip" or path in {("options", "seed"), ("options", "dt")}:
        return True
    if path[0] == "cores" and (path[-1] == "slot" or ("router" in path and len(plan.cores) == 1)):
        return True  # another slot may be vacant, and a core that sends nothing may stand anywhere on its chip
    if path[-1] == "synaptic_events":
        return True  # rounded up from a sum of rates, which may miss a whole number by a rounding error
    if "hottest_links" in path and path[-1] != 1:
        return True  # links of equal load may stand in for each other
    if path[-1] in ("weight_bits", "weight_step", "weight_error"):
        projection = plan.projections[path[1]]
        stored = projection.kind in ("dense", "conv")
        by_bits = ("packed_row_words", "blocked_row_bits", *(["weight_bytes"] if stored else []))
        counted = any(limit.formula in by_bits for limit in plan.chip.limits)
        return projection.weight_step == 0 or (path[-1] == "weight_bits" and not counted)
    return False


@settings(max_examples=examples(120), deadline=None)
@given(st.data())
def test_no_number_of_a_plan_may_be_another(data: st.DataObject) -> None:
    plan, net = world(data.draw(st.sampled_from(["small", "delayed", "copies", "inputs", "bytes"])))
    numbers = [(path, value) for path, value in leaves(plan) if not free(plan, path)]
    path, value = data.draw(st.sampled_from(numbers))
    if isinstance(value, int):
        other: float = value + data.draw(st.sampled_from([-2, -1, 1, 2, 1000]))
    else:
        other = data.draw(st.sampled_from([value * (1 + 1e-4), value * (1 - 1e-4), -value, value + 1.0, value + 1e9]))
    assume(other != value)
    with pytest.raises(VerificationError):
        verify(changed(plan, path, put(other)), net)


def forward(operator: Operator, signal: np.ndarray) -> np.ndarray:
    """What an operator hands on, by the definition of the operation, with all its weights one."""
    match operator:
        case Dense():
            return np.full(operator.output_shape, signal.sum())
        case Conv() | Pool():
            grid = signal.reshape(operator.input_shape)
            found = np.zeros(operator.output_shape)
            for out in np.ndindex(*operator.output_shape):
                found[out] = sum(grid[at] for at in read(operator, out))
            return found
        case _:
            return signal


def read(
    operator: Conv | Pool, out: tuple[int, ...], taps: Sequence[tuple[int, ...]] | None = None
) -> Iterator[tuple[int, ...]]:
    """The input elements under the window of one output, or under some of its taps."""
    if isinstance(operator, Conv):
        width = operator.input_shape[0] // operator.groups
        group = out[0] // (operator.output_shape[0] // operator.groups)
        channels = range(group * width, (group + 1) * width)
        before, dilation = [pad[0] for pad in operator.padding], operator.dilation
    else:
        channels, before, dilation = range(out[0], out[0] + 1), list(operator.padding), (1, 1)
    for tap in taps or itertools.product(*(range(size) for size in operator.kernel)):
        at = tuple(
            o * s + t * d - b for o, s, t, d, b in zip(out[1:], operator.stride, tap, dilation, before, strict=True)
        )
        if all(0 <= x < n for x, n in zip(at, operator.input_shape[1:], strict=True)):
            yield from ((channel, *at) for channel in channels)


def reach(projection: Projection) -> np.ndarray:
    """[target, source]: whether a spike of the source element reaches the target element, one source at a time."""
    columns = []
    for source in np.eye(math.prod(projection.source_shape)):
        signal = source
        for operator in projection.chain:
            signal = forward(operator, signal)
        columns.append(signal.ravel() > 0)
    return np.stack(columns, axis=1)


@settings(max_examples=examples(60), deadline=None)
@given(projections(), st.data())
def test_the_checkers_fan_is_every_pair_once(projection: Projection, data: st.DataObject) -> None:
    assume(math.prod(projection.source_shape) <= 60)
    pairs = reach(projection)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs))))
    found = fan(stages(projection.chain), part_of(mask, projection.target_shape))
    sources, reached = found.elements()
    counted = pairs[mask].sum(axis=0)
    assert sources.tolist() == np.flatnonzero(counted).tolist()
    assert reached.tolist() == counted[sources].tolist()
    assert (found.count(), found.total()) == (len(sources), counted.sum())
    values, often = found.tally()
    assert sorted(np.repeat(values, often).tolist()) == sorted(counted[sources].tolist())


def part_of(mask: np.ndarray, shape: tuple[int, ...]) -> Patch:
    """The masked elements as boxes."""
    return Patch.of(joined(np.flatnonzero(mask), shape), shape)


@given(st.data())
def test_the_checkers_boxes_share_nothing_and_are_the_run(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 5), max_size=4)))
    start, stop = sorted(data.draw(st.tuples(*2 * [st.integers(0, math.prod(shape))])))
    boxes = list(boxes_of(start, stop, shape))
    found = [index for box in boxes for index in flat_indices(box, shape).tolist()]
    assert sorted(found) == list(range(start, stop))
    assert len(boxes) <= max(1, 2 * len(shape) - 1)


@settings(max_examples=examples(40), deadline=None)
@given(convs((2, 5, 4)), st.data())
def test_the_checkers_taps_and_weights_are_those_on_a_way_to_the_slice(operator: Conv, data: st.DataObject) -> None:
    outputs = list(np.ndindex(*operator.output_shape))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(outputs), max_size=len(outputs))))
    assert synapses([operator], operator.output_shape) == sum(len(list(read(operator, out))) for out in outputs)
    taps = list(itertools.product(*(range(size) for size in operator.kernel)))
    used = {
        (out[0], tap)
        for out, tap in itertools.product(itertools.compress(outputs, mask), taps)
        if any(True for _ in read(operator, out, [tap]))
    }
    assert used_weights([operator], part_of(mask, operator.output_shape)) == len(used) * operator.weight.shape[1]
