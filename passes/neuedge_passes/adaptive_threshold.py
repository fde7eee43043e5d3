"""adaptive-threshold: thresholds that follow the activity of a layer's input, or its own (Eq. 11 of NeuEdge)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import ADAPTIVE, IF, LIF, Adaptation, CubaLIF, Listening, Network, Population
from neuedge_nir.rewrite.door import Cell, Context, Table
from neuedge_passes.comparing import HEADER, Guard, answers_of, row

GAMMAS = (40.0, 20.0, 10.0, 5.0, 2.0, 1.0)
"""What a search tries."""
STATICS = (4.0, 3.0, 2.0, 1.5, 1.25, 1.1)
"""Thresholds that stay, times the model's: the control."""
MOST_GAMMA = 1e6
"""Nothing sensible is near it, and no threshold overflows."""
NUDGE = 0.1
"""A threshold is raised by this share of itself to see how the activity answers."""
OF_INTEGRATORS = 10
"""Timesteps of the time constant for neurons that have none."""


@dataclass(frozen=True, slots=True)
class AdaptiveThreshold:
    """The threshold of each population becomes v_threshold (1 + gamma (target - A[t])): Eq. 11 of NeuEdge.

    arXiv 2602.02439. A is a low-passed mean of spikes per neuron and timestep. Taken literally (`form=literal`) the
    threshold rises when little happens: a gate for noise, which saves spikes while the input idles and nothing else.
    `form=homeostatic` has the opposite sign: it calms what is busy and wakes what idles, and spends spikes on noise.

    `source=input`, the default, listens to the layer's sources, so that there is no loop. `source=self` (its own mean)
    and `source=neuron` (each its own spikes) are loops. Taken literally these are a positive feedback that latches: it
    is refused from gamma = 1 / |v_threshold dA/dv_threshold| on, estimated on calibration data by raising the threshold
    by a tenth. The homeostatic loop swings from dt / tau (1 + gamma |v_threshold dA/dv_threshold|) = 2 on: refused too.

    `target` is the mean activity of what A listens to on calibration data, which should show the input that the network
    is for, not the idle. `tau` is the membrane's time constant unless said. `low` and `high` bound the threshold. Under
    subtract reset a spike subtracts a constant: v_threshold (`drop=base`), or v_threshold (1 + gamma target), which
    `lower-adaptive:to=fold` needs (`drop=raised`). With `low=0,high=0,drop=raised` that fold is exact.

    With `search=true` gamma is the one with the fewest spikes on calibration data whose accuracy (agreement with the
    original, where there are no labels) is at most `max_loss` points lower, two standard errors of the paired
    difference to spare; none, where none keeps that (gamma=0). A search needs data that idle as well.

    The report shows it beside the control that needs no mechanism: thresholds that are higher and stay, chosen under
    the same guard. In measurements that often saves as much.
    """

    name: ClassVar[str] = "adaptive-threshold"
    summary: ClassVar[str] = "let thresholds follow the activity of a layer's input, or its own"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ("timestep",)

    gamma: Annotated[
        float, Meta(ge=0, le=MOST_GAMMA, description="how far an activity of 0 raises the threshold, per target")
    ] = 5.0
    source: Annotated[Literal["input", "self", "neuron"], Meta(description="whose spikes A is the mean of")] = "input"
    form: Annotated[Literal["literal", "homeostatic"], Meta(description="the sign: as Eq. 11 has it, or opposite")] = (
        "literal"
    )
    target: Annotated[
        str, Meta(description="spikes per neuron and step: one number, or one per population with / between; searched")
    ] = ""
    tau: Annotated[
        float, Meta(ge=0, description="time constant of A in the file's unit; 0: the membrane's, 10 steps for an IF")
    ] = 0.0
    low: Annotated[float, Meta(ge=0, description="lowest threshold over v_threshold; 0: no bound")] = 0.5
    high: Annotated[float, Meta(ge=0, description="highest threshold over v_threshold; 0: no bound")] = 4.0
    drop: Annotated[Literal["base", "raised"], Meta(description="what a spike subtracts, where it subtracts")] = "base"
    population: Annotated[str, Meta(description="name of the population; empty: all but those outputs read")] = ""
    slope: Annotated[
        str, Meta(description="v_threshold dA/dv_threshold, listed as targets; for source=self|neuron; searched")
    ] = ""
    search: Annotated[bool, Meta(description="find gamma on calibration data")] = False
    max_loss: Annotated[float, Meta(ge=0, le=100, description="points of accuracy that the search may lose")] = 1.0

    def settled(self, network: Network, context: Context) -> AdaptiveThreshold:
        """The pass with targets, slopes and gamma found on calibration data; itself where all are given."""
        chosen, loops = self._chosen(network), self.source != "input"
        if self.slope and not loops:
            hint = "leave it out, or choose source=self or source=neuron"
            message = "slope says how a loop answers, and source=input is none"
            raise UsageError("USE025", message, where=f"--pass {self.name}", hint=hint)
        if self.target and (self.slope or not loops) and not self.search:
            return self
        calibration = context.calibration
        if calibration is None:
            message = "target, slope and gamma are found on samples, apart from those to measure on"
            hint = "give --data with a split 'train', or --calibrate, or say them: see `passes show adaptive-threshold`"
            raise UsageError("USE026", message, where=f"--pass {self.name}", hint=hint)
        found = self
        if not self.target:
            made = self._tuned(network, chosen, [0.0] * len(chosen), context)
            run = simulate(network, calibration.of(network), context.dt, context.reset)
            found = replace(found, target=_listed([_mean(run, made, name) for name in chosen]))
        if loops and not self.slope:
            made = self._tuned(network, chosen, self._numbers("target", found.target, chosen), context)
            found = replace(found, slope=_listed(_slopes(made, chosen, context, calibration)))
        return _searched(found, network, context, calibration) if self.search else found

    def run(self, network: Network, context: Context) -> Network:
        """The network with adaptive thresholds; the same network where gamma is 0 or all is as wanted.

        Raises `UsageError`: USE031 where no such population can adapt, USE025 for numbers that make no rule, USE032 for
        a loop that is not stable, USE026 where targets or slopes are missing.
        """
        chosen = self._chosen(network)
        if not self.gamma:
            return network
        targets = self._numbers("target", self.target, chosen)
        made = self._tuned(network, chosen, targets, context)
        self._check_rules(made, chosen, context)
        if self.source != "input":
            self._check_stable(made, chosen, self._numbers("slope", self.slope, chosen), context)
        same = all(a.adaptation == b.adaptation for a, b in zip(made.populations, network.populations, strict=True))
        return network if same else made

    def report(self, before: Network, after: Network, context: Context) -> tuple[Table, ...]:
        """Spikes beside the control, and where the thresholds were, on the samples; nothing without samples."""
        if context.samples is None:
            return ()
        return _comparison(self, before, after, context, context.samples), self._rules(after, context, context.samples)

    def _chosen(self, network: Network) -> tuple[str, ...]:
        """The populations whose threshold is to follow."""
        able = [p for p in network.populations if isinstance(p.neuron, ADAPTIVE)]
        ports = {port.name for port in network.outputs}
        inner = [p.name for p in able if not {w.target for w in network.out_of(p.name)} <= ports]
        found = [self.population] if self.population else inner
        if not set(found) <= {p.name for p in able} or not found:
            what = f"{self.population!r} is no population" if self.population else "there is no inner population"
            hint = f"those with a threshold: {', '.join(p.name for p in able) or 'none'}"
            raise UsageError("USE031", f"{what} whose threshold can adapt", where=f"--pass {self.name}", hint=hint)
        return tuple(found)

    def _numbers(self, option: str, text: str, chosen: Sequence[str]) -> list[float]:
        """The numbers of an option, one for each population."""
        if not text:
            hint = "give --calibrate samples, or say it"
            raise UsageError("USE026", f"{option} is not given", where=f"--pass {self.name}", hint=hint)
        try:
            found = [float(part) for part in text.split("/")]
        except ValueError:
            found = [math.nan]
        found = found * len(chosen) if len(found) == 1 else found
        if len(found) != len(chosen) or not all(0 <= abs(number) < math.inf for number in found):
            message = f"{option}={text} is not one number, nor {len(chosen)}: for {', '.join(chosen)}"
            raise UsageError("USE025", message, where=f"--pass {self.name}", hint=f"such as {option}=0.1")
        return found

    def _tuned(self, network: Network, chosen: Sequence[str], targets: Sequence[float], context: Context) -> Network:
        """The network with the rules, whatever they are."""
        dt = _timestep(network, context)
        by_name = dict(zip(chosen, targets, strict=True))
        return replace(
            network,
            populations=tuple(
                replace(p, adaptation=self._rule(p, by_name[p.name], dt)) if p.name in by_name else p
                for p in network.populations
            ),
        )

    def _rule(self, population: Population, target: float, dt: float) -> Adaptation:
        tau = self.tau or _membrane(population, dt)
        return Adaptation(
            self.gamma,
            target,
            tau,
            Listening(self.source),
            self.form == "homeostatic",
            self.low or None,
            self.high or None,
            self.drop == "raised",
        )

    def _check_rules(self, made: Network, chosen: Sequence[str], context: Context) -> None:
        for name in chosen:
            population = made.population(name)
            assert population.adaptation is not None
            wrong = next(population.adaptation.faults(_timestep(made, context)), None)
            if wrong is None and not made.heard_by(population):
                wrong = "it has no source to listen to"
            if wrong is not None:
                hint = "low and high bound the threshold, drop=base subtracts v_threshold: see passes show"
                raise UsageError("USE025", f"{name}: {wrong}", where=f"--pass {self.name}", hint=hint)

    def _check_stable(self, made: Network, chosen: Sequence[str], slopes: Sequence[float], context: Context) -> None:
        dt = _timestep(made, context)
        for name, slope in zip(chosen, slopes, strict=True):
            rule = made.population(name).adaptation
            assert rule is not None
            loop = self.gamma * abs(slope)
            most = (2 * rule.tau / dt - 1 if rule.homeostatic else 1) / abs(slope) if slope else math.inf
            if loop and self.gamma >= most:
                what = "swings" if rule.homeostatic else "latches: a high threshold keeps itself high"
                message = f"with gamma {self.gamma:g} its threshold {what}; the activity allows less than {most:.3g}"
                hint = "choose a smaller gamma, or source=input, which is no loop"
                raise UsageError("USE032", message, where=f"node {name!r}", hint=hint)

    def _rules(self, after: Network, context: Context, samples: Samples) -> Table:
        """Target, activity and threshold of each population, and the gamma from which on its loop is unstable."""
        run = simulate(after, samples.of(after), context.dt, context.reset)
        slopes = [] if not self.slope else self._numbers("slope", self.slope, self._chosen(after))
        rows: list[tuple[Cell, ...]] = []
        for place, name in enumerate(self._chosen(after)):
            rule = after.population(name).adaptation
            if rule is not None:
                factors = run.factors[name]
                limit = 1 / abs(slopes[place]) if slopes and slopes[place] else None
                rows.append(
                    (name, rule.target, _mean(run, after, name), factors.mean(), factors.min(), factors.max(), limit)
                )
        header = ("population", "target", "spikes listened to", "threshold mean", "least", "most", "gamma below")
        return Table("Thresholds, in units of v_threshold", header, tuple(rows))


def _timestep(network: Network, context: Context) -> float:
    dt = context.dt if context.dt is not None else network.dt
    if dt is None:
        raise UsageError("USE026", "the pass adaptive-threshold needs a timestep", hint="give it with --dt")
    return dt


def _membrane(population: Population, dt: float) -> float:
    match population.neuron:
        case LIF(tau=tau) | CubaLIF(tau_mem=tau):
            return float(np.mean(tau))
        case IF():
            return OF_INTEGRATORS * dt
    raise TypeError(f"{population.model} has no threshold that could follow anything")


def _listed(numbers: Sequence[float]) -> str:
    """Numbers as an option has them, to six digits."""
    return "/".join(f"{number:.6g}" for number in numbers)


def _mean(run: Run, made: Network, name: str) -> float:
    """The mean activity in a run of what a population of `made` listens to."""
    counts = [run.counts[heard] for heard in made.heard_by(made.population(name))]
    neurons = sum(each.size for each in counts)
    return sum(float(each.sum()) for each in counts) / (max(1, neurons) * run.samples * run.steps)


def _slopes(made: Network, chosen: Sequence[str], context: Context, samples: Samples) -> list[float]:
    """v_threshold dA/dv_threshold of each population, from two evaluations: at its threshold, and a tenth above it.

    What a spike subtracts is as the rules of `made` have it, and stays.
    """

    def activity(name: str, factor: float) -> float:
        rule = made.population(name).adaptation
        assert rule is not None
        others = tuple(replace(p, adaptation=None) if p.name in chosen else p for p in made.populations)
        held = replace(made.population(name), adaptation=replace(rule, low=factor, high=factor))
        network = replace(made, populations=tuple(held if p.name == name else p for p in others))
        return simulate(network, samples.of(network), context.dt, context.reset).rate(name)

    return [(activity(name, 1 + NUDGE) - activity(name, 1.0)) / NUDGE for name in chosen]


def _raised(network: Network, names: Sequence[str], factor: float) -> Network:
    """The network with higher thresholds that stay."""

    def changed(population: Population) -> Population:
        if population.name not in names or not isinstance(population.neuron, ADAPTIVE):
            return population
        neuron = replace(population.neuron, v_threshold=population.neuron.v_threshold * factor)
        return replace(population, neuron=neuron)

    return replace(network, populations=tuple(changed(p) for p in network.populations))


def _searched(wanted: AdaptiveThreshold, network: Network, context: Context, calibration: Samples) -> AdaptiveThreshold:
    """The gamma with the fewest spikes that keeps the guard; 0 where none does, or none saves any."""
    guard = Guard(answers_of(network, calibration, context), calibration, wanted.max_loss)
    best, fewest = 0.0, guard.original.spikes
    for gamma in GAMMAS:
        try:
            made = replace(wanted, gamma=gamma).run(network, context)
        except UsageError as error:
            if error.code != "USE032":
                raise
            continue
        answers = answers_of(made, calibration, context)
        if answers.spikes < fewest and guard.kept(answers):
            best, fewest = gamma, answers.spikes
    return replace(wanted, gamma=best, search=False)


def _comparison(made: AdaptiveThreshold, before: Network, after: Network, context: Context, samples: Samples) -> Table:
    """The original, the control and the adaptive thresholds, each on the samples."""
    original = answers_of(before, samples, context)
    rows = [("original", original)]
    if context.calibration is not None:
        for factor in _static(made, before, context, context.calibration):
            answers = answers_of(_raised(before, made._chosen(before), factor), samples, context)
            rows.append((f"thresholds x {factor:g}, static", answers))
    rows.append(("adaptive", answers_of(after, samples, context)))
    title = f"Spikes per sample: gamma {made.gamma:g}, source {made.source}, {made.form}"
    return Table(title, HEADER, tuple(row(name, answers, original, samples) for name, answers in rows))


def _static(made: AdaptiveThreshold, network: Network, context: Context, calibration: Samples) -> Iterator[float]:
    """The highest thresholds that keep the guard on the calibration data, if any do."""
    guard = Guard(answers_of(network, calibration, context), calibration, made.max_loss)
    names = made._chosen(network)
    kept = (f for f in STATICS if guard.kept(answers_of(_raised(network, names, f), calibration, context)))
    yield from (factor for _, factor in zip(range(1), kept, strict=False))
