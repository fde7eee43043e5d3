"""Time, weights and what the circuit can do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import AxonWeights
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.model import Network, Projection, Signal
from neuedge_nir.plan.check_rules import at_most, refuse, same
from neuedge_nir.plan.model import Plan, PlanProjection

Floats = NDArray[np.float64]

EXPONENTIAL = ("LIF", "LI", "CubaLIF", "CubaLI")
ERROR_TOLERANCE = 1e-6


def check_abilities(plan: Plan) -> None:
    """The circuit knows the neuron models, the reset and the signals."""
    able = plan.chip.capabilities
    for population in plan.populations:
        if population.model in ("Input", "Output"):
            continue
        if population.model not in able.neuron_models:
            refuse("PLAN118", f"{plan.chip.name} has no neuron of the model {population.model}", population.name)
        if population.model in EXPONENTIAL and not able.exponential_leak:
            refuse("PLAN118", f"{plan.chip.name} has no exponential leak for {population.model}", population.name)
    if plan.options.reset not in able.reset_modes:
        refuse("PLAN118", f"{plan.chip.name} cannot reset by {plan.options.reset!r}")
    for projection in plan.projections:
        if projection.signal == Signal.ANALOG and not able.graded_spikes:
            refuse("PLAN118", f"{plan.chip.name} has no graded spikes for an analog signal", projection.name)
        _check_width(plan, projection)


def _check_width(plan: Plan, projection: PlanProjection) -> None:
    able = plan.chip.capabilities
    where = f"projection {projection.name!r}"
    if projection.weight_bits < 1:
        refuse("PLAN116", "a weight takes at least one bit", where, 1, projection.weight_bits)
    at_most("PLAN116", "bits of a weight", projection.weight_bits, able.weight_bits.count, where)
    allowed = (1, 2, 4) if able.weights is AxonWeights.AXON_TYPES else (1,)
    if projection.axons_per_input not in allowed:
        refuse("PLAN116", f"{projection.axons_per_input} axons per input, where {allowed} are possible", where)
    for what, figure in (("step", projection.weight_step), ("error", projection.weight_error)):
        if not 0.0 <= figure < math.inf:
            refuse("PLAN117", f"a weight {what} of {figure}", where)


def check_timing(plan: Plan, network: Network | None) -> None:
    """Every lag is the input's plus the delays on each way, so that the spikes are the original's, only later."""
    lag = {population.name: population.lag for population in plan.populations}
    models = {population.name: population.model for population in plan.populations}
    for name, steps in lag.items():
        if steps < 0 or (models[name] == "Input" and steps != 0):
            refuse("PLAN114", f"a lag of {steps}", name, 0, steps)
    longest = plan.chip.capabilities.max_delay.count if plan.chip.capabilities.max_delay else 1
    for held in plan.projections:
        where = f"projection {held.name!r}"
        if held.delay < 1:
            refuse("PLAN114", f"a delay of {held.delay}, where every hop takes a step", where, 1, held.delay)
        if models[held.source] != "Input":
            at_most("PLAN115", "timesteps of delay", held.delay, longest, where)
    if network is None:
        return
    delays = {projection.name: projection.delay for projection in plan.projections}
    dt = plan.options.dt or network.dt
    for projection in network.projections:
        if projection.name in delays:
            due = lag[projection.target] - lag[projection.source] + projection.steps + _delay(projection, dt)
            same("PLAN114", "delay", delays[projection.name], due, f"projection {projection.name!r}")
    for port in network.outputs:
        sources = [lag[projection.source] for projection in network.into(port.name)]
        same("PLAN114", "lag", lag[port.name], max(sources, default=0), port.name)


def _delay(projection: Projection, dt: float | None) -> int:
    """Timesteps of the Delay nodes on the way."""
    steps = 0
    for operator in projection.chain:
        if isinstance(operator, Delay) and np.any(operator.delay):
            if not dt:
                refuse("PLAN114", "a delay in a model without a timestep", f"projection {projection.name!r}")
            each = np.unique(np.rint(np.asarray(operator.delay, dtype=np.float64) / dt))
            same("PLAN114", "different delays in one projection", 1, len(each), f"projection {projection.name!r}")
            steps += int(each[0])
    return steps


def check_weights(plan: Plan, network: Network) -> None:
    """Every weight is a whole number of steps that fits its bits, and the error is what that costs."""
    held = {projection.name: projection for projection in plan.projections}
    for projection in network.projections:
        stored = held.get(projection.name)
        if stored is None or stored.weight_step == 0:
            continue
        where = f"projection {stored.name!r}"
        wanted = effective(projection)
        if wanted is None:
            refuse("PLAN117", "one weight step, where every neuron has a scale of its own", where)
        levels = np.rint(wanted / stored.weight_step)
        half = 2.0 ** (stored.weight_bits - 1)
        if levels.size and not (-half <= levels.min() and levels.max() < max(half, 2)):
            refuse("PLAN117", f"weights of {levels.min():g} to {levels.max():g} steps exceed {stored.weight_bits} bits",
                   where, float(np.abs(levels).max()), half - 1)  # fmt: skip
        size = float(np.linalg.norm(wanted))
        error = float(np.linalg.norm(levels * stored.weight_step - wanted)) / size if size else 0.0
        if abs(error - stored.weight_error) > ERROR_TOLERANCE:
            refuse("PLAN117", f"a weight error of {stored.weight_error!r}, it is {error!r}", where, error,
                   stored.weight_error)  # fmt: skip


def effective(projection: Projection) -> Floats | None:
    """The weights with scales and averages folded in; None where a scale differs within a shared weight."""
    chain = projection.chain
    at = [index for index, operator in enumerate(chain) if isinstance(operator, Dense | Conv)]
    if not at:
        return _gains(chain, projection.source_shape)
    if len(at) > 1:
        return None
    weighted = chain[at[0]]
    assert isinstance(weighted, Dense | Conv)
    behind = chain[at[0] + 1 :]
    before, after = _gains(chain[: at[0]], projection.source_shape), _gains(behind, weighted.output_shape)
    if after is not None and any(isinstance(operator, Pool) for operator in behind):
        after = _constant(after, weighted.output_shape)
    if isinstance(weighted, Conv):
        before = _constant(before, weighted.input_shape)
        after = _constant(after, weighted.output_shape)
    if before is None or after is None:
        return None
    weight = weighted.weight.astype(np.float64)
    if isinstance(weighted, Dense):
        before, after = before.reshape(weighted.input_shape), after.reshape(weighted.output_shape)
        return weight * before[..., None, :] * after[..., :, None]
    scale = after.reshape(len(after), -1)[:, 0]
    inputs = before.reshape(weighted.groups, weight.shape[1], -1)[:, :, 0]
    rows = np.repeat(inputs, len(weight) // weighted.groups, axis=0) * scale[:, None]
    return weight * rows.reshape(*rows.shape, *(1 for _ in weighted.kernel))


def _gains(chain: Sequence[Operator], shape: tuple[int, ...]) -> Floats | None:
    """What a chain without weights multiplies every element of its output with."""
    gains: Floats | None = np.ones(shape)
    for operator in chain:
        if gains is None:
            return None
        if isinstance(operator, Scale):
            gains = gains.reshape(operator.shape) * operator.factor
        elif isinstance(operator, Pool):
            constant = _constant(gains, operator.input_shape)
            gains = None if constant is None else _spread(constant, operator.output_shape) * operator.factor
    return gains


def _constant(gains: Floats | None, shape: tuple[int, ...]) -> Floats | None:
    """The gains spread over `shape`, if each channel has but one."""
    if gains is None:
        return None
    rows = gains.reshape(shape[0], -1)
    return None if (rows != rows[:, :1]).any() else _spread(rows, shape)


def _spread(gains: Floats, shape: tuple[int, ...]) -> Floats:
    rows = gains.reshape(shape[0], -1)[:, :1]
    return np.broadcast_to(rows, (shape[0], math.prod(shape[1:]))).reshape(shape)
