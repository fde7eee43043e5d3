"""A network on a chip's arithmetic: the run, what quantisation cost, and what overflowed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from neuedge_nir.chip.model import Chip
from neuedge_nir.emulation.model import IntegerNetwork, Loss
from neuedge_nir.emulation.numbers import Tally
from neuedge_nir.emulation.quantise import quantise
from neuedge_nir.errors import InputError
from neuedge_nir.interpreter.data import entering
from neuedge_nir.interpreter.dynamics import Dynamics
from neuedge_nir.interpreter.operators import Signal
from neuedge_nir.interpreter.run import Run, Setting, run, timestep
from neuedge_nir.mapping.legalise import legalise
from neuedge_nir.network.given import reset_given
from neuedge_nir.network.model import Network, Population, ResetMode


@dataclass(frozen=True, slots=True, eq=False)
class Emulation:
    """What a network did in a chip's numbers.

    `run` has the shapes of the reference's, potentials of outputs in real units. `losses` by population say what
    quantisation cost; `overflows` how often a number did not fit, by population and by what became of it.
    """

    chip: Chip
    run: Run
    losses: tuple[Loss, ...]
    overflows: Mapping[str, Mapping[str, int]]


def quantised(
    network: Network, chip: Chip, dt: float | None = None, reset: ResetMode | str | None = None
) -> IntegerNetwork:
    """The network in the numbers of a chip.

    Raises what `legalise` and `quantise` raise, and `UsageError` where the timestep is unknown.
    """
    step = timestep(network, dt)
    return quantise(legalise(network, chip, reset=reset_given(reset), dt=step), step)


def run_integers(
    integers: IntegerNetwork, spikes: ArrayLike | Mapping[str, ArrayLike], *, record: Collection[str] = ()
) -> Emulation:
    """Run a quantised network on spikes. Raises `InputError` (DATA...) for spikes that do not fit or are no 0 and 1."""
    inputs = entering(integers.network, spikes)
    _check_spikes(inputs)
    tallies = {name: Tally() for name in integers.cells}

    def neurons(population: Population, samples: int) -> Dynamics:
        return integers.cells[population.name].start(samples, tallies[population.name])

    found = run(Setting(integers.network, integers.dt, integers.legal.reset, neurons), inputs, record)
    overflows = {name: dict(sorted(tally.counts.items())) for name, tally in tallies.items()}
    return Emulation(integers.legal.chip, found, integers.losses, overflows)


def _check_spikes(inputs: Mapping[str, Signal]) -> None:
    for name, values in inputs.items():
        if values.dtype != bool and bool(((values != 0) & (values != 1)).any()):
            odd = values[(values != 0) & (values != 1)].flat[0]
            message = f"the data hold {odd:g}, and a chip takes at most one spike of an input in a step"
            raise InputError("DATA007", message, where=f"input {name!r}", hint="give 0 and 1, in finer timesteps")
