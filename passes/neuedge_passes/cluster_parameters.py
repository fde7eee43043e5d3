"""cluster-parameters: few different time constants and thresholds, as the tables of a core hold them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from neuedge_nir.chip.model import Chip
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import UsageError
from neuedge_nir.network.edit import with_remarks
from neuedge_nir.network.model import IF, LI, LIF, CubaLI, CubaLIF, FloatArray, Network, Neuron, Population, Threshold
from neuedge_nir.rewrite.door import Context, Table
from neuedge_passes.clustering import gathered

Floats = NDArray[np.float64]

SIGNIFICANT = 20
"""Bits to which numbers are told apart where no chip says it: some fewer than single precision has."""
ROUNDING = 1e-9
"""Relative changes that are floating point's own."""
HEADER = ("population", "parameters", "different", "after", "largest change %", "mean change %")


@dataclass(frozen=True, slots=True)
class Kinds:
    """What is told apart of a population, and to how many bits."""

    decays: int = SIGNIFICANT
    thresholds: int = SIGNIFICANT


@dataclass(frozen=True, slots=True)
class ClusterParameters:
    """At most `decays` different (tau_mem, tau_syn) and `thresholds` different thresholds in each population.

    Sound only as an approximation: every neuron gets the geometric mean of its group. Groups are those with the least
    sum of squared logarithms of the change, found by dynamic programming, where one number differs between neurons;
    pairs of which both differ are gathered along each and along both, and what is better is settled by Lloyd's
    iteration. Numbers that are not above 0 and finite stay as they are.

    Decays come first; r (and w_in, for tau_syn) changes with them, so that what a spike adds stays and only its fading
    changes. Thresholds are then compared as a chip has them: v_threshold in units of what an input of 1 adds, which
    depends on r, w_in and the time constants too; v_threshold alone is changed.

    Loihi 1 holds 32 pairs and 8 thresholds on a core; without this pass, neurons that differ more are spread over more
    cores, exactly. Both numbers are those of the target's tables unless said, and nothing is done where it has none.
    The largest and the mean change are told, and `--data` shows what becomes of spikes and answers.
    """

    name: ClassVar[str] = "cluster-parameters"
    summary: ClassVar[str] = "few different time constants and thresholds, as a core's tables hold them"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ()

    decays: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="different (tau_mem, tau_syn) in a population; none: as the target's table"),
    ] = None
    thresholds: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="different thresholds in a population; none: as the target's table"),
    ] = None
    population: Annotated[str, Meta(description="name of the population; empty: all")] = ""

    def settled(self, network: Network, context: Context) -> ClusterParameters:
        """The pass with the sizes of the target's tables. Raises `UsageError` (USE065) where nothing says any."""
        del network
        if context.chip is None:
            if self.decays is None and self.thresholds is None:
                hint = "--pass cluster-parameters:decays=32,thresholds=8, or give --target"
                message = f"the pass {self.name} needs numbers of different values"
                raise UsageError("USE065", message, where=f"--pass {self.name}", hint=hint)
            return self
        decays, thresholds = (_table(context.chip, formula) for formula in ("decay_profiles", "threshold_values"))
        return replace(
            self,
            decays=decays if self.decays is None else self.decays,
            thresholds=thresholds if self.thresholds is None else self.thresholds,
        )

    def run(self, network: Network, context: Context) -> Network:
        """The network with few values; the same network where there are no more.

        Raises `UsageError` (USE066) where there is no such population.
        """
        names = [population.name for population in network.populations]
        if self.population and self.population not in names:
            hint = f"there are: {', '.join(names[:8])}"
            raise UsageError("USE066", f"{self.population!r} is no population", where=f"--pass {self.name}", hint=hint)
        bits = _bits(context.chip)
        populations = tuple(
            self._clustered(p, bits) if self.population in ("", p.name) else p for p in network.populations
        )
        if all(new is old for new, old in zip(populations, network.populations, strict=True)):
            return network
        made = replace(network, populations=populations)
        return with_remarks(made, *(_remark(change) for change in changes(network, made, bits)))

    def report(self, before: Network, after: Network, context: Context) -> tuple[Table, ...]:
        """How far the values moved; nothing where none did."""
        rows = tuple(
            (c.population, c.parameters, c.before, c.after, 100 * c.largest, 100 * c.mean)
            for c in changes(before, after, _bits(context.chip))
        )
        return (Table("values that neurons share", HEADER, rows),) if rows else ()

    def _clustered(self, population: Population, bits: Kinds) -> Population:
        neuron = population.neuron
        if self.decays is not None:
            neuron = _with_decays(neuron, self.decays, bits.decays)
        if self.thresholds is not None:
            neuron = _with_thresholds(neuron, self.thresholds, bits.thresholds)
        return population if neuron is population.neuron else replace(population, neuron=neuron)


@dataclass(frozen=True, slots=True)
class Change:
    """How far values of a population moved, relative to what they were."""

    population: str
    parameters: str
    before: int
    after: int
    largest: float
    mean: float


def changes(before: Network, after: Network, bits: Kinds) -> Iterator[Change]:
    """What differs between two networks with the same populations, decays before thresholds."""
    for old, new in zip(before.populations, after.populations, strict=True):
        compared = (
            ("decays", taus_of(old.neuron), taus_of(new.neuron), bits.decays),
            ("thresholds", thresholds_of(old.neuron), thresholds_of(new.neuron), bits.thresholds),
        )
        for parameters, were, are, kept in compared if old.neuron is not new.neuron else ():
            moved = _moved(_rows(were), _rows(are))
            if moved.any():
                counts = different(were, kept), different(are, kept)
                yield Change(old.name, parameters, *counts, float(moved.max()), float(moved.mean()))


def _moved(were: Floats, are: Floats) -> Floats:
    """The larger of the relative changes of each neuron; what lies within rounding is none."""
    were, are = np.broadcast_arrays(were, are)
    ratio = np.where(were == are, 1.0, are / np.where(were == 0, 1.0, were))
    moved = np.abs(ratio - 1).max(axis=1, initial=0.0)
    return np.asarray(np.where(moved > ROUNDING, moved, 0.0))


def taus_of(neuron: Neuron) -> tuple[FloatArray, ...]:
    """The time constants of a neuron: of the membrane, and of the synapse where there is one."""
    match neuron:
        case LIF(tau=tau) | LI(tau=tau):
            return (tau,)
        case CubaLIF(tau_mem=tau, tau_syn=synapse) | CubaLI(tau_mem=tau, tau_syn=synapse):
            return (tau, synapse)
    return ()


def thresholds_of(neuron: Neuron) -> tuple[FloatArray, ...]:
    """The threshold in units of what an input of 1 adds to the potential; none where nothing fires."""
    match neuron:
        case IF(r=r, v_threshold=high):
            return (_real(high) / _real(r),)
        case LIF(r=r, v_threshold=high, tau=tau):
            return (_real(high) * _real(tau) / _real(r),)
        case CubaLIF(r=r, v_threshold=high, tau_mem=tau, tau_syn=synapse, w_in=w_in):
            return (_real(high) * _real(tau) * _real(synapse) / (_real(r) * _real(w_in)),)
        case Threshold(threshold=high):
            return (_real(high),)
    return ()


def different(columns: tuple[FloatArray, ...], bits: int) -> int:
    """How many different rows a chip sees that tells numbers apart to so many significant bits."""
    return len(np.unique(_rounded(_rows(columns), bits), axis=0))


def _with_decays(neuron: Neuron, most: int, bits: int) -> Neuron:
    old = taus_of(neuron)
    new = _gathered(old, most, bits, exact=True)
    if new is None:
        return neuron
    ratios = [fresh / _real(was) for fresh, was in zip(new, old, strict=True)]
    match neuron:
        case LIF() | LI():
            return replace(neuron, tau=new[0], r=neuron.r * ratios[0])
        case CubaLIF() | CubaLI():
            mem, syn = new
            return replace(neuron, tau_mem=mem, tau_syn=syn, r=neuron.r * ratios[0], w_in=neuron.w_in * ratios[1])
    return neuron


def _with_thresholds(neuron: Neuron, most: int, bits: int) -> Neuron:
    old = thresholds_of(neuron)
    new = _gathered(old, most, bits, exact=False)
    if new is None:
        return neuron
    ratio = np.where(new[0] == old[0], 1.0, new[0] / np.where(old[0] == 0, 1.0, old[0]))
    match neuron:
        case IF() | LIF() | CubaLIF():
            return replace(neuron, v_threshold=neuron.v_threshold * ratio)
        case Threshold():
            return replace(neuron, threshold=neuron.threshold * ratio)
    return neuron


def _gathered(columns: tuple[FloatArray, ...], most: int, bits: int, *, exact: bool) -> tuple[Floats, ...] | None:
    """The columns with the means of groups in place of their values; None where there are few enough already.

    Unless `exact`, means are rounded to the bits: products with what they are multiplied with then stay equal.
    """
    if not columns or different(columns, bits) <= most:
        return None
    rows = _rows(columns)
    able = np.all((rows > 0) & np.isfinite(rows), axis=1)
    logs = np.log(rows[able])
    groups = gathered(logs, max(1, most - different(tuple(rows[~able].T), bits)))
    often = np.bincount(groups)
    means = np.exp(np.stack([np.bincount(groups, weights=column) / np.maximum(often, 1) for column in logs.T], axis=1))
    found = rows.copy()
    found[able] = (means if exact else _rounded(means, bits))[groups]
    if np.allclose(found, rows, rtol=ROUNDING, atol=0):
        return None
    shape = np.broadcast_shapes(*(column.shape for column in columns))
    return tuple(column.reshape(shape) for column in found.T)


def _rows(columns: tuple[FloatArray, ...]) -> Floats:
    """One row for each neuron, or for each entry of what neurons share."""
    if not columns:
        return np.zeros((1, 0))
    return np.stack([column.ravel() for column in np.broadcast_arrays(*map(_real, columns))], axis=1)


def _rounded(values: Floats, bits: int) -> Floats:
    fraction, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits))


def _real(values: FloatArray) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _table(chip: Chip, formula: str) -> int | None:
    """How many different values a core of the chip holds, by the formula that counts them."""
    return min((limit.limit.count for limit in chip.limits if limit.formula == formula), default=None)


def _bits(chip: Chip | None) -> Kinds:
    """To how many bits the chip tells values apart."""
    found = {
        limit.formula: limit.parameters["significant_bits"].count
        for limit in (chip.limits if chip is not None else ())
        if "significant_bits" in limit.parameters
    }
    return Kinds(found.get("decay_profiles", SIGNIFICANT), found.get("threshold_values", SIGNIFICANT))


def _remark(change: Change) -> Diagnostic:
    message = (
        f"{change.before} different {change.parameters} become {change.after}: "
        f"changed by {change.largest:.2g} at most, {change.mean:.2g} on average"
    )
    return Diagnostic("PASS007", Severity.INFO, change.population, message)
