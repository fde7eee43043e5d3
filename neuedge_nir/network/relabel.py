"""A network whose neurons are numbered anew: the same network, neuron by neuron.

An order gives, for each new number, the old one. Only neurons in a row are numbered anew (populations of one axis),
where every operator beside them can follow: single synapses, chances, one matrix, and what acts element by element.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Delay, Dense, Operator, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import FloatArray, Network, Population, Projection

Order = NDArray[np.int64]
Orders = Mapping[str, Order]
"""By name of a population, or of an output that reads one."""


def follows(operator: Operator) -> bool:
    """Whether both sides of an operator can be numbered anew, each by itself."""
    match operator:
        case Sparse() | FixedProbability():
            return True
        case Dense(weight=weight):
            return weight.ndim == 2
        case _:
            return False


def relabelled(network: Network, orders: Orders) -> Network:
    """The network with these populations and outputs numbered anew. The same one where there are none.

    Ends that an element-by-element projection joins must have the same order.
    """
    if not orders:
        return network
    populations = tuple(_population(p, orders[p.name]) if p.name in orders else p for p in network.populations)
    known: dict[tuple[int, str, str], Operator] = {}
    projections = tuple(_projection(p, orders, known) for p in network.projections)
    return replace(network, populations=populations, projections=projections)


def _population(population: Population, order: Order) -> Population:
    old = population.neuron
    values: dict[str, Any] = {each.name: _moved(getattr(old, each.name), order) for each in fields(old)}
    bias = None if population.bias is None else _moved(population.bias, order)
    leak = population.leak
    leak = None if leak is None else replace(leak, amount=_moved(leak.amount, order))
    return replace(population, neuron=replace(old, **values), bias=bias, leak=leak)


def _moved(values: FloatArray, order: Order) -> FloatArray:
    return values if values.size == 1 else values[..., order]


def _projection(projection: Projection, orders: Orders, known: dict[tuple[int, str, str], Operator]) -> Projection:
    before, behind = orders.get(projection.source), orders.get(projection.target)
    if before is None and behind is None:
        return projection
    at = next((k for k, operator in enumerate(projection.chain) if follows(operator)), len(projection.chain))
    chain: list[Operator] = []
    for place, operator in enumerate(projection.chain):
        if place == at:
            key = id(operator), projection.source, projection.target
            chain.append(known.setdefault(key, _layer(operator, before, behind)))
        else:
            chain.append(_element(operator, before if place < at else behind))
    return replace(projection, chain=tuple(chain))


def _element(operator: Operator, order: Order | None) -> Operator:
    if order is None:
        return operator
    match operator:
        case Scale(factor=factor):
            return replace(operator, factor=_moved(factor, order))
        case Delay(delay=delay):
            return replace(operator, delay=_moved(delay, order))
        case _:
            raise ValueError(f"{operator.node!r} cannot follow another order of its neurons")


def _layer(operator: Operator, before: Order | None, behind: Order | None) -> Operator:
    match operator:
        case Sparse():
            return _synapses(operator, before, behind)
        case Dense(weight=weight):
            if not any(weight.strides):
                return operator
            rows = weight if behind is None else weight[behind]
            return replace(operator, weight=rows if before is None else rows[:, before])
        case _:
            return operator


def _synapses(operator: Sparse, before: Order | None, behind: Order | None) -> Sparse:
    columns = operator.indices if before is None else inverse(before)[operator.indices]
    rows = operator.rows if behind is None else inverse(behind)[operator.rows]
    order = np.argsort(rows * np.int64(np.prod(operator.input_shape)) + columns, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(operator.indptr) - 1))])
    uniform = not any(operator.weights.strides)
    weights = operator.weights if uniform else operator.weights[order]
    return replace(operator, indptr=indptr.astype(np.int64), indices=columns[order], weights=weights)


def inverse(order: Order) -> Order:
    """For each old number the new one."""
    found = np.empty_like(order)
    found[order] = np.arange(len(order))
    return found


def runs_in(order: Order) -> tuple[tuple[int, int], ...]:
    """The numbers as runs (first, behind the last), one behind the other."""
    breaks = np.flatnonzero(np.diff(order) != 1) + 1
    firsts, lasts = order[np.append(0, breaks)], order[np.append(breaks, len(order)) - 1]
    return tuple(zip(firsts.tolist(), (lasts + 1).tolist(), strict=True))


def order_of(runs: Iterable[tuple[int, int]]) -> Order:
    """The numbers of runs, one behind the other."""
    return np.concatenate([np.zeros(0, np.int64), *(np.arange(start, stop) for start, stop in runs)])
