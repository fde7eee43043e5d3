"""What a chip's cores hold of each layer: the mapper's own counts, of a network of any widths, whatever its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Chip, Limit, LimitScope
from neuedge_nir.errors import UsageError
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.legalise import legalise
from neuedge_nir.mapping.memory import STORED
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.network.activity import uniform
from neuedge_nir.network.build import build, readout, source
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind
from neuedge_nir.network.model import IF, Network, Population, Port, Projection, ResetMode
from neuedge_nir.network.slices import whole
from neuedge_nir.train.follow import POOLS, Followed, Shape, Stage, Step

NEURONS = frozenset({"neurons", "neuron_copies"})
"""Formulas that grow with the neurons of a layer. Without copies: each neuron counts once."""
MEMORY = frozenset(STORED)
"""Formulas that grow with its synapses."""
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Need:
    """What a layer needs of a limit, whole, and what a core has of it."""

    limit: str
    memory: bool
    need: int
    has: int

    @property
    def cores(self) -> float:
        """Cores' worth."""
        return self.need / self.has


@dataclass(frozen=True, eq=False)
class Counts:
    """Needs by widths of a network on a chip: each counted once, and remembered."""

    followed: Followed
    chip: Chip
    reset: ResetMode

    @cached_property
    def limits(self) -> tuple[tuple[int, Limit], ...]:
        """The limits of a core that add up over the slices of a layer, each with its place among the chip's.

        Raises `UsageError` USE126 where the chip names none of neurons.
        """
        found = [(i, limit) for i, limit in enumerate(self.chip.limits) if limit.scope is LimitScope.CORE]
        found = [(i, limit) for i, limit in found if limit.formula in NEURONS | MEMORY]
        if not any(limit.formula in NEURONS for _, limit in found):
            message = f"the chip {self.chip.name} says no limit of neurons in a core"
            hint = f"a [[limits]] of scope core with one of the formulas: {', '.join(sorted(NEURONS))}"
            raise UsageError("USE126", message, where=self.chip.name, hint=hint)
        return tuple(found)

    @property
    def counts_memory(self) -> bool:
        return any(limit.formula in MEMORY for _, limit in self.limits)

    @cached_property
    def _known(self) -> dict[tuple[int, ...], tuple[tuple[Need, ...], ...]]:
        return {}

    def needs(self, widths: tuple[int, ...]) -> tuple[tuple[Need, ...], ...]:
        """What each stage needs of each of `limits`, where the stages have these units.

        Raises what the mapper raises where the chip cannot hold such a network at all (FIT...).
        """
        if widths not in self._known:
            self._known[widths] = tuple(self._counted(widths))
        return self._known[widths]

    def _counted(self, widths: tuple[int, ...]) -> list[tuple[Need, ...]]:
        network = self.network(widths)
        demands = Demands(legalise(network, self.chip), uniform(network, 0.0))
        found = []
        for stage in self.followed.stages:
            name = population_name(stage)
            needs = demands.of(Piece(name, whole(demands.shapes[name])), demands.uncut())
            found.append(
                tuple(Need(each.name, each.formula in MEMORY, needs[i], each.limit.count) for i, each in self.limits)
            )
        return found

    def network(self, widths: Sequence[int]) -> Network:
        """The network of these widths as the compiler sees it: integrate-and-fire neurons, weights of no matter."""
        return network_of(self.followed, widths, self.reset)


def population_name(stage: Stage) -> str:
    """The name of a stage's population: that of its neurons, without the dots of modules within modules."""
    return f"n_{stage.name.replace('.', '_')}"


def network_of(followed: Followed, widths: Sequence[int], reset: ResetMode) -> Network:
    """A chain of populations of so many units each, joined as the stages are.

    Where a chip stores fewer bits for weights that are on a coarser grid, or leaves out those that are 0, a trained
    network may take less: these have all bits and no 0."""
    entering = source("input", followed.shape)
    populations, projections = list[Population](), list[Projection]()
    before: Port | Population = entering
    for at, (stage, units) in enumerate(zip(followed.stages, widths, strict=True)):
        neurons = Population(population_name(stage), _IF, (units, *stage.shape[1:]))
        chain = _chain(stage, units, followed.stages[at - 1] if at else None, before.shape)
        projections.append(_projection(before, neurons, chain))
        if stage.recurrent is not None:
            around = Dense(f"{neurons.name}_recurrent", _weights((units, units)))
            projections.append(_projection(neurons, neurons, (around,)))
        populations.append(neurons)
        before = neurons
    output = readout("output", populations[-1])
    projections.append(Projection("read", before.name, output.name, before.shape, output.shape))
    return build("training", populations, projections, [entering], [output], dt=1.0, reset=reset)


_IF = IF(np.asarray(1.0), np.asarray(1.0), np.asarray(0.0))


def _projection(one: Port | Population, other: Population, chain: Sequence[Operator]) -> Projection:
    return Projection(f"{one.name}>{other.name}", one.name, other.name, one.shape, other.shape, tuple(chain))


def _chain(stage: Stage, units: int, before: Stage | None, entering: Shape) -> list[Operator]:
    """The operators of a stage, its first weights narrowed to what enters, its last to the units that are left."""
    operators, shape = list[Operator](), entering
    last = stage.weighted[-1]
    for step in stage.steps:
        made = _operator(step, shape, units if step is last else step.leaving[0], before)
        if made is not None:
            operators.append(made)
            shape = made.output_shape
    return operators


def _operator(step: Step, entering: Shape, units: int, before: Stage | None) -> Operator | None:
    del before
    node, layer = step.name.replace(".", "_"), step.layer
    kind = type(layer).__name__
    if kind == "Linear":
        return Dense(node, _weights((units, math.prod(entering))))
    if kind == "Conv2d":
        return _convolution(node, layer, entering, (units, *step.leaving[1:]))
    return _pool(node, layer, entering, (entering[0], *step.leaving[1:])) if kind in POOLS else None


def _convolution(node: str, layer: Any, entering: Shape, leaving: Shape) -> Conv:
    weight = _weights((leaving[0], entering[0], *layer.kernel_size))
    padding = tuple((each, each) for each in layer.padding)
    return Conv(node, weight, entering, leaving, layer.stride, padding, layer.dilation, 1)


def _pool(node: str, layer: Any, entering: Shape, leaving: Shape) -> Pool:
    kind = PoolKind.AVERAGE if type(layer).__name__ == "AvgPool2d" else PoolKind.SUM
    stride = layer.kernel_size if layer.stride is None else layer.stride
    return Pool(
        node, kind, entering, leaving, _pair(layer.kernel_size), _pair(stride), _pair(getattr(layer, "padding", 0))
    )


def _pair(number: int | tuple[int, int]) -> tuple[int, int]:
    return (number, number) if isinstance(number, int) else (int(number[0]), int(number[1]))


def _weights(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Weights from 1/2 to 1 that no grid holds: they take all bits that a chip has, and none is stored as 0.

    Every output has the same, held once; where it has one weight they differ by output.
    """
    some = math.prod(shape[1:])
    values = (0.5 + 0.5 * (np.arange(1, max(shape[0], some) + 1) * GOLDEN % 1)).astype(np.float32)
    if some == 1:
        return values[: shape[0]].reshape(shape)
    return np.broadcast_to(values[:some].reshape(shape[1:]), shape)


def by_limit(needs: Sequence[Sequence[Need]]) -> Mapping[str, int]:
    """What all stages need of each limit together."""
    return {each[0].limit: sum(need.need for need in each) for each in zip(*needs, strict=True)}
