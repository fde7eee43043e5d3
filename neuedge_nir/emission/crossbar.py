"""Cores that are a crossbar of axons and neurons, where each neuron drives one axon: all of it spelled out.

As TrueNorth has it: an axon has one of a few types, for all neurons of its core; a neuron has one weight for each type,
and a bit for each axon. A neuron with several destinations stands several times in its core, each an exact copy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emission.door import require_input
from neuedge_nir.emission.integers import elements, integers_of, part_of, sources, weights
from neuedge_nir.emulation.integer_leak import IntegerCells
from neuedge_nir.emulation.integer_leak import Leaking as Leaking
from neuedge_nir.emulation.model import IntegerNetwork
from neuedge_nir.errors import VerificationError
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.network.slices import Slice
from neuedge_nir.plan.model import Plan

Whole = NDArray[np.int64]

HOST = -1
"""In place of a core: beyond the chip's edge."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a neuron's spikes go: an axon of a core, `delay` steps later. At the `HOST`, `axon` counts read-outs."""

    core: int
    axon: int
    delay: int


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A neuron, or an exact copy of it, in a row of a core.

    It fires where its potential reaches the threshold, which a spike subtracts where it `subtracts`, else sets to 0.
    `weights` has one for each axon type, `connected` (axons,) the bits of the crossbar. `leaking` says how its leak
    counts.
    """

    population: str
    neuron: int
    weights: tuple[int, ...]
    connected: NDArray[np.bool_]
    leak: int
    threshold: int
    subtracts: bool
    destination: Destination
    leaking: Leaking = Leaking.FREELY


@dataclass(frozen=True, slots=True, eq=False)
class CrossbarCore:
    """A core: the type of each of its axons in use, and its cells, copies next to each other."""

    router: tuple[int, int]
    axon_types: tuple[int, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Injection:
    """An axon that the host must spike for each spike of an element of an input, `delay` steps later."""

    port: str
    element: int
    core: int
    axon: int
    delay: int


@dataclass(frozen=True, slots=True)
class Readout:
    """A neuron that the host sees; `read` is False for one that nothing needs, whose spikes must go somewhere."""

    population: str
    neuron: int
    read: bool


@dataclass(frozen=True, slots=True, eq=False)
class Crossbars:
    """All cores of a plan, by their index in it; what the host injects, and what arrives at it, by number."""

    cores: tuple[CrossbarCore, ...]
    injections: tuple[Injection, ...]
    readouts: tuple[Readout, ...]
    integers: IntegerNetwork


def crossbars(plan: Plan, network: Network) -> Crossbars:
    """The cores of a verified plan; `network` is the plan's, after its passes.

    Raises `UsageError` (OUT202) for a plan whose inputs no host injects, and `VerificationError` (OUT201) for a core
    whose axons have no types that serve all its neurons.
    """
    require_input(plan, "host", "the host injects them there")
    integers = integers_of(plan, network)
    bundles = {index: tuple(_bundles(plan, index, integers)) for index in range(len(plan.cores))}
    targets = _targets(bundles)
    readouts = _readouts(plan, network, targets)
    numbers = {(each.population, each.neuron): number for number, each in enumerate(readouts)}
    cores = tuple(_core(plan, index, bundles[index], integers, targets, numbers) for index in bundles)
    return Crossbars(cores, _injections(network, targets), readouts, integers)


@dataclass(frozen=True, slots=True, eq=False)
class _Bundle:
    """The axons of a core that serve one projection: `each` for every source element, from number `first` on.

    `reaching` are the source elements, `whole` (elements, neurons of the target) what a spike of each adds.
    """

    projection: Projection
    delay: int
    first: int
    each: int
    reaching: Whole
    whole: Whole

    @property
    def axons(self) -> int:
        return len(self.reaching) * self.each


def _bundles(plan: Plan, index: int, integers: IntegerNetwork) -> Iterator[_Bundle]:
    first = 0
    held = _held(plan, index)
    by_name = {projection.name: projection for projection in integers.network.projections}
    for told in plan.projections:
        if told.target in held:
            projection = by_name[told.name]
            reaching = sources(projection, held[told.target])
            whole = weights(projection, reaching)
            yield _Bundle(projection, told.delay, first, told.axons_per_input, reaching, whole)
            first += len(reaching) * told.axons_per_input


def _held(plan: Plan, index: int) -> dict[str, list[Slice]]:
    found: dict[str, list[Slice]] = {}
    for piece in plan.cores[index].slices:
        found.setdefault(piece.population, []).append(part_of(piece))
    return found


Targets = Mapping[tuple[str, int], Sequence[Destination]]
"""Every axon that an element of a population or input drives."""


def _targets(bundles: Mapping[int, Sequence[_Bundle]]) -> Targets:
    found: dict[tuple[str, int], list[Destination]] = {}
    for core, several in bundles.items():
        for bundle in several:
            for place, element in enumerate(bundle.reaching.tolist()):
                axons = range(bundle.first + place * bundle.each, bundle.first + (place + 1) * bundle.each)
                driven = found.setdefault((bundle.projection.source, element), [])
                driven += [Destination(core, axon, bundle.delay) for axon in axons]
    return found


def _readouts(plan: Plan, network: Network, targets: Targets) -> tuple[Readout, ...]:
    """The neurons of populations that outputs read, in their order, then those that drive nothing at all."""
    ports = {port.name for port in network.outputs}
    read = {p.source for p in network.projections if p.target in ports}
    inner = [(p.name, math.prod(p.shape)) for p in plan.populations if p.model not in ("Input", "Output")]
    seen = [Readout(name, neuron, True) for name, size in inner if name in read for neuron in range(size)]
    idle = [
        Readout(name, neuron, False)
        for name, size in inner
        if name not in read
        for neuron in range(size)
        if (name, neuron) not in targets
    ]
    return (*seen, *idle)


def _injections(network: Network, targets: Targets) -> tuple[Injection, ...]:
    return tuple(
        Injection(port.name, element, to.core, to.axon, to.delay)
        for port in network.inputs
        for element in range(port.neurons)
        for to in targets.get((port.name, element), ())
    )


def _core(
    plan: Plan,
    index: int,
    bundles: Sequence[_Bundle],
    integers: IntegerNetwork,
    targets: Targets,
    numbers: Mapping[tuple[str, int], int],
) -> CrossbarCore:
    axons, shapes = sum(bundle.axons for bundle in bundles), {p.name: p.shape for p in plan.populations}
    types = np.zeros(axons, dtype=np.int64)
    cells: list[Cell] = []
    for name, parts in _held(plan, index).items():
        here = np.concatenate([elements(part, shapes[name]) for part in parts])
        registers = _registers(integers, name)
        joined = np.zeros((len(here), axons), dtype=bool)
        for bundle in (each for each in bundles if each.projection.target == name):
            place = slice(bundle.first, bundle.first + bundle.axons)
            types[place], joined[:, place] = _assigned(bundle, here, registers.weights[here], f"core {index}")
        for row, neuron in enumerate(here.tolist()):
            goals = [*targets.get((name, neuron), ())]
            goals += [Destination(HOST, numbers[name, neuron], 1)] if (name, neuron) in numbers else []
            cells += [registers.cell(neuron, joined[row], goal) for goal in goals]
    return CrossbarCore(plan.cores[index].router, tuple(types.tolist()), tuple(cells))


@dataclass(frozen=True, slots=True, eq=False)
class _Registers:
    """Those of a population, one of each for every neuron; `weights` (neurons, types)."""

    population: str
    weights: Whole
    leak: Whole
    threshold: Whole
    subtracts: bool
    leaking: Leaking

    def cell(self, neuron: int, connected: NDArray[np.bool_], goal: Destination) -> Cell:
        weights = tuple(self.weights[neuron].tolist())
        leak, threshold = int(self.leak[neuron]), int(self.threshold[neuron])
        return Cell(self.population, neuron, weights, connected, leak, threshold, self.subtracts, goal, self.leaking)


def _registers(integers: IntegerNetwork, name: str) -> _Registers:
    cells = integers.cells[name]
    assert isinstance(cells, IntegerCells)
    assert cells.threshold is not None
    size, types = math.prod(cells.shape), integers.legal.chip.capabilities.axon_types
    weights = np.zeros((size, types.count if types else 1), dtype=np.int64)
    for place, each in enumerate(cells.by_type):
        weights[:, place] = each.ravel()
    leak, threshold = (np.broadcast_to(each, cells.shape).ravel() for each in (cells.leak, cells.threshold))
    return _Registers(name, weights, leak, threshold, cells.drop is not None, cells.leaking)


def _assigned(bundle: _Bundle, here: Whole, own: Whole, where: str) -> tuple[Whole, NDArray[np.bool_]]:
    """The types of a bundle's axons, and [neuron, axon] which of them each neuron listens to.

    `own` (neurons, types) are the weights of the neurons `here`. Where an input has several axons, they have the types
    0, 1 ... and a neuron takes those whose weights add up to what it wants.
    """
    wanted = bundle.whole[:, here]
    if bundle.each == 1:
        types, joined = _one_axon(wanted, own)
        fits = np.where(joined, own[:, types].T, 0) == wanted
        fits[types < 0] = False
    else:
        types = np.tile(np.arange(bundle.each), len(wanted))
        sums = np.array([_bits(choice, bundle.each) for choice in range(1 << bundle.each)]) @ own[:, : bundle.each].T
        meets = sums[None] == wanted[:, None]  # [element, choice, neuron]
        fits, choices = meets.any(axis=1), meets.argmax(axis=1)
        joined = np.stack([choices >> place & 1 for place in range(bundle.each)], axis=1)
        joined = joined.reshape(-1, len(here)).astype(bool)
    if not fits.all():
        raise _unassignable(bundle, here, np.argwhere(~fits)[0], where)
    return types, joined.T


def _one_axon(wanted: Whole, own: Whole) -> tuple[Whole, NDArray[np.bool_]]:
    """The first type by which each element serves every neuron that wants something of it; -1 where there is none."""
    serves = ((wanted[:, :, None] == own[None]) | (wanted == 0)[:, :, None]).all(axis=1)
    return np.where(serves.any(axis=1), serves.argmax(axis=1), -1), wanted != 0


def _bits(choice: int, places: int) -> list[int]:
    return [choice >> place & 1 for place in range(places)]


def _unassignable(bundle: _Bundle, here: Whole, at: Whole, where: str) -> VerificationError:
    element, neuron = int(bundle.reaching[at[0]]), int(here[at[1]])
    message = (
        f"no choice of axon types gives neuron {neuron} of {bundle.projection.target!r} what element {element} of "
        f"{bundle.projection.source!r} must add, {int(bundle.whole[at[0], neuron])}, on {bundle.each} "
        f"axon{'s' * (bundle.each != 1)}"
    )
    hint = "several ways between two neurons become one by --pass merge-linear or fold-pool"
    return VerificationError("OUT201", message, where=where, hint=hint)
