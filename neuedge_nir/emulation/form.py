"""Every neuron model in one form, which all arithmetics scale and round.

    i = (1 - synapse) i + synapse_gain S    where there is a synaptic filter, else i = S
    v = (1 - rate) v + gain i + drive       a spike where v > threshold, which may subtract `drop`

S is what arrives, without the bias. The bias is a constant current: `drive` holds what it adds to v once a synaptic
filter in front of it has settled, because chips add it to v. A threshold that follows an activity is multiplied with a
factor in each timestep, and never exceeds `highest`; the factor is a real number, the product is rounded to the
chip's threshold. A constant leak is in `drive`, below zero; one that reverses has it for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError
from neuedge_nir.network.model import IF, LI, LIF, Adaptation, ConstantLeak, CubaLI, CubaLIF, I, Population, Threshold

Array = NDArray[np.float64]

LARGEST = 1e30
"""No model has numbers beyond it, or below one in as many."""

ALL = np.ones((), np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """The numbers of a population's equations, each broadcastable to its shape; None: no filter, no spikes."""

    rate: Array
    gain: Array
    drive: Array
    threshold: Array | None
    synapse: Array | None = None
    synapse_gain: Array | None = None
    rule: Adaptation | None = None
    leak: ConstantLeak | None = None

    @property
    def drop(self) -> Array | None:
        """What a spike subtracts where it subtracts."""
        return self.threshold if self.rule is None or self.threshold is None else self.threshold * self.rule.drop

    @property
    def highest(self) -> Array | None:
        """What must fit where thresholds are kept: the highest, and what a spike subtracts."""
        if self.rule is None or self.threshold is None:
            return self.threshold
        return self.threshold * max(1.0, self.rule.most, self.rule.drop)

    @property
    def per_input(self) -> Array:
        """What v gains in the first step from an input of 1."""
        return self.gain if self.synapse_gain is None else self.gain * self.synapse_gain


def form(population: Population, dt: float, chip: Chip) -> Form:
    """The equations of a population in discrete time.

    Raises `CapacityError` (FIT019) for what no scaling turns into the chip's: a gain that is not positive, a time
    constant shorter than a timestep, a negative threshold, numbers beyond all measure.
    """
    with np.errstate(all="ignore"):  # what overflows is refused below
        found = _leaking(replace(_form(population, dt), rule=population.adapts), population, dt, chip)
        per_input = found.per_input
    if np.any(still := ~(per_input > 0)):
        what, hint = "its r, or w_in, is not above zero", "fold the sign into the weights"
        raise out_of_range(population, chip, what, hint, still)
    rates = [found.rate] if found.synapse is None else [found.rate, found.synapse]
    for rate in rates:
        if np.any(hasty := rate > 1):
            what, hint = "a time constant is shorter than a timestep", "choose a smaller --dt"
            raise out_of_range(population, chip, what, hint, hasty)
    if found.threshold is not None and np.any(below := found.threshold < 0):
        raise out_of_range(population, chip, "its threshold is below zero", "shift its potentials", below)
    threshold = np.zeros(()) if found.threshold is None else found.threshold
    check_size(population, chip, (per_input, threshold), found.drive)
    return found


def check_size(population: Population, chip: Chip, numbers: tuple[Array, ...], drive: Array | None = None) -> None:
    """No number is so large or small that products of a few of them leave double precision; a drive may be small."""
    sizes = [np.abs(values) for values in numbers]
    small = any(np.any((size > 0) & (size < 1 / LARGEST)) for size in sizes)
    if drive is not None:
        sizes.append(np.abs(drive))
    if small or not all(np.all(size <= LARGEST) for size in sizes):
        hint = "give the model in other units"
        raise out_of_range(population, chip, f"its numbers are not within {1 / LARGEST:g} .. {LARGEST:g}", hint)


def out_of_range(
    population: Population, chip: Chip, what: str, hint: str, which: NDArray[np.bool_] = ALL
) -> CapacityError:
    """`which` of its neurons: all, where it is the scale that they share."""
    return CapacityError(
        "FIT019",
        f"{what}, which the arithmetic of {chip.title} cannot hold",
        where=f"node {population.name!r}",
        resource="neurons with such numbers",
        needed=int(np.count_nonzero(np.broadcast_to(which, population.shape))),
        available=0,
        hint=hint,
    )


def _leaking(found: Form, population: Population, dt: float, chip: Chip) -> Form:
    leak = population.leak
    if leak is None:
        return found
    if leak.reverses and np.any(found.drive):
        raise CapacityError(
            "FIT052",
            f"it has a bias and a leak that reverses, and a neuron of {chip.title} has one register for both",
            where=f"node {population.name!r}",
            resource="neurons with a bias and such a leak",
            needed=int(np.count_nonzero(np.broadcast_to(found.drive, population.shape))),
            available=0,
            hint="--pass approximate-leak:form=floor has a leak that adds to the bias",
        )
    return replace(found, drive=found.drive - dt * _real(leak.amount), leak=leak)


def _form(population: Population, dt: float) -> Form:
    bias = np.zeros(()) if population.bias is None else np.asarray(population.bias, np.float64)
    match population.neuron:
        case IF(r=r, v_threshold=threshold):
            return Form(np.zeros(()), dt * _real(r), dt * _real(r) * bias, _real(threshold))
        case I(r=r):
            return Form(np.zeros(()), dt * _real(r), dt * _real(r) * bias, None)
        case Threshold(threshold=threshold):
            return Form(np.ones(()), np.ones(()), bias, _real(threshold))
        case LIF(tau=tau, r=r, v_leak=leak) | LI(tau=tau, r=r, v_leak=leak):
            rate = dt / _real(tau)
            return Form(rate, rate * r, rate * (leak + r * bias), _threshold(population))
        case (
            CubaLIF(tau_mem=tau, r=r, v_leak=leak, tau_syn=syn, w_in=w_in)
            | CubaLI(tau_mem=tau, r=r, v_leak=leak, tau_syn=syn, w_in=w_in)
        ):
            rate, synapse = dt / _real(tau), dt / _real(syn)
            drive = rate * (leak + r * (w_in * bias))
            return Form(rate, rate * r, drive, _threshold(population), synapse, synapse * w_in)


def _threshold(population: Population) -> Array | None:
    found = population.parameters.get("v_threshold")
    return None if found is None else _real(found)


def _real(value: NDArray[np.floating]) -> Array:
    return np.asarray(value, np.float64)
