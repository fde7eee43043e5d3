"""A chip's timing beside the model: what late projections do, in the reference's numbers."""

from __future__ import annotations

from neuedge_nir.emulation.agreement import Agreement, agreement
from neuedge_nir.interpreter.retimed import simulate_late
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.legalise import LegalNetwork


def timed(legal: LegalNetwork, samples: Samples, dt: float | None) -> Agreement:
    """How far the network in the chip's time, read at its lags, agrees with the model.

    Raises what `simulate` raises, and `UsageError` (USE050) for a threshold that follows sources of several lags.
    """
    model, timing = legal.model, legal.timing
    record = [p.name for p in model.populations if p.spiking]
    spikes = samples.of(model)
    late = simulate_late(legal.network, timing.lags, timing.delays, spikes, dt, legal.reset, record=record)
    reference = simulate(model, spikes, dt, legal.reset, record=record)
    return agreement(model, reference, late, samples.labels)
