"""How active a network was: for cost reports, as a file, and as the accuracy that it reached."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.interpreter.answers import Course
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.activity import PER_STEP, SIMULATED_MARK, Activity, ActivityKind, Duration
from neuedge_nir.network.model import Network, ResetMode


def activity_of(run: Run) -> Activity:
    """The mean spikes per neuron and timestep of every population and input."""
    return Activity(ActivityKind.SIMULATED, {name: run.rate(name) for name in sorted(run.counts)})


def simulated_activity(
    network: Network, samples: Samples, dt: float | None, reset: ResetMode | None, lead: float | None = None
) -> Activity:
    """The activity of a network on samples, in the timesteps before each stops early at a `lead`, if one is given.

    Raises what `simulate` raises.
    """
    run = simulate(network, samples.of(network), dt, reset)
    if lead is None:
        return replace(activity_of(run), duration=Duration(float(run.steps), run.steps))
    used = Course.of_run(network, run).last_step(lead) + 1
    until = np.arange(run.steps) < used[:, None]
    rates = {
        name: float((run.per_sample[name] * until).sum()) / max(1, int(used.sum()) * counts.size)
        for name, counts in sorted(run.counts.items())
    }
    return Activity(ActivityKind.SIMULATED, rates, duration=Duration(float(used.mean()), run.steps, lead))


def profile(run: Run) -> dict[str, NDArray[np.float64]]:
    """By population and input: mean spikes per neuron and step, one for each neuron; and as NAME@step, over all
    neurons, one for each step.
    """
    found: dict[str, NDArray[np.float64]] = {SIMULATED_MARK: np.array([run.samples, run.steps], np.float64)}
    for name, counts in sorted(run.counts.items()):
        found[name] = counts / (run.samples * run.steps)
        found[name + PER_STEP] = run.per_sample[name].sum(axis=0) / (run.samples * max(1, counts.size))
    return found


def encoded(arrays: Mapping[str, NDArray[np.float64]]) -> bytes:
    """The arrays as an .npz file: the same arrays, the same bytes."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
