"""Cuts and packings found together: strips, patterns, and what they leave."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError, VerificationError
from neuedge_nir.mapping.demand import DOWNSTREAM
from neuedge_nir.mapping.pack import EFFORTS, partition
from neuedge_nir.mapping.packing.classes import dearest_core, effort_of, pack_classes
from neuedge_nir.mapping.packing.free import freely_cut
from neuedge_nir.mapping.packing.lines import Line, Region
from neuedge_nir.mapping.packing.pricing import Rates, best_patterns
from neuedge_nir.mapping.packing.strips import Strips
from neuedge_nir.mapping.packing.vector_fit import best_of_orders
from neuedge_nir.network.model import Network
from neuedge_nir.network.slices import cut, whole
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.test_count import members
from tests.test_pack import fewest_cores
from tests.worlds import chip, chips, conv, demands_of, dense, known, network, networks, wire


def neurons_and_weights() -> Network:
    """A layer of 384 neurons with 54 weights, and one of 24 neurons with 60 weights each."""
    image = (1, 8, 8)
    wires = wire("i", "a", conv(image, 6)), wire("j", "b", dense(24, 60))
    return network({"a": (6, 8, 8), "b": 24}, *wires, inputs={"i": image, "j": 60})


def test_what_one_layer_leaves_of_a_core_another_fills() -> None:
    """Four cores full of neurons have memory left for five rows of 60 weights each: all but four of 24."""
    demands = demands_of(neurons_and_weights(), chip(neurons=101, weight_bytes=360))
    none, quick = partition(demands, "none"), partition(demands, "quick")
    assert (none.neuron_cores, quick.neuron_cores, quick.bound.cores) == (8, 5, 5)


@settings(max_examples=examples(60), deadline=None)
@given(networks(), chips())
def test_free_cuts_hold_every_neuron_once_and_keep_all_limits(net: Network, on: Chip) -> None:
    try:
        demands = demands_of(net, on)
    except (CapacityError, NoPlanError):
        assume(False)
    cores = freely_cut(demands, EFFORTS["quick"].searches, 200, 1)
    if cores is None:
        return
    held = Counter(
        (piece.population, neuron)
        for core in cores
        for piece in core
        for neuron in members(piece.part, demands.shapes[piece.population])
    )
    populations = demands.legal.network.populations
    assert held == Counter((p.name, neuron) for p in populations for neuron in range(p.neurons))
    for core in cores:
        used = demands.load(core, demands.uncut())
        assert all(u <= most for u, most in zip(used, demands.capacity, strict=True))


def cores_of(net: Network, on: Chip, effort: str) -> int | None:
    try:
        return partition(demands_of(net, on), effort).neuron_cores
    except (CapacityError, NoPlanError):
        return None


@settings(max_examples=examples(30), deadline=None)
@given(networks(), chips(), st.integers(0, 9), st.sampled_from([1, 2, None]), st.sampled_from(["none", "quick"]))
def test_a_bigger_core_never_costs_more_cores(
    net: Network, on: Chip, which: int, more: int | None, effort: str
) -> None:
    """A limit raised, or taken away (None). Where sources need less or more as targets are cut, nothing promises it."""
    assume(on.limits and not any(rule.formula in DOWNSTREAM for rule in on.limits))
    before = cores_of(net, on, effort)
    assume(before is not None)
    at = which % len(on.limits)
    rule = on.limits[at]
    raised = () if more is None else (replace(rule, limit=known(rule.limit.count + more, rule.limit.unit)),)
    bigger = replace(on, limits=(*on.limits[:at], *raised, *on.limits[at + 1 :]))
    after = cores_of(net, bigger, effort)
    assert after is not None
    assert after <= (before or 0)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 6), st.integers(1, 5)),
    st.integers(0, 2),
    st.tuples(*[st.integers(1, 6)] * 3),
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 9)), max_size=6),
)
def test_strips_give_away_every_neuron_once(
    sizes: tuple[int, ...], axis: int, tile: tuple[int, ...], wanted: list[tuple[int, int]]
) -> None:
    """Whatever slices are taken in whatever order: they and the regions that stay are the populations."""
    copies, *shape = sizes
    steps = tuple(size if a == axis else min(size, tile[a]) for a, size in enumerate(shape))
    grid, none = cut(tuple(shape), steps, balanced=True), np.zeros(0, dtype=np.int64)
    names = tuple(f"p{k}" for k in range(copies))
    strips = Strips(Region(names, whole(tuple(shape))), Line(axis, grid, 0, shape[axis], none, none))
    taken = []
    for length, times in wanted:
        found = strips.take(length, times)
        assert len(found) <= times
        assert all(b - a == length for piece in found for a, b in [piece.part.spans[axis]])  # type: ignore[union-attr]
        taken += [(piece.population, piece.part) for piece in found]
    taken += [(name, region.box) for region in strips.left() for name in region.populations]
    held = Counter((name, neuron) for name, part in taken for neuron in members(part, tuple(shape)))
    assert held == Counter((name, neuron) for name in names for neuron in range(math.prod(shape)))


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=6),
    st.lists(st.integers(1, 20), min_size=6, max_size=6),
)
def test_patterns_fit_and_are_worth_what_they_say(needs: list[tuple[int, int]], worth: list[int]) -> None:
    whole_needs, capacity = np.array(needs, dtype=np.int64), np.array([20, 20], dtype=np.int64)
    values = np.array(worth[: len(needs)], dtype=np.float64)
    rates = Rates(whole_needs, capacity).of(values)
    assert (whole_needs @ rates >= values - 1e-6).all(), "no item is worth more than what it uses"
    found = best_patterns(values, whole_needs, capacity, rates, 16, 0.0)
    assert found[0][0] >= max(values) - 1e-6
    for value, pattern in found:
        assert value == pytest.approx(sum(values[item] for item in pattern))
        assert (whole_needs[list(pattern)].sum(axis=0) <= capacity).all()
        assert value <= rates @ capacity + 1e-6


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
    st.tuples(st.integers(9, 14), st.integers(9, 14)),
)
def test_classes_are_packed_between_their_bound_and_the_best_of_all(
    needs: list[tuple[int, int]], amounts: list[int], capacity: tuple[int, int]
) -> None:
    amounts = amounts[: len(needs)]
    found = pack_classes(needs, amounts, capacity, effort_of(1.0), 0)
    best = fewest_cores([need for need, often in zip(needs, amounts, strict=True) for _ in range(often)], capacity)
    assert found.bound <= best <= found.cores
    assert [sum(p[k] * times for p, times in found.patterns) for k in range(len(needs))] == amounts
    for pattern, _ in found.patterns:
        used = [sum(need[r] * n for need, n in zip(needs, pattern, strict=True)) for r in range(2)]
        assert all(u <= most for u, most in zip(used, capacity, strict=True))
    assert found.cores == best, "so few slices are within reach"


def test_a_hundred_thousand_slices_are_packed_and_the_packing_is_proved() -> None:
    """First fit takes some tenths more than the sums ask for; between them the patterns decide."""
    chance = random.Random(7)
    needs = [tuple(chance.randint(20, 500) for _ in range(3)) for _ in range(12)]
    amounts = [chance.randint(1000, 15000) for _ in range(12)]
    found = pack_classes(needs, amounts, (1000, 1000, 1000), effort_of(1.0), 0)
    sums = max(sum(n[r] * q for n, q in zip(needs, amounts, strict=True)) // 1000 for r in range(3))
    first = sum(times for _, times in best_of_orders(needs, amounts, (1000, 1000, 1000)))
    assert sums < found.bound <= found.cores < first
    assert 1000 * (found.cores - found.bound) <= found.bound


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3),
    st.lists(st.integers(0, 20), min_size=3, max_size=3),
)
def test_no_filling_of_a_core_is_dearer_than_said(needs: list[tuple[int, int]], prices: list[int]) -> None:
    counts = product(*(range(4) for _ in needs))
    fitting = [c for c in counts if all(sum(n[r] * k for n, k in zip(needs, c, strict=True)) <= 12 for r in range(2))]
    dearest = max(sum(p * k for p, k in zip(prices, c, strict=False)) for c in fitting)
    found, most, exact = dearest_core(prices[: len(needs)], needs, [3] * len(needs), (12, 12), 0.2, 0)
    assert exact
    assert (found in fitting, most) == (True, dearest)


def compiled(objective: str = "cores") -> Plan:
    on = chip(neurons=101, weight_bytes=360)
    return compile_network(neurons_and_weights(), on, Options(effort="quick", objective=objective, dt=1.0))


def test_traffic_first_takes_more_cores_and_fewer_messages_on_as_many_chips() -> None:
    cores, traffic = compiled(), compiled("traffic")
    assert cores.mapping.chips_used == traffic.mapping.chips_used == 1
    assert cores.mapping.cores_neurons < traffic.mapping.cores_neurons
    assert traffic.cost.traffic.host_spikes_per_step < cores.cost.traffic.host_spikes_per_step


def test_a_plan_states_both_bounds_and_the_checker_holds_it_to_them() -> None:
    plan = compiled()
    mapping = plan.mapping
    used = [sum(core.used[limit.name] for core in plan.cores) / limit.limit.count for limit in plan.chip.limits]
    assert mapping.cores_tiles_bound == math.ceil(max(used))
    assert mapping.cores_lower_bound <= mapping.cores_tiles_bound <= mapping.cores_neurons
    verify(plan, neurons_and_weights())
    for wrong in (
        replace(plan, mapping=replace(mapping, cores_tiles_bound=mapping.cores_tiles_bound + 1)),
        replace(plan, mapping=replace(mapping, cores_tiles_bound=mapping.cores_tiles_bound - 1)),
        replace(plan, mapping=replace(mapping, tiles_bound_resource="cores")),
    ):
        with pytest.raises(VerificationError) as caught:
            verify(wrong, neurons_and_weights())
        assert caught.value.code == "PLAN248"
    with pytest.raises(VerificationError) as caught:
        verify(replace(plan, options=replace(plan.options, objective="hops")), neurons_and_weights())
    assert caught.value.code == "PLAN249"
