"""What costs are sums of, as the checker counted it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.plan.check_links import Walked


@dataclass(frozen=True, slots=True)
class Load:
    """What one core does in a step: neuron slots updated, messages sent, spikes fired, synaptic events."""

    slots: int
    messages: float
    spikes: float
    events: float


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums that costs rest on; `counted`: whether there was a network to count events and host spikes with.

    `into`: events by the population that they reach.
    """

    counted: bool
    loads: Sequence[Load]
    spikes: float
    host: float
    reads: float
    events: float
    into: Mapping[str, float]
    walked: Walked

    @property
    def slots(self) -> int:
        return sum(load.slots for load in self.loads)
