"""Network x Chip -> what the chip really computes: lags, stored weights, reset; or a refusal that names the node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from neuedge_nir.chip.model import (
    AdaptiveThresholds,
    AxonWeights,
    Chip,
    InputCores,
    InputWay,
    OutputWay,
)
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError
from neuedge_nir.mapping.effective import node_of
from neuedge_nir.mapping.leaks import check_leak
from neuedge_nir.mapping.ports import check_readable, ways
from neuedge_nir.mapping.recurrence import least_excess
from neuedge_nir.mapping.relays import Relayed, with_relays
from neuedge_nir.mapping.remarks import of_population, of_projection, of_timing
from neuedge_nir.mapping.splitters import Served, with_both, with_splitters
from neuedge_nir.mapping.stored import stored_weights
from neuedge_nir.mapping.timing import Timing, balanced, lag, model_delays, rounded_delays
from neuedge_nir.mapping.ways import several_ways
from neuedge_nir.mapping.weights import (
    Stored,
)
from neuedge_nir.network.connect import LAYERS, Conv, Dense, Pool, irregular_in
from neuedge_nir.network.model import (
    LI,
    LIF,
    Adaptation,
    Listening,
    Network,
    Population,
    Projection,
    ResetMode,
    Signal,
    grouped,
)
from neuedge_nir.network.valid import irregular_faults


class Kind(StrEnum):
    """What a projection looks like to a core: it decides which of a chip's formulas applies."""

    DENSE = "dense"
    CONV = "conv"
    POOL = "pool"
    SPARSE = "sparse"
    ONE_TO_ONE = "one-to-one"


@dataclass(frozen=True, slots=True, eq=False)
class LegalProjection:
    """A projection as the chip holds it; `delay` in timesteps."""

    projection: Projection
    kind: Kind
    stored: Stored
    delay: int


@dataclass(frozen=True, eq=False)
class LegalNetwork:
    """A network that the chip can compute, in its own arithmetic.

    `projections` are those into populations; those into output ports are read out by the host and stay as they are.
    `inputs` and `outputs` are the ways of the chip by which spikes come and are read. `model` is the network as it was
    given, without `relays`.
    """

    network: Network
    chip: Chip
    projections: tuple[LegalProjection, ...]
    timing: Timing
    reset: ResetMode
    inputs: InputWay
    outputs: OutputWay
    diagnostics: tuple[Diagnostic, ...]
    model: Network
    relays: Relayed

    def into(self, name: str) -> tuple[LegalProjection, ...]:
        return self._by_target.get(name, ())

    def out_of(self, name: str) -> tuple[LegalProjection, ...]:
        return self._by_source.get(name, ())

    @cached_property
    def _by_target(self) -> Mapping[str, tuple[LegalProjection, ...]]:
        return grouped(self.projections, lambda p: p.projection.target)

    @cached_property
    def _by_source(self) -> Mapping[str, tuple[LegalProjection, ...]]:
        return grouped(self.projections, lambda p: p.projection.source)

    @property
    def mapped_inputs(self) -> bool:
        """Whether input ports take cores of the chip."""
        return self.inputs.cores is not InputCores.NONE

    @property
    def compartments_per_neuron(self) -> int:
        extra = self.chip.capabilities.compartments_subtract
        return extra.count if extra is not None and self.reset is ResetMode.SUBTRACT else 1

    def compartments(self, neurons: int) -> int:
        """Compartments that so many neurons of one slice take."""
        group = self.chip.capabilities.compartments_group_subtract
        together = group.count if group is not None and self.reset is ResetMode.SUBTRACT else 1
        return -(-neurons * self.compartments_per_neuron // together) * together

    @property
    def self_axons_per_neuron(self) -> int:
        """Axons by which a neuron resets itself, each into and out of its core."""
        extra = self.chip.capabilities.self_axons_subtract
        return extra.count if extra is not None and self.reset is ResetMode.SUBTRACT else 0


def legalise(
    network: Network,
    chip: Chip,
    *,
    reset: ResetMode | None = None,
    dt: float | None = None,
    inputs: str | None = None,
    outputs: str | None = None,
    mapped_inputs: bool = False,
    approximate: bool = False,
    splitters: Served | None = None,
) -> LegalNetwork:
    """The network in the chip's terms. `approximate`: cycles may be slower than in the model, by as little as can be.

    `inputs` and `outputs` name ways of the chip, None its first; `mapped_inputs` is the one that makes the spikes on
    the chip. `splitters` says which projections go through splitters. Raises `CapacityError`, naming the node, the
    figure and the limit, for what the chip cannot compute.
    """
    way_in, way_out = ways(chip, inputs, outputs, on_cores=mapped_inputs)
    on_cores = way_in.cores is not InputCores.NONE
    mode, remarks = _reset_mode(network, chip, reset)
    for population in network.populations:
        _check_neurons(population, network, chip, mode)
    for projection in network.projections:
        _check_projection(projection, network, chip)
    step = dt if dt is not None else network.dt
    check_readable(network, chip, way_out)
    excess = least_excess(network, model_delays(network, step)) if approximate else {}
    split = with_splitters(network, splitters or {}, chip, mode, step)
    exact = balanced(split.network, step, None, excess)
    relayed = with_both(split, with_relays(split.network, exact, chip, mode, step, mapped_inputs=on_cores))
    late = {"at_least": relayed.lags, "stages": relayed.stages, "excess": excess}
    timing = lag(relayed.network, chip, step, mapped_inputs=on_cores, **late)
    stored = stored_weights(relayed.network, chip)
    if chip.capabilities.weights is AxonWeights.AXON_TYPES:
        _check_ways(network, chip)
    projections = tuple(
        LegalProjection(p, kind_of(p), stored[p.name], timing.delays[p.name])
        for p in relayed.network.projections
        if p.name in stored
    )
    remarks += [*rounded_delays(network, step), *of_timing(network, timing), *relayed.remarks]
    remarks += [remark for p in projections for remark in of_projection(p.projection, p.stored, chip)]
    remarks += [remark for p in network.populations for remark in of_population(p, chip)]
    remarks += [_follows(p, rule, chip) for p in network.populations if (rule := p.adapts) is not None]
    whole = relayed.network
    return LegalNetwork(whole, chip, projections, timing, mode, way_in, way_out, tuple(remarks), network, relayed)


def kind_of(projection: Projection) -> Kind:
    """Dense, convolution, pool, sparse or one to one, by the operator that brings the synapses."""
    if irregular_in(projection.chain) is not None:
        return Kind.SPARSE
    for kind, operator in ((Kind.DENSE, Dense), (Kind.CONV, Conv), (Kind.POOL, Pool)):
        if any(isinstance(op, operator) for op in projection.chain):
            return kind
    return Kind.ONE_TO_ONE


def _reset_mode(network: Network, chip: Chip, wanted: ResetMode | None) -> tuple[ResetMode, list[Diagnostic]]:
    mode = wanted or network.reset or ResetMode.ZERO
    remarks = []
    if wanted is None and network.reset is None and not any(d.code == "NIR002" for d in network.diagnostics):
        remarks.append(
            Diagnostic(
                "NIR002",
                Severity.ASSUMPTION,
                None,
                "the file does not say how a spike resets a neuron; assumed: to zero",
                "say it with --reset zero or --reset subtract",
            )
        )
    if mode.value not in chip.capabilities.reset_modes:
        raise CapacityError(
            "FIT003",
            f"{chip.title} cannot reset by {mode.value}",
            where=next((f"node {p.name!r}" for p in network.populations if p.spiking), None),
            resource="neurons that reset so",
            needed=sum(p.neurons for p in network.populations if p.spiking),
            available=0,
            hint=f"compile with {' or '.join(f'--reset {known}' for known in chip.capabilities.reset_modes)}",
        )
    return mode, remarks


def _check_neurons(population: Population, network: Network, chip: Chip, mode: ResetMode) -> None:
    where = f"node {population.name!r}"
    able = chip.capabilities
    check_leak(population, chip)
    if population.model not in able.neuron_models:
        raise CapacityError(
            "FIT001",
            f"{chip.title} has no {population.model} neurons",
            where=where,
            resource=f"{population.model} neurons",
            needed=population.neurons,
            available=0,
            hint=f"it has: {', '.join(able.neuron_models)}",
        )
    resets = population.parameters.get("v_reset")
    if resets is not None and np.any(resets) and mode is ResetMode.ZERO:
        raise CapacityError(
            "FIT004",
            f"v_reset is not zero, and {chip.title} resets to zero",
            where=where,
            resource="neurons that reset to other values",
            needed=int(np.count_nonzero(np.broadcast_to(resets, population.shape))),
            available=0,
            hint="shift the neuron's potentials so that it resets to zero, or say --reset subtract",
        )
    if population.adapts is not None:
        _check_adaptation(population, population.adapts, chip)
    analog = [p for p in network.out_of(population.name) if p.signal is Signal.ANALOG]
    inner = [p for p in analog if p.target not in {port.name for port in network.outputs}]
    if inner and not able.graded_spikes:
        raise CapacityError(
            "FIT005",
            f"{population.model} hands its potential to {inner[0].target!r}, and {chip.title} sends spikes only",
            where=where,
            resource="neurons that send potentials",
            needed=population.neurons,
            available=0,
            hint="put a spiking population in its place" + _no_synapse(population, chip),
        )


def _no_synapse(population: Population, chip: Chip) -> str:
    folds = isinstance(population.neuron, LI) and "CubaLIF" in chip.capabilities.neuron_models
    why = "no bias or leak potential, one tau for all, LIF neurons alone behind it, which hear nothing else"
    return f", or make it what fold-li takes for their synapse: {why}" if folds else ""


def _check_adaptation(population: Population, rule: Adaptation, chip: Chip) -> None:
    able, form = chip.capabilities.adaptation, "homeostatic" if rule.homeostatic else "literal"
    if able is not None and rule.source in able.sources and form in able.forms:
        return
    lowered = "fold" if rule.source is Listening.INPUT and isinstance(population.neuron, LIF) else "none"
    raise CapacityError(
        "FIT020",
        f"its threshold follows an activity (source={rule.source}, form={form}), and {chip.title} "
        + ("has thresholds that stay" if able is None else f"knows only {_ways(able)}"),
        where=f"node {population.name!r}",
        resource="neurons whose threshold follows an activity",
        needed=population.neurons,
        available=0,
        hint=f"put it into {'weights' if lowered == 'fold' else 'a note'} with --pass lower-adaptive:to={lowered}, "
        "or choose another chip",
    )


def _ways(able: AdaptiveThresholds) -> str:
    return f"source={'|'.join(able.sources)}, form={'|'.join(able.forms)}"


def mean_delay(rule: Adaptation, chip: Chip) -> int:
    """Timesteps that the chip takes to bring a mean over populations to those that listen; none to each its own."""
    able = chip.capabilities.adaptation
    if able is None or able.steps_late is None or rule.source is Listening.NEURON:
        return 0
    return able.steps_late.count


FOLLOWED = {
    Listening.INPUT: "its threshold follows the mean activity of its inputs",
    Listening.SELF: "its threshold follows its own mean activity",
    Listening.NEURON: "the threshold of each neuron follows its own spikes",
}


def _follows(population: Population, rule: Adaptation, chip: Chip) -> Diagnostic:
    late = mean_delay(rule, chip)
    when = f"{late} steps later than in the model" if late else "in the step the model has"
    able = chip.capabilities.adaptation
    notes = [] if able is None else [able.note, able.steps_late.note if able.steps_late and late else None]
    note = "".join(f". {each}" for each in notes if each)
    message = f"{FOLLOWED[rule.source]}, on {chip.title} {when}; what that costs is not counted{note}"
    return Diagnostic("WARN007", Severity.WARNING, population.name, message, "`simulate --as` shows what it does")


def _check_projection(projection: Projection, network: Network, chip: Chip) -> None:
    for found in irregular_faults(projection):
        raise UsageError("USE089", found, where=f"projection {projection.name!r}", hint="build it by `Sparse.of`")
    if projection.target in {port.name for port in network.outputs}:
        return
    weighted = [op.node for op in projection.chain if isinstance(op, LAYERS)]
    if len(weighted) > 1:
        raise CapacityError(
            "FIT006",
            f"{weighted[0]!r} and {weighted[1]!r} follow each other without neurons between",
            where=f"node {weighted[1]!r}",
            resource="layers in a row",
            needed=len(weighted),
            available=1,
            hint="merge the two layers, or put neurons between them",
        )
    if projection.source in {port.name for port in network.inputs} and projection.signal is Signal.ANALOG:
        raise CapacityError(
            "FIT005",
            f"{chip.title} takes spikes as input",
            where=f"node {projection.source!r}",
            resource="inputs with values",
            needed=int(np.prod(projection.source_shape)),
            available=0,
        )


def _check_ways(network: Network, chip: Chip) -> None:
    """An axon meets a neuron in one bit of the crossbar: what several ways add to each other is no such weight."""
    inner = {population.name for population in network.populations}
    for projection in network.projections:
        if projection.target in inner and several_ways(projection):
            raise NoPlanError(
                "FIT022",
                "an input reaches a neuron on several ways, as pools that overlap make them, and an axon of "
                f"{chip.title} reaches it once",
                where=f"node {node_of(projection)!r}",
                hint="--pass fold-pool makes a pool and the layer behind it one layer",
            )
