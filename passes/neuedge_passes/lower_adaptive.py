"""lower-adaptive: an adaptive threshold in terms of ordinary nodes, or as a note alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Dense, Operator, Scale
from neuedge_nir.network.edit import with_remarks
from neuedge_nir.network.model import (
    IF,
    LI,
    LIF,
    Adaptation,
    CubaLIF,
    Listening,
    Network,
    Population,
    Projection,
    ResetMode,
    Signal,
)
from neuedge_nir.rewrite.door import Context

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LowerAdaptive:
    """Thresholds that follow an activity are put into ordinary nodes, which every chip and tool has.

    v > v_th (1 + g (A* - A)) is v + v_th g A > v_th (1 + g A*). So the threshold is raised to v_th (1 + g A*), and the
    membrane receives v_th g A on top, g being gamma with its sign.

    `to=fold`: o = v_th g A obeys the equation of the membrane itself where tau is the membrane's, so that it can be one
    more input: v_th g / (N r) is added to every weight from the N sources (a change of rank one; from the population
    itself for source=self, and one to one for source=neuron). Exact for LIF under subtract reset with drop=raised, no
    bounds and tau = tau_mem: spike for spike. Refused otherwise, unless `approximate=true`. Only for dense layers right
    behind the sources; a convolution would become dense.

    `to=li`: an LI neuron keeps A, and sends the current v_th g A / r. Approximate always, as the membrane low-passes it
    once more (5 to 8 % of the spikes differ in measurements); for convolutions too. Chips need graded spikes for it.

    `to=none`: the threshold stays at v_th. The rule is kept as a note, in files too.

    Lowered rules of source=self and source=neuron are loops. sinabs and snnTorch leave such loops out without a word,
    so they are only made with `loop=true`. Chips refuse those of to=li: two populations in a circle take two timesteps.
    """

    name: ClassVar[str] = "lower-adaptive"
    summary: ClassVar[str] = "put adaptive thresholds into weights, into LI neurons, or into a note"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ()

    to: Annotated[Literal["fold", "li", "none"], Meta(description="weights, LI neurons, or a note alone")] = "fold"
    population: Annotated[str, Meta(description="name of the population; empty: all that adapt")] = ""
    approximate: Annotated[bool, Meta(description="fold also where that is not exact")] = False
    loop: Annotated[bool, Meta(description="make loops, which some tools leave out silently")] = False

    def run(self, network: Network, context: Context) -> Network:
        """The network without adaptive thresholds; the same network where it has none.

        Raises `UsageError`: USE031 for a population that has none, USE033 for a rule that cannot be lowered so.
        """
        adapting = {p.name for p in network.populations if p.adapts is not None}
        if self.population and self.population not in adapting:
            message = f"{self.population!r} is no population whose threshold adapts"
            hint = f"those that do: {', '.join(sorted(adapting)) or 'none'}"
            raise UsageError("USE031", message, where=f"--pass {self.name}", hint=hint)
        mode = context.reset or network.reset or ResetMode.ZERO
        for name in [p.name for p in network.populations if p.name in adapting and self.population in ("", p.name)]:
            network = self._lowered(network, network.population(name), mode)
        return network

    def _lowered(self, network: Network, population: Population, mode: ResetMode) -> Network:
        rule = population.adapts
        assert rule is not None
        if self.to == "none":
            return _with(network, replace(population, adaptation=replace(rule, noted=True)))
        if wrong := next(_impossible(population, rule, self.to), None):
            raise _refusal(population, wrong, "choose --pass lower-adaptive:to=none, or a chip that adapts by itself")
        if rule.source is not Listening.INPUT and not self.loop:
            why = f"source={rule.source} makes a loop, which sinabs and snnTorch leave out silently"
            raise _refusal(population, why, "say loop=true if no such tool will read it")
        inexact = list(_inexact(population, rule, mode)) if self.to == "fold" else [LI_IS_NOT]
        if self.to == "fold" and inexact and not self.approximate:
            hint = "set what is named in adaptive-threshold, or say approximate=true"
            raise _refusal(population, f"the fold is not exact: {'; '.join(inexact)}", hint)
        lower = _folded if self.to == "fold" else _through_li
        raised = replace(population, neuron=_raised(population, rule.rest), adaptation=None)
        made = _with(lower(network, population, rule), raised)
        return with_remarks(made, *(_approximate(population, why) for why in inexact))


LI_IS_NOT = "the membrane low-passes the current of the LI once more"


def _impossible(population: Population, rule: Adaptation, to: str) -> Iterator[str]:
    """What no lowering can say."""
    neuron = population.neuron
    if isinstance(neuron, IF):
        yield "an IF sums for good what it receives, also the part of the threshold"
    if to == "fold" and isinstance(neuron, CubaLIF):
        yield "the synapse of a CubaLIF would filter the part of the threshold as well"
    if rule.rest <= 0:
        yield f"the raised threshold would be {rule.rest:g} times the base, and must be above 0"
    if isinstance(neuron, LIF | CubaLIF) and not np.all(neuron.r):
        yield "its r is 0, so that no weight reaches the membrane"


def _inexact(population: Population, rule: Adaptation, mode: ResetMode) -> Iterator[str]:
    """What the fold loses."""
    assert isinstance(population.neuron, LIF)
    if not np.allclose(population.neuron.tau, rule.tau, rtol=1e-9, atol=0):
        yield "tau is not the membrane's"
    if rule.low is not None or rule.high is not None:
        yield "the bounds are lost (say low=0,high=0)"
    if mode is not ResetMode.SUBTRACT:
        yield "the reset is to zero"
    elif not rule.raised:
        yield "a spike subtracts the raised threshold (say drop=raised)"
    if rule.late:
        yield f"the mean is {rule.late} steps late"


def _refusal(population: Population, why: str, hint: str) -> UsageError:
    message = f"its threshold cannot be lowered so: {why}"
    return UsageError("USE033", message, where=f"node {population.name!r}", hint=hint)


def _approximate(population: Population, why: str) -> Diagnostic:
    message = f"its adaptive threshold is lowered approximately: {why}"
    return Diagnostic("PASS006", Severity.WARNING, population.name, message, "--data shows what that changes")


def _with(network: Network, changed: Population) -> Network:
    populations = tuple(changed if p.name == changed.name else p for p in network.populations)
    return replace(network, populations=populations)


def _raised(population: Population, factor: float) -> LIF | CubaLIF:
    neuron = population.neuron
    assert isinstance(neuron, LIF | CubaLIF)
    return replace(neuron, v_threshold=np.asarray(neuron.v_threshold, np.float64) * factor)


def _per_activity(population: Population, rule: Adaptation) -> Array:
    """What must arrive at each neuron for an activity of 1, in row-major order: v_th g over the gain of an input."""
    neuron = population.neuron
    assert isinstance(neuron, LIF | CubaLIF)
    gain = neuron.r if isinstance(neuron, LIF) else neuron.r * neuron.w_in
    wanted = np.asarray(neuron.v_threshold, np.float64) * rule.gain / gain
    return np.broadcast_to(wanted, population.shape).reshape(-1)


def _folded(network: Network, population: Population, rule: Adaptation) -> Network:
    wanted = _per_activity(population, rule)
    match rule.source:
        case Listening.INPUT:
            return _into_layers(network, population, wanted)
        case Listening.SELF:
            weight = np.repeat(wanted[:, None] / population.neurons, population.neurons, axis=1)
            return _with_loop(network, population, Dense(_node(population), weight))
        case Listening.NEURON:
            shape = population.shape
            return _with_loop(network, population, Scale(_node(population), wanted.reshape(shape), shape))


def _into_layers(network: Network, population: Population, wanted: Array) -> Network:
    """The same addition to all weights from all sources, in one layer from each."""
    layers = {name: _layer_from(network, population, name) for name in network.heard_by(population)}
    inputs = sum(math.prod(p.source_shape) for p in layers.values())

    def added(projection: Projection) -> Projection:
        (layer,) = projection.chain
        assert isinstance(layer, Dense)
        weight = np.asarray(layer.weight, np.float64) + wanted[:, None] / inputs
        return replace(projection, chain=(replace(layer, weight=weight),))

    chosen = {p.name for p in layers.values()}
    return replace(network, projections=tuple(added(p) if p.name in chosen else p for p in network.projections))


def _layer_from(network: Network, population: Population, source: str) -> Projection:
    """The projection whose weights are to change: a dense layer and nothing else."""
    ways = [p for p in network.into(population.name) if p.source == source and not p.steps]
    for way in ways:
        if len(way.chain) == 1 and isinstance(way.chain[0], Dense) and way.chain[0].weight.ndim == 2:
            return way
    why = f"no dense layer alone leads from {source!r}"
    raise _refusal(population, why, "choose to=li, which adds a way of its own")


def _with_loop(network: Network, population: Population, operator: Operator) -> Network:
    """The population with a further way from itself to itself, which takes a timestep."""
    loop = _way(network, (population.name, population.shape), (population.name, population.shape), (operator,), 1)
    return replace(network, projections=(*network.projections, loop))


def _through_li(network: Network, population: Population, rule: Adaptation) -> Network:
    """A neuron (for source=neuron: one each) that keeps A, between those whose spikes count and the population."""
    wanted, own = _per_activity(population, rule), rule.source is not Listening.INPUT
    each = rule.source is Listening.NEURON
    sizes = {source: _shape_of(network, source) for source in network.heard_by(population)}
    images = len(population.shape) in (2, 3) and {len(size) for size in sizes.values()} == {len(population.shape)}
    shape = population.shape if each else (1,) * (len(population.shape) if images else 1)
    name = _free(network, _node(population))
    zero, tau = np.zeros(()), np.asarray(rule.tau)
    listener = Population(name, LI(tau, np.ones(()), zero), shape, None, population.nodes)
    neurons = sum(math.prod(size) for size in sizes.values())
    ways = []
    for source, size in sizes.items():
        mean = (_summed(f"{name}.mean", 1 / neurons, size, shape),)
        ways.append(_way(network, (source, size), (name, shape), () if each else mean, 0))
    scale = Scale(f"{name}.gain", wanted.reshape(population.shape), population.shape)
    back = scale if each else _spread(f"{name}.gain", wanted, population.shape)
    # A loop is closed on the way back, where a reader of the file finds it: the listener then runs a step earlier.
    ways.append(_way(network, (name, shape), (population.name, population.shape), (back,), int(own), Signal.ANALOG))
    place = next(i for i, p in enumerate(network.populations) if p.name == population.name) + int(own)
    populations = (*network.populations[:place], listener, *network.populations[place:])
    return replace(network, populations=populations, projections=(*network.projections, *ways))


def _summed(node: str, factor: float, size: tuple[int, ...], shape: tuple[int, ...]) -> Operator:
    """All values times the factor: of an image by a convolution that sees it whole, where an image comes of it."""
    if len(shape) == 1:
        return Dense(node, np.full((1, math.prod(size)), factor))
    ones = (1,) * (len(size) - 1)
    return Conv(node, np.full((1, *size), factor), size, shape, ones, ((0, 0),) * len(ones), ones, 1)


def _spread(node: str, wanted: Array, shape: tuple[int, ...]) -> Operator:
    """From one neuron to all of a shape: to an image by a convolution, as a Dense ends in a vector.

    The only value stands in zeros so wide that each place of the output sees it by another tap, the last one first.
    """
    if len(shape) not in (2, 3):
        return Dense(node, wanted.reshape(-1, 1))
    channels, *space = shape
    taps = np.flip(wanted.reshape(channels, 1, *space), axis=tuple(range(2, 2 + len(space))))
    ones = (1,) * len(space)
    padding = tuple((size - 1, size - 1) for size in space)
    return Conv(node, np.ascontiguousarray(taps), (1, *ones), shape, ones, padding, ones, 1)


End = tuple[str, tuple[int, ...]]


def _way(
    network: Network, source: End, target: End, chain: tuple[Operator, ...], steps: int, signal: Signal | None = None
) -> Projection:
    """A projection between two places; what it carries is what others from there carry."""
    known = next((p.signal for p in network.out_of(source[0])), Signal.SPIKE)
    name, taken = f"{source[0]}>{target[0]}", {p.name for p in network.projections}
    while name in taken:
        name += "'"
    return Projection(name, source[0], target[0], source[1], target[1], chain, steps, signal or known)


def _shape_of(network: Network, source: str) -> tuple[int, ...]:
    shapes = {port.name: port.shape for port in network.inputs} | {p.name: p.shape for p in network.populations}
    return shapes[source]


def _free(network: Network, name: str) -> str:
    taken = {*network.sources, *(port.name for port in network.outputs)}
    while name in taken:
        name += "'"
    return name


def _node(population: Population) -> str:
    return f"{population.name}_adaptation"
