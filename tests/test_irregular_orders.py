"""Orders in which neurons that share sources stand together: found where there are such, followed by the checker."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.emission.files import emitted
from neuedge_nir.errors import UsageError, VerificationError
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.mapping.irregular import orders, partitioner, refine
from neuedge_nir.mapping.irregular.greedy import improved
from neuedge_nir.mapping.irregular.refill import axons_of, holds, line, refilled
from neuedge_nir.mapping.irregular.refine import Room, Wiring, deliveries, refined, wiring
from neuedge_nir.network.build import build, join, lif, readout, source, synapses
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.equal import equal
from neuedge_nir.network.model import Network
from neuedge_nir.network.relabel import inverse, order_of, relabelled, runs_in
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_orders import in_order
from neuedge_nir.plan.model import Plan, PlanOrder
from neuedge_nir.plan.store import encode
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.worlds import chip, real, system, topology


def ring(size: int = 400, near: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Each neuron reaches the next ones on a ring; numbers are shuffled."""
    shuffled = np.random.default_rng(seed).permutation(size)
    s, d = np.divmod(np.arange(size * near), near)
    return shuffled[s], shuffled[(s + d + 1) % size]


def at_random(size: int = 400, near: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.repeat(np.arange(size), near), rng.integers(0, size, size * near)


def network_of(pairs: tuple[np.ndarray, np.ndarray], size: int = 400) -> Network:
    """A recurrent population with parameters of its own for each neuron, fed and read."""
    p, noise = lif("p", size), source("noise", 5)
    values = {"v_threshold": np.linspace(1, 2, size)}
    p = replace(p, neuron=replace(p.neuron, **values), bias=np.arange(size) / size)  # type: ignore[arg-type]
    out = readout("out", p)
    fed = join(noise, p, synapses(np.arange(size) % 5, np.arange(size), 2.0))
    weights = np.random.default_rng(1).integers(-4, 5, len(pairs[0])) / 8
    return build("net", [p], [fed, join(p, p, synapses(*pairs, weights)), join(p, out)], [noise], [out], dt=1.0)


def on(neurons: int = 48, axons: int = 90) -> Chip:
    sites = topology(columns=8, rows=8, systems=(system(1, 1),))
    return chip(on=sites, neurons=neurons, input_axons=axons)


def wired(pairs: tuple[np.ndarray, np.ndarray], size: int = 400) -> Wiring:
    distinct = np.unique(pairs[1] * size + pairs[0])
    return wiring(size, size, distinct % size, distinct // size)


@pytest.fixture(params=["metis", "scipy", "numpy"])
def partitioner_there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    there = {"metis": ("pymetis", "scipy"), "scipy": ("scipy",), "numpy": ()}[request.param]
    find = importlib.util.find_spec
    if any(find(name) is None for name in there):
        pytest.skip("needs the extra `fast`")
    monkeypatch.setattr(partitioner, "find_spec", lambda name: find(name) if name in there else None)
    return str(request.param)


@pytest.mark.usefixtures("partitioner_there")
def test_shuffled_neighbours_are_brought_together() -> None:
    net = network_of(ring())
    plan = compile_network(net, on(), Options(effort="quick"))
    verify(plan, net)
    assert set(plan.orders) == {"p", "out"}
    assert plan.mapping.cores_neurons <= 11
    held = Counter(n for c in plan.cores for s in c.slices for n in range(*(s.run or s.block[0])))  # type: ignore[index]
    assert held == Counter(range(400))
    again = compile_network(net, on(), Options(effort="quick"))
    assert encode(plan) == encode(again)
    assert msgspec.json.decode(encode(plan), type=Plan).orders == plan.orders


def test_random_networks_keep_their_numbers() -> None:
    assert not partitioner.is_local(wired(at_random()))
    assert partitioner.is_local(wired(ring()))
    plan = compile_network(network_of(at_random()), on(axons=395), Options(effort="none"))
    assert not plan.orders


def test_neurons_that_are_neighbours_already_keep_their_numbers() -> None:
    s, d = np.divmod(np.arange(400 * 12), 12)
    net = network_of((s, (s + d + 1) % 400))
    plan = compile_network(net, on(), Options(effort="none"))
    assert plan.mapping.cores_neurons == 9
    assert not plan.orders


def test_tiles_that_were_asked_for_are_of_the_numbers() -> None:
    plan = compile_network(network_of(ring(near=2)), on(), Options(effort="none", tiles={"p": "20"}))
    assert not plan.orders


def ordered_plan() -> tuple[Plan, Network]:
    net = network_of(ring())
    return compile_network(net, on(), Options(effort="quick")), net


def test_a_kept_mapping_keeps_its_order() -> None:
    plan, net = ordered_plan()
    first, second, *rest = net.projections
    (layer,) = second.chain
    assert isinstance(layer, Sparse)
    opposite = replace(second, chain=(replace(layer, weights=-layer.weights),))
    other = replace(net, projections=(first, opposite, *rest))
    kept = compile_network(other, on(), Options(keep=plan))
    verify(kept, other)
    assert kept.orders == plan.orders
    assert kept.cores == plan.cores


def test_damaged_orders_are_refused() -> None:
    plan, net = ordered_plan()
    order = plan.orders["p"]
    first, *rest = order.runs
    damages = {
        "PLAN240": [
            {**plan.orders, "p": PlanOrder(order.by, (first, *order.runs))},
            {**plan.orders, "p": PlanOrder(order.by, order.runs[1:])},
            {**plan.orders, "p": PlanOrder("chance", order.runs)},
            {**plan.orders, "q": order},
            {**plan.orders, "noise": order},
        ],
        "PLAN241": [{"p": order}],
    }
    for code, several in damages.items():
        for damaged in several:
            with pytest.raises(VerificationError) as refused:
                verify(replace(plan, orders=damaged), net)
            assert refused.value.code == code
    far = (order.runs[-1], *rest[:-1], first)
    swapped = PlanOrder(order.by, far)
    with pytest.raises(VerificationError):
        verify(replace(plan, orders=dict.fromkeys(plan.orders, swapped)), net)


@settings(max_examples=examples(25), deadline=None)
@given(st.permutations(range(20)), st.integers(0, 9))
def test_a_network_in_another_order_is_the_same_network(order: list[int], seed: int) -> None:
    net = network_of(at_random(20, 3, seed), 20)
    numbers = np.array(order)
    assert np.array_equal(order_of(runs_in(numbers)), numbers)
    moved = relabelled(net, {"p": numbers, "out": numbers})
    assert equal(relabelled(moved, dict.fromkeys(("p", "out"), inverse(numbers))), net)
    spikes = (np.random.default_rng(seed).random((1, 15, 5)) < 0.5).astype(float)
    plain, other = (simulate(each, spikes, record=["p"]).recorded["p"] for each in (net, moved))
    assert np.array_equal(plain[..., numbers], other)


@settings(max_examples=examples(25), deadline=None)
@given(st.permutations(range(20)), st.integers(0, 9))
def test_the_checker_follows_an_order_as_the_mapper_does(order: list[int], seed: int) -> None:
    net = network_of(at_random(20, 3, seed), 20)
    plan = compile_network(net, on(), Options(effort="none"))
    told = PlanOrder("metis", runs_in(np.array(order)))
    found = in_order(replace(plan, orders={"p": told, "out": told}), net)
    assert equal(found, relabelled(net, {"p": np.array(order), "out": np.array(order)}))


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 99), st.integers(3, 30), st.integers(20, 60), st.integers(20, 80))
def test_a_refill_holds_all_limits_and_wastes_nothing(seed: int, neurons: int, synapse: int, axons: int) -> None:
    net, room = wired(at_random(60, 4, seed), 60), Room(neurons, synapse, axons)
    order = np.random.default_rng(seed).permutation(60)
    held = line(net, order)
    ends = refilled(held, room)
    assert ends[-1] == 60
    assert holds(held, ends, room)
    total = 0
    for start, stop in zip((0, *ends), ends, strict=False):
        for last in (stop, stop + 1):
            rows = [net.sources[net.into[v] : net.into[v + 1]] for v in order[start:last]]
            heard = len(np.unique(np.concatenate(rows)))
            fits = last - start <= neurons and sum(map(len, rows)) <= synapse and heard <= axons
            assert fits == (last == stop) or stop == 60
            total += heard if last == stop else 0
    assert axons_of(held, ends) == total


def test_a_refinement_only_saves_and_keeps_the_room() -> None:
    net = wired(ring(120, 6, seed=3), 120)
    cores, room = np.arange(120) % 6, Room(22, 150, 120)
    better = refined(net, cores, 6, room, 3, seed=1)
    assert deliveries(net, better) < deliveries(net, cores)
    assert np.bincount(better, minlength=6).max() <= 22
    away = {(s, better[t]) for t in range(120) for s in net.sources[net.into[t] : net.into[t + 1]]}
    assert deliveries(net, better) == len({(s, c) for s, c in away if better[s] != c})


def test_moves_of_many_only_save_and_keep_the_room() -> None:
    net = wired(ring(120, 6, seed=3), 120)
    cores, room = np.arange(120) % 6, Room(22, 150, 120)
    better = improved(net, cores, 6, room)
    assert deliveries(net, better) < 0.7 * deliveries(net, cores)
    assert np.bincount(better, minlength=6).max() <= 22
    assert np.bincount(better, np.diff(net.into), 6).max() <= 150


def test_halves_hold_neighbours() -> None:
    net = wired(ring())
    parts = partitioner.by_halves(net, partitioner.edges_of(net), 8)
    assert np.bincount(parts).tolist() == [50] * 8
    assert deliveries(net, parts) < 0.1 * deliveries(net, np.arange(400) % 8)


def test_a_refinement_is_the_same_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    net, cores, room = wired(ring(80, 5, seed=3), 80), np.arange(80) % 4, Room(22, 150, 60)
    fast = refined(net, cores, 4, room, 1, seed=1)
    monkeypatch.setattr(refine, "_annealing", lambda: refine._anneal)
    assert np.array_equal(refined(net, cores, 4, room, 1, seed=1), fast)


def test_populations_one_to_one_share_an_order() -> None:
    a, b, noise = lif("a", 400), lif("b", 400), source("noise", 5)
    fed = join(noise, a, synapses(np.arange(400) % 5, np.arange(400)))
    net = build("n", [a, b], [fed, join(a, a, synapses(*ring())), join(a, b)], [noise], dt=1.0)
    plan = compile_network(net, on(), Options(effort="none"))
    assert plan.orders["a"] == plan.orders["b"]
    assert orders.elementwise(net.projections[2])


def test_what_has_more_than_one_axis_keeps_its_numbers() -> None:
    p = lif("p", (20, 20))
    net = build("n", [p], [join(p, p, synapses(*ring(near=2)))], dt=1.0)
    assert not compile_network(net, on(), Options(effort="none")).orders


def test_files_with_numbers_of_their_own_are_refused() -> None:
    net = network_of(ring())
    plan, _ = ordered_plan()
    with pytest.raises(UsageError) as refused:
        emitted(replace(plan, chip=real("spinnaker1")), net, "pynn")
    assert refused.value.code == "FIT067"


def test_json_has_the_network_in_the_numbers_of_the_plan() -> None:
    plan, net = ordered_plan()
    told = json.loads(emitted(plan, net)["network.json"])
    (layer,) = next(p["chain"] for p in told["projections"] if p["name"] == "p>p")
    order = order_of(plan.orders["p"].runs)
    rows = zip(layer["indptr"], layer["indptr"][1:], strict=False)
    pairs = {(order[s], order[t]) for t, (a, b) in enumerate(rows) for s in layer["indices"][a:b]}
    assert pairs == set(zip(*map(np.ndarray.tolist, ring()), strict=True))
