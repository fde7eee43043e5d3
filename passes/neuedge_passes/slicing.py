"""Units of populations cut out: neurons of flat populations, channels of others, and the weights on both sides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.model import Network, Population, Projection
from neuedge_passes.factors import by_channel
from neuedge_passes.liveness import Mask, Masks

Chain = Sequence[Operator]


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Which columns or input channels of an operator stay, and which rows or output channels; None: all."""

    inputs: Mask | None = None
    outputs: Mask | None = None

    def same(self, other: Slot) -> bool:
        pairs = ((self.inputs, other.inputs), (self.outputs, other.outputs))
        return all((a is None) == (b is None) and np.array_equal(a, b) for a, b in pairs if a is not b)  # type: ignore[arg-type]


Slots = dict[int, Slot]


def by_unit(population: Population, mask: Mask) -> Mask:
    """The neurons whose whole unit is in the mask."""
    units = _units(population, mask)
    return np.repeat(units, mask.size // units.size)


def _units(population: Population, mask: Mask) -> Mask:
    return np.asarray(mask.reshape(population.shape[0] if population.shape else 1, -1).all(axis=1))


def without(network: Network, removable: Masks) -> tuple[Network, set[str]]:
    """The network without these neurons, whole units of them, and the populations that must stay whole.

    Where there are such, it is the network as it was: an operator on the way cannot be cut, or is shared by projections
    that would have it cut differently, or an output reads a population of which nothing would be left.
    """
    units = {p.name: _units(p, removable[p.name]) for p in network.populations}
    shown = {p.source for port in network.outputs for p in network.into(port.name)}
    gone = {name for name, mask in units.items() if bool(mask.all())}
    if gone & shown:
        return network, gone & shown
    left = _dropped(network, gone) if gone else network
    keep = {p.name: ~units[p.name] for p in left.populations if units[p.name].any()}
    if not keep:
        return left, set()
    slots, failed = _planned(left, keep)
    return (network, failed) if failed else (_cut(left, keep, slots), set())


def _dropped(network: Network, gone: Collection[str]) -> Network:
    left = tuple(p for p in network.projections if p.source not in gone and p.target not in gone)
    populations = tuple(p for p in network.populations if p.name not in gone)
    return replace(network, populations=populations, projections=left)


def _planned(network: Network, keep: Masks) -> tuple[dict[str, Slots], set[str]]:
    """How each chain is cut, by projection, and the populations that must stay whole for one that cannot be."""
    found: dict[str, Slots] = {}
    failed: set[str] = set()
    for projection in network.projections:
        ends = {projection.source, projection.target} & keep.keys()
        slots = _slots(projection, keep) if ends else {}
        if slots is None:
            failed |= ends
        else:
            found[projection.name] = slots
    return found, failed or _conflicts(network, found, keep)


def _conflicts(network: Network, planned: Mapping[str, Slots], keep: Masks) -> set[str]:
    """The ends of projections that would cut an operator otherwise than another that shares it."""
    first: dict[int, Slot] = {}
    odd: set[int] = set()
    for projection in network.projections:
        for place, operator in enumerate(projection.chain):
            slot = planned[projection.name].get(place, Slot())
            if not first.setdefault(id(operator), slot).same(slot):
                odd.add(id(operator))
    torn = [p for p in network.projections if any(id(operator) in odd for operator in p.chain)]
    return {name for p in torn for name in (p.source, p.target)} & keep.keys()


def _slots(projection: Projection, keep: Masks) -> Slots | None:
    """How the operators of a chain are cut so that it fits its smaller ends; None where one cannot be."""
    chain = projection.chain
    source, target = (keep.get(name) for name in (projection.source, projection.target))
    ahead = _walk(chain, _spread(source, projection.source_shape), forward=True)
    back = _walk(chain, _spread(target, projection.target_shape), forward=False)
    if ahead is None or back is None:
        return None
    (before, arrives), (behind, leaves) = ahead, back
    if arrives is not None or leaves is not None:  # nothing on the way sums over elements: the ends must fit
        wanted = _spread(target, projection.target_shape)
        return before if arrives is not None and wanted is not None and np.array_equal(arrives, wanted) else None
    places = sorted(before.keys() | behind.keys())
    return {place: _both(before.get(place), behind.get(place)) for place in places}


def _both(ahead: Slot | None, back: Slot | None) -> Slot:
    if ahead is None or back is None:
        return ahead or back or Slot()
    return Slot(ahead.inputs, back.outputs)


def _spread(units: Mask | None, shape: tuple[int, ...]) -> Mask | None:
    return None if units is None else np.repeat(units, int(np.prod(shape[1:], dtype=np.int64)))


def _walk(chain: Chain, mask: Mask | None, *, forward: bool) -> tuple[Slots, Mask | None] | None:
    """The cuts on the way from one end to the layer that sums over elements, and what is left beyond the other end."""
    found: Slots = {}
    places = range(len(chain)) if forward else range(len(chain) - 1, -1, -1)
    for place in places if mask is not None else ():
        assert mask is not None
        operator = chain[place]
        near = operator.input_shape if forward else operator.output_shape
        units: NDArray[np.generic] | None = mask if len(near) == 1 else by_channel(mask, near[0])
        match operator:
            case Dense(weight=weight) if weight.ndim == 2:
                return {**found, place: _slot(mask, forward)}, None
            case Conv() if units is not None and _cuttable(operator, units.astype(bool), forward):
                return {**found, place: _slot(units.astype(bool), forward)}, None
            case Pool() if units is not None:
                found[place] = Slot(units.astype(bool), units.astype(bool))
                mask = _spread(units.astype(bool), operator.output_shape if forward else operator.input_shape)
            case Scale() | Delay() if units is not None:
                found[place] = Slot(units.astype(bool), units.astype(bool))
            case _:
                return None
    return found, mask


def _slot(mask: Mask, forward: bool) -> Slot:
    return Slot(inputs=mask) if forward else Slot(outputs=mask)


def _cuttable(conv: Conv, units: Mask, forward: bool) -> bool:
    """Groups must stay of one size: no inputs are cut from several, and of all the same number of outputs."""
    by_group = units.reshape(conv.groups, -1).sum(axis=1)
    return conv.groups == 1 or (not forward and bool((by_group == by_group[0]).all()) and by_group[0] > 0)


def _cut(network: Network, keep: Masks, planned: Mapping[str, Slots]) -> Network:
    made: dict[int, Operator] = {}

    def operator(old: Operator, slot: Slot | None) -> Operator:
        if slot is not None and id(old) not in made:
            made[id(old)] = _operator(old, slot)
        return old if slot is None else made[id(old)]

    def projection(old: Projection) -> Projection:
        if not {old.source, old.target} & keep.keys():
            return old
        slots = planned[old.name]
        chain = tuple(operator(op, slots.get(place)) for place, op in enumerate(old.chain))
        source = _shape(old.source_shape, keep.get(old.source))
        return replace(
            old, chain=chain, source_shape=source, target_shape=_shape(old.target_shape, keep.get(old.target))
        )

    populations = tuple(_population(p, keep[p.name]) if p.name in keep else p for p in network.populations)
    return replace(network, populations=populations, projections=tuple(map(projection, network.projections)))


def _shape(shape: tuple[int, ...], units: Mask | None) -> tuple[int, ...]:
    return shape if units is None else (int(units.sum()), *shape[1:])


def _population(population: Population, units: Mask) -> Population:
    def cut(values: NDArray[np.floating]) -> NDArray[np.floating]:
        return _values(values, population.shape, units)

    neuron = replace(population.neuron, **{name: cut(v) for name, v in population.parameters.items()})  # type: ignore[arg-type]
    bias = None if population.bias is None else cut(population.bias)
    leak = None if population.leak is None else replace(population.leak, amount=cut(population.leak.amount))
    return replace(population, neuron=neuron, bias=bias, leak=leak, shape=_shape(population.shape, units))


def _values(values: NDArray[np.floating], shape: tuple[int, ...], units: Mask) -> NDArray[np.floating]:
    """Values that are broadcastable to a shape, without those of units that go."""
    whole = values.ndim == len(shape) and values.shape[0] == shape[0]
    return values[units] if whole else values


def _operator(operator: Operator, slot: Slot) -> Operator:
    inputs = slice(None) if slot.inputs is None else slot.inputs
    outputs = slice(None) if slot.outputs is None else slot.outputs
    match operator:
        case Dense(weight=weight):
            return replace(operator, weight=weight[outputs][:, inputs])
        case Conv(weight=weight, input_shape=before, output_shape=behind):
            shapes = _shape(before, slot.inputs), _shape(behind, slot.outputs)
            return replace(operator, weight=weight[outputs][:, inputs], input_shape=shapes[0], output_shape=shapes[1])
        case Pool(input_shape=before, output_shape=behind):
            shapes = _shape(before, slot.inputs), _shape(behind, slot.outputs)
            return replace(operator, input_shape=shapes[0], output_shape=shapes[1])
        case Scale(factor=values, shape=shape):
            assert slot.inputs is not None
            return replace(operator, factor=_values(values, shape, slot.inputs), shape=_shape(shape, slot.inputs))
        case Delay(delay=values, shape=shape):
            assert slot.inputs is not None
            return replace(operator, delay=_values(values, shape, slot.inputs), shape=_shape(shape, slot.inputs))
        case _:
            raise TypeError(f"no pass knows what {operator.node!r} joins")
