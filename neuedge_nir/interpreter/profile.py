"""How active a network was: for cost reports, as a file, and as the accuracy that it reached."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.activity import PER_STEP, SIMULATED_MARK, Activity, ActivityKind
from neuedge_nir.network.model import Network, ResetMode


def activity_of(run: Run) -> Activity:
    """The mean spikes per neuron and timestep of every population and input."""
    return Activity(ActivityKind.SIMULATED, {name: run.rate(name) for name in sorted(run.counts)})


def simulated_activity(network: Network, samples: Samples, dt: float | None, reset: ResetMode | None) -> Activity:
    """The activity of a network on samples. Raises what `simulate` raises."""
    return activity_of(simulate(network, samples.of(network), dt, reset))


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
