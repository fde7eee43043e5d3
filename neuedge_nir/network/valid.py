"""Whether a network makes sense: names that are one thing each, shapes that fit, numbers that are finite.

The reader's networks do by construction; a pass of anybody's may go wrong. Nothing here is shared with the reader.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.blocks import row_blocks, unrepeated
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale, irregular_in, weights_of
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import ADAPTIVE, IF, Network, Population, Port, Projection, Signal

Shape = tuple[int, ...]


def fault(network: Network) -> str | None:
    """The first thing wrong with a network, in words; None where it is sound."""
    return next(_faults(network), None)


def _faults(network: Network) -> Iterator[str]:
    yield from _name_faults(network)
    if network.dt is not None and not 0 < network.dt < math.inf:
        yield f"the timestep is {network.dt}"
    for port in (*network.inputs, *network.outputs):
        yield from (f"port {port.name!r}: {found}" for found in _port_faults(port, port in network.inputs))
    for population in network.populations:
        yield from (f"population {population.name!r}: {found}" for found in _population_faults(population))
        found = adaptation_faults(population, network)
        yield from (f"population {population.name!r}: its adaptation: {wrong}" for wrong in found)
    ends = _Ends.of(network)
    for projection in network.projections:
        yield from (f"projection {projection.name!r}: {found}" for found in _projection_faults(projection, ends))
    yield from _order_faults(network)


def _name_faults(network: Network) -> Iterator[str]:
    names = [port.name for port in (*network.inputs, *network.outputs)] + [p.name for p in network.populations]
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{times} ports or populations are named {name!r}"
    for name, times in Counter(p.name for p in network.projections).items():
        if times > 1:
            yield f"{times} projections are named {name!r}"


def _port_faults(port: Port, enters: bool) -> Iterator[str]:
    if not all(length > 0 for length in port.shape):
        yield f"its shape is {port.shape}"
    encoder = port.encoder
    if encoder is not None and not enters:
        yield "an output has no encoder"
    if encoder is not None and not (0 < encoder.v_base < math.inf and 0 <= encoder.alpha < 1):
        yield f"its encoder has v_base {encoder.v_base} and alpha {encoder.alpha}"
    if encoder is not None and encoder.cap is not None and encoder.cap < 1:
        yield f"its encoder sends at most {encoder.cap} spikes"
    if encoder is not None and encoder.window is not None and encoder.window < 1:
        yield f"its encoder sends for {encoder.window} timesteps"


def _population_faults(population: Population) -> Iterator[str]:
    if not all(length > 0 for length in population.shape):
        yield f"its shape is {population.shape}"
    for name, value in population.parameters.items():
        yield from _value_faults(name, value, population.shape)
        if name.startswith("tau") and not bool((value != 0).all()):
            yield f"{name} is 0"
    if population.bias is not None:
        yield from _value_faults("its bias", population.bias, population.shape)
    if population.leak is not None:
        yield from _leak_faults(population, population.leak.amount)


def _leak_faults(population: Population, amount: NDArray[np.floating]) -> Iterator[str]:
    yield from _value_faults("its leak", amount, population.shape)
    if not isinstance(population.neuron, IF) or population.adaptation is not None:
        yield f"{population.model} has no constant leak, nor has a neuron whose threshold follows an activity"
    if bool((amount < 0).any()):
        yield "its leak is below 0"


def adaptation_faults(population: Population, network: Network) -> Iterator[str]:
    """What is wrong with the rule that a population's threshold follows, where it has one."""
    if population.adaptation is not None:
        yield from population.adaptation.faults(network.dt)
        yield from _listening_faults(population, network)


def _listening_faults(population: Population, network: Network) -> Iterator[str]:
    if not isinstance(population.neuron, ADAPTIVE):
        yield f"{population.model} has no threshold that could follow anything"
    if population.adapts is not None and not network.heard_by(population):
        yield "it has no source to listen to"


def _value_faults(name: str, value: NDArray[np.floating], shape: Shape) -> Iterator[str]:
    try:
        np.broadcast_to(value, shape)
    except ValueError:
        yield f"{name} of shape {value.shape} does not fit {shape}"
    if not _finite(value):
        yield f"{name} holds NaN or infinity"


def _finite(value: NDArray[np.floating]) -> bool:
    """Some rows at a time: large weights may lie on disk."""
    return all(bool(np.isfinite(block).all()) for _, block in row_blocks(unrepeated(value)))


@dataclass(frozen=True, slots=True)
class _Ends:
    """What a projection may begin and end at: shapes by name, and which populations spike."""

    sources: Mapping[str, Shape]
    targets: Mapping[str, Shape]
    spiking: Mapping[str, bool]

    @classmethod
    def of(cls, network: Network) -> _Ends:
        neurons = {p.name: p.shape for p in network.populations}
        return cls(
            neurons | {port.name: port.shape for port in network.inputs},
            neurons | {port.name: port.shape for port in network.outputs},
            {p.name: p.spiking for p in network.populations},
        )


def _projection_faults(projection: Projection, ends: _Ends) -> Iterator[str]:
    if ends.sources.get(projection.source) != projection.source_shape:
        yield f"no source {projection.source!r} has the shape {projection.source_shape}"
    if ends.targets.get(projection.target) != projection.target_shape:
        yield f"no target {projection.target!r} has the shape {projection.target_shape}"
    if projection.steps < 0:
        yield f"it waits {projection.steps} steps"
    if ends.spiking.get(projection.source) == (projection.signal is Signal.ANALOG):
        yield f"{projection.source!r} does not send {projection.signal} signals"
    shape = projection.source_shape
    for operator in projection.chain:
        yield from _operator_faults(operator, shape)
        shape = operator.output_shape
    yield from irregular_faults(projection)
    if math.prod(shape) != math.prod(projection.target_shape):
        yield f"it gives {shape}, and its target takes {projection.target_shape}"


def irregular_faults(projection: Projection) -> Iterator[str]:
    """What is wrong with the operator that has no shape, where there is one; beside it stand scales and delays only."""
    irregular = irregular_in(projection.chain)
    if irregular is None:
        return
    yield from irregular.faults()
    other = next((op for op in projection.chain if op is not irregular and not isinstance(op, Scale | Delay)), None)
    if other is not None:
        yield f"{other.node!r} and {irregular.node!r} are in one projection: put neurons between"


def _operator_faults(operator: Operator, arrives: Shape) -> Iterator[str]:
    if math.prod(operator.input_shape) != math.prod(arrives):
        yield f"{operator.node!r} takes {operator.input_shape}, but {arrives} arrives"
    weights = weights_of(operator)
    if weights is not None and not _finite(weights):
        yield f"the weights of {operator.node!r} hold NaN or infinity"
    match operator:
        case Conv():
            yield from _conv_faults(operator)
        case Pool():
            zeros = tuple((zeros, zeros) for zeros in operator.padding)
            ones = (1,) * len(operator.kernel)
            due = _space(operator.input_shape[1:], operator.kernel, operator.stride, ones, zeros)
            if (operator.input_shape[0], *due) != operator.output_shape:
                yield f"{operator.node!r} gives {operator.output_shape}, and not {(operator.input_shape[0], *due)}"
        case Scale(factor=values) | Delay(delay=values):
            yield from (f"{operator.node!r}: {found}" for found in _value_faults("it", values, operator.shape))
        case Dense() | Sparse() | FixedProbability():
            pass


def _conv_faults(conv: Conv) -> Iterator[str]:
    outputs, per_group = conv.weight.shape[:2]
    if conv.groups < 1 or outputs % conv.groups or per_group * conv.groups != conv.input_shape[0]:
        yield f"{conv.node!r} has weights {conv.weight.shape} in {conv.groups} groups for {conv.input_shape}"
        return
    due = _space(conv.input_shape[1:], conv.kernel, conv.stride, conv.dilation, conv.padding)
    if (outputs, *due) != conv.output_shape:
        yield f"{conv.node!r} gives {conv.output_shape}, and not {(outputs, *due)}"


def _space(space: Shape, kernel: Shape, stride: Shape, dilation: Shape, padding: tuple[tuple[int, int], ...]) -> Shape:
    """How often a window fits along each axis: PyTorch's formula, https://pytorch.org/docs/stable/nn.html."""
    return tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, d, (before, after) in zip(space, kernel, stride, dilation, padding, strict=True)
    )


def _order_faults(network: Network) -> Iterator[str]:
    """Populations stand along the flow of signals: what takes no time leads forward, so that no circle is left."""
    rank = {population.name: index for index, population in enumerate(network.populations)}
    for p in network.projections:
        if not p.steps and p.source in rank and p.target in rank and rank[p.source] >= rank[p.target]:
            yield f"projection {p.name!r} takes no time, but leads to {p.target!r}, which stands before its source"
