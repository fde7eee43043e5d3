"""Spikes per neuron and timestep: assumed, given, or simulated. Every traffic and energy figure rests on them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from neuedge_nir.arrays import load_arrays
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.network.typed import told

ASSUMED_RATE = 0.1
"""Spikes per neuron and timestep when nobody said: a round number, labelled assumed wherever it is used."""

SPIKES_A_STEP = 1.0
"""A neuron spikes at most once in a timestep (NIR's neurons are reset by a spike)."""
MESSAGES_A_STEP = 1e6
"""An input may hand over several events of a timestep one by one: no more than anybody counts in a bin."""

SIMULATED_MARK = "neuedge@simulated"
"""The array in a profile that says it comes from a simulation: samples, steps."""
PER_STEP = "@step"
"""What ends the name of an array that has one value for each timestep."""


class ActivityKind(StrEnum):
    ASSUMED = "assumed"
    GIVEN = "given"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Duration:
    """Timesteps of an inference: `steps` on average, of the `shown` in which a sample is presented.

    They differ where a sample ends as soon as the greatest summed output leads the next by `lead` (early exit).
    """

    steps: float
    shown: int
    lead: float | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """Mean spikes per neuron and timestep of each population and input port, by name."""

    kind: ActivityKind
    rates: Mapping[str, float]
    assumed: tuple[str, ...] = ()
    """Names that a given profile left out."""
    averaged: tuple[str, ...] = ()
    """Names whose neurons differ in the profile: their mean is used."""
    duration: Duration | None = None
    """How long a sample takes, where samples were simulated."""

    def remarks(self) -> list[Diagnostic]:
        """What had to be assumed although an activity was given."""
        found = []
        if self.assumed:
            message = f"the profile has no rate for {', '.join(self.assumed)}: {ASSUMED_RATE:g} assumed"
            found.append(Diagnostic("WARN004", Severity.ASSUMPTION, None, message, "add them to the profile"))
        if self.averaged:
            message = f"the neurons of {', '.join(self.averaged)} differ in the profile: each is given their mean"
            hint = "figures for a part of them, such as a core's messages, may be off"
            found.append(Diagnostic("WARN005", Severity.ASSUMPTION, None, message, hint))
        return found

    def rate(self, name: str) -> float:
        return self.rates[name]

    def mean(self, network: Network) -> float:
        """Spikes per neuron and timestep over all neurons of the populations."""
        spikes = sum(self.rates[p.name] * p.neurons for p in network.populations)
        return spikes / network.neurons if network.neurons else 0.0


def uniform(network: Network, rate: float, kind: ActivityKind = ActivityKind.GIVEN) -> Activity:
    """One rate for every spiking population and input.

    A population that hands on its membrane potential sends a value every step: its rate is 1.
    """
    rates = {port.name: rate for port in network.inputs}
    rates |= {p.name: rate if p.spiking else 1.0 for p in network.populations}
    return Activity(kind, rates)


def assumed(network: Network) -> Activity:
    """The activity used when nothing is known."""
    return uniform(network, ASSUMED_RATE, ActivityKind.ASSUMED)


def resolve_activity(wanted: str | float | Mapping[str, float] | Activity | None, network: Network) -> Activity:
    """What a user may give: nothing, a rate, rates by population, or an .npz file of rates or arrays by population.

    Raises `UsageError` for a rate that is no number of spikes, `InputError` for a file that does not fit.
    """
    if wanted is None:
        return assumed(network)
    if isinstance(wanted, str) and not wanted.strip():
        raise UsageError("USE010", "an empty activity", where="--activity", hint="give a rate or a file")
    if isinstance(wanted, Activity):
        known = assumed(network).rates
        return Activity(wanted.kind, {name: wanted.rates.get(name, rate) for name, rate in known.items()})
    if isinstance(wanted, Mapping):
        return _profile({name: _rates(name, rate) for name, rate in wanted.items()}, "activity", network)
    try:
        rate = float(wanted)
    except OverflowError:
        rate = math.inf
    except ValueError:
        path = Path(str(wanted))
        return _profile(_load(path), path.name, network)
    return uniform(network, _checked(rate, "--activity", SPIKES_A_STEP))


def _rates(name: object, value: object) -> np.ndarray:
    """Rates of a population, by its name. Raises `UsageError` (USE010) for what is no name, or no number."""
    try:
        if isinstance(name, str):
            return np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    message, hint = f"{told(name)} with the rate {told(value)}", "give rates, numbers from 0 to 1, by population"
    raise UsageError("USE010", message, where="activity", hint=hint)


def recorded_activity(
    rates: Mapping[str, np.ndarray], where: str, network: Network, *, simulated: bool = False
) -> Activity:
    """The activity that recordings show, spikes per neuron and step by population. Raises `InputError` as above."""
    return _profile(rates, where, network, simulated=simulated)


def _checked(rate: float, where: str, most: float) -> float:
    if not 0.0 <= rate <= most:
        raise UsageError(
            "USE010",
            f"an activity of {rate:g} spikes per neuron and step is not possible",
            where=where,
            hint=f"a rate is from 0 to {most:g}: of neurons spikes a timestep, not a second",
        )
    return rate


def _profile(arrays: Mapping[str, np.ndarray], where: str, network: Network, *, simulated: bool = False) -> Activity:
    populations = {p.name: p.neurons for p in network.populations}
    known = {port.name: port.neurons for port in network.inputs} | populations
    simulated = simulated or SIMULATED_MARK in arrays
    arrays = {name: values for name, values in arrays.items() if name in known or not _is_extra(name, known)}
    unknown = sorted(set(arrays) - set(known))
    if unknown:
        raise InputError(
            "USE011",
            f"no population is called {unknown[0]!r}",
            where=where,
            hint=f"known: {', '.join(sorted(known))}",
        )
    rates = dict(assumed(network).rates)
    for name, values in arrays.items():
        if values.size not in (1, known[name]):
            raise InputError(
                "USE011",
                f"{name!r} has {known[name]} neurons, its profile {values.size} rates",
                where=where,
                hint="give one rate, or one per neuron to be averaged",
            )
        most = SPIKES_A_STEP if name in populations else MESSAGES_A_STEP
        rates[name] = _checked(float(values.mean()), f"{where}: {name}", most)
    of_values = ActivityKind.SIMULATED if simulated else ActivityKind.GIVEN
    kind = of_values if arrays else ActivityKind.ASSUMED
    averaged = tuple(name for name, values in sorted(arrays.items()) if np.ptp(values) > 0)
    return Activity(kind, rates, tuple(sorted(set(rates) - set(arrays))), averaged)


def _is_extra(name: str, known: Collection[str]) -> bool:
    """Whether an array of a simulated profile says more than a plan asks for."""
    return name == SIMULATED_MARK or (name.endswith(PER_STEP) and name.removesuffix(PER_STEP) in known)


def _load(path: Path) -> dict[str, np.ndarray]:
    hint = "give a number, or a file of one array per population"
    arrays = load_arrays(path, "USE011", "the activity profile", hint)
    return {name: values.astype(np.float64) for name, values in arrays.items()}
