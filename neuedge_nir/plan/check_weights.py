"""Abilities of the circuit, time, and weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import AdaptiveThresholds, AxonWeights
from neuedge_nir.network.blocks import row_blocks
from neuedge_nir.network.connect import Conv, Delay, Dense, Pool, Scale
from neuedge_nir.network.model import Adaptation, HybridEncoder, Listening, Network, Population, Projection, Signal
from neuedge_nir.plan.check_extensions import check_extensions, longest_of
from neuedge_nir.plan.check_irregular import effective_synapses, irregular
from neuedge_nir.plan.check_ports import takes_cores
from neuedge_nir.plan.check_rules import at_most, match, refuse, same
from neuedge_nir.plan.model import Plan, PlanProjection

Floats = NDArray[np.floating]

PORTS = ("Input", "Output")
SPIKING = ("IF", "LIF", "CubaLIF", "Threshold")
SQUARABLE = 400
"""Powers of two, either way, up to which numbers are squared as they are."""
EXPONENTIAL = ("LIF", "LI", "CubaLIF", "CubaLI")


def check_abilities(plan: Plan) -> None:
    """The circuit knows the neuron models, the reset, the signals and the weights."""
    able, chip = plan.chip.capabilities, plan.chip.name
    for population in plan.populations:
        if population.model not in (*able.neuron_models, *PORTS):
            refuse("PLAN118", f"{chip} has no neuron of the model {population.model}", population.name)
        if population.model in EXPONENTIAL and not able.exponential_leak:
            refuse("PLAN118", f"{chip} has no exponential leak for {population.model}", population.name)
        if population.adaptation is not None and not _follows(population.adaptation, able.adaptation):
            refuse("PLAN118", f"{chip} has no threshold that follows an activity so", population.name)
    if plan.options.reset not in able.reset_modes:
        refuse("PLAN118", f"{chip} cannot reset by {plan.options.reset!r}")
    for projection in plan.projections:
        where = f"projection {projection.name!r}"
        if projection.signal != Signal.SPIKE and not (projection.signal == Signal.GRADED and able.graded_spikes):
            refuse("PLAN118", f"{chip} sends no {projection.signal} signals", where)
        at_most("PLAN116", "one bit at least", 1, projection.weight_bits, where)
        at_most("PLAN116", "bits of a weight", projection.weight_bits, able.weight_bits.count, where)
        if able.weights is AxonWeights.AXON_TYPES:
            same("PLAN116", "bits of a weight", projection.weight_bits, able.weight_bits.count, where)
        allowed = (1, 2, 4) if able.weights is AxonWeights.AXON_TYPES else (1,)
        if projection.axons_per_input not in allowed:
            refuse("PLAN116", f"{projection.axons_per_input} axons per input, of {allowed}", where)
        if not (0 <= projection.weight_step < math.inf and 0 <= projection.weight_error < math.inf):
            refuse("PLAN117", f"a step of {projection.weight_step}, an error of {projection.weight_error}", where)


def _follows(rule: Adaptation, able: AdaptiveThresholds | None) -> bool:
    form = "homeostatic" if rule.homeostatic else "literal"
    return able is not None and rule.source.value in able.sources and form in able.forms


def check_rules(plan: Plan, network: Network) -> None:
    """Inputs are encoded and thresholds follow as in the network, as many steps later as the chip takes for a mean."""
    due: dict[str, tuple[HybridEncoder | None, Adaptation | None]]
    due = {port.name: (port.encoder, None) for port in (*network.inputs, *network.outputs)}
    due |= {population.name: (None, _on_chip(population, plan)) for population in network.populations}
    match("PLAN136", "encoder and rule", {p.name: (p.encoder, p.adaptation) for p in plan.populations}, due)


def _on_chip(population: Population, plan: Plan) -> Adaptation | None:
    rule, able = population.adaptation, plan.chip.capabilities.adaptation
    if rule is None or rule.noted:
        return None
    if able is None or able.steps_late is None or rule.source is Listening.NEURON:
        return rule
    return replace(rule, late=rule.late + round(able.steps_late.typical))


def check_timing(plan: Plan, network: Network | None) -> None:
    """Every lag is that of the input plus the delays on each way, so that spikes are the original's, only later."""
    lag = {population.name: population.lag for population in plan.populations}
    inputs = {population.name for population in plan.populations if population.model == "Input"}
    for name, steps in lag.items():
        if steps < 0 or (name in inputs and steps):
            refuse("PLAN114", f"a lag of {steps} steps", name, 0, steps)
    delays = {}
    for held in plan.projections:
        where = f"projection {held.name!r}"
        at_most("PLAN114", "steps of delay at least", 1, held.delay, where)
        _check_excess(held, plan, where)
        if held.source not in inputs or takes_cores(plan):
            at_most("PLAN115", "steps of delay", held.delay, longest_of(plan, held), where)
        delays[held.name] = held.delay - held.excess
    check_extensions(plan)
    for projection in network.projections if network is not None else ():
        if projection.name in delays:
            due = lag[projection.target] - lag[projection.source] + projection.steps
            due += _delay(projection, plan.options.dt or (network.dt if network is not None else None))
            where = f"projection {projection.name!r}"
            same("PLAN114", "steps of delay", delays[projection.name], due, where)
            if due < 1 and not projection.steps:
                refuse("PLAN152", "it closes no cycle, and is late", where)
    for port in network.outputs if network is not None else ():
        sources = [lag[projection.source] for projection in network.into(port.name)] if network is not None else []
        same("PLAN114", "lag", lag[port.name], max(sources, default=0), port.name)


def _check_excess(held: PlanProjection, plan: Plan, where: str) -> None:
    """A projection is late only where that was asked for, and then takes the one step that no chip can do without."""
    if held.excess < 0 or (held.excess and plan.options.recurrence != "approximate"):
        refuse("PLAN152", f"it is {held.excess} steps late, and the recurrence is {plan.options.recurrence}", where)
    if held.excess:
        same("PLAN152", "steps of delay of what is late", held.delay, 1, where)


def check_error(plan: Plan) -> None:
    """What was measured of late projections is possible. The figures have to be believed: the samples are not here."""
    found, late = plan.timing_error, any(held.excess for held in plan.projections)
    if found is None:
        return
    if not late or plan.activity.kind != "simulated":
        refuse("PLAN152", f"an error of timing, late: {late}, activity: {plan.activity.kind}")
    spiking = sorted(p.name for p in plan.populations if p.model in SPIKING and p.relay is None)
    same("PLAN152", "populations compared", sorted(found.equal), spiking)
    for share in (found.same_class, *found.equal.values()):
        if not 0 <= share <= 1 or found.samples < 1:
            refuse("PLAN152", f"a share of {share} on {found.samples} samples")


def _delay(projection: Projection, dt: float | None) -> int:
    """Timesteps of the Delay nodes on the way."""
    steps = 0
    for operator in projection.chain:
        if isinstance(operator, Delay) and np.any(operator.delay):
            each = np.unique(np.rint(np.asarray(operator.delay, dtype=np.float64) / (dt or math.nan)))
            if len(each) > 1 or not np.isfinite(each).all():
                refuse("PLAN114", f"delays of {each} steps in one projection", f"projection {projection.name!r}")
            steps += int(each[0])
    return steps


def check_weights(plan: Plan, network: Network) -> None:
    """Every weight is a whole number of steps that fits its bits, and the error is what that costs.

    Those of a chip with axon types are looked at in `check_types`.
    """
    if plan.chip.capabilities.weights is AxonWeights.AXON_TYPES:
        return
    chains = {projection.name: projection for projection in network.projections}
    for held in plan.projections:
        wanted = effective(chains[held.name])
        if held.weight_step > 0:
            _check_steps(held, wanted)
        elif wanted.any() and not np.isnan(wanted).any():
            refuse("PLAN117", "no weight step, where one would do", f"projection {held.name!r}")


@np.errstate(over="ignore", invalid="ignore")
def _check_steps(held: PlanProjection, wanted: Floats) -> None:
    """Some rows at a time: a weight matrix may be larger than memory."""
    where = f"projection {held.name!r}"
    largest, lost, size = 0.0, 0.0, 0.0
    near = math.frexp(held.weight_step)[1]  # beyond that, squares overflow or vanish; a power of two changes no error
    near = near if abs(near) > SQUARABLE else 0
    step = math.ldexp(held.weight_step, -near)
    for _, part in row_blocks(_kept(wanted)):
        rows = np.ldexp(part.astype(np.float64), -near) if near else part.astype(np.float64)
        if np.isnan(rows).any():
            refuse("PLAN117", "one weight step, where neurons have a scale of their own", where)
        levels = np.rint(rows / step)
        largest = max(largest, float(np.abs(levels).max(initial=0)))
        lost += float(((levels * step - rows) ** 2).sum())
        size += float((rows**2).sum())
    if not math.isfinite(largest):
        refuse("PLAN117", f"a weight step of {held.weight_step}: no whole number of it is a weight", where)
    same("PLAN117", "bits of the largest weight", held.weight_bits, 1 + int(largest).bit_length(), where)
    error = math.sqrt(lost / size) if size else 0.0
    if not math.isclose(error, held.weight_error, rel_tol=1e-6, abs_tol=1e-12):
        refuse("PLAN117", f"a weight error of {held.weight_error}, it is {error}", where, error, held.weight_error)


def effective(projection: Projection) -> Floats:
    """The weights with scales and averages folded in; NaN where neurons that share a weight differ in scale.

    Gains that are equal along an axis are kept once: an input may be larger than memory.
    """
    if (without := irregular(projection.chain)) is not None:
        return effective_synapses(projection, without)
    gains, weighted = _equal(1.0, projection.source_shape), None
    weight: Floats = np.ones(())
    for operator in projection.chain:
        if isinstance(operator, Scale):
            gains = _product(_in_shape(gains, operator.shape), operator.factor, operator.shape)
        elif isinstance(operator, Pool):
            gains = _product(_channels(gains, operator.input_shape), operator.factor, operator.output_shape)
        elif isinstance(operator, Dense):
            inputs = _in_shape(gains, operator.input_shape)[..., None, :]
            weight = operator.weight if _plain(inputs) else operator.weight * inputs
        elif isinstance(operator, Conv):
            shared = _channels(gains, operator.input_shape).reshape(operator.groups, -1)
            each = np.repeat(shared, operator.output_shape[0] // operator.groups, axis=0)
            weight = operator.weight * each.reshape(*each.shape, *(1 for _ in operator.kernel))
        if isinstance(operator, Dense | Conv):
            weight = weight if weighted is None else weight * math.nan
            weighted, gains = operator, _equal(1.0, operator.output_shape)
    if weighted is not None and _plain(gains):
        return weight
    if isinstance(weighted, Dense):
        pooled = math.prod(weighted.output_shape) // gains.size  # outputs per pool window, 1 where there is no pool
        rows = gains if pooled == 1 else np.repeat(_channels(gains, [len(gains), -1]), weight.shape[-2] // len(gains))
        return weight * rows.reshape(weighted.output_shape)[..., None]
    if isinstance(weighted, Conv):
        return weight * _channels(gains, [len(weight), -1]).reshape(-1, *(1 for _ in weight.shape[1:]))
    return _kept(gains)


def _equal(value: float, shape: Sequence[int]) -> Floats:
    return np.broadcast_to(np.float64(value), tuple(shape))


def _kept(gains: Floats) -> Floats:
    """Gains with one entry along each axis that repeats it."""
    return gains[tuple(slice(None) if stride else slice(0, 1) for stride in gains.strides)]


def _in_shape(gains: Floats, shape: Sequence[int]) -> Floats:
    """The same gains, row-major, in another shape."""
    kept = _kept(gains)
    return _equal(float(kept.item()), shape) if kept.size == 1 else gains.reshape(tuple(shape))


def _product(gains: Floats, factor: Floats | float, shape: Sequence[int]) -> Floats:
    return np.broadcast_to(_kept(gains) * factor, tuple(shape))


def _plain(gains: Floats) -> bool:
    """No scale at all: then the weights are left where they are, on disk if they are many."""
    return bool((_kept(gains) == 1).all())


def _channels(gains: Floats, shape: Sequence[int]) -> Floats:
    """The gain of each channel, one axis per axis of `shape`; NaN where it differs within a channel."""
    kept = _kept(gains)
    if kept.size == 1 or kept.size == kept.shape[0] == shape[0]:
        each = np.broadcast_to(kept.ravel(), shape[0])
    else:
        rows = gains.reshape(shape[0], -1)
        each = np.where((rows == rows[:, :1]).all(axis=1), rows[:, 0], math.nan)
    return each.reshape(-1, *(1 for _ in shape[1:]))
