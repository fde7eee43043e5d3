"""Networks written down in Python: populations, inputs, and what joins them, also what NIR files cannot say.

inner, noise = lif("inner", 800), source("noise", 800)
net = build("net", [inner], [join(noise, inner), join(inner, inner, fixed_probability(0.1, 0.05))], [noise])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Dense, Operator
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import LIF, Network, Origin, Population, Port, Projection, ResetMode, Signal
from neuedge_nir.network.valid import fault

End = Population | Port
Shape = int | tuple[int, ...]
Maker = Callable[[End, End], Operator]
"""Makes the operator between a source and a target."""


def lif(
    name: str, shape: Shape, *, tau: float = 10.0, r: float = 1.0, v_leak: float = 0.0, v_threshold: float = 1.0
) -> Population:
    """LIF neurons that share their parameters, in NIR's terms; any other population is made by `Population` itself."""
    values = (np.asarray(float(value)) for value in (tau, r, v_leak, v_threshold, 0.0))
    return Population(name, LIF(*values), _shape(shape))


def source(name: str, shape: Shape) -> Port:
    """An input: spikes of the host, or of sources on cores."""
    return Port(name, _shape(shape))


def readout(name: str, of: Population) -> Port:
    """An output that reads all neurons of a population; `join` leads to it."""
    return Port(name, of.shape)


def all_to_all(weight: float = 1.0) -> Maker:
    """Every source to every target; the weight is held once."""

    def made(one: End, other: End) -> Operator:
        shape = (other.neurons, one.neurons)
        return Dense(_named(one, other), np.broadcast_to(np.asarray(float(weight)), shape))

    return made


def fixed_probability(p: float, weight: float = 1.0) -> Maker:
    """Every pair with probability `p`; `weight` is the synapses' weight or its mean. Never expanded."""
    return lambda one, other: FixedProbability(
        _named(one, other), float(p), np.asarray(float(weight)), one.shape, other.shape
    )


def synapses(sources: ArrayLike, targets: ArrayLike, weights: ArrayLike = 1.0) -> Maker:
    """Single synapses, in any order; those of one pair are added up. `weights`: one each, or one number for all."""
    return lambda one, other: Sparse.of(_named(one, other), sources, targets, weights, one.shape, other.shape)


def join(one: End, other: End, by: Maker | None = None, name: str | None = None) -> Projection:
    """A projection from a source to a target; one to one, in row-major order, where nothing is said.

    Several between the same ends need names of their own.
    """
    chain = () if by is None else (by(one, other),)
    values = isinstance(one, Population) and not one.spiking
    signal = Signal.ANALOG if values else Signal.SPIKE
    found = Projection(name or _named(one, other), one.name, other.name, one.shape, other.shape, chain, signal=signal)
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
    reset: ResetMode | None = ResetMode.ZERO,
) -> Network:
    """The network, its populations in the order of the flow; what joins populations of one loop takes a step.

    A projection that says its `steps` keeps them. Raises `UsageError` (USE089) for what makes no sense.
    """
    projections = tuple(projections)
    ordered, loops = _in_order(tuple(populations), projections)
    timed = tuple(
        replace(p, steps=1) if not p.steps and loops.get(p.source, -1) == loops.get(p.target, -2) else p
        for p in projections
    )
    found = Network(tuple(inputs), tuple(outputs), ordered, timed, Origin(name), reset, dt)
    if (wrong := fault(found)) is not None:
        raise UsageError("USE089", wrong, where=name, hint="`neuedge_nir.network.build` says what fits together")
    return found


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


def _shape(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)
