"""Strategies for projections without any shape, and what they amount to."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from neuedge_nir.network.connect import Delay, Operator, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import Network, Projection
from tests.worlds import Wire, dense, network, wire

Shape = tuple[int, ...]
Pairs = set[tuple[int, int]]
"""(source, target)."""


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    return tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))


@st.composite
def sparse(draw: st.DrawFn, takes: Shape | None = None, gives: Shape | None = None) -> Sparse:
    """Few synapses, given in any order, some twice."""
    takes, gives = takes or draw(shapes()), gives or draw(shapes())
    pair = st.tuples(st.integers(0, math.prod(takes) - 1), st.integers(0, math.prod(gives) - 1))
    pairs = draw(st.lists(pair, max_size=40))
    weights = draw(st.lists(st.integers(-4, 4), min_size=len(pairs), max_size=len(pairs)))
    return Sparse.of("sparse", [s for s, _ in pairs], [t for _, t in pairs], np.array(weights, float), takes, gives)


@st.composite
def sparse_projections(draw: st.DrawFn) -> Projection:
    """Single synapses, with a scale or delay before or behind them."""
    operator = draw(sparse())
    before: tuple[Operator, ...] = (Scale("before", np.full((), 2.0), operator.input_shape),) * draw(st.integers(0, 1))
    behind = (Delay("behind", np.full((), 1.0), operator.output_shape),) * draw(st.integers(0, 1))
    return Projection("p", "a", "b", operator.input_shape, operator.output_shape, (*before, operator, *behind))


def pairs_of(operator: Sparse) -> Pairs:
    """Row by row."""
    rows = range(len(operator.indptr) - 1)
    return {(int(s), t) for t in rows for s in operator.indices[operator.indptr[t] : operator.indptr[t + 1]]}


def matrix_of(operator: Sparse) -> np.ndarray:
    found = np.zeros((math.prod(operator.output_shape), math.prod(operator.input_shape)))
    for t in range(len(found)):
        for k in range(operator.indptr[t], operator.indptr[t + 1]):
            found[t, operator.indices[k]] = operator.weights[k]
    return found


@st.composite
def irregular_networks(draw: st.DrawFn, chances: bool = True) -> Network:
    """One to three populations behind an input, joined by single synapses, by chance where asked, and by a layer."""
    sizes: dict[str, int | Shape] = {}
    shapes: dict[str, Shape] = {"in": draw(st.sampled_from([(5,), (2, 3), (12,)]))}
    wires: list[Wire] = []
    for k in range(draw(st.integers(1, 3))):
        name, size = f"p{k}", draw(st.sampled_from([(4,), (9,), (3, 5), (20,)]))
        shapes[name] = sizes[name] = size
        sources = sorted({draw(st.sampled_from(sorted(shapes))), f"p{k - 1}" if k else "in"})
        hops = [draw(_hop(shapes[source], size, chances)) for source in sources]
        wires += [wire(s, name, hop, steps=int(s == name)) for s, hop in zip(sources, hops, strict=True)]
    inputs: dict[str, int | Shape] = {"in": shapes["in"]}
    return network(sizes, *wires, inputs=inputs, outputs={"out": list(sizes)[-1]}, model="IF")


@st.composite
def _hop(draw: st.DrawFn, takes: Shape, gives: Shape, chances: bool) -> Operator:
    kind = draw(st.sampled_from(["sparse", "sparse", "dense"] + ["chance"] * chances))
    if kind == "chance":
        return FixedProbability("chance", draw(st.sampled_from([0.0, 0.125, 0.3, 1.0])), np.asarray(0.5), takes, gives)
    if kind == "dense" and len(gives) == 1:
        return dense(math.prod(gives), math.prod(takes))
    return draw(sparse(takes, gives))
