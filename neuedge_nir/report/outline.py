"""What a network looks like, computed once: text, JSON, DOT and SVG all draw from this one description.

Nothing is expanded: counts come from closed forms, and a parameter that all neurons share stays one number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.network.blocks import row_blocks
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, PoolKind, Scale, weights_of
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.count import counter, total_weights
from neuedge_nir.network.model import Adaptation, HybridEncoder, Network, Origin, Population, Port, Projection
from neuedge_nir.plan.figures import Counts
from neuedge_nir.report.loops import Loop, loops_of

Shape = tuple[int, ...]
Path = tuple[str, ...]
"""The sub-graphs that something lies in, the outermost first."""

DEEPEST = 32
"""Sub-graphs in sub-graphs that are told apart; a file holds no more."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the greatest of an array's values."""

    low: float
    median: float
    high: float

    @property
    def uniform(self) -> bool:
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class Weights:
    """The range of an operator's stored weights, and the share of them that is exactly zero (0..1)."""

    low: float
    high: float
    zeros: float


@dataclass(frozen=True, slots=True)
class Kernel:
    """How a convolution or a pool looks at its input: one entry per spatial axis, padding before and after."""

    size: Shape
    stride: Shape
    padding: tuple[tuple[int, int], ...]
    dilation: Shape
    groups: int


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a projection's chain. `kernel`, `weights` and `delay` are None where it has none."""

    kind: str
    node: str
    input_shape: Shape
    output_shape: Shape
    kernel: Kernel | None = None
    weights: Weights | None = None
    delay: Spread | None = None


@dataclass(frozen=True, slots=True)
class Arrow:
    """A projection: `source` and `target` name vertices, `synapses` is 0 where the host reads it out.

    In a summary it stands for several `projections`, and `steps` are those of none.
    """

    name: str
    source: str
    target: str
    source_shape: Shape
    target_shape: Shape
    steps: tuple[Step, ...]
    delay_steps: int
    signal: str
    synapses: int
    stored_weights: int
    projections: int | None = None

    @property
    def recurrent(self) -> bool:
        return self.delay_steps > 0

    @property
    def weight_range(self) -> tuple[float, float] | None:
        """The least and the greatest weight of all operators; None where none stores any."""
        found = [step.weights for step in self.steps if step.weights is not None]
        return (min(w.low for w in found), max(w.high for w in found)) if found else None


@dataclass(frozen=True, slots=True)
class Vertex:
    """A population or a port. `kind` is its neuron model, "Input" or "Output"; `bias` is None where there is none.

    `rule` is what an input codes by, or what thresholds follow.
    """

    name: str
    kind: str
    shape: Shape
    group: Path
    spiking: bool = True
    parameters: Mapping[str, Spread] | None = None
    bias: Spread | None = None
    nodes: tuple[str, ...] = ()
    rule: HybridEncoder | Adaptation | None = None

    @property
    def is_port(self) -> bool:
        return self.parameters is None

    @property
    def size(self) -> int:
        """Neurons, or the elements of a port's signal."""
        return math.prod(self.shape)

    @property
    def inner_name(self) -> str:
        """The name inside its sub-graph."""
        return self.name[sum(len(part) + 1 for part in self.group) :]


@dataclass(frozen=True, slots=True)
class Group:
    """A sub-graph of the file, or the whole network where `path` is empty: its members by first appearance."""

    path: Path
    members: tuple[Vertex | Group, ...]

    @property
    def name(self) -> str:
        return "/".join(self.path)

    def vertices(self) -> Iterator[Vertex]:
        """Everything in it, at any depth."""
        for member in self.members:
            yield from member.vertices() if isinstance(member, Group) else (member,)

    def populations(self) -> Iterator[Vertex]:
        """The populations in it, at any depth."""
        return (vertex for vertex in self.vertices() if not vertex.is_port)

    @property
    def neurons(self) -> int:
        return sum(population.size for population in self.populations())

    def groups(self) -> Iterator[Group]:
        """The sub-graphs in it, at any depth, each before its own."""
        for member in self.members:
            if isinstance(member, Group):
                yield member
                yield from member.groups()


@dataclass(frozen=True, slots=True)
class Outline:
    """A network as people look at it. `reset` and `dt` (in the file's time unit) are None where the file is silent."""

    origin: Origin
    reset: str | None
    dt: float | None
    inputs: tuple[Vertex, ...]
    populations: tuple[Vertex, ...]
    outputs: tuple[Vertex, ...]
    arrows: tuple[Arrow, ...]
    loops: tuple[Loop, ...]
    totals: Counts

    @property
    def vertices(self) -> tuple[Vertex, ...]:
        """Inputs, populations in the order of flow, outputs."""
        return (*self.inputs, *self.populations, *self.outputs)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return self.origin.diagnostics

    def tree(self) -> Group:
        """The vertices in their sub-graphs."""
        return _grouped((), self.vertices)


def outline_of(network: Network) -> Outline:
    """The description of a network."""
    populations = tuple(_population(p) for p in network.populations)
    counted = {p.name for p in populations}
    step = cache(_step)  # one node may serve many projections
    arrows = tuple(_arrow(p, p.target in counted, step) for p in network.projections)
    synapses, weights = sum(a.synapses for a in arrows), total_weights(network)
    return Outline(
        origin=network.origin,
        reset=network.reset.value if network.reset else None,
        dt=network.dt,
        inputs=tuple(_port(p, "Input") for p in network.inputs),
        populations=populations,
        outputs=tuple(_port(p, "Output") for p in network.outputs),
        arrows=arrows,
        loops=loops_of(network),
        totals=Counts(len(populations), len(arrows), network.neurons, synapses, weights),
    )


def _population(p: Population) -> Vertex:
    parameters = {name: spread_of(values) for name, values in p.parameters.items()}
    bias = None if p.bias is None else spread_of(p.bias)
    return Vertex(p.name, p.model, p.shape, group_of(p.name), p.spiking, parameters, bias, p.nodes, p.adaptation)


def _port(port: Port, kind: str) -> Vertex:
    return Vertex(port.name, kind, port.shape, group_of(port.name), rule=port.encoder)


def group_of(name: str) -> Path:
    """The sub-graphs of a node: the reader names what it inlines 'outer/inner'."""
    return tuple(name.split("/", DEEPEST)[:-1])


def _arrow(p: Projection, counted: bool, step: Callable[[Operator], Step]) -> Arrow:
    count = counter(p)
    return Arrow(
        name=p.name,
        source=p.source,
        target=p.target,
        source_shape=p.source_shape,
        target_shape=p.target_shape,
        steps=tuple(map(step, p.chain)),
        delay_steps=p.steps,
        signal=p.signal.value,
        synapses=count.all_synapses if counted else 0,
        stored_weights=count.all_stored_weights,
    )


def _step(operator: Operator) -> Step:
    kernel = delay = None
    match operator:
        case Conv(kernel=size, stride=stride, padding=padding, dilation=dilation, groups=groups):
            kernel = Kernel(size, stride, padding, dilation, groups)
        case Pool(kernel=size, stride=stride, padding=zeros):
            kernel = Kernel(size, stride, tuple((n, n) for n in zeros), (1,) * len(size), 1)
        case Delay(delay=values):
            delay = spread_of(values)
    stored = weights_of(operator)
    weights = None if stored is None else _weights(stored)
    return Step(_kind(operator), operator.node, operator.input_shape, operator.output_shape, kernel, weights, delay)


def _kind(operator: Operator) -> str:
    match operator:
        case Pool(kind=kind):
            return "SumPool" if kind is PoolKind.SUM else "AvgPool"
        case Dense() | Conv() | Scale() | Delay() | Sparse() | FixedProbability():
            return type(operator).__name__


def spread_of(values: NDArray[np.floating]) -> Spread:
    """The spread of an array that is not empty, in linear time; what is uniform is one number and costs nothing.

    Every value of an array that broadcasts counts equally often, so the stored ones alone give the median.
    """
    stored = _stored(values)
    if stored.size == 1:
        value = _number(stored.flat[0])
        return Spread(value, value, value)
    middle = stored.size // 2
    ordered = np.partition(stored, middle, axis=None)
    below = ordered[middle] if stored.size % 2 else ordered[:middle].max()
    return Spread(_number(stored.min()), _between(_number(below), _number(ordered[middle])), _number(stored.max()))


def _weights(values: NDArray[np.floating]) -> Weights:
    stored = _stored(values)
    parts = [(rows.min(), rows.max(), np.count_nonzero(rows)) for _, rows in row_blocks(stored)]
    low, high, present = zip(*parts, strict=True)
    return Weights(_number(min(low)), _number(max(high)), 1 - int(sum(present)) / stored.size)


def _stored(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The elements that are really there: an axis that repeats one element is looked at once."""
    if values.size == 1:
        return values.reshape(1)
    return values[tuple(slice(None) if stride else slice(0, 1) for stride in values.strides)]


def _number(value: np.floating) -> float:
    return float(value) + 0.0  # no minus before a zero


def _between(one: float, other: float) -> float:
    """Half way; the sum of two numbers might be too large for a float."""
    return one if one == other else one / 2 + other / 2


def _grouped(path: Path, vertices: Iterable[Vertex]) -> Group:
    parts: dict[str | None, list[Vertex]] = {}
    members: list[Vertex | list[Vertex]] = []
    for vertex in vertices:
        if len(vertex.group) == len(path):
            members.append(vertex)
            continue
        part = vertex.group[len(path)]
        if part not in parts:
            parts[part] = []
            members.append(parts[part])
        parts[part].append(vertex)
    return Group(
        path,
        tuple(_grouped(m[0].group[: len(path) + 1], m) if isinstance(m, list) else m for m in members),
    )
