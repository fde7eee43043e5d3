"""split-fan-in: sum the inputs of a wide layer in two stages, with spiking relays between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Scale
from neuedge_nir.network.edit import with_remarks
from neuedge_nir.network.model import IF, Network, Population, Projection, Signal
from neuedge_nir.rewrite.door import Context


@dataclass(frozen=True, slots=True)
class SplitFanIn:
    """A Dense with more inputs than `limit` is summed in equal parts, whose sums are carried on by spikes.

    Sound only as an approximation. Each part, some channels of what arrives, is summed by two relays for each output:
    integrate-and-fire neurons, of which one fires whenever the sum has risen by q and the other whenever it has fallen
    by q, at most once a step. The target then receives q for each spike of the one and -q for each of the other. q is
    `threshold` times the root mean square, over parts and outputs, of the norm of the weights. What moves faster than
    that a step arrives later. Sums that go up and down leave errors behind, as neither relay knows of the other; with
    `tell=true` each tells the other of its spikes, which takes a loop of two steps, and a chip that has one. All of
    this supposes that a spike subtracts the threshold: with `reset=zero`, what lies above the threshold is lost.

    288 inputs in 2 parts add 2 x 2 x outputs relays, and on a chip one step of delay. Use it only where a chip has a
    wall in front of a wide layer (256 axons on TrueNorth, which takes it without `tell`), and give `--data`: the effect
    is then printed. Measured on an untrained 576-64-10 network of leaky neurons, 20 samples of 50 steps, threshold 0.5:
    with 5 % of the inputs active 19 % fewer spikes in the first layer, the class the same for 75 % of samples (`tell`:
    12 % fewer, 90 %); with 30 % active 5 % fewer, 60 % (4 %, 60 %). Under `reset=zero` 47 % and 19 % fewer. Where the
    step of a spike matters it is of no use: a fifth to three fifths of them lie elsewhere.

    Layers into outputs stay, those whose channels have no equal parts that are small enough, and those into a threshold
    that follows the activity of the layer's inputs; a remark names the latter two.
    """

    name: ClassVar[str] = "split-fan-in"
    summary: ClassVar[str] = "sum the inputs of wide layers in two stages"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ("timestep",)

    limit: Annotated[int, Meta(ge=2, description="inputs that a neuron may have from one layer")] = 256
    threshold: Annotated[float, Meta(gt=0, description="of relays, relative to the norm of the weights they sum")] = 0.5
    tell: Annotated[bool, Meta(description="relays of rises and of falls tell each other of their spikes")] = False

    def run(self, network: Network, context: Context) -> Network:
        """The network with relays in front of wide layers; the same network where none is wide."""
        dt = context.dt if context.dt is not None else network.dt
        if dt is None:
            raise UsageError("USE026", "the pass split-fan-in needs a timestep", hint="give it with --dt")
        known = {(remark.code, remark.node) for remark in network.diagnostics}
        remarks = []
        for wide in list(_wide(network, self.limit)):
            if wide.parts is not None:
                network = self._split(network, wide, dt)
            remarks.append(_remark(wide))
        new = [remark for remark in remarks if (remark.code, remark.node) not in known]
        return with_remarks(network, *new) if new else network

    def _split(self, network: Network, wide: Wide, dt: float) -> Network:
        assert wide.parts is not None
        outputs, inputs = wide.layer.weight.shape
        parts = wide.layer.weight.astype(np.float64).reshape(outputs, wide.parts, inputs // wide.parts)
        q = self.threshold * float(np.sqrt((parts**2).sum(axis=2).mean())) or 1.0
        names = [_free(network, f"{wide.layer.node}.{sign}") for sign in ("more", "less")]
        relay = IF(np.asarray(1 / dt), np.asarray(q), np.zeros(()))
        relays = [Population(name, relay, (wide.parts, outputs), None, (wide.layer.node,)) for name in names[::-1]]
        place = _place(network, wide.projection)
        found: list[Projection] = []
        for projection in network.projections:
            found += _stages(wide, q, names, dt, self.tell) if projection is wide.projection else [projection]
        populations = (*network.populations[:place], *relays, *network.populations[place:])
        return replace(network, populations=populations, projections=tuple(found))


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """A layer with too many inputs: where it stands, the shape of what arrives there, how many parts it goes into.

    `heard` says that a threshold follows the activity of its inputs.
    """

    projection: Projection
    place: int
    layer: Dense
    shape: tuple[int, ...]
    parts: int | None
    heard: bool


def _wide(network: Network, limit: int) -> Iterator[Wide]:
    """The first layer that is too wide, of each projection into a population."""
    populations = {p.name for p in network.populations}
    for projection in network.projections:
        shape = projection.source_shape
        for place, layer in enumerate(projection.chain if projection.target in populations else ()):
            if isinstance(layer, Dense) and layer.weight.ndim == 2 and layer.weight.shape[1] > limit:
                heard = projection.source in network.heard_by(network.population(projection.target))
                parts = None if heard else _parts(shape, layer.weight.shape[1], limit)
                yield Wide(projection, place, layer, shape, parts, heard)
                break
            shape = layer.output_shape


def _parts(shape: tuple[int, ...], inputs: int, limit: int) -> int | None:
    """The fewest equal parts, each some of the channels, none of them too wide, and not too many to be summed."""
    fitting = (n for n in range(2, limit // 2 + 1) if shape[0] % n == 0 and inputs // n <= limit)
    return next(fitting, None) if 1 <= len(shape) <= 3 else None


def _stages(wide: Wide, q: float, names: list[str], dt: float, tell: bool) -> Iterator[Projection]:
    """Into the relays, between them, and out of them: a convolution with a kernel of 1 sums the parts.

    Cycles are closed where the reader of a file closes them: behind the relays, and between them behind the rises.
    """
    whole, parts, outputs = wide.projection, wide.parts, len(wide.layer.weight)
    assert parts is not None
    shape = (parts, outputs)
    for name, sign in zip(names, (1, -1), strict=True):
        chain = (*whole.chain[: wide.place], _partial(wide, parts, sign, name))
        yield replace(whole, name=f"{whole.name}>{name}", target=name, target_shape=shape, chain=chain, steps=0)
    for (one, other), steps in zip((names[::-1], names), (0, 1), strict=True) if tell else ():
        tells: tuple[Operator, ...] = (Scale(f"{other}.told", np.asarray(q), shape),)
        if not steps:  # a circle of two takes two steps on every chip
            tells = (*tells, Delay(f"{other}.waits", np.asarray(dt), shape))
        yield Projection(f"{whole.name}:{one}>{other}", one, other, shape, shape, tells, steps)
    for name, sign in zip(names, (1, -1), strict=True):
        total = Conv(f"{name}.sum", np.full((1, parts, 1), sign * q), shape, (1, outputs), (1,), ((0, 0),), (1,), 1)
        chain = (total, *whole.chain[wide.place + 1 :])
        label = f"{whole.name}:{name}>"
        yield Projection(label, name, whole.target, shape, whole.target_shape, chain, whole.steps, Signal.SPIKE)


def _partial(wide: Wide, parts: int, sign: int, name: str) -> Conv:
    """The parts of a layer: a convolution over the whole image, one group of channels for each."""
    channels, *space = wide.shape if len(wide.shape) > 1 else (*wide.shape, 1)
    outputs = len(wide.layer.weight)
    by_part = wide.layer.weight.reshape(outputs, parts, channels // parts, *space)
    weight = sign * np.moveaxis(by_part, 1, 0).reshape(parts * outputs, channels // parts, *space)
    ones = tuple(1 for _ in space)
    zeros = tuple((0, 0) for _ in space)
    shapes = (channels, *space), (parts * outputs, *ones)
    return Conv(f"{name}.part", weight, *shapes, ones, zeros, ones, parts)


def _place(network: Network, projection: Projection) -> int:
    """Where the relays stand: before the target, or behind the source where it comes later, as in a cycle."""
    names = [p.name for p in network.populations]
    last = names.index(projection.source) + 1 if projection.source in names else 0
    return max(last, names.index(projection.target))


def _free(network: Network, name: str) -> str:
    """The name, or one like it that nothing has."""
    taken = {port.name for port in (*network.inputs, *network.outputs)} | {p.name for p in network.populations}
    while name in taken:
        name += "'"
    return name


def _remark(wide: Wide) -> Diagnostic:
    outputs, inputs = wide.layer.weight.shape
    if wide.heard:
        message = f"its {inputs} inputs stay together: a threshold follows their activity"
    elif wide.parts is None:
        message = f"its {inputs} inputs stay together: no equal parts of the {wide.shape[0]} channels are small enough"
    else:
        message = f"its {inputs} inputs are summed in {wide.parts} parts by {2 * wide.parts * outputs} relays"
    return Diagnostic("PASS005", Severity.INFO, wide.layer.node, message)
