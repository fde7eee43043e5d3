"""A processor beside the chips: power times time, stated or measured here."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from neuedge_nir.across.answers import Answer, Measures
from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.plan.figures import Interval

HERE = "measured here, on this machine"
STATED = "stated by whoever asked"
SHAPE = "write NAME:WATTS, NAME:WATTS:SECONDS or NAME:WATTS:SECONDS:SOURCE, as in cpu:15:0.003"
RUNS = 10
"""Samples of which the median time is taken."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A processor: its power in watts, its time for an inference in seconds (None: to be measured), and who says so."""

    name: str
    power_w: float
    time_s: float | None
    source: str


def baseline_of(text: str) -> Baseline:
    """`NAME:WATTS[:SECONDS[:SOURCE]]`. Raises `UsageError` (USE112) for anything else."""
    name, _, rest = text.partition(":")
    power, _, rest = rest.partition(":")
    seconds, _, source = rest.partition(":")
    if not name.strip():
        raise UsageError("USE112", f"{text!r} names no processor", where="--baseline", hint=SHAPE)
    return Baseline(name, _positive(power, text), _positive(seconds, text) if seconds else None, source or STATED)


def _positive(number: str, text: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError("USE112", f"{number!r} of {text!r} is no positive number", where="--baseline", hint=SHAPE)
    return value


def seconds_here(network: Network, samples: Samples, dt: float | None, reset: ResetMode | None) -> float:
    """The median time that our own simulator takes for one sample, each on its own; the first one is run twice."""
    taken = []
    for k in [0, *range(min(RUNS, samples.count))]:
        one = samples.part(slice(k, k + 1)).of(network)
        started = time.perf_counter()
        simulate(network, one, dt, reset)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def row_of(baseline: Baseline, seconds: float | None, per: str, accuracy: float | None) -> Answer:
    """The row of a processor; `seconds` is what was measured, where nothing was stated."""
    duration = baseline.time_s if baseline.time_s is not None else seconds
    assert duration is not None
    how = baseline.source if baseline.time_s is not None else f"{HERE}, by our own simulator, a sample at a time"
    power = "" if baseline.time_s is not None else f" {baseline.source}"
    joules = baseline.power_w * duration
    measures = Measures(
        per,
        Interval(joules, joules, joules, f"{baseline.power_w:g} W{power} x {duration:.3g} s {how}"),
        Interval(duration, duration, duration, how),
        Interval(1 / duration, 1 / duration, 1 / duration, f"1 / time: {how}"),
        frozenset(),
        accuracy=accuracy,
    )
    return Answer(baseline.name, {}, measures, None, None, "baseline")
