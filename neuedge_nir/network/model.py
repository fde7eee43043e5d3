"""What the compiler thinks in: populations of neurons and the projections between them. All of it frozen.

A population is a group of neurons of one model. NIR's stateless nodes (Linear, Conv, pools, Flatten ...) are the
connection operators of a projection, kept as a chain and never unrolled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.network.connect import Operator

FloatArray = NDArray[np.floating]
"""A parameter: broadcastable to the shape of its population; 0-d where all neurons share one value."""


class ResetMode(StrEnum):
    """What a spike does to the membrane: set it to `v_reset`, or subtract the threshold."""

    ZERO = "zero"
    SUBTRACT = "subtract"


class Signal(StrEnum):
    """What travels on a projection in one timestep."""

    SPIKE = "spike"
    COUNT = "count"
    GRADED = "graded"
    ANALOG = "analog"


@dataclass(frozen=True, slots=True, eq=False)
class IF:
    """v' = r I; a spike where v > v_threshold, then v = v_reset."""

    r: FloatArray
    v_threshold: FloatArray
    v_reset: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class LIF:
    """tau v' = (v_leak - v) + r I; a spike where v > v_threshold, then v = v_reset. tau in the file's time unit."""

    tau: FloatArray
    r: FloatArray
    v_leak: FloatArray
    v_threshold: FloatArray
    v_reset: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CubaLIF:
    """tau_syn I' = -I + w_in S; tau_mem v' = (v_leak - v) + r I; threshold and reset as LIF."""

    tau_syn: FloatArray
    tau_mem: FloatArray
    r: FloatArray
    v_leak: FloatArray
    w_in: FloatArray
    v_threshold: FloatArray
    v_reset: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class LI:
    """tau v' = (v_leak - v) + r I; the output is v itself, so it does not spike."""

    tau: FloatArray
    r: FloatArray
    v_leak: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CubaLI:
    """tau_syn I' = -I + w_in S; tau_mem v' = (v_leak - v) + r I; the output is v itself."""

    tau_syn: FloatArray
    tau_mem: FloatArray
    r: FloatArray
    v_leak: FloatArray
    w_in: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class I:  # noqa: E742 - NIR's own name for the integrator
    """v' = r I; the output is v itself."""

    r: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Threshold:
    """A spike where the input exceeds the threshold in this very step: no memory."""

    threshold: FloatArray


Neuron = IF | LIF | CubaLIF | LI | CubaLI | I | Threshold
PARAMETERS: Mapping[type[Neuron], tuple[str, ...]] = {
    model: tuple(f.name for f in fields(model)) for model in get_args(Neuron)
}
"""The names of the parameters of each neuron model."""
SPIKING = (IF, LIF, CubaLIF, Threshold)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A group of neurons of one model.

    `bias` is the constant current every neuron receives per step, broadcastable to `shape`: the biases of Affine
    and Conv nodes upstream, carried through the operators behind them. `nodes` are the NIR nodes it came from.
    """

    name: str
    neuron: Neuron
    shape: tuple[int, ...]
    bias: FloatArray | None = None
    nodes: tuple[str, ...] = ()

    @property
    def neurons(self) -> int:
        return math.prod(self.shape)

    @property
    def model(self) -> str:
        return type(self.neuron).__name__

    @property
    def spiking(self) -> bool:
        return isinstance(self.neuron, SPIKING)

    @property
    def parameters(self) -> Mapping[str, FloatArray]:
        return {name: getattr(self.neuron, name) for name in PARAMETERS[type(self.neuron)]}


@dataclass(frozen=True, slots=True)
class HybridEncoder:
    """How a host makes spikes of a value x in [0, 1]: by rate and by time (Eq. 7, NeuEdge, arXiv 2602.02439).

    In each timestep v += x; a spike where v > v_base (1 - alpha x), then v is reset, to 0 or by the threshold. At most
    `cap` spikes per element and sample, any number where it is None. 0 < v_base, 0 <= alpha < 1.
    """

    v_base: float
    alpha: float = 0.0
    cap: int | None = None
    reset: ResetMode = ResetMode.ZERO


@dataclass(frozen=True, slots=True)
class Port:
    """Where signals enter or leave the network: NIR's Input and Output.

    An input with an encoder takes values, which the host codes into spikes; without one it takes spikes as they come.
    """

    name: str
    shape: tuple[int, ...]
    encoder: HybridEncoder | None = None

    @property
    def neurons(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """All connections from one source to one target along one path of NIR nodes.

    `source` and `target` name a population or a port. An empty chain connects one to one in row-major order.
    `steps` is the delay in timesteps that the framework's discretisation implies: 0 feed-forward, 1 on the edge
    that closes a cycle. Explicit Delay nodes are operators of the chain, in the file's time unit.
    """

    name: str
    source: str
    target: str
    source_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    chain: tuple[Operator, ...] = ()
    steps: int = 0
    signal: Signal = Signal.SPIKE


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a network came from, and what its reader had to say."""

    name: str = "network"
    sha256: str | None = None
    nir_version: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, eq=False)
class Network:
    """Ports, populations and projections, each tuple in a fixed order that depends on the graph alone.

    `reset` and `dt` (in the file's time unit) are None where the file does not say.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    origin: Origin = field(default_factory=Origin)
    reset: ResetMode | None = None
    dt: float | None = None

    @property
    def neurons(self) -> int:
        return sum(p.neurons for p in self.populations)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of whatever sends signals: inputs and populations."""
        return (*(port.name for port in self.inputs), *(p.name for p in self.populations))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the reader and the passes noticed, assumed and repaired."""
        return self.origin.diagnostics

    def population(self, name: str) -> Population:
        return next(p for p in self.populations if p.name == name)

    def into(self, name: str) -> tuple[Projection, ...]:
        """The projections whose target is `name`."""
        return self._by_target.get(name, ())

    def out_of(self, name: str) -> tuple[Projection, ...]:
        """The projections whose source is `name`."""
        return self._by_source.get(name, ())

    @cached_property
    def _by_target(self) -> Mapping[str, tuple[Projection, ...]]:
        return grouped(self.projections, lambda p: p.target)

    @cached_property
    def _by_source(self) -> Mapping[str, tuple[Projection, ...]]:
        return grouped(self.projections, lambda p: p.source)


T = TypeVar("T")


def grouped(items: Iterable[T], name: Callable[[T], str]) -> Mapping[str, tuple[T, ...]]:
    """The items by a name that each has, in their order; one walk for all names."""
    found: dict[str, list[T]] = {}
    for item in items:
        found.setdefault(name(item), []).append(item)
    return {key: tuple(those) for key, those in found.items()}
