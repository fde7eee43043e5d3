"""The figures that NeuroBench (Yik et al., arXiv 2304.04640) names, counted during a run.

An operation is one weight of a Dense or Conv meeting one value at its input, within the image; a pool in front of it
may make that value a count. Scales, pools and delays have no synapses of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from neuedge_nir.interpreter.operators import Array, Signal, applied
from neuedge_nir.network.connect import Conv, Dense, weights_of
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.model import Network, Projection

PARAMETER_BYTES = 4
"""A neuron's parameter, at the precision that NIR files usually have."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """NeuroBench's names. Operations and updates are means per sample.

    `synaptic_operations_dense`: every weight meets every value in every step. `effective_macs` and `effective_acs`
    count those in which neither weight nor value is zero: multiplications where values are numbers, additions where
    they are spikes. `activation_sparsity`: the share of neurons and steps without a spike. `connection_sparsity`: the
    share of weights that are zero. `footprint_bytes`: stored weights at their own precision, biases and parameters at
    4 bytes each, one for all neurons that share it. `membrane_updates`: potentials that changed, over all steps.
    """

    synaptic_operations_dense: float
    effective_macs: float
    effective_acs: float
    activation_sparsity: float
    connection_sparsity: float
    footprint_bytes: int
    membrane_updates: float


Place = tuple[str, int]
"""An operator: the name of its projection, and its place in the chain."""


@dataclass(slots=True)
class Meter:
    """What is counted while a network runs."""

    arrived: dict[Place, Array] = field(default_factory=dict)
    """By weighted operator: how often each element of its input was not zero."""
    numbers: set[Place] = field(default_factory=set)
    """Operators that got something other than 0 and 1."""
    updates: int = 0

    def arrives(self, projection: Projection, index: int, signal: Signal, leading: int) -> None:
        """The operator at this place is about to see a signal, of which `leading` axes are samples or steps."""
        operator = projection.chain[index]
        if not isinstance(operator, Dense | Conv | Sparse):
            return
        place = (projection.name, index)
        busy = np.count_nonzero(signal, axis=tuple(range(leading))).astype(np.float64)
        self.arrived[place] = self.arrived.get(place, np.zeros(())) + busy.reshape(operator.input_shape)
        if signal.dtype != bool and bool(((signal != 0) & (signal != 1)).any()):
            self.numbers.add(place)

    def moved(self, before: Array, after: Array) -> None:
        """A population's potentials in one step."""
        self.updates += int(np.count_nonzero(before != after))


def metrics(network: Network, meter: Meter, spikes: Mapping[str, Array], samples: int, steps: int) -> Metrics:
    """The figures of a run; `spikes` are the counts of every neuron, by population."""
    operators = {(p.name, index): op for p in network.projections for index, op in enumerate(p.chain)}
    weighted = {place: op for place, op in operators.items() if isinstance(op, Dense | Conv | Sparse)}
    effective = {place: _met(op, meter.arrived.get(place), zeros=False) for place, op in weighted.items()}
    spiking = [p for p in network.populations if p.spiking]
    possible = sum(p.neurons for p in spiking) * samples * steps
    return Metrics(
        sum(_met(op, np.ones(op.input_shape), zeros=True) for op in weighted.values()) * steps,
        sum(count for place, count in effective.items() if place in meter.numbers) / samples,
        sum(count for place, count in effective.items() if place not in meter.numbers) / samples,
        1 - sum(float(spikes[p.name].sum()) for p in spiking) / possible if possible else 0.0,
        _sparsity(network),
        _footprint(network),
        meter.updates / samples,
    )


def _met(operator: Dense | Conv | Sparse, busy: Array | None, *, zeros: bool) -> float:
    """How often a weight met one of these values; `zeros`: weights that are zero count too."""
    if busy is None:
        return 0.0
    if isinstance(operator, Sparse):
        met = busy.reshape(-1)[operator.indices]
        return float(met.sum() if zeros else met[operator.weights != 0].sum())
    present = np.ones(operator.weight.shape) if zeros else (operator.weight != 0).astype(np.float64)
    return float(applied(replace(operator, weight=present), busy[None]).sum())


def _sparsity(network: Network) -> float:
    """Each node once, however many projections it serves."""
    layers = (op for p in network.projections for op in p.chain if isinstance(op, Dense | Conv | Sparse))
    nodes = {op.node: op.weights if isinstance(op, Sparse) else op.weight for op in layers}
    total = sum(weight.size for weight in nodes.values())
    return sum(weight.size - np.count_nonzero(weight) for weight in nodes.values()) / total if total else 0.0


def _footprint(network: Network) -> int:
    stored = {
        op.node: weights for p in network.projections for op in p.chain if (weights := weights_of(op)) is not None
    }
    parameters = sum(value.size for p in network.populations for value in p.parameters.values())
    biases = sum(p.bias.size for p in network.populations if p.bias is not None)
    return sum(math.prod(w.shape) * w.dtype.itemsize for w in stored.values()) + PARAMETER_BYTES * (parameters + biases)
