"""What a network costs on a chip, as the compiler reports it: nothing here knows a joule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import neuedge_nir
from neuedge_nir import Network, Options
from neuedge_nir.interpreter.answers import Course
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.plan.model import Plan

CHIP = "loihi2"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A run on samples: the course, and the rates that a compilation is given."""

    course: Course
    rates: Mapping[str, float]
    steps: int
    accuracy: float

    @property
    def spikes(self) -> float:
        """Of a sample, those of the input too."""
        return self.course.whole().spikes


PART = 500
"""Samples that are coded and run at a time: those of a whole test set, in every timestep, take gigabytes."""


def measured(network: Network, samples: Samples) -> Measured:
    """Run a classifier on all steps of samples."""
    parts = [samples.part(slice(start, start + PART)) for start in range(0, samples.count, PART)]
    runs = [simulate(network, part.of(network)) for part in parts]
    course = Course.joined([Course.of_run(network, run) for run in runs])
    right = course.whole().accuracy(samples.labels) if samples.labels is not None else 0.0
    rates = {name: sum(run.rate(name) * run.samples for run in runs) / samples.count for name in runs[0].counts}
    return Measured(course, rates, samples.steps, right)


def rates_of(run: Run) -> dict[str, float]:
    """Spikes per neuron and timestep, by input and population."""
    return {name: run.rate(name) for name in run.counts}


@dataclass(frozen=True, slots=True)
class Price:
    """Of one inference on a chip: dynamic energy and the whole one, low, typical and high (nJ); latency (ms)."""

    dynamic_nj: tuple[float, float, float]
    typical_all_nj: float
    latency_ms: tuple[float, float, float]


def planned(
    network: Network, rates: Mapping[str, float], steps: int, chip: str = CHIP, copies: int | None = None
) -> Plan:
    """The plan of a network with the activity that it has; with copies, of so many on one chip."""
    few = {name: min(rate, 1.0) for name, rate in rates.items()}
    options = Options(activity=few, steps_per_sample=steps, effort="quick", copies=copies, chips=copies and 1)
    return neuedge_nir.compile(network, chip, options)


def price(network: Network, rates: Mapping[str, float], steps: int, chip: str = CHIP) -> Price:
    """What the plan says of an inference of so many timesteps."""
    return of_plan(planned(network, rates, steps, chip))


def of_plan(plan: Plan) -> Price:
    cost = plan.cost.inference
    assert cost is not None  # how long a sample is was said
    spent, idle, late = cost.dynamic_j, cost.static_j, cost.latency_s
    low, typical, high = (1e9 * (value or 0.0) for value in (spent.low, spent.typical, spent.high))
    times = tuple(1e3 * (value or 0.0) for value in (late.low, late.typical, late.high))
    return Price((low, typical, high), typical + 1e9 * (idle.typical or 0.0), times)  # type: ignore[arg-type]
