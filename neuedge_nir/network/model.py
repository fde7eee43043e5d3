"""What the compiler thinks in: populations of neurons and the projections between them. All of it frozen.

A population is a group of neurons of one model. NIR's stateless nodes (Linear, Conv, pools, Flatten ...) are the
connection operators of a projection, kept as a chain and never unrolled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
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


class Listening(StrEnum):
    """Whose spikes an adaptive threshold follows."""

    INPUT = "input"  # the mean over all sources of the population, in the same timestep
    SELF = "self"  # the mean over the population itself, one timestep later
    NEURON = "neuron"  # each neuron its own spikes, one timestep later


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A threshold that follows an activity A: v_th[t] = v_threshold (1 + gamma (target - A[t])).

    Eq. 11 of the NeuEdge paper (arXiv 2602.02439), taken literally: little activity raises the threshold. With
    `homeostatic` the sign is the opposite. A is a low-passed mean m of spikes per neuron and timestep,
    A[t] = (1 - dt / tau) A[t-1] + dt / tau m[t - late], from A = 0; `source` says whose spikes. Sources behind a
    projection that closes a cycle do not count, nor do Delay nodes. `low` and `high` bound v_th, in units of
    v_threshold; None: no bound. Where a spike subtracts, it subtracts a constant: v_threshold, or, with `raised`,
    v_threshold (1 + gamma target). A rule that is only `noted` is kept in files, and nothing else: the threshold is
    v_threshold. gamma >= 0, tau >= dt in the file's time unit.
    """

    gamma: float
    target: float
    tau: float
    source: Listening = Listening.INPUT
    homeostatic: bool = False
    low: float | None = None
    high: float | None = None
    raised: bool = False
    late: int = 0
    noted: bool = False

    @property
    def gain(self) -> float:
        """gamma with its sign."""
        return -self.gamma if self.homeostatic else self.gamma

    @property
    def rest(self) -> float:
        """The threshold at A = 0, before bounds, in units of v_threshold."""
        return 1 + self.gain * self.target

    @property
    def most(self) -> float:
        """The highest the threshold comes to for an activity from 0 to 1, in units of v_threshold."""
        highest = max(self.rest, 1 + self.gain * (self.target - 1))
        bounded = highest if self.high is None else min(highest, self.high)
        return bounded if self.low is None else max(bounded, self.low)

    @property
    def drop(self) -> float:
        """What a spike subtracts, in units of v_threshold."""
        return self.rest if self.raised else 1.0

    def faults(self, dt: float | None = None) -> Iterator[str]:
        """What is impossible in these numbers, in words."""
        if not 0 <= self.gamma < math.inf:
            yield f"gamma is {self.gamma}"
        if not 0 <= self.target < math.inf:
            yield f"the target is {self.target}"
        if not 0 < self.tau < math.inf:
            yield f"tau is {self.tau}"
        elif dt is not None and self.tau < dt:
            yield f"tau is {self.tau}, less than the timestep of {dt}"
        low, high = (0.0 if self.low is None else self.low), (math.inf if self.high is None else self.high)
        if not (0 <= low <= high and low < math.inf and high > 0):
            yield f"its bounds are {low:g} and {high:g}"
        if self.late < 0:
            yield f"it is {self.late} steps late"
        if math.isfinite(self.gamma) and math.isfinite(self.target) and not math.isfinite(self.rest):
            yield f"the threshold at no activity is {self.rest} times the base"
        if not 0 < self.drop < math.inf:
            yield f"a spike subtracts {self.drop:g} times the threshold"


ADAPTIVE = (IF, LIF, CubaLIF)
"""The models whose threshold can follow an activity."""


@dataclass(frozen=True, slots=True, eq=False)
class ConstantLeak:
    """What an IF loses in every timestep, whatever its potential: NIR has no such neuron, TrueNorth has no other.

    `amount` >= 0 is in units of v per time unit of the file, broadcastable to the population. It counts after what
    arrives and before the threshold. One that `reverses` moves v towards 0 from either side, and not beyond; else v
    falls by it, and a neuron that does not spike is not left below 0.
    """

    amount: FloatArray
    reverses: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A group of neurons of one model.

    `bias` is the constant current every neuron receives per step, broadcastable to `shape`: the biases of Affine
    and Conv nodes upstream, carried through the operators behind them. `nodes` are the NIR nodes it came from.
    `adaptation` says how their threshold follows an activity; None: it does not. `leak`: of an IF; None: it keeps all.
    """

    name: str
    neuron: Neuron
    shape: tuple[int, ...]
    bias: FloatArray | None = None
    nodes: tuple[str, ...] = ()
    adaptation: Adaptation | None = None
    leak: ConstantLeak | None = None

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
    def adapts(self) -> Adaptation | None:
        """The rule that its threshold follows; None where there is none, or it is only noted."""
        return None if self.adaptation is None or self.adaptation.noted else self.adaptation

    @property
    def parameters(self) -> Mapping[str, FloatArray]:
        return {name: getattr(self.neuron, name) for name in PARAMETERS[type(self.neuron)]}


@dataclass(frozen=True, slots=True)
class HybridEncoder:
    """How a host makes spikes of a value x in [0, 1]: by rate and by time (Eq. 7, NeuEdge, arXiv 2602.02439).

    In each timestep v += x; a spike where v > v_base (1 - alpha x), then v is reset, to 0 or by the threshold. At most
    `cap` spikes per element and sample, any number where it is None; none after the first `window` timesteps of a
    sample, where there is one. 0 < v_base, 0 <= alpha < 1.
    """

    v_base: float
    alpha: float = 0.0
    cap: int | None = None
    reset: ResetMode = ResetMode.ZERO
    window: int | None = None


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

    def heard_by(self, population: Population) -> tuple[str, ...]:
        """Whose spikes a population's threshold follows: names of ports and populations, sorted."""
        rule = population.adapts
        if rule is None:
            return ()
        if rule.source is not Listening.INPUT:
            return (population.name,)
        return tuple(sorted({p.source for p in self.into(population.name) if not p.steps}))

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
