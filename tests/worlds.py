"""Small worlds for tests: made-up chips and networks in a line or two, and hypothesis strategies for both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.model import (
    ORDINARY_WAYS,
    AxonWeights,
    Capabilities,
    Chip,
    Confidence,
    CostProfile,
    Costs,
    InputCores,
    InputOutput,
    InputWay,
    Limit,
    LimitKind,
    LimitScope,
    Mesh,
    OutputWay,
    Quantity,
    RoutingKind,
    System,
    Topology,
)
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.legalise import legalise
from neuedge_nir.network.activity import uniform
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind, Scale, weights_of
from neuedge_nir.network.model import (
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    I,
    Network,
    Neuron,
    Population,
    Port,
    Projection,
    ResetMode,
    Signal,
    Threshold,
)
from neuedge_nir.plugin import load_target
from tests.strategies import convs, pools
from tests.test_count import taps

Shape = tuple[int, ...]

REAL_CHIPS = ("loihi1", "loihi2", "truenorth", "spinnaker1", "spinnaker2")
MODELS = ("IF", "LIF", "CubaLIF", "LI", "CubaLI", "I", "Threshold")

ENTRY = {
    "word_bits": 64,
    "header_bits": 10,
    "entry_synapses": 60,
    "index_bits": 10,
    "delay_bits": 3,
    "trailer_bits": 6,
}
PARAMETERS: Mapping[str, Mapping[str, int]] = {
    "lava_input_axons": {"conv_axons": 2},
    "packed_row_words": {"word_bits": 64, "header_bits": 10, "header_every": 64, "index_bits": 12},
    "blocked_row_bits": {"word_bits": 64, "header_bits": 10, "block": 64, "index_bits": 10},
    "longest_row_words": {"word_bits": 16, "header_bits": 10, "block": 3, "index_bits": 10},
    "entry_row_words": ENTRY,
    "interleaved_neurons": {**ENTRY, "groups": 3, "numbers": 99},
    "destination_groups": {**ENTRY, "groups": 3, "numbers": 99},
    "longest_entry_row": {**ENTRY, "word_bits": 16, "entry_synapses": 3},
    "row_table_bytes": {"word_bytes": 4, "row_header_words": 3},
    "row_and_record_bytes": {
        "word_bytes": 4,
        "row_header_words": 3,
        "record_header_words": 1,
        "spikes_per_word": 32,
    },
    "ring_buffer_bits": {"synapse_types": 2},
    "placed_output_axons": {"crossing_entries": 1},
    "shared_output_axons": {"crossing_entries": 1, "shared_entries": 2},
    "decay_profiles": {"significant_bits": 12},
    "threshold_values": {"significant_bits": 17},
}
"""A limit's own numbers where a test does not choose them: those of the real chips."""


@cache
def real(name: str) -> Chip:
    """One of the chips that come with the compiler."""
    return load_target(name).chip()


def known(value: float, unit: str = "1") -> Quantity:
    """An exact number."""
    return between(value, value, value, unit)


def between(low: float, typical: float, high: float, unit: str = "1") -> Quantity:
    """An estimate."""
    return Quantity(low, typical, high, unit, "made up", Confidence.ASSUMED)


def limit(formula: str, most: float, *, shared: bool = False, **parameters: int) -> Limit:
    """A rule of a core, or `shared` by a chip's cores, called as the formula that it counts with."""
    return Limit(
        formula,
        LimitKind.BUDGET,
        LimitScope.CHIP if shared else LimitScope.CORE,
        formula,
        known(most, FORMULAS[formula].unit),
        {name: known(value) for name, value in (parameters or PARAMETERS.get(formula, {})).items()},
    )


def core_memory(most: float, neuron: int = 3, axon: int = 2) -> Limit:
    """A memory of a core that weights, states of neurons and axons share."""
    return replace(limit("weight_bytes", most, neuron_bytes=neuron, axon_bytes=axon), name="core_memory")


def system(columns: int, rows: int, *spans: tuple[int, int], wraps: bool = False) -> System:
    """A machine of chips, full or with the outline that the spans give."""
    count = sum(last - first + 1 for first, last in spans) if spans else columns * rows
    return System(f"{columns}x{rows}", count, columns, rows, wraps, "made up", Confidence.ASSUMED, spans)


def topology(
    *,
    columns: int = 8,
    rows: int = 8,
    per_router: int = 1,
    per_chip: int | None = None,
    systems: Sequence[System] = (system(1, 1), system(2, 2)),
    mesh: Mesh = Mesh.MESH,
    routing: RoutingKind = RoutingKind.XY,
    table_entries: int | None = None,
    max_offset: int | None = None,
) -> Topology:
    """Routers, cores and machines: a mesh of 8 x 8 cores, one or four chips of it, unless the test says otherwise."""
    return Topology(
        mesh,
        routing,
        known(columns),
        known(rows),
        known(per_router),
        known(per_chip or columns * rows * per_router),
        tuple(systems),
        known(table_entries) if table_entries else None,
        known(max_offset) if max_offset else None,
    )


HEX_BOARD = system(8, 8, (0, 4), (0, 5), (0, 6), (0, 7), (1, 7), (2, 7), (3, 7), (4, 7))
"""The outline of a SpiNNaker board: 48 chips of an 8 x 8 hexagonal mesh, two corners missing."""


def hexagonal(
    per_chip: int = 4, systems: Sequence[System] = (HEX_BOARD,), table_entries: int | None = None
) -> Topology:
    """Chips of one multicast router each on a hexagonal mesh."""
    return topology(
        columns=1,
        rows=1,
        per_router=per_chip,
        systems=systems,
        mesh=Mesh.HEX,
        routing=RoutingKind.MULTICAST,
        table_entries=table_entries,
    )


def chip(
    *,
    on: Topology | None = None,
    weights: AxonWeights = AxonWeights.MANTISSA,
    weight_bits: int = 8,
    models: Sequence[str] = MODELS,
    resets: Sequence[str] = ("zero", "subtract"),
    leaks: bool = True,
    graded: bool = False,
    one_destination: bool = False,
    axon_types: int | None = None,
    max_delay: int | None = None,
    compartments_subtract: int | None = None,
    inputs_per_core: int | None = None,
    injectors: bool = False,
    gatherer: bool = False,
    costs: Costs | None = None,
    rules: Sequence[Limit] = (),
    **most: int,
) -> Chip:
    """A made-up chip: `chip(neurons=256, input_axons=64)` limits a core by two formulas; `rules` are further limits."""
    types = axon_types or (4 if weights is AxonWeights.AXON_TYPES else None)
    return Chip(
        name="toy",
        title="Toy",
        limits=(*(limit(formula, value) for formula, value in most.items()), *rules),
        topology=on or topology(),
        capabilities=Capabilities(
            tuple(models),
            tuple(resets),
            leaks,
            weights,
            known(weight_bits),
            known(types) if types else None,
            one_destination,
            graded,
            known(max_delay) if max_delay else None,
            known(compartments_subtract) if compartments_subtract else None,
        ),
        costs=costs or Costs((CostProfile("toy", synaptic_event_j=known(1e-12), hop_j=known(2e-12)),)),
        limits_complete=True,
        sha256="0" * 64,
        io=ways(inputs_per_core, injectors=injectors, gatherer=gatherer),
    )


def ways(inputs_per_core: int | None = None, *, injectors: bool = False, gatherer: bool = False) -> InputOutput:
    """Ways in and out: the host sends, through cores where there are `injectors`, or the chip makes the spikes."""
    held = known(inputs_per_core) if inputs_per_core else None
    host = InputWay("host", InputCores.IO if injectors else InputCores.NONE, "test", Confidence.ASSUMED)
    sources = InputWay("source-core", InputCores.INPUT, "test", Confidence.ASSUMED, held)
    name = "host" if gatherer else "probe"
    read = OutputWay(name, "test", Confidence.ASSUMED, gatherer=gatherer)
    return InputOutput((host, sources), (read,))


def fed_by_host(on: Chip) -> Chip:
    """The chip, as if a host sent every spike to the cores that hear it."""
    return replace(on, io=ORDINARY_WAYS)


def neuron(model: str) -> Neuron:
    """A neuron of a model, all its parameters one but for a reset to zero."""
    one, zero = np.ones(()), np.zeros(())
    match model:
        case "IF":
            return IF(one, one, zero)
        case "LIF":
            return LIF(one, one, zero, one, zero)
        case "CubaLIF":
            return CubaLIF(one, one, one, zero, one, one, zero)
        case "LI":
            return LI(one, one, zero)
        case "CubaLI":
            return CubaLI(one, one, one, zero, one)
        case "I":
            return I(one)
        case "Threshold":
            return Threshold(one)
    raise ValueError(model)


def random_array(*shape: int, seed: int = 0) -> np.ndarray:
    """Weights of both signs that lie on no binary grid."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def dense(outputs: int, inputs: int, seed: int = 0) -> Dense:
    return Dense(f"dense{outputs}x{inputs}", random_array(outputs, inputs, seed=seed))


def conv(
    shape: Shape, channels: int, kernel: int = 3, *, stride: int = 1, padding: int = 1, groups: int = 1, seed: int = 0
) -> Conv:
    """A convolution of an input of `shape` = (channels, *space) with a square kernel."""
    space = tuple((size + 2 * padding - kernel) // stride + 1 for size in shape[1:])
    weight = random_array(channels, shape[0] // groups, *(kernel for _ in space), seed=seed)
    each = tuple(stride for _ in space)
    before_after = tuple((padding, padding) for _ in space)
    return Conv("conv", weight, shape, (channels, *space), each, before_after, tuple(1 for _ in space), groups)


def pool(shape: Shape, size: int = 2, kind: PoolKind = PoolKind.SUM, stride: int | None = None) -> Pool:
    """A pool over (channels, height, width) whose windows touch, or lie `stride` apart."""
    step = stride or size
    space = tuple((n - size) // step + 1 for n in shape[1:])
    return Pool("pool", kind, shape, (shape[0], *space), (size, size), (step, step), (0, 0))


def scale(factor: float | np.ndarray, shape: Shape) -> Scale:
    return Scale("scale", np.asarray(factor, dtype=np.float64), shape)


@dataclass(frozen=True, slots=True)
class Wire:
    """A projection before its ends have shapes."""

    source: str
    target: str
    chain: tuple[Operator, ...] = ()
    steps: int = 0
    signal: Signal = Signal.SPIKE
    name: str | None = None


def wire(source: str, target: str, *chain: Operator, steps: int = 0, signal: Signal = Signal.SPIKE) -> Wire:
    return Wire(source, target, chain, steps, signal)


def network(
    populations: Mapping[str, int | Shape],
    *wires: Wire,
    inputs: Mapping[str, int | Shape] | None = None,
    outputs: Mapping[str, str] | None = None,
    model: str | Mapping[str, str] = "LIF",
    reset: ResetMode | None = ResetMode.ZERO,
    dt: float | None = None,
) -> Network:
    """Populations and wires; `outputs` says for each port which population it reads, the last one if not said."""
    shapes = {name: _shape(size) for name, size in populations.items()}
    ports = {name: _shape(size) for name, size in (inputs or {}).items()}
    read = {"out": list(shapes)[-1]} if outputs is None else outputs
    models = dict.fromkeys(shapes, model) if isinstance(model, str) else {**dict.fromkeys(shapes, "LIF"), **model}
    ends = {**shapes, **ports, **{port: shapes[name] for port, name in read.items()}}
    all_wires = [*wires, *(Wire(name, port) for port, name in read.items())]
    return Network(
        tuple(Port(name, shape) for name, shape in ports.items()),
        tuple(Port(name, ends[name]) for name in read),
        tuple(Population(name, neuron(models[name]), shape) for name, shape in shapes.items()),
        tuple(
            Projection(
                w.name or f"{w.source}->{w.target}#{n}",
                w.source,
                w.target,
                ends[w.source],
                ends[w.target],
                w.chain,
                w.steps,
                w.signal,
            )
            for n, w in enumerate(all_wires)
        ),
        reset=reset,
        dt=dt,
    )


def _shape(size: int | Shape) -> Shape:
    return (size,) if isinstance(size, int) else size


def chain(inputs: int = 5, model: str = "LIF", **sizes: int) -> Network:
    """`chain(lif=300, lif2=10)`: populations one behind the other, all to all, fed by an input port."""
    names = ["in", *sizes]
    widths = {"in": inputs, **sizes}
    wires = [wire(a, b, dense(widths[b], widths[a])) for a, b in pairwise(names)]
    return network(sizes, *wires, inputs={"in": inputs}, model=model)


def residual(size: int = 6, model: str = "LIF") -> Network:
    """in -> a -> b -> c with a skip a -> c."""
    wires = [wire(s, t, dense(size, size, seed=k)) for k, (s, t) in enumerate(["ia", "ab", "bc", "ac"])]  # type: ignore[str-unpack]
    return network(dict.fromkeys("abc", size), *wires, inputs={"i": size}, model=model)


def recurrent(size: int = 6, model: str = "LIF") -> Network:
    """in -> a with a -> a a step later, a -> b."""
    loop = wire("a", "a", dense(size, size), steps=1)
    return network(
        {"a": size, "b": 2}, wire("i", "a", dense(size, 3)), loop, wire("a", "b", dense(2, size)), inputs={"i": 3},
        model=model,
    )  # fmt: skip


def convnet(side: int = 8, channels: int = 4, model: str = "LIF") -> Network:
    """Convolution, pool and convolution, dense: the shape of a small image classifier."""
    first = conv((2, side, side), channels)
    second = conv((channels, side // 2, side // 2), channels, seed=1)
    flat = math.prod(second.output_shape)
    return network(
        {"a": first.output_shape, "b": second.output_shape, "c": 10},
        wire("i", "a", first),
        wire("a", "b", pool(first.output_shape, kind=PoolKind.AVERAGE), second),
        wire("b", "c", dense(10, flat)),
        inputs={"i": (2, side, side)},
        model=model,
    )


def computed(chain: Sequence[Operator], signal: np.ndarray) -> np.ndarray:
    """What a chain of linear operators makes of a signal, by the definition of each: product by product."""
    for operator in chain:
        weights = weights_of(operator)
        shaped, result = signal.reshape(operator.input_shape), np.zeros(operator.output_shape)
        for source, target, weight in taps(operator):
            factor = operator.factor if isinstance(operator, Pool) else 1.0 if weights is None else weights[weight]  # type: ignore[call-overload]
            result[target] += factor * shaped[source]
        signal = result
    return signal.ravel()


def demands_of(
    net: Network, on: Chip, rate: float = 0.25, reset: ResetMode | None = None, *, mapped_inputs: bool = False
) -> Demands:
    """What a network needs of a chip, at a rate that binary fractions hold exactly."""
    legal = legalise(net, on, reset=reset, mapped_inputs=mapped_inputs)
    return Demands(legal, legal.relays.active(uniform(net, rate)))


@st.composite
def hops(draw: st.DrawFn, shape: Shape, seed: int = 0) -> tuple[Operator, ...]:
    """A chain that a chip may hold: at most one weighted operator, pools and uniform scales around it."""
    found: list[Operator] = []
    if len(shape) == 3 and draw(st.booleans()):
        found.append(draw(pools(shape)))
        shape = found[-1].output_shape
    if draw(st.integers(0, 4)) == 0:
        found.append(scale(draw(st.sampled_from([0.5, 1.0, 3.0])), shape))
    kind = draw(st.sampled_from(["dense", "conv", "conv", "none"]))
    if kind == "dense":
        found.append(dense(draw(st.integers(1, 9)), math.prod(shape), seed))
    elif kind == "conv" and len(shape) > 1:
        made = draw(convs(shape))
        made = replace(made, weight=random_array(*made.weight.shape, seed=seed))
        found.append(made)
        if len(made.output_shape) == 3 and draw(st.booleans()):
            found.append(draw(pools(made.output_shape)))
    return tuple(found)


@st.composite
def networks(draw: st.DrawFn, model: str = "IF", most: int = 3) -> Network:
    """One to `most` populations behind an input, each fed by the one before, with skips and loops to themselves."""
    shape: Shape = draw(st.sampled_from([(3,), (8,), (2, 5), (1, 4, 4), (2, 4, 3), (4, 3, 3)]))
    sizes: dict[str, int | Shape] = {}
    inputs: dict[str, int | Shape] = {"in": shape}
    shapes = {"in": shape}
    wires: list[Wire] = []
    for k in range(draw(st.integers(1, most))):
        name, before = f"p{k}", list(shapes)
        hop = draw(hops(shape, seed=k))
        shape = hop[-1].output_shape if hop else shape
        shape = draw(st.sampled_from([shape, shape, (math.prod(shape),)]))
        wires.append(wire(before[-1], name, *hop))
        size = math.prod(shape)
        if len(shape) == 1 and draw(st.integers(0, 3)) == 0:
            origin = draw(st.sampled_from(before))
            wires.append(wire(origin, name, dense(size, math.prod(shapes[origin]), seed=k)))
        if len(shape) == 1 and draw(st.integers(0, 3)) == 0:
            wires.append(wire(name, name, dense(size, size, seed=k), steps=1))
        shapes[name] = sizes[name] = shape
    read = draw(st.sampled_from([{"out": list(sizes)[-1]}, {"out": list(sizes)[-1], "peek": "p0"}]))
    return network(sizes, *wires, inputs=inputs, outputs=read, model=model)


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Small meshes and tori of one or more chips, and hexagonal boards whose outline is no rectangle."""
    if draw(st.booleans()):
        outline = system(3, 3, (0, 1), (0, 2), (1, 2))
        return hexagonal(draw(st.integers(1, 5)), draw(st.sampled_from([(system(2, 2, wraps=True),), (outline,)])))
    columns, rows, per_router = (draw(st.integers(1, 3)) for _ in range(3))
    room = columns * rows * per_router
    return topology(
        columns=columns,
        rows=rows,
        per_router=per_router,
        per_chip=draw(st.integers(max(1, room - 2), room)),
        systems=draw(st.sampled_from([(system(1, 1), system(2, 1), system(4, 4)), (system(3, 2),)])),
        mesh=draw(st.sampled_from([Mesh.MESH, Mesh.TORUS])),
    )


@st.composite
def chips(draw: st.DrawFn) -> Chip:
    """Chips of the three kinds of weights, with limits small enough that a dozen neurons may need several cores."""
    weights = draw(st.sampled_from(AxonWeights))
    most: dict[str, int] = {}
    one = draw(st.booleans())
    most["neuron_copies" if one else "neurons"] = draw(st.integers(2, 40))
    for formula, low, high in (
        ("input_axons", 4, 120),
        ("output_axons", 4, 60),
        ("placed_output_axons", 4, 60),
        ("shared_output_axons", 4, 60),
        ("slices", 1, 4),
        ("lava_input_axons", 4, 80),
        ("merged_input_axons", 4, 80),
        ("lava_axon_map", 4, 60),
        ("packed_row_words", 4, 200),
        ("blocked_row_bits", 512, 20_000),
        ("weight_bytes", 8, 400),
        ("synaptic_events", 2, 60),
        ("longest_row_words", 4, 12),
        ("ring_buffer_bits", 5, 8),
        ("decay_profiles", 1, 3),
        ("threshold_values", 1, 3),
        ("entry_row_words", 8, 300),
        ("interleaved_neurons", 4, 60),
        ("destination_groups", 1, 4),
        ("longest_entry_row", 4, 16),
        ("synapse_formats", 1, 4),
    ):
        if draw(st.integers(0, 3)) == 0:
            most[formula] = draw(st.integers(low, high))
    shared = [limit("row_table_bytes", draw(st.integers(400, 9000)), shared=True)] if draw(st.booleans()) else []
    if draw(st.integers(0, 3)) == 0:
        shared.append(core_memory(draw(st.integers(40, 800)), neuron=draw(st.integers(0, 8))))
    return chip(
        on=draw(topologies()),
        weights=weights,
        weight_bits=draw(st.sampled_from([4, 8, 9])),
        one_destination=one,
        max_delay=draw(st.sampled_from([None, 4, 15])),
        compartments_subtract=draw(st.sampled_from([None, 2])),
        inputs_per_core=draw(st.sampled_from([None, 6])),
        injectors=draw(st.integers(0, 3)) == 0,
        gatherer=draw(st.integers(0, 3)) == 0,
        rules=shared,
        **most,  # type: ignore[arg-type]
    )
