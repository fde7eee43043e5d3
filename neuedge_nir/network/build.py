"""Networks written down in Python: populations, inputs, and what joins them, also what NIR files cannot say.

inner, noise = lif("inner", 800), source("noise", 800)
net = build("net", [inner], [join(noise, inner), join(inner, inner, fixed_probability(0.1, 0.05))], [noise])
plan = neuedge_nir.compile(net, "spinnaker1")

Every function raises `UsageError` for what makes no sense: USE095 for a name, USE096 for a shape, USE097 for a number,
USE098 for single synapses, USE034 for something of another type, USE017 and USE019 for timestep and reset, USE089 for
parts that do not fit together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from neuedge_nir.errors import UsageError
from neuedge_nir.network.built import check_operator, check_populations, check_ports, check_projections, remarks_on
from neuedge_nir.network.connect import Dense, Operator
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse, pairs_given
from neuedge_nir.network.given import reset_given, timestep_given
from neuedge_nir.network.model import LIF, Network, Origin, Population, Port, Projection, ResetMode, Signal
from neuedge_nir.network.typed import all_of_type, name_given, number_given, of_type, shape_given
from neuedge_nir.network.valid import fault

End = Population | Port
Shape = int | tuple[int, ...]
Maker = Callable[[End, End], Operator]
"""Makes the operator between a source and a target."""

SMALLEST = float(np.nextafter(0.0, 1.0))


def lif(
    name: str, shape: Shape, *, tau: float = 10.0, r: float = 1.0, v_leak: float = 0.0, v_threshold: float = 1.0
) -> Population:
    """LIF neurons that share their parameters, in NIR's terms; any other population is made by `Population` itself.

    tau v' = (v_leak - v) + r I; a spike where v > v_threshold, then v = 0. `shape`: how many, or a tuple such as
    (channels, height, width). `tau` > 0 in the unit of time of `build`'s `dt`, `v_threshold` >= 0. Raises `UsageError`
    (USE095, USE096, USE097).
    """
    where = f"population {name_given(name, 'a population')!r}"
    told = {
        "tau": number_given(tau, "tau", where, SMALLEST),
        "r": number_given(r, "r", where),
        "v_leak": number_given(v_leak, "v_leak", where),
        "v_threshold": number_given(v_threshold, "v_threshold", where, 0.0),
        "v_reset": 0.0,
    }
    neuron = LIF(**{key: np.asarray(value) for key, value in told.items()})
    return Population(name, neuron, shape_given(shape, where))


def source(name: str, shape: Shape) -> Port:
    """An input: spikes of the host, or of sources on cores. Raises `UsageError` (USE095, USE096)."""
    return Port(name_given(name, "an input"), shape_given(shape, f"input {name!r}"))


def readout(name: str, of: Population) -> Port:
    """An output that reads all neurons of a population; `join` leads to it. Raises `UsageError` (USE034, USE095)."""
    of_type(of, Population, "what is read", "give the population")
    return Port(name_given(name, "an output"), of.shape)


def all_to_all(weight: float = 1.0) -> Maker:
    """Every source to every target; the weight is held once. Raises `UsageError` (USE097) where it is not finite."""
    held = np.asarray(number_given(weight, "the weight", "all_to_all"))

    def made(one: End, other: End) -> Operator:
        return Dense(_named(one, other), np.broadcast_to(held, (other.neurons, one.neurons)))

    return made


def fixed_probability(p: float, weight: float = 1.0) -> Maker:
    """Every pair with probability `p`, 0 to 1; `weight` is the synapses' weight or its mean. Never expanded.

    Raises `UsageError` (USE097) for numbers that cannot be.
    """
    chance = number_given(p, "the probability", "fixed_probability", 0.0, 1.0)
    held = np.asarray(number_given(weight, "the weight", "fixed_probability"))
    return lambda one, other: FixedProbability(_named(one, other), chance, held, one.shape, other.shape)


def synapses(sources: ArrayLike, targets: ArrayLike, weights: ArrayLike = 1.0) -> Maker:
    """Single synapses, in any order; those of one pair are added up. `weights`: one each, or one number for all.

    `sources` and `targets` are as long as each other: whole numbers from 0, in row-major order of the shapes. Raises
    `UsageError` (USE034, USE097, USE098), as does what `join` makes of it where a shape has no such neuron.
    """
    pairs_given("synapses", sources, targets, weights)
    return lambda one, other: Sparse.of(_named(one, other), sources, targets, weights, one.shape, other.shape)


def join(one: End, other: End, by: Maker | None = None, name: str | None = None) -> Projection:
    """A projection from a source to a target; one to one, in row-major order, where nothing is said.

    `by`: what `all_to_all`, `fixed_probability` or `synapses` made, or any function of both ends that returns an
    operator. Several between the same ends need names of their own. Raises `UsageError` (USE034, USE095, USE098).
    """
    for end in (one, other):
        of_type(end, (Population, Port), "an end of a projection", "give what lif, source or readout made")
    if by is not None:
        of_type(by, Callable, "what joins two ends", "give all_to_all(), or leave it out for one to one")  # type: ignore[arg-type]
    given = _named(one, other) if name is None else name_given(name, "a projection")
    chain = () if by is None else (check_operator(by(one, other), f"projection {given!r}"),)
    values = isinstance(one, Population) and not one.spiking
    signal = Signal.ANALOG if values else Signal.SPIKE
    found = Projection(given, one.name, other.name, one.shape, other.shape, chain, signal=signal)
    if name is None or not chain:
        return found
    return replace(found, chain=(replace(chain[0], node=name),))


def build(
    name: str,
    populations: Iterable[Population],
    projections: Iterable[Projection],
    inputs: Iterable[Port] = (),
    outputs: Iterable[Port] = (),
    *,
    dt: float | None = None,
    reset: ResetMode | str | None = ResetMode.ZERO,
) -> Network:
    """The network, its populations in the order of the flow; what joins populations of one loop takes a step.

    `dt`, the timestep, is in the unit of time of the populations' `tau`. `reset`: what a spike does, "zero" or
    "subtract". A projection that says its `steps` keeps them. What is odd but possible, such as a tau below dt, is in
    the network's `diagnostics` (NET060, NET061). Raises `UsageError`: USE089 for parts that do not fit together,
    USE017, USE019, USE034, USE095, USE096 and USE097 for what no part can be.
    """
    name_given(name, "a network")
    groups = all_of_type(populations, Population, "populations")
    joined = all_of_type(projections, Projection, "projections")
    ports = all_of_type(inputs, Port, "inputs"), all_of_type(outputs, Port, "outputs")
    check_populations(groups)
    check_ports((*ports[0], *ports[1]))
    check_projections(joined)
    _check_names(name, (*groups, *ports[0], *ports[1]))
    ordered, loops = _in_order(groups, joined)
    timed = tuple(
        replace(p, steps=1) if not p.steps and loops.get(p.source, -1) == loops.get(p.target, -2) else p for p in joined
    )
    found = Network(*ports, ordered, timed, Origin(name), reset_given(reset), timestep_given(dt))
    if (wrong := fault(found)) is not None:
        raise _misfit(wrong, name)
    return replace(found, origin=replace(found.origin, diagnostics=tuple(remarks_on(found))))


def _check_names(name: str, ends: Iterable[End]) -> None:
    """Before anything goes by name: of two with one name the first would be lost."""
    for each, times in Counter(end.name for end in ends).items():
        if times > 1:
            raise _misfit(f"{times} ports or populations are named {each!r}", name)


def _misfit(wrong: str, name: str) -> UsageError:
    return UsageError("USE089", wrong, where=name, hint="`neuedge_nir.network.build` says what fits together")


def _in_order(
    populations: tuple[Population, ...], projections: Sequence[Projection]
) -> tuple[tuple[Population, ...], dict[str, int]]:
    """The populations along the flow, as they were given where it leaves a choice; and by name the number of a loop."""
    import networkx as nx

    place = {population.name: at for at, population in enumerate(populations)}
    graph = nx.DiGraph()
    graph.add_nodes_from(place)
    graph.add_edges_from((p.source, p.target) for p in projections if p.source in place and p.target in place)
    whole = nx.condensation(graph)
    members = whole.nodes(data="members")
    order = nx.lexicographical_topological_sort(whole, key=lambda n: min(place[m] for m in members[n]))
    names = [name for loop in order for name in sorted(members[loop], key=place.__getitem__)]
    return tuple(populations[place[name]] for name in names), dict(whole.graph["mapping"])


def _named(one: End, other: End) -> str:
    return f"{one.name}>{other.name}"
