"""Factors on the elements of a signal: which operators let them through, and which take them into their weights.

A factor is a 0-d array where it is the same for all elements, and otherwise one number for each, in row-major order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, PoolKind, Scale, weights_of
from neuedge_nir.network.model import Network, Projection

Array = NDArray[np.float64]
Weights = NDArray[np.floating]
Chain = Sequence[Operator]
Kinds = tuple[type[Operator], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What becomes of a chain: what the weights at some places are multiplied with, and the places left out.

    A factor at the place of an average pool is its own: it becomes a sum.
    """

    factors: Mapping[int, Array]
    gone: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """A place in a chain that can take a factor, and what its weights are to be multiplied with."""

    place: int
    factor: Array


def flat(values: Weights, shape: tuple[int, ...]) -> Array:
    """Numbers that are broadcastable to a shape as a factor on its elements."""
    numbers = np.asarray(values, np.float64)
    if numbers.size == 1 or (numbers == numbers.flat[0]).all():
        return np.asarray(numbers.flat[0])
    return np.broadcast_to(numbers, shape).reshape(-1)


def by_channel(values: NDArray[np.generic], channels: int) -> NDArray[np.generic] | None:
    """One value for each channel, or None where elements of a channel differ."""
    rows = values.reshape(channels, -1)
    return rows[:, 0] if bool((rows == rows[:, :1]).all()) else None


def passed(operator: Operator, factor: Array, *, forward: bool) -> Array | None:
    """The factor on the far side of an operator that does the same there, or None."""
    match operator:
        case Scale() | Delay():
            return factor
        case _ if not factor.ndim:
            return factor  # every operator is linear
        case Pool(input_shape=inner, output_shape=outer):
            near, far = (inner, outer) if forward else (outer, inner)
            channels = by_channel(factor, near[0])
            return None if channels is None else np.repeat(channels, far[1] * far[2]).astype(np.float64)
        case _:
            return None


def absorbed(operator: Operator, factor: Array, *, forward: bool) -> Array | None:
    """What the weights are to be multiplied with, so that the factor on the near side is in them; None: impossible.

    `forward`: the factor arrives at the operator's inputs; otherwise it stands behind its outputs.
    """
    if not factor.ndim:
        return None if isinstance(operator, Pool | Delay) else factor
    match operator:
        case Dense():
            whole = factor.reshape(operator.input_shape if forward else operator.output_shape)
            return whole[..., None, :] if forward else whole[..., :, None]
        case Conv(groups=groups):
            shape = operator.input_shape if forward else operator.output_shape
            channels = by_channel(factor, shape[0])
            if channels is None:
                return None
            rows = channels.reshape(-1, 1).astype(np.float64)
            if forward:
                rows = np.repeat(channels.reshape(groups, -1), operator.output_shape[0] // groups, axis=0)
            return rows.reshape(*rows.shape, *(1 for _ in operator.kernel))
        case Scale(factor=held, shape=shape):
            return _in_form(factor.reshape(shape), held)
        case _:
            return None


def _in_form(values: Array, held: Weights) -> Array | None:
    """Values in the form of a scale that is given for some axes only, or None where they differ along the others."""
    form = (*(1 for _ in range(values.ndim - held.ndim)), *held.shape)
    core = values[tuple(slice(0, length) for length in form)]
    return core.reshape(held.shape) if bool((core == values).all()) else None


def nearest(chain: Chain, start: int, factor: Array, kinds: Kinds, frozen: Collection[int]) -> Goal | None:
    """Where the factor that stands at a place can go; the operator in front of it rather than one behind.

    `frozen` are identities of operators that must stay as they are.
    """
    goals = [goal for step in (-1, 1) if (goal := towards(chain, start, step, factor, kinds, frozen)) is not None]
    return min(goals, key=lambda goal: abs(goal.place - start), default=None)


def towards(chain: Chain, start: int, step: int, factor: Array, kinds: Kinds, frozen: Collection[int]) -> Goal | None:
    """The first operator of these kinds, in steps of 1 or -1 from a place, that can take the factor."""
    place, moved = start + step, factor
    while 0 <= place < len(chain):
        operator = chain[place]
        if isinstance(operator, kinds) and id(operator) not in frozen:
            taken = absorbed(operator, moved, forward=step > 0)
            if taken is not None:
                return Goal(place, taken)
        beyond = passed(operator, moved, forward=step > 0)
        if beyond is None:
            return None
        place, moved = place + step, beyond
    return None


def reweighted(
    network: Network, plan: Callable[[Collection[int]], Sequence[Change | None]]
) -> tuple[Network, frozenset[int]]:
    """The network with its chains changed as planned, one change (or None) a projection, and what had to be frozen.

    An operator that several projections share is changed only where all of them want the same of it, and stays shared;
    else it is frozen, and the plan is asked again. So is one whose weights would overflow or vanish.
    """
    frozen: frozenset[int] = frozenset()
    while True:
        changes = plan(frozen)
        uses = _uses(network, changes)
        made = {key: _multiplied(operator, wanted) for key, (operator, wanted) in uses.items()}
        failed = frozenset(key for key, operator in made.items() if operator is None)
        if not failed:
            return _rebuilt(network, changes, {key: op for key, op in made.items() if op is not None}), frozen
        frozen |= failed


def _uses(network: Network, changes: Sequence[Change | None]) -> dict[int, tuple[Operator, list[Array | None]]]:
    """By identity: each operator that stays, and what each of its uses wants its weights multiplied with."""
    found: dict[int, tuple[Operator, list[Array | None]]] = {}
    for projection, change in zip(network.projections, changes, strict=True):
        for place, operator in enumerate(projection.chain):
            if change is None or place not in change.gone:
                wanted = None if change is None else change.factors.get(place)
                found.setdefault(id(operator), (operator, []))[1].append(wanted)
    return found


def _multiplied(operator: Operator, wanted: Sequence[Array | None]) -> Operator | None:
    """The operator after its factor; None where its uses disagree, or the product cannot be written."""
    factor = wanted[0]
    if factor is None:
        return operator if all(other is None for other in wanted) else None
    if any(other is None or other.shape != factor.shape or (other != factor).any() for other in wanted[1:]):
        return None
    match operator:
        case Pool():
            return replace(operator, kind=PoolKind.SUM)
        case Dense(weight=weight) | Conv(weight=weight):
            new = product(weight, factor)
            return None if new is None else replace(operator, weight=new)
        case Scale(factor=held):
            new = product(held, factor)
            return None if new is None else replace(operator, factor=new)
        case _:
            raise TypeError(f"{operator.node!r} takes no factor")


def product(weight: Weights, factor: Array) -> Weights | None:
    """The product, in the precision of the weights where that holds it; None where it overflows or vanishes.

    Weights that are equal along an axis and stored once are multiplied once.
    """
    core = weight[tuple(slice(0, 1 if stride == 0 else None) for stride in weight.strides)]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        new = np.asarray(core, np.float64) * factor
        narrow = new.astype(weight.dtype)
    lost = (new == 0) & (core != 0) & (factor != 0)
    if not np.isfinite(new).all() or bool(lost.any()):
        return None
    return np.broadcast_to(narrow if np.array_equal(narrow, new) else new, weight.shape)


def _rebuilt(network: Network, changes: Sequence[Change | None], made: Mapping[int, Operator]) -> Network:
    projections = tuple(map(lambda p, change: _chained(p, change, made), network.projections, changes))
    same = all(after is before for after, before in zip(projections, network.projections, strict=True))
    return network if same else replace(network, projections=projections)


def _chained(projection: Projection, change: Change | None, made: Mapping[int, Operator]) -> Projection:
    gone = frozenset[int]() if change is None else change.gone
    chain = tuple(made[id(operator)] for place, operator in enumerate(projection.chain) if place not in gone)
    same = len(chain) == len(projection.chain) and all(map(lambda a, b: a is b, chain, projection.chain))
    return projection if same else replace(projection, chain=chain)


def stored(network: Network) -> int:
    """Weights that are stored, one that several projections share once."""
    operators = {id(operator): operator for p in network.projections for operator in p.chain}
    return sum(weights.size for op in operators.values() if (weights := weights_of(op)) is not None)
