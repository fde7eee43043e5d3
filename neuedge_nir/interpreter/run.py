"""A run of a network on input spikes: populations along the flow of signals, loops a timestep at a time.

A population that is in no loop sees all of its input before it starts, so its projections are applied to all timesteps
at once. Samples are computed in parts, so that a large batch does not need the memory of all at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.adaptation import Ear, Stepping, stepping
from neuedge_nir.interpreter.data import entering
from neuedge_nir.interpreter.dynamics import Dynamics, dynamics
from neuedge_nir.interpreter.lines import Line, arriving
from neuedge_nir.interpreter.metrics import Meter, Metrics, metrics
from neuedge_nir.interpreter.operators import Array, Signal
from neuedge_nir.interpreter.schedule import Group, groups, is_loop
from neuedge_nir.network.given import reset_given, timestep_given
from neuedge_nir.network.model import Network, Population, ResetMode
from neuedge_nir.network.typed import of_type

PART_BYTES = 2**26
"""Signals of one part of the samples, counted as if all were kept: 64 MiB, which a machine keeps at hand."""

Inputs = Mapping[str, Signal]
"""By input port, (T, B, *shape)."""
Factors = dict[str, Array]
"""By population whose threshold follows an activity, (T, B)."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a network did.

    `outputs` by output port and `recorded` by population have the shape (samples, steps, *shape): numbers, spikes as
    booleans. `counts` sums the spikes of each neuron (for a population that does not spike: the values it sent, one a
    step) over samples and steps, by population and input port; `per_sample`, (samples, steps), sums them over neurons.
    `factors`, (samples, steps), are what thresholds that follow an activity were multiplied with, mean over neurons.
    """

    outputs: Mapping[str, Signal]
    recorded: Mapping[str, Signal]
    counts: Mapping[str, NDArray[np.float64]]
    per_sample: Mapping[str, NDArray[np.float64]]
    samples: int
    steps: int
    dt: float
    reset: ResetMode
    factors: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    metrics: Metrics | None = None

    def rate(self, name: str) -> float:
        """Mean spikes per neuron and timestep of a population or an input."""
        counts = self.counts[name]
        return float(counts.sum()) / max(1, counts.size * self.samples * self.steps)


def simulate(
    network: Network,
    spikes: ArrayLike | Mapping[str, ArrayLike],
    dt: float | None = None,
    reset: ResetMode | str | None = None,
    *,
    record: Collection[str] = (),
    metered: bool = False,
) -> Run:
    """Run a network on spikes of shape (samples, steps, *input shape), from rest, every sample on its own.

    With several inputs `spikes` maps their names to arrays. An input with an encoder takes values from 0 to 1 instead.
    `dt` is the timestep in the file's time unit and `reset` what a spike does to the membrane; both override what the
    network says. `record` names populations and inputs of which every value is kept; `metered` counts the figures of
    `metrics`, which takes a little longer. The equations and their order are those of `interpreter.dynamics`.

    Raises `InputError` (DATA...) for spikes that do not fit, `UsageError` where the timestep is unknown or a population
    is, and for arguments of other types.
    """
    of_type(network, Network, "network", "give a Network, as neuedge_nir.read returns")
    step, meter = timestep(network, dt), Meter() if metered else None
    mode = reset_given(reset) or network.reset or ResetMode.ZERO

    def neurons(population: Population, samples: int) -> Dynamics:
        return dynamics(population, samples, step, mode, meter)

    return run(Setting(network, step, mode, neurons, meter), entering(network, spikes), record)


def run(setting: Setting, inputs: Mapping[str, Signal], record: Collection[str]) -> Run:
    """Run what was set up on fitting inputs. Raises `UsageError` for a population to record that there is not."""
    _check_recorded(setting.network, record)
    samples, steps = next(iter(inputs.values())).shape[:2]
    parts = [_part(setting, _time_first(inputs, part), record) for part in _parts(setting.network, samples, steps)]
    return _together(setting, parts, samples, steps)


@dataclass(frozen=True, slots=True)
class Setting:
    """What runs, how, and what counts along. `neurons` makes those of a population, at rest, for so many samples."""

    network: Network
    dt: float
    reset: ResetMode
    neurons: Callable[[Population, int], Dynamics]
    meter: Meter | None = None


def timestep(network: Network, wanted: float | None) -> float:
    """The length of a step: the one wanted, else the network's. Raises `UsageError` where neither says it."""
    found = timestep_given(wanted) or network.dt
    if found is None:
        message = "nothing says how long a timestep is"
        hint = "give it: --dt, or dt= from Python, in the file's time unit; a plan that is emitted is compiled with it"
        raise UsageError("USE020", message, where=network.origin.name, hint=hint)
    return found


def _check_recorded(network: Network, record: Collection[str]) -> None:
    known = network.sources
    if unknown := sorted(set(record) - {*known}):
        hint = f"there are: {', '.join(sorted(known))}"
        raise UsageError("USE021", f"there is no population {unknown[0]!r} to record", where="record", hint=hint)


def _parts(network: Network, samples: int, steps: int) -> Iterator[slice]:
    """The samples in parts that need about `PART_BYTES` each, one sample at least."""
    neurons = sum(p.neurons for p in network.populations) + sum(p.neurons for p in (*network.inputs, *network.outputs))
    size = max(1, PART_BYTES // max(1, 8 * neurons * steps))
    for start in range(0, samples, size):
        yield slice(start, min(samples, start + size))


def _time_first(inputs: Mapping[str, Signal], part: slice) -> Inputs:
    return {name: np.ascontiguousarray(np.moveaxis(values[part], 0, 1)) for name, values in inputs.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What some of the samples did, time first."""

    outputs: Mapping[str, Signal]
    recorded: Mapping[str, Signal]
    counts: Mapping[str, Array]
    per_sample: Mapping[str, Array]
    factors: Mapping[str, Array]


def _part(setting: Setting, inputs: Inputs, record: Collection[str]) -> _Part:
    network = setting.network
    sent: dict[str, Signal] = dict(inputs)
    waiting = _readers(network)
    counted = {name: _counted(_messages(values), True) for name, values in inputs.items()}
    recorded = {name: values for name, values in inputs.items() if name in record}
    outputs = {port.name: np.zeros((*_lead(inputs), *port.shape)) for port in network.outputs}
    factors: dict[str, Array] = {}
    for group in groups(network):
        new, followed = _group(setting, group, sent, _lead(inputs))
        sent |= new
        factors |= followed
        counted |= {p.name: _counted(new[p.name], p.spiking) for p in group}
        recorded |= {name: values for name, values in new.items() if name in record}
        _forget(sent, waiting, group)
    for port in network.outputs:
        for projection in network.into(port.name):
            outputs[port.name] += arriving(projection, sent[projection.source], setting.dt, setting.meter)
    counts = {name: neurons for name, (neurons, _) in counted.items()}
    return _Part(outputs, recorded, counts, {name: steps for name, (_, steps) in counted.items()}, factors)


def _lead(inputs: Inputs) -> tuple[int, int]:
    steps, samples = next(iter(inputs.values())).shape[:2]
    return steps, samples


def _readers(network: Network) -> dict[str, set[str]]:
    """Who still needs what each source sends."""
    found: dict[str, set[str]] = {}
    for projection in network.projections:
        found.setdefault(projection.source, set()).add(projection.target)
    return found


def _forget(sent: dict[str, Signal], waiting: dict[str, set[str]], done: Group) -> None:
    """What nobody needs any more makes room."""
    names = {population.name for population in done}
    for source in list(sent):
        left = waiting.get(source, set())
        left -= names
        if not left:
            del sent[source]


def _messages(values: Signal) -> Signal:
    """What an input sends in messages: spikes, several in a step perhaps; one for each value that is no such number."""
    if values.dtype.kind in "bu" or (values.min(initial=0) >= 0 and not np.any(values % 1)):
        return values
    return np.asarray(values != 0)


def _counted(values: Signal, spiking: bool) -> tuple[Array, Array]:
    """Per neuron, and per step and sample: spikes, or values sent where they are no spikes."""
    steps, samples, *shape = values.shape
    if not spiking:
        return np.full(shape, float(steps * samples)), np.full((steps, samples), float(math.prod(shape)))
    axes = tuple(range(2, values.ndim))
    return values.sum(axis=(0, 1), dtype=np.float64), values.sum(axis=axes, dtype=np.float64)


def _group(setting: Setting, group: Group, sent: Inputs, lead: tuple[int, int]) -> tuple[dict[str, Signal], Factors]:
    """What the populations of a group send in every timestep, and what their thresholds are multiplied with."""
    names = {population.name for population in group}
    outside = {p.name: _outside(setting, p, names, sent, lead) for p in group}
    if is_loop(group, setting.network):
        return _loop(setting, group, outside, sent)
    (only,) = group
    neurons = _stepping(setting, only, sent, lead[1])
    values: Signal = np.empty((*lead, *only.shape), bool if only.spiking else np.float64)
    for step, now in enumerate(outside[only.name]):
        values[step] = neurons.step(step, now)
    return {only.name: values}, _factors({only.name: neurons})


def _stepping(setting: Setting, population: Population, sent: Inputs, samples: int) -> Stepping:
    ear = Ear.of(population, setting.network, sent)
    return stepping(population, setting.neurons(population, samples), samples, setting.dt, ear)


def _factors(neurons: Mapping[str, Stepping]) -> Factors:
    return {name: np.stack(each.factors) for name, each in neurons.items() if each.factors}


def _outside(
    setting: Setting, population: Population, inner: Collection[str], sent: Inputs, lead: tuple[int, int]
) -> Array:
    """All that arrives from beyond the group, and the bias, (T, B, *shape); not to be written to."""
    shape = (*lead, *population.shape)
    total: Array | None = None if population.bias is None else np.broadcast_to(population.bias, shape)
    for projection in setting.network.into(population.name):
        if projection.source not in inner:
            found = arriving(projection, sent[projection.source], setting.dt, setting.meter)
            total = found if total is None else total + found
    return np.zeros(shape) if total is None else total


def _loop(
    setting: Setting, group: Group, outside: Mapping[str, Array], before: Inputs
) -> tuple[dict[str, Signal], Factors]:
    """Populations that wait for each other, a timestep at a time."""
    steps, samples = next(iter(outside.values())).shape[:2]
    names = {population.name for population in group}
    inner = {
        name: [Line(p, setting.dt, steps, setting.meter) for p in setting.network.into(name) if p.source in names]
        for name in names
    }
    sent: dict[str, Signal] = {
        p.name: np.zeros((steps, samples, *p.shape), bool if p.spiking else np.float64) for p in group
    }
    neurons = {p.name: _stepping(setting, p, {**before, **sent}, samples) for p in group}
    for step in range(steps):
        for population in group:
            now = outside[population.name][step]
            for line in inner[population.name]:
                now = now + line.at(step, sent[line.projection.source])
            sent[population.name][step] = neurons[population.name].step(step, now)
    return sent, _factors(neurons)


def _together(setting: Setting, parts: Sequence[_Part], samples: int, steps: int) -> Run:
    """The parts as one run, samples first."""

    def joined(which: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {name: np.moveaxis(np.concatenate([part[name] for part in which], axis=1), 1, 0) for name in which[0]}

    def added(which: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        return {name: np.sum([part[name] for part in which], axis=0) for name in which[0]}

    counts = added([part.counts for part in parts])
    meter = setting.meter
    return Run(
        joined([part.outputs for part in parts]),
        joined([part.recorded for part in parts]),
        counts,
        joined([part.per_sample for part in parts]),
        samples,
        steps,
        setting.dt,
        setting.reset,
        joined([part.factors for part in parts]),
        None if meter is None else metrics(setting.network, meter, counts, samples, steps),
    )
