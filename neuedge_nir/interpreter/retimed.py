"""What a chip computes in time: the network with the delays that hardware gives its projections, read at the lags.

On a chip every projection takes a timestep at least, so that each population runs some steps behind the model, its
lag. A population that lags by L is reset in step L of a sample and does nothing before: it takes part from its lag on.
What it does in step t + L is what the model does in step t, if the delays are those of `mapping.timing`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.data import entering
from neuedge_nir.interpreter.dynamics import Dynamics, Sent, dynamics
from neuedge_nir.interpreter.lines import delay_steps
from neuedge_nir.interpreter.operators import Array, Signal
from neuedge_nir.interpreter.run import Run, Setting, run, timestep
from neuedge_nir.network.connect import Delay
from neuedge_nir.network.given import reset_given
from neuedge_nir.network.model import Listening, Network, Population, Projection, ResetMode

Steps = Mapping[str, int]
"""Timesteps by name."""
Neurons = Callable[[Population, int], Dynamics]


def retimed(network: Network, lags: Steps, delays: Steps, dt: float) -> Network:
    """The network in a chip's time. `lags` by population and port; `delays` by projection, in timesteps, all of it.

    A projection into an output port, which has no delay of the chip's, waits until the port's lag. Raises `UsageError`
    (USE050) where a threshold follows sources that lag differently.
    """
    projections = tuple(_retimed(p, _due(p, lags, delays, dt), dt) for p in network.projections)
    populations = tuple(_listening(p, network, lags) for p in network.populations)
    return replace(network, populations=populations, projections=projections, dt=dt)


def _due(projection: Projection, lags: Steps, delays: Steps, dt: float) -> int:
    if projection.name in delays:
        return delays[projection.name]
    own = sum(int(delay_steps(op, dt).max()) for op in projection.chain if isinstance(op, Delay))
    return lags[projection.target] - lags[projection.source] + projection.steps + own


def _retimed(projection: Projection, due: int, dt: float) -> Projection:
    """All of the delay in front: an equal delay of all elements may be anywhere in a chain of linear operators."""
    steps = min(projection.steps, due)
    chain = tuple(op for op in projection.chain if not isinstance(op, Delay))
    wait = Delay(f"{projection.name}.wait", np.asarray((due - steps) * dt), projection.source_shape)
    return replace(projection, chain=(wait, *chain) if due > steps else chain, steps=steps)


def _listening(population: Population, network: Network, lags: Steps) -> Population:
    """A threshold that follows a population's sources hears them as many steps later as it lags behind them."""
    rule = population.adapts
    if rule is None or rule.source is not Listening.INPUT:
        return population
    late = {lags[population.name] - lags[name] for name in network.heard_by(population)}
    if len(late) > 1:
        message = f"its threshold follows sources that lag differently, by {sorted(late)} steps before it"
        hint = "such a network has no retimed one"
        raise UsageError("USE050", message, where=f"node {population.name!r}", hint=hint)
    return replace(population, adaptation=replace(rule, late=rule.late + late.pop()))


@dataclass(slots=True)
class Asleep:
    """Neurons that begin, at rest, after some timesteps, and send nothing before."""

    neurons: Dynamics
    left: int

    def step(self, arriving: Array, factor: Array | None = None) -> Sent:
        if self.left == 0:
            return self.neurons.step(arriving, factor)
        self.left -= 1
        return np.zeros_like(arriving)


def waking(neurons: Neurons, lags: Steps) -> Neurons:
    """The same neurons, each population from the step of its lag on."""
    return lambda population, samples: Asleep(neurons(population, samples), lags[population.name])


def run_late(setting: Setting, lags: Steps, inputs: Mapping[str, Signal], record: Collection[str] = ()) -> Run:
    """Run a retimed network on what its inputs send: as long as its last population takes to see all of a sample.

    Each population and output is then read at its lag. In the run that is returned they stand at the model's time;
    `counts` are there for what was recorded, and for inputs.
    """
    steps = next(iter(inputs.values())).shape[1]
    late = replace(setting, neurons=waking(setting.neurons, lags))
    padding = max(lags.values(), default=0)
    return _read(run(late, {name: _padded(values, padding) for name, values in inputs.items()}, record), lags, steps)


def simulate_late(
    network: Network,
    lags: Steps,
    delays: Steps,
    spikes: ArrayLike | Mapping[str, ArrayLike],
    dt: float | None = None,
    reset: ResetMode | str | None = None,
    *,
    record: Collection[str] = (),
) -> Run:
    """What `simulate` does of a network, of the same network on a chip with these lags and delays. Raises as it does.

    The run is that of `run_late`: equal to `simulate`'s where the delays are those that the lags ask for.
    """
    step, mode = timestep(network, dt), reset_given(reset) or network.reset or ResetMode.ZERO

    def neurons(population: Population, samples: int) -> Dynamics:
        return dynamics(population, samples, step, mode)

    late = retimed(network, lags, delays, step)
    return run_late(Setting(late, step, mode, neurons), lags, entering(network, spikes), record)


def _padded(values: Signal, steps: int) -> Signal:
    samples, _, *shape = values.shape
    return np.concatenate([values, np.zeros((samples, steps, *shape), values.dtype)], axis=1)


def _read(found: Run, lags: Steps, steps: int) -> Run:
    """A run as its host reads it: everything at its lag."""

    def read(which: Mapping[str, NDArray[np.generic]]) -> dict[str, Signal]:
        return {name: values[:, lags[name] : lags[name] + steps] for name, values in which.items()}

    recorded = read(found.recorded)
    return replace(
        found,
        outputs=read(found.outputs),
        recorded=recorded,
        counts={name: values.sum(axis=(0, 1), dtype=np.float64) for name, values in recorded.items()},
        per_sample=read(found.per_sample),
        steps=steps,
        factors=read(found.factors),
    )
