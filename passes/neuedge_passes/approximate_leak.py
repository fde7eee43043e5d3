"""approximate-leak: LIF neurons become integrators that lose a constant in every timestep, as TrueNorth's do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.interpreter.answers import classes
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.edit import with_remarks
from neuedge_nir.network.model import IF, LIF, ConstantLeak, Network, Population
from neuedge_nir.rewrite.door import Context, Table

LEAST_SQUARES = 0.5
"""The share that is nearest to the decay over all potentials between 0 and the threshold."""

SHARES = tuple(step / 20 for step in range(1, 21))
"""Those that are tried on samples."""


@dataclass(frozen=True, slots=True)
class ApproximateLeak:
    """A leak of `share` x threshold / tau for every potential, where a LIF loses v / tau: another network.

    Both lose as much at v = `share` x threshold; above it this neuron forgets less than the LIF, below it more, and
    from rest it does not move. Over all v between 0 and the threshold, 0.5 is nearest (least squares): the leak of a
    step is then wrong by 0.29 x threshold x dt / tau (rms). Potentials are seldom spread like that, so with samples the
    share is taken, out of 0.05, 0.1 ... 1, with which the most spikes are equal on those to search on; the remark says
    how many are on those to measure on. `form=reversal` is TrueNorth's leak reversal: towards 0 from either side, and
    not beyond. `form=floor` subtracts always and leaves no potential below 0, which RANC can do too, and which takes a
    bias. A bias, or a leak potential, stays what it is: a current.
    """

    name: ClassVar[str] = "approximate-leak"
    summary: ClassVar[str] = "make LIF neurons lose a constant in every step, for chips without exponential leaks"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ("timestep",)

    form: Annotated[Literal["reversal", "floor"], Meta(description="towards 0 from both sides, or down to 0")] = (
        "reversal"
    )
    share: Annotated[float, Meta(ge=0, le=1, description="of the threshold; 0: searched on samples, 0.5 without")] = 0

    def settled(self, network: Network, context: Context) -> ApproximateLeak:
        """The pass with its share found."""
        samples = context.calibration or context.samples
        if self.share or not any(_leaks(p) for p in network.populations):
            return self
        if samples is None:
            return replace(self, share=LEAST_SQUARES)
        names = [p.name for p in network.populations if p.spiking]
        wanted = _run(network, samples, context, names)
        tried = {
            share: _equal(wanted, _run(self._changed(network, share), samples, context, names)) for share in SHARES
        }
        return replace(self, share=max(SHARES, key=lambda share: (np.mean([*tried[share].values()]), -share)))

    def run(self, network: Network, context: Context) -> Network:
        """The network without exponential leaks of spiking neurons; the same network where there are none."""
        leaking = [p for p in network.populations if _leaks(p)]
        if not leaking:
            return network
        found, share = self._changed(network, self.share or LEAST_SQUARES), self.share or LEAST_SQUARES
        dt = context.dt if context.dt is not None else network.dt
        assert dt is not None
        remarks = [_told(population, share, dt) for population in leaking]
        if context.samples is not None:
            remarks += _measured(network, found, context.samples, context)
        return with_remarks(found, *remarks)

    def _changed(self, network: Network, share: float) -> Network:
        populations = tuple(self._without(p, share) if _leaks(p) else p for p in network.populations)
        return replace(network, populations=populations)

    def _without(self, population: Population, share: float) -> Population:
        neuron = population.neuron
        assert isinstance(neuron, LIF)
        leak = ConstantLeak(np.asarray(share * neuron.v_threshold / neuron.tau), self.form == "reversal")
        made = IF(np.asarray(neuron.r / neuron.tau), neuron.v_threshold, neuron.v_reset)
        rest = np.asarray(neuron.v_leak / neuron.r) if np.any(neuron.v_leak) else None
        bias = population.bias if rest is None else rest if population.bias is None else population.bias + rest
        return replace(population, neuron=made, bias=bias, leak=leak)

    def report(self, before: Network, after: Network, context: Context) -> tuple[Table, ...]:
        """The spikes of each population with either leak."""
        assert context.samples is not None
        if before is after:
            return ()
        names = [p.name for p in before.populations if p.spiking]
        one, other = (_run(network, context.samples, context, names) for network in (before, after))
        equal = _equal(one, other)
        rows = tuple(
            (name, int(one.recorded[name].sum()), int(other.recorded[name].sum()), equal[name]) for name in names
        )
        return (Table("Spikes with a constant leak", ("population", "exponential", "constant", "equal"), rows),)


def _leaks(population: Population) -> bool:
    return isinstance(population.neuron, LIF) and population.adaptation is None


def _told(population: Population, share: float, dt: float) -> Diagnostic:
    """What a step's leak is wrong by, over all potentials between 0 and the threshold."""
    neuron = population.neuron
    assert isinstance(neuron, LIF)
    decay = float(np.max(dt / neuron.tau))
    wrong = decay * np.sqrt(1 / 3 - share + share**2)  # of (v - share) for v from 0 to 1, rms
    message = (
        f"it loses a constant {share * decay:.2%} of its threshold in a step, where it lost up to {decay:.2%}: wrong "
        f"by {wrong:.2%} of the threshold (rms over all potentials from 0 to it)"
    )
    return Diagnostic("PASS011", Severity.WARNING, population.name, message, "--data measures what that does to spikes")


def _measured(before: Network, after: Network, samples: Samples, context: Context) -> Iterator[Diagnostic]:
    names = [p.name for p in before.populations if p.spiking]
    one, other = (_run(network, samples, context, names) for network in (before, after))
    equal, same = _equal(one, other), float((classes(one) == classes(other)).mean())
    shares = ", ".join(f"{name} {share:.2%}" for name, share in equal.items())
    message = f"constant leaks, on {one.samples} samples: the same class in {same:.2%}; equal spikes: {shares}"
    yield Diagnostic("PASS012", Severity.WARNING, None, message, "train with IF neurons, or with such leaks")


def _run(network: Network, samples: Samples, context: Context, names: list[str]) -> Run:
    return simulate(network, samples.of(network), context.dt, context.reset, record=names)


def _equal(one: Run, other: Run) -> dict[str, float]:
    """By population, the share of places (sample, step, neuron) with a spike in either run where both have one."""
    found = {}
    for name, spikes in one.recorded.items():
        either = int(np.count_nonzero(spikes | other.recorded[name]))
        both = int(np.count_nonzero(spikes & other.recorded[name]))
        found[name] = both / either if either else 1.0
    return found
