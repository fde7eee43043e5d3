"""Plans held against matrices: every connection of a network written out, and what a plan says counted there.

Every neuron stands on one core, no core uses more than it has, and messages come where neurons listen, nowhere else.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neuedge_nir.chip.model import Chip, RoutingKind
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan, PlanRoute, PlanSlice
from tests.brute import connections
from tests.sampling import examples
from tests.worlds import chip, hexagonal, networks, system, topology

Pairs = NDArray[np.bool_]
"""[target, source]: whether a spike of the source comes to the target."""


Told = list[list[tuple[str, str, set[int]]]]


@st.composite
def small_chips(draw: st.DrawFn) -> Chip:
    """Limits that can be counted in a matrix, on meshes and tori by dimension order or on a board by trees."""
    trees = draw(st.booleans())
    wide = topology(columns=3, rows=2, per_router=2, per_chip=11, systems=(system(1, 1), system(3, 3)))
    return chip(
        on=hexagonal(draw(st.integers(2, 5))) if trees else wide,
        neurons=draw(st.integers(2, 30)),
        input_axons=draw(st.integers(8, 120)),
        output_axons=draw(st.integers(8, 120)),
        slices=draw(st.integers(1, 4)),
        max_delay=15,
    )


def neurons_of(piece: PlanSlice, shape: tuple[int, ...]) -> list[int]:
    """Row-major numbers."""
    numbers = np.arange(math.prod(shape)).reshape(shape)
    if piece.block is not None:
        return numbers[tuple(slice(*span) for span in piece.block)].ravel().tolist()
    assert piece.run is not None
    return list(range(*piece.run))


def pairs_of(net: Network) -> dict[str, Pairs]:
    """By projection into a population."""
    inner = {p.name for p in net.populations}
    wires = [wire for wire in net.projections if wire.target in inner]
    return {w.name: np.logical_or.reduce([m != 0 for m in connections(w, 1.0).values()]) for w in wires}


def heard(plan: Plan, net: Network) -> Told:
    """By core (projection, source, its neurons that reach a slice) for every slice there and projection into it."""
    shapes, pairs = {p.name: p.shape for p in net.populations}, pairs_of(net)
    return [
        [
            (
                wire.name,
                wire.source,
                {*np.flatnonzero(pairs[wire.name][neurons_of(piece, shapes[piece.population])].any(axis=0))},
            )
            for piece in core.slices
            for wire in net.into(piece.population)
        ]
        for core in plan.cores
    ]


def due(piece: PlanSlice, shape: tuple[int, ...], told: Told) -> dict[int, int]:
    """By core how many neurons of a slice have anybody there who listens."""
    own = {*neurons_of(piece, shape)}
    found = {
        core: set().union(*(s for _, name, s in each if name == piece.population)) for core, each in enumerate(told)
    }
    return {core: len(those & own) for core, those in found.items() if those & own}


def entries(piece: PlanSlice, shape: tuple[int, ...], told: Told) -> int:
    """Cores with anybody who listens to a neuron of a slice, added up for each projection of its own."""
    own, wires = (
        {*neurons_of(piece, shape)},
        {name for each in told for name, source, _ in each if source == piece.population},
    )
    return sum(len(set().union(*(s for other, _, s in each if other == name)) & own) for name in wires for each in told)


@settings(max_examples=examples(40), deadline=None)
@given(networks(most=2), small_chips(), st.sampled_from(["none", "quick"]))
def test_a_plan_holds_what_matrices_say(net: Network, on: Chip, effort: str) -> None:
    try:
        plan = compile_network(net, on, Options(effort=effort))
    except (CapacityError, NoPlanError):
        return
    shapes = {p.name: p.shape for p in net.populations}
    held = Counter((s.population, n) for c in plan.cores for s in c.slices for n in neurons_of(s, shapes[s.population]))
    assert held == Counter((p.name, n) for p in net.populations for n in range(p.neurons))
    told = heard(plan, net)
    slots = [(n, at, piece) for n, core in enumerate(plan.cores) for at, piece in enumerate(core.slices)]
    sent = {(n, at): due(piece, shapes[piece.population], told) for n, at, piece in slots}
    assert {(r.core, r.slice): dict(r.targets) for r in plan.routes} == {slot: to for slot, to in sent.items() if to}
    for number, core in enumerate(plan.cores):
        assert dict(core.used) == {
            "neurons": sum(len(neurons_of(s, shapes[s.population])) for s in core.slices),
            "input_axons": sum(len(reached) for _, _, reached in told[number]),
            "output_axons": sum(entries(s, shapes[s.population], told) for s in core.slices),
            "slices": len(core.slices),
        }
        assert all(core.used[limit.name] <= limit.limit.count for limit in on.limits)
    if on.topology.routing is RoutingKind.MULTICAST:
        for route in plan.routes:
            assert_tree(plan, route)


def assert_tree(plan: Plan, route: PlanRoute) -> None:
    """Links lead from the slice to all routers of its targets, each by one way, and end nowhere else."""
    home = plan.cores[route.core].router
    ends = {plan.cores[core].router for core, _ in route.targets}
    found, front = {home}, [home]
    while front:
        behind = [b for a, b in route.links if a == front[0]]
        assert not found & {*behind}
        found |= {*behind}
        front = [*front[1:], *behind]
    assert len(found) == len(route.links) + 1
    assert ends <= found
    assert found - {a for a, _ in route.links} <= ends | {home}
