"""How long a timestep is: NIR does not say, but the parameters that exporters computed from it do.

Several exporters fold the timestep into a gain: r = tau / dt (snnTorch, SpikingJelly), w_in = tau_syn / dt,
r = 1 / dt for neurons without leak, r = tau exp(-dt / tau) / dt (Rockpool). Where that is so, dt can be had back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.frontend.compact import extremes
from neuedge_nir.frontend.raw import MetadataValue, RawGraph
from neuedge_nir.frontend.settings import Settings, metadata_in
from neuedge_nir.network.model import IF, LI, LIF, CubaLI, CubaLIF, I, Population

AGREE = 1e-3
"""Clues that differ by less than this, relatively, are one: parameters are often stored in single precision."""

EVEN = 1e-5
"""A ratio is the same for all neurons of a population up to this."""

SHORTEST_TAU = 1e-4
"""Seconds. Membranes and synapses are slower than that, so a shorter constant is a slip."""

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Clue:
    """A timestep in the file's time unit, and what says so. A weak one counts where there is no other."""

    dt: float
    evidence: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """The timestep, None where nobody knows it, and what is to be said of it."""

    dt: float | None
    remarks: tuple[Diagnostic, ...]


def clock(populations: Sequence[Population], graph: RawGraph, given: float | None, stated: Settings) -> Clock:
    """NIR003: the timestep that was asked for, or that neuedge wrote into the file, or that its parameters imply."""
    odd = tuple(unusable(graph))
    clues = () if stated.untimed else implied(populations, graph)
    groups = _grouped(sorted(clues, key=lambda clue: (clue.weak, clue.dt)))
    known = given if given is not None else stated.dt
    if known is not None:
        other = _otherwise(known, stated.dt)
        return Clock(known, (*odd, *other, *_contradictions(known, groups), *norse_taus(populations, known)))
    if len(groups) == 1:
        dt, inferred = _inferred(groups[0])
        return Clock(dt, (*odd, inferred, *norse_taus(populations, dt)))
    if groups:
        said = "; ".join(_evidence(group) for group in groups[:4])
        message = f"the file implies different timesteps: {said}"
    else:
        message = "nothing in the file says how long a timestep is"
    hint = "say it with --dt, in the file's time unit; delays, energy per second and simulation need it"
    remark = Diagnostic("NIR003", Severity.WARNING, None, message, hint)
    return Clock(None, (*odd, remark, *norse_taus(populations, None)))


def _inferred(group: Sequence[Clue]) -> tuple[float, Diagnostic]:
    message = f"the timestep is taken as {_evidence(group)}"
    remark = Diagnostic("NIR003", Severity.ASSUMPTION, None, message, "say another with --dt")
    return float(f"{group[0].dt:.6g}"), remark


def _otherwise(known: float, stated: float | None) -> Iterator[Diagnostic]:
    """Another timestep was asked for than the file names."""
    if stated is not None and stated != known:
        message = f"the timestep is {known:g}, but the file says {stated:g}"
        yield Diagnostic("NIR003", Severity.WARNING, None, message, "check --dt and its unit")


def _contradictions(known: float, groups: Iterable[Sequence[Clue]]) -> Iterator[Diagnostic]:
    for group in groups:
        if not group[0].weak and not math.isclose(group[0].dt, known, rel_tol=AGREE):
            message = f"the timestep is {known:g}, but the file implies {_evidence(group)}"
            yield Diagnostic("NIR003", Severity.WARNING, None, message, "check --dt and its unit")


def _evidence(group: Sequence[Clue]) -> str:
    first = group[0]
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    return f"{first.dt:.6g}, from {first.evidence}{more}"


def _grouped(clues: Sequence[Clue]) -> list[list[Clue]]:
    """Clues that agree together; weak ones only where there are no others."""
    if any(not clue.weak for clue in clues):
        clues = [clue for clue in clues if not clue.weak]
    groups: list[list[Clue]] = []
    for clue in clues:
        if groups and math.isclose(groups[-1][0].dt, clue.dt, rel_tol=AGREE):
            groups[-1].append(clue)
        else:
            groups.append([clue])
    return groups


def implied(populations: Sequence[Population], graph: RawGraph | None = None) -> Iterator[Clue]:
    """The timesteps that the parameters imply, and those in the metadata of a graph."""
    for where, metadata in metadata_in(graph) if graph is not None else ():
        if (dt := _stated(metadata.get("dt"))) is not None:
            yield Clue(dt, f"the metadata 'dt' of {where}")
    leaky = any(not isinstance(p.neuron, IF | I) for p in populations)
    for population in populations:
        yield from _clues_of(population, leaky)


def _stated(value: MetadataValue | None) -> float | None:
    """The timestep that an exporter wrote into the metadata, if it is one."""
    if not isinstance(value, np.ndarray) or value.size != 1 or value.dtype.kind not in "iuf":
        return None
    dt = float(value.reshape(-1)[0])
    return dt if 0 < dt < math.inf else None


def unusable(graph: RawGraph) -> Iterator[Diagnostic]:
    """NIR003: what stands in the metadata as 'dt' and is no positive number. One remark, at the first of them."""
    odd = [where for where, metadata in metadata_in(graph) if "dt" in metadata and _stated(metadata["dt"]) is None]
    if odd:
        more = f" and of {len(odd) - 1} more" if len(odd) > 1 else ""
        message = f"the metadata 'dt' of {odd[0]}{more} is no positive number: not used"
        yield Diagnostic("NIR003", Severity.WARNING, None, message, "say the timestep with --dt")


def _clues_of(population: Population, leaky: bool) -> Iterator[Clue]:
    match population.neuron:
        case IF(r=r) | I(r=r):
            # A gain of 1 says "time in steps" where nothing leaks, and nothing where something does.
            dt = _even(1.0, r)
            if dt is not None and not (dt == 1.0 and leaky):
                yield Clue(dt, f"1/r of {population.name!r}", weak=dt == 1.0)
        case LIF(tau=tau, r=r) | LI(tau=tau, r=r):
            yield from _ratio(population.name, "tau", tau, "r", r)
        case CubaLIF() | CubaLI() as neuron:
            yield from _ratio(population.name, "tau_syn", neuron.tau_syn, "w_in", neuron.w_in)
            yield from _ratio(population.name, "tau_mem", neuron.tau_mem, "r", neuron.r)


def _ratio(node: str, above: str, tau: Floats, below: str, gain: Floats) -> Iterator[Clue]:
    if extremes(gain) == (1, 1):
        return  # the exporter folded nothing in
    plain, decayed = _even(tau, gain), _even_decayed(tau, gain)
    if decayed is not None and (plain is None or (_is_round(decayed) and not _is_round(plain))):
        yield Clue(decayed, f"{below} = {above} exp(-dt/{above}) / dt of {node!r}")
    elif plain is not None:
        yield Clue(plain, f"{above}/{below} of {node!r}")


@np.errstate(all="ignore")
def _even(above: Floats | float, below: Floats) -> float | None:
    """The ratio, if it is positive and the same for all neurons."""
    if not np.all(below > 0):
        return None
    ratio = np.asarray(above / below, dtype=np.float64)
    low, high = float(ratio.min()), float(ratio.max())
    return low if 0 < low < math.inf and high <= low * (1 + EVEN) else None


@np.errstate(all="ignore")
def _even_decayed(tau: Floats, gain: Floats) -> float | None:
    """dt from gain = tau exp(-dt / tau) / dt: x exp(x) = 1 / gain for x = dt / tau, by Newton's method."""
    if not np.all(gain > 0):
        return None
    wanted = 1 / np.asarray(gain, dtype=np.float64)
    x = np.log1p(wanted)
    for _ in range(20):
        x = x - (x * np.exp(x) - wanted) / ((x + 1) * np.exp(x))
    return _even(tau, 1 / x)


def _is_round(value: float) -> bool:
    """Whether someone may have chosen it: 1, 2, 2.5 or 5 times a power of ten."""
    mantissa = float(f"{value:.15e}".partition("e")[0])
    return any(math.isclose(mantissa, chosen, rel_tol=AGREE) for chosen in (1, 2, 2.5, 5, 10))


def norse_taus(populations: Sequence[Population], dt: float | None) -> Iterator[Diagnostic]:
    """NIR003: Norse writes dt / tau_inv for a time constant of 1 / tau_inv: too short by the factor dt.

    Said and not changed: https://github.com/norse/norse/issues/411. Norse folds no timestep into its gains.
    """
    for population in populations:
        parameters = population.parameters
        if any(extremes(parameters[gain]) != (1, 1) for gain in ("r", "w_in") if gain in parameters):
            continue
        taus = [extremes(value)[0] for name, value in parameters.items() if name.startswith("tau")]
        if taus and min(taus) < (dt if dt is not None else SHORTEST_TAU):
            than = f"the timestep of {dt:g}" if dt is not None else "any membrane's"
            message = f"a time constant of {min(taus):g} is shorter than {than}: nothing was changed"
            step = dt if dt is not None else 1e-3
            lacking = f"the constant lacks a factor 1/dt: {min(taus) / step:g} at dt = {step:g}"
            hint = f"if Norse wrote this, {lacking}; export again with to_nir(..., dt=1)"
            yield Diagnostic("NIR003", Severity.WARNING, population.name, message, hint)
