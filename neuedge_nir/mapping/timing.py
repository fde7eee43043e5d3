"""Lags: hardware delivers a spike one timestep later at the earliest, so every population runs some steps behind.

With integer lags the mapped network computes what the original does, shifted: the hardware delay of a projection
p -> q is lag(q) - lag(p) + d, where d is its delay in the original (0 feed-forward, 1 on an edge that closes a
cycle, more through Delay nodes), and it must be at least 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neuedge_nir.chip.model import Chip
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError
from neuedge_nir.mapping.cycles import cycle_among
from neuedge_nir.mapping.native_delay import native_delays
from neuedge_nir.network.connect import Delay
from neuedge_nir.network.model import Network, Projection


@dataclass(frozen=True, slots=True)
class Timing:
    """Lags of the populations and ports in steps, and the hardware delay of each projection (by name) in steps.

    `excess` are the steps by which delays are longer than the lags ask for: cycles that are quicker than any chip.
    """

    lags: Mapping[str, int]
    delays: Mapping[str, int]
    excess: Mapping[str, int] = field(default_factory=dict)


def lag(
    network: Network,
    chip: Chip,
    dt: float | None,
    *,
    mapped_inputs: bool = False,
    at_least: Mapping[str, int] | None = None,
    excess: Mapping[str, int] | None = None,
    stages: Mapping[str, int] | None = None,
) -> Timing:
    """The lags of `balanced` on a chip. `stages`: of sources that are delay extensions, in how many spikes leave them.

    Inputs have lag 0; the host may inject later, so their projections need no delay of the chip's, unless the inputs
    have cores of their own (`mapped_inputs`). Outputs are read at the lag of their source.

    Raises what `balanced` raises; `CapacityError` for a delay longer than the chip's, naming the path; `NoPlanError`
    for a delay where the chip's is not published.
    """
    found = balanced(network, dt, at_least, excess)
    _check_delays(network, chip, found.delays, mapped_inputs, stages or {})
    return found


def balanced(
    network: Network,
    dt: float | None,
    at_least: Mapping[str, int] | None = None,
    excess: Mapping[str, int] | None = None,
) -> Timing:
    """The smallest lags that make every hardware delay at least one step, those of populations `at_least` as given.

    Projections may be late by an `excess`. Raises `CapacityError` for a cycle that cannot be balanced, naming it;
    `UsageError` where a Delay node needs a timestep that nobody gave.
    """
    late = excess or {}
    delays = {name: steps + late.get(name, 0) for name, steps in model_delays(network, dt).items()}
    lags = _longest_paths(network, delays, at_least or {})
    hardware = {}
    for projection in network.projections:
        if projection.target in lags:
            hardware[projection.name] = lags[projection.target] - lags[projection.source] + delays[projection.name]
    for port in network.outputs:
        lags[port.name] = max((lags[p.source] for p in network.into(port.name)), default=0)
    return Timing(lags, hardware, late)


def model_delays(network: Network, dt: float | None) -> dict[str, int]:
    """The timesteps that each projection takes in the model. Raises `UsageError` as `balanced`."""
    return {p.name: p.steps + _delay_steps(p, dt) for p in network.projections}


def _delay_steps(projection: Projection, dt: float | None) -> int:
    return sum(_steps(op, dt) for op in projection.chain if isinstance(op, Delay))


def _steps(delay: Delay, dt: float | None) -> int:
    if delay.delay.size > 1:
        raise CapacityError(
            "FIT009",
            "the delay differs from element to element, which no chip here is told to do yet",
            where=f"node {delay.node!r}",
            resource="different delays",
            needed=int(np.unique(delay.delay).size),
            available=1,
            hint="give all elements one delay",
        )
    value = float(delay.delay.reshape(-1)[0]) if delay.delay.size else 0.0
    if value == 0.0:
        return 0
    if dt is None:
        raise UsageError(
            "USE012",
            "the delay is given in time, and the length of a step is not known",
            where=f"node {delay.node!r}",
            hint="give it with --dt",
        )
    return round(value / dt)


def _longest_paths(network: Network, delays: Mapping[str, int], at_least: Mapping[str, int]) -> dict[str, int]:
    """Bellman-Ford for lag(q) >= lag(p) + 1 - d, in an order that settles feed-forward networks in one sweep."""
    lags = {port.name: 0 for port in network.inputs} | {p.name: at_least.get(p.name, 0) for p in network.populations}
    edges = [p for p in feed_forward_order(network) if p.target in lags]
    via: dict[str, Projection] = {}
    while True:
        changed = False
        for edge in edges:
            reached = lags[edge.source] + 1 - delays[edge.name]
            if reached > lags[edge.target]:
                lags[edge.target], via[edge.target], changed = reached, edge, True
        if not changed:
            return lags
        if cycle := cycle_among(via, via)[::-1]:
            raise _unbalanced(cycle, delays)


def feed_forward_order(network: Network) -> list[Projection]:
    """The projections sorted so that, cycles apart, each comes after those that feed its source."""
    waiting = {p.name: 0 for p in network.populations}
    for edge in network.projections:
        if edge.steps == 0 and edge.target in waiting:
            waiting[edge.target] += 1
    leaving: dict[str, list[Projection]] = {}
    for edge in network.projections:
        leaving.setdefault(edge.source, []).append(edge)
    ready = [port.name for port in network.inputs] + [name for name, n in waiting.items() if n == 0]
    order: list[Projection] = []
    for name in ready:  # grows while it is walked
        for edge in leaving.pop(name, []):
            order.append(edge)
            if edge.steps == 0 and edge.target in waiting:
                waiting[edge.target] -= 1
                if waiting[edge.target] == 0:
                    ready.append(edge.target)
    return order + [edge for rest in leaving.values() for edge in rest]


def _unbalanced(cycle: list[Projection], delays: Mapping[str, int]) -> CapacityError:
    path = " -> ".join([cycle[0].source, *(edge.target for edge in cycle)])
    steps = sum(delays[edge.name] for edge in cycle)
    return CapacityError(
        "FIT007",
        f"the cycle {path} takes {steps} step{'s' * (steps != 1)} in the model, "
        f"and {len(cycle)} on any chip: every projection costs one",
        where=f"node {cycle[0].target!r}",
        resource="steps",
        needed=len(cycle),
        available=steps,
        hint="put a Delay into the cycle, merge its populations, or compile with --recurrence approximate",
    )


def _check_delays(
    network: Network, chip: Chip, hardware: Mapping[str, int], mapped_inputs: bool, stages: Mapping[str, int]
) -> None:
    inputs = set() if mapped_inputs else {port.name for port in network.inputs}
    longest = chip.capabilities.max_delay
    native, full = native_delays(chip, network), longest.count if longest else 1
    for projection in network.projections:
        needed, kept = hardware.get(projection.name, 1), stages.get(projection.source)
        # A step of a delay extension's own has passed when its source's spikes have come.
        available = native.get(projection.target, full) if kept is None else full * (kept + 1) - 1
        if projection.source not in inputs and needed > available:
            figures = (projection, needed, available, chip)
            raise _too_long(*figures) if longest else _unpublished(*figures)


def _too_long(projection: Projection, needed: int, available: int, chip: Chip) -> CapacityError:
    return CapacityError(
        "FIT008",
        f"the projection {projection.name} must wait {needed} steps, {chip.title} delays {available}",
        where=f"node {projection.target!r}",
        resource="steps of delay",
        needed=needed,
        available=available,
        hint="shorten the skip or the Delay",
    )


def _unpublished(projection: Projection, needed: int, available: int, chip: Chip) -> NoPlanError:
    """Nobody said how long this chip can delay a spike: that proves nothing."""
    return NoPlanError(
        "FIT008",
        f"the projection {projection.name} must wait {needed} steps; how long {chip.title} can delay a spike beyond "
        f"{available} is not published",
        where=f"node {projection.target!r}",
        resource="steps of delay",
        needed=needed,
        available=available,
        hint="shorten the skip or the Delay, or give the chip's file a max_delay",
    )


def rounded_delays(network: Network, dt: float | None) -> list[Diagnostic]:
    """A remark on every Delay node that is no whole number of steps."""
    found = []
    for delay in {op.node: op for p in network.projections for op in p.chain if isinstance(op, Delay)}.values():
        steps = float(delay.delay.reshape(-1)[0]) / dt if dt and delay.delay.size else 0.0
        if abs(steps - round(steps)) > 1e-6 * max(1.0, steps):
            message = f"the delay is {steps:.4g} steps and is rounded to {round(steps)}"
            found.append(Diagnostic("WARN003", Severity.WARNING, delay.node, message, "choose another --dt"))
    return found
