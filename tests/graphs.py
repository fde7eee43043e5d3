"""Networks of all kinds of neurons and operators, for what must hold of every network that a file can say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from neuedge_nir.frontend.graph import closing_edges
from neuedge_nir.frontend.shapes import conv_output, same_padding
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Scale
from neuedge_nir.network.model import (
    ADAPTIVE,
    IF,
    LI,
    LIF,
    SPIKING,
    Adaptation,
    CubaLI,
    CubaLIF,
    I,
    Listening,
    Network,
    Neuron,
    Population,
    Port,
    Projection,
    ResetMode,
    Signal,
    Threshold,
)
from tests.nirfile import Fields, Nodes, affine, conv2d, delay, inputs, li, lif, outputs, scale
from tests.strategies import pools

Shape = tuple[int, ...]
Ends = Mapping[str, Shape]
Array = NDArray[np.floating]

MODELS = (IF, LIF, CubaLIF, LI, CubaLI, I, Threshold)
SHAPES: tuple[Shape, ...] = ((3,), (8,), (2, 5), (4, 3), (2, 4, 4), (4, 3, 5), (2, 2, 2, 2))
WITH_ONES: tuple[Shape, ...] = ((1,), (1, 4), (4, 1), (1, 4, 4), (1, 1, 3), *SHAPES)
PLAIN = ("a", "b", "c", "d", "in", "out", "lif1.lif", "0", "10", "2", "ä b", "..")
ODD = (
    "sub/lif",
    "sub.lif",
    "sub/w",
    "",
    ".",
    "a/./b",
    "/",
    "x\0y",
    "/" + "n" * 1023,
    "a_1",
    "a>b",
    "flatten",
)


def numbers(rng: np.random.Generator, shape: Shape, low: float = -2.0, *, single: bool = False) -> Array:
    """Numbers that lie on no binary grid, or in single precision."""
    values = rng.uniform(low, 2.0, shape)
    return values.astype(np.float32).astype(np.float64) if single else values


@st.composite
def spread(draw: st.DrawFn, rng: np.random.Generator, shape: Shape, low: float = -2.0) -> Array:
    """One number for all, one per channel, one each, or one each that are all the same."""
    form = draw(st.sampled_from([(), (shape[0], *(1 for _ in shape[1:])), shape]))
    values = numbers(rng, form, low, single=draw(st.booleans()))
    return np.full(shape, values.flat[0]) if draw(st.integers(0, 5)) == 0 else values


@st.composite
def neurons(draw: st.DrawFn, rng: np.random.Generator, shape: Shape) -> Neuron:
    model: Callable[..., Neuron] = draw(st.sampled_from(MODELS))
    names = [field.name for field in fields(model)]  # type: ignore[arg-type]
    above = {name: 0.1 for name in names if name.startswith("tau") or name == "v_threshold"}
    values = {name: draw(spread(rng, shape, above.get(name, -2.0))) for name in names}
    if "v_reset" in values:  # below every threshold
        values["v_reset"] = (
            np.zeros(draw(st.sampled_from([(), shape]))) if draw(st.booleans()) else -abs(values["v_reset"])
        )
    return model(**values)


@st.composite
def operators(draw: st.DrawFn, rng: np.random.Generator, shape: Shape, name: str) -> Operator:
    """An operator on a signal of this shape; a Dense may take all axes as one."""
    kinds = ["dense", "scale", "delay", "batch"]
    kinds += ["conv", "conv"] if len(shape) in (2, 3) else []
    kinds += ["pool", "pool"] if len(shape) == 3 else []
    match draw(st.sampled_from(kinds)):
        case "dense":
            weight = numbers(rng, (draw(st.integers(1, 6)), math.prod(shape)))
            return Dense(name, weight.astype(draw(st.sampled_from([np.float32, np.float64]))))
        case "batch":
            return Dense(name, numbers(rng, (*shape[:-1], draw(st.integers(2, 4)), shape[-1])))
        case "scale":
            return Scale(name, draw(spread(rng, shape)), shape)
        case "delay":
            return Delay(name, draw(spread(rng, shape, 0.0)), shape)
        case "pool":
            return replace(draw(pools(shape)), node=name)
        case _:
            return draw(written_convs(rng, shape, name))


@st.composite
def written_convs(draw: st.DrawFn, rng: np.random.Generator, shape: Shape, name: str) -> Conv:
    """A convolution that NIR can say: over one or two axes, padded as much before as after, or to keep the size."""
    space = shape[1:]
    kernel = tuple(draw(st.integers(1, min(3, size))) for size in space)
    dilation = tuple(draw(st.integers(1, 2 if 2 * (k - 1) < n else 1)) for n, k in zip(space, kernel, strict=True))
    stride = tuple(draw(st.sampled_from([1, 1, 2])) for _ in space)
    padding = tuple((zeros, zeros) for zeros in (draw(st.integers(0, 2)) for _ in space))
    if set(stride) == {1} and draw(st.booleans()):
        padding = same_padding(kernel, stride, dilation)
    groups = draw(st.sampled_from([groups for groups in (1, 1, 2, 3) if shape[0] % groups == 0]))
    weight = numbers(rng, (groups * draw(st.integers(1, 2)), shape[0] // groups, *kernel))
    gives = conv_output(shape, weight.shape, stride, padding, dilation, groups)
    return Conv(name, weight, shape, gives, stride, padding, dilation, groups)


@st.composite
def chains(
    draw: st.DrawFn, rng: np.random.Generator, shape: Shape, names: Sequence[str], most: int = 3
) -> tuple[tuple[Operator, ...], Shape]:
    """Operators one behind the other, and what they give."""
    found: list[Operator] = []
    for _ in range(draw(st.integers(0, most))):
        found.append(draw(operators(rng, shape, draw(st.sampled_from(names)))))
        shape = found[-1].output_shape
    return tuple(found), shape


@st.composite
def adapting(draw: st.DrawFn, net: Network, least: float) -> Network:
    """The network with thresholds that follow activities here and there, at time constants from `least` on."""
    found = []
    for population in net.populations:
        rule = draw(st.one_of(st.none(), rules(least)))
        changed = replace(population, adaptation=rule)
        possible = isinstance(population.neuron, ADAPTIVE) and (rule is None or rule.noted or net.heard_by(changed))
        found.append(changed if possible else population)
    return replace(net, populations=tuple(found))


@st.composite
def rules(draw: st.DrawFn, least: float) -> Adaptation:
    """A rule whose numbers are multiples of 1/8."""
    gamma, target = draw(st.integers(0, 40)) / 8, draw(st.integers(0, 8)) / 8
    bounds = draw(st.sampled_from([(None, None), (0.5, None), (None, 4.0), (0.5, 1.5)]))
    homeostatic, raised = draw(st.booleans()), draw(st.booleans())
    return Adaptation(
        gamma,
        target,
        least * draw(st.sampled_from([1, 2, 4])),
        draw(st.sampled_from(Listening)),
        homeostatic,
        *bounds,
        raised and (not homeostatic or gamma * target < 1),
        draw(st.sampled_from([0, 0, 2])),
        draw(st.integers(0, 9)) == 0,
    )


@st.composite
def networks(draw: st.DrawFn, *, odd: bool = False) -> Network:
    """A network that a file can say. `odd`: it need not: names, shapes, equal names and paths of all kinds."""
    net = draw(_networks(odd=odd))
    return draw(adapting(net, net.dt or 1.0))


@st.composite
def _networks(draw: st.DrawFn, *, odd: bool) -> Network:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = draw(st.permutations([*PLAIN, *(ODD if odd else ())]))
    labels = names if odd else [f"w{number}" for number in range(60)]
    shapes = WITH_ONES if odd else SHAPES
    inputs = {name: draw(st.sampled_from(shapes)) for name in names[: draw(st.integers(1, 2))]}
    ends, places = dict(inputs), iter(names[2:])
    wires: list[tuple[str, str, tuple[Operator, ...]]] = []
    for name in (next(places) for _ in range(draw(st.integers(1, 3)))):
        source = draw(st.sampled_from(list(ends)))
        chain, shape = draw(chains(rng, ends[source], labels))
        ends[name] = draw(st.sampled_from([shape, shape, (math.prod(shape),)]))
        wires.append((source, name, chain))
        wires += [draw(_joined(rng, ends, name, labels)) for _ in range(draw(st.integers(0, 2)))]
    populations = tuple(name for name in ends if name not in inputs)
    outputs: dict[str, Shape] = {}
    for name in (next(places) for _ in range(draw(st.integers(1, 2)))):
        source = draw(st.sampled_from([*populations, *(inputs if odd else ())]))
        chain, outputs[name] = draw(chains(rng, ends[source], labels, most=1))
        wires.append((source, name, chain))
    ends |= outputs
    if draw(st.integers(0, 3)) == 0:
        source, target, chain = draw(st.sampled_from(wires))
        wires.append((source, target, chain))
    if odd and draw(st.booleans()):
        wires.remove(draw(st.sampled_from(wires[1:])))
    made = tuple(draw(_population(rng, name, ends[name])) for name in populations)
    return Network(
        tuple(Port(name, ends[name]) for name in inputs),
        tuple(Port(name, ends[name]) for name in outputs),
        made,
        _projections(wires, ends, made, path_names=draw(st.booleans()) and not odd),
        reset=draw(st.sampled_from([None, *ResetMode])),
        dt=draw(st.sampled_from([None, 1.0, 1e-4, 0.1])),
    )


@st.composite
def _joined(
    draw: st.DrawFn, rng: np.random.Generator, ends: Ends, target: str, labels: Sequence[str]
) -> tuple[str, str, tuple[Operator, ...]]:
    """A further way into `target` from anywhere, the target itself too."""
    source = draw(st.sampled_from(list(ends)))
    if ends[source] == ends[target] and draw(st.booleans()):
        return source, target, ()
    *batch, outputs = ends[target]
    name = draw(st.sampled_from(labels))
    if batch and ends[source][:-1] == tuple(batch):
        return source, target, (Dense(name, numbers(rng, (*batch, outputs, ends[source][-1]))),)
    if batch:
        return source, source, ()
    return source, target, (Dense(name, numbers(rng, (outputs, math.prod(ends[source])))),)


@st.composite
def _population(draw: st.DrawFn, rng: np.random.Generator, name: str, shape: Shape) -> Population:
    bias = draw(spread(rng, shape)) if draw(st.booleans()) else None
    return Population(name, draw(neurons(rng, shape)), shape, bias)


def _projections(
    wires: Sequence[tuple[str, str, tuple[Operator, ...]]], ends: Ends, made: Sequence[Population], *, path_names: bool
) -> tuple[Projection, ...]:
    """Delays and signals are those that the reader infers; wires into an Input are left out."""
    models = {p.name: p.neuron for p in made}
    wires = [wire for wire in wires if wire[1] in models or all(wire[1] != other[0] for other in wires)]
    followers = {name: sorted({target for source, target, _ in wires if source == name}) for name in ends}
    sources = sorted(name for name in ends if name not in models and followers[name])
    sinks = sorted(ends.keys() - models.keys() - set(sources))
    closing = closing_edges([*sources, *sorted(models), *sinks], followers)
    paths = [">".join([source, *(op.node for op in chain), target]) for source, target, chain in wires]
    plain = path_names and len(set(paths)) == len(paths)
    return tuple(
        Projection(
            paths[number] if plain else f"{source}->{target}#{number}",
            source,
            target,
            ends[source],
            ends[target],
            chain,
            int((source, target) in closing),
            Signal.ANALOG if source in models and not isinstance(models[source], SPIKING) else Signal.SPIKE,
        )
        for number, (source, target, chain) in enumerate(wires)
    )


@st.composite
def files(draw: st.DrawFn, *, biases: bool) -> tuple[Nodes, list[tuple[str, str]]]:
    """Nodes of one shape, joined and parted at will as in a file; cycles go through neurons."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([(2,), (2, 3, 3)]))
    nodes: Nodes = {"in": inputs(*shape)}
    edges: set[tuple[str, str]] = set()
    for number in range(draw(st.integers(2, 9))):
        name = f"{draw(st.sampled_from('abc'))}{number}"
        before = draw(st.lists(st.sampled_from(list(nodes)), min_size=1, max_size=3))
        nodes[name] = draw(_node(rng, shape, biases=biases))
        edges |= {(source, name) for source in before}
    for name in sorted(name for name, node in nodes.items() if node["type"] in ("LIF", "LI")):
        behind = draw(st.lists(st.sampled_from([*nodes][1:]), max_size=2))
        edges |= {(source, name) for source in behind}
    edges |= {(source, "out") for source in draw(st.lists(st.sampled_from(list(nodes)), min_size=1, max_size=2))}
    return {**nodes, "out": outputs(*shape)}, sorted(edges)


@st.composite
def _node(draw: st.DrawFn, rng: np.random.Generator, shape: Shape, *, biases: bool) -> Fields:
    match draw(st.sampled_from(["lif", "lif", "li", "scale", "delay", "weights", "weights"])):
        case "lif":
            return lif(*shape)
        case "li":
            return li(*shape)
        case "scale":
            return scale(numbers(rng, draw(st.sampled_from([shape, (1,) * len(shape)]))) * np.ones(shape))
        case "delay":
            return delay(numbers(rng, shape, 0.0))
        case _:
            return _layer(rng, shape, biased=biases and draw(st.booleans()))


def _layer(rng: np.random.Generator, shape: Shape, *, biased: bool) -> Fields:
    bias = numbers(rng, shape[:1]) if biased else np.zeros(shape[0])
    if len(shape) == 3:
        return conv2d(numbers(rng, (2, 2, 3, 3)), bias=bias, padding=np.array([1, 1]), input_shape=np.array(shape[1:]))
    return affine(numbers(rng, (2, 2)), bias)
