"""Names of nodes and the order in a file change nothing in a mapping: as many cores, hops, joules and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.network.flow import in_flow
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.worlds import REAL_CHIPS, chips, convnet, dense, network, networks, real, wire

T = TypeVar("T")


def renamed(net: Network, rng: Random) -> Network:
    """Every population and port has another name, in another order of the alphabet."""
    ports = [port.name for port in (*net.inputs, *net.outputs)]
    names = [*ports, *(p.name for p in net.populations)]
    new = [f"node{number:02}" for number in range(len(names))]
    rng.shuffle(new)
    of = dict(zip(names, new, strict=True))
    return replace(
        net,
        inputs=tuple(replace(p, name=of[p.name]) for p in net.inputs),
        outputs=tuple(replace(p, name=of[p.name]) for p in net.outputs),
        populations=tuple(replace(p, name=of[p.name]) for p in net.populations),
        projections=tuple(
            replace(p, name=f"{of[p.source]}->{of[p.target]}#{k}", source=of[p.source], target=of[p.target])
            for k, p in enumerate(net.projections)
        ),
    )


def shuffled(net: Network, rng: Random) -> Network:
    """Populations, ports and edges in another order."""

    def other(values: Sequence[T]) -> tuple[T, ...]:
        return tuple(rng.sample(list(values), len(values)))

    ports = {"inputs": other(net.inputs), "outputs": other(net.outputs)}
    return replace(net, populations=other(net.populations), projections=other(net.projections), **ports)  # type: ignore[arg-type]


def told(plan: Plan) -> tuple[object, ...]:
    """A mapping without its names: what lies together where, and all figures of it."""
    place = {p.name: n for n, p in enumerate(plan.populations)}
    cores = [
        (
            core.role,
            core.router,
            core.slot,
            [(place[s.population], s.block, s.run) for s in core.slices],
            [*core.used.items()],
        )
        for core in plan.cores
    ]
    rounded = [f"{figure:.9g}" for figure in (
        plan.cost.traffic.tree_hops_per_step, plan.cost.traffic.unicast_hops_per_step,
        plan.cost.traffic.max_link_load, plan.cost.synaptic_events_per_step,
        plan.cost.dynamic_j_per_step.typical or 0.0, plan.cost.step_s.typical or 0.0,
    )]  # fmt: skip
    routes = [(route.core, route.slice, route.targets, route.links) for route in plan.routes]
    return cores, routes, rounded, plan.outcome, replace(plan.mapping, utilisation=None)  # type: ignore[arg-type]


def answer(net: Network, on: Chip, options: Options) -> tuple[object, ...]:
    try:
        plan = compile_network(net, on, options)
    except (CapacityError, NoPlanError) as error:
        return type(error).__name__, error.code
    verify(plan, net)
    return told(plan)


def apart(net: Network) -> Network:
    """The same network, every operator a node of its own: what two nodes of one name weigh nobody can say."""
    chains = [tuple(replace(op, node=f"{p.name} {op.node}") for op in p.chain) for p in net.projections]
    return replace(net, projections=tuple(replace(p, chain=c) for p, c in zip(net.projections, chains, strict=True)))


@settings(max_examples=examples(25), deadline=None)
@given(networks(), chips(), st.integers(0, 99))
def test_names_and_the_order_in_a_file_change_no_mapping(net: Network, on: Chip, seed: int) -> None:
    net, rng, options = apart(net), Random(seed), Options(effort="quick")
    assert answer(shuffled(renamed(net, rng), rng), on, options) == answer(net, on, options)


def wide() -> Network:
    """Populations that only their weights tell apart, or what they feed."""
    wires = [wire("in", f"p{k}", dense(40, 10, seed=k)) for k in range(6)]
    wires += [wire(f"p{a}", f"p{b}", dense(40, 40)) for a, b in ((0, 1), (3, 1), (2, 5))]
    return network({f"p{k}": 40 for k in range(6)}, *wires, inputs={"in": 10}, model="IF")


def image() -> Network:
    """Convolutions, each a node of its own: counts of weights go by nodes."""
    return apart(convnet(8, 4, "IF"))


@pytest.mark.parametrize("name", REAL_CHIPS)
@pytest.mark.parametrize("net", [wide(), image()], ids=["wide", "image"])
def test_they_change_none_on_a_real_chip(net: Network, name: str) -> None:
    rng, options = Random(3), Options(effort="none")
    assert answer(shuffled(renamed(net, rng), rng), real(name), options) == answer(net, real(name), options)


def test_what_is_in_the_order_of_flow_stays_as_it_is() -> None:
    net = in_flow(wide())
    assert in_flow(net) is net
    assert [p.name for p in in_flow(shuffled(net, Random(1))).populations] == [p.name for p in net.populations]
