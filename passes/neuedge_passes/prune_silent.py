"""prune-silent: leave out neurons that never fire on samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neuedge_nir import simulate
from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Context
from neuedge_passes.prune_zero import pruned, told


@dataclass(frozen=True, slots=True)
class PruneSilent:
    """Neurons that send no spike on any of the samples of `--data` are left out, as prune-zero leaves out its own.

    Sound for these samples and the timestep and reset of this run, and only for these: a neuron that sent nothing adds
    nothing to any sum, so that all others do what they did. On other samples it might have fired. Channels go where all
    of their neurons are silent.
    """

    name: ClassVar[str] = "prune-silent"
    summary: ClassVar[str] = "leave out neurons that never fire on the samples given"
    keeps: ClassVar[str] = "exact under the samples given"
    requires: ClassVar[tuple[str, ...]] = ("data", "timestep")

    def run(self, network: Network, context: Context) -> Network:
        """The network without silent neurons; the same network where all fire, or those that do not must stay."""
        samples = context.samples
        if samples is None:
            raise UsageError("USE026", "the pass prune-silent needs samples", hint="give them with --data")
        before, dt = network, context.dt if context.dt is not None else network.dt
        while True:
            run = simulate(network, samples.inputs, context.dt, context.reset)
            silent = {p.name: np.ravel(run.counts[p.name] == 0) for p in network.populations if p.spiking}
            after = pruned(network, dt, silent)
            if after is network:
                return told(before, network)
            network = after
