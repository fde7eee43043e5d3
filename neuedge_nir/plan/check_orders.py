"""Orders of neurons, checked and followed: each numbers every neuron once, and the network stays the same."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np

from neuedge_nir.network.connect import Delay, Dense, Operator, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import Network, Population, Projection
from neuedge_nir.plan.check_parts import Ints
from neuedge_nir.plan.check_rules import refuse, same
from neuedge_nir.plan.model import Plan

FINDERS = {
    found + more for found in ("metis", "halves", "bandwidth", "levels") for more in ("", ", refined", ", improved")
}


def check_orders(plan: Plan) -> dict[str, Ints]:
    """For each population or output of another order its numbers in the model. Raises `VerificationError` (PLAN240)."""
    shapes = {p.name: p.shape for p in plan.populations if p.model != "Input" and p.relay is None}
    found = {}
    for name, order in plan.orders.items():
        where = f"the order of {name!r}"
        if name not in shapes or len(shapes[name]) != 1:
            refuse("PLAN240", "no population or output in a row has that name", where)
        if order.by not in FINDERS or any(not 0 <= a < b <= math.prod(shapes[name]) for a, b in order.runs):
            refuse("PLAN240", f"found by {order.by!r}, or with runs that are none", where)
        same("PLAN240", "neurons", sum(b - a for a, b in order.runs), math.prod(shapes[name]), where)
        numbers = np.concatenate([np.arange(a, b) for a, b in order.runs])
        same("PLAN240", "different neurons", len(np.unique(numbers)), math.prod(shapes[name]), where)
        found[name] = numbers
    return found


def in_order(plan: Plan, network: Network) -> Network:
    """The network in the numbers of the plan. Raises `VerificationError` (PLAN241) where something cannot follow."""
    orders = check_orders(plan)
    if not orders:
        return network
    return replace(
        network,
        populations=tuple(_neurons(p, orders) for p in network.populations),
        projections=tuple(_wire(p, orders) for p in network.projections),
    )


def _neurons(population: Population, orders: dict[str, Ints]) -> Population:
    if population.name not in orders:
        return population
    numbers = orders[population.name]
    whole: dict[str, Any] = {
        each.name: _each(getattr(population.neuron, each.name), numbers) for each in fields(population.neuron)
    }
    leak = population.leak
    return replace(
        population,
        neuron=replace(population.neuron, **whole),
        bias=None if population.bias is None else _each(population.bias, numbers),
        leak=None if leak is None else replace(leak, amount=_each(leak.amount, numbers)),
    )


def _each(values: Any, numbers: Ints) -> Any:
    return np.broadcast_to(values, numbers.shape)[numbers] if values.size > 1 else values


def _wire(projection: Projection, orders: dict[str, Ints]) -> Projection:
    ends = [orders.get(projection.source), orders.get(projection.target)]
    if all(end is None for end in ends):
        return projection
    layers = [op for op in projection.chain if not isinstance(op, Scale | Delay)]
    able = [op for op in layers if isinstance(op, Sparse | FixedProbability) or _is_matrix(op)]
    where = f"projection {projection.name!r}"
    if len(layers) > 1 or len(able) < len(layers):
        refuse("PLAN241", "its operators cannot follow another order of neurons", where)
    if not layers:
        alike = ends[0] is not None and ends[1] is not None and np.array_equal(ends[0], ends[1])
        same("PLAN241", "one order at both ends", alike, True, where)
    chain, side = [], 0
    for operator in projection.chain:
        if any(operator is layer for layer in layers):
            chain.append(_joined(operator, ends))
            side = 1
        else:
            chain.append(_scaled(operator, ends[side]))
    return replace(projection, chain=tuple(chain))


def _is_matrix(operator: Operator) -> bool:
    return isinstance(operator, Dense) and operator.weight.ndim == 2


def _scaled(operator: Operator, numbers: Ints | None) -> Operator:
    if numbers is None:
        return operator
    if isinstance(operator, Scale):
        return replace(operator, factor=_each(operator.factor, numbers))
    return replace(operator, delay=_each(operator.delay, numbers)) if isinstance(operator, Delay) else operator


def _joined(operator: Operator, ends: list[Ints | None]) -> Operator:
    if isinstance(operator, Dense):
        outputs, inputs = operator.weight.shape
        rows, columns = (np.arange(n) if e is None else e for n, e in zip((outputs, inputs), ends[::-1], strict=True))
        return replace(operator, weight=operator.weight[rows][:, columns]) if any(operator.weight.strides) else operator
    if not isinstance(operator, Sparse):
        return operator
    targets = np.arange(len(operator.indptr) - 1) if ends[1] is None else ends[1]
    sizes = operator.indptr[targets + 1] - operator.indptr[targets]
    behind = np.cumsum(sizes)
    taken = np.arange(behind[-1]) + np.repeat(operator.indptr[targets] - behind + sizes, sizes)
    sources, weights = operator.indices[taken], operator.weights[taken]
    if ends[0] is not None:
        place = np.argsort(ends[0])
        moved = place[sources]
        within = np.argsort(np.repeat(np.arange(len(targets)), sizes) * len(place) + moved, kind="stable")
        sources, weights = moved[within], weights[within]
    return replace(operator, indptr=np.append(0, behind), indices=sources, weights=weights)
