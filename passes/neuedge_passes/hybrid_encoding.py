"""hybrid-encoding: fewer input spikes than a rate code needs, by an encoder whose setting is searched for on data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.answers import Course
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.connect import Conv, Dense, Operator, Scale
from neuedge_nir.network.edit import with_operators
from neuedge_nir.network.model import HybridEncoder, Network, ResetMode
from neuedge_nir.rewrite.door import Context, Table
from neuedge_passes.comparing import HEADER, Guard, answers_of, apart, row

Reset = Literal["zero", "subtract"]
SCALES = (1.0, 1.5, 2.0, 3.0)
BASES = (1.0, 2.0, 4.0, 8.0)
ALPHAS = (0.0, 0.75)
CAPS = (0, 3, 2, 1)
RESETS: tuple[Reset, ...] = ("zero", "subtract")
SHORT_SCALES = (0.75, 1.0, 1.5, 2.0)
SHORT_BASES = (0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
WINDOWS = (0.08, 0.12, 0.16, 0.2, 0.24, 0.32, 0.4)
"""Shares of a sample's timesteps, tried without a cap, with alpha = 0, and with both resets: caps spare the later
spikes of every element, windows spare those of all, and keep more of the proportions between them. A low base sends
strong values in every step of a short window."""
FEW, GRACE = 100, 2.0
"""So many samples tell the bad ones: those whose loss exceeds what is allowed by so many standard errors."""
MORE = 300
"""So many samples at first for each candidate that is left: most fail there."""
MILDER = 1.05
"""A candidate that fails on those others is followed by one with so many times its spikes: a second look at nearly the
same setting would be another throw of the same dice."""
MOST = 1e6
"""What a base or a factor may be at most: nothing sensible is near it, and no number overflows."""
MARGINS = tuple(2.0**k for k in range(-4, 9))
"""Early exits that are tried as a control, times the mean size of a summed output's lead."""


@dataclass(frozen=True, slots=True)
class HybridEncoding:
    """Each input element integrates its value x, from 0 to 1, and spikes above v_base (1 - alpha x): Eq. 7 of NeuEdge.

    The spikes of a rate code are replaced by these (arXiv 2602.02439, Eq. 6-8). Larger v_base, a `cap` on the spikes
    of an element, and a `window`, after which none is sent in a sample, save spikes; alpha, taken literally, makes more
    of them, sooner. `weight_scale` multiplies the weights behind the input, for fewer spikes carry less current.
    `reset` is what a spike does to the encoder's membrane.

    With `search=true` all of them are searched for on calibration data, apart from the samples that are measured: the
    fewest spikes in all whose accuracy (agreement with the original, where there are no labels) is no more than
    `max_loss` points lower, with two standard errors of the paired difference to spare. The search is deterministic. On
    the first 100 samples it ranks the candidates. Then each that may do, the most frugal first, must stay within the
    loss on a third of the samples, 1,000 at most, and is held against the others, which chose none, until one keeps the
    guard there. Where none does the network stays as it is (v_base=0).

    The report shows it beside two controls that need no encoder, chosen on the same calibration data under the same
    guard: the original network on fewer timesteps, and stopping early where the answer is clear. In measurements these
    often do as well; alpha brought nothing that v_base and the cap did not. The encoder is shown with an early exit
    too.
    """

    name: ClassVar[str] = "hybrid-encoding"
    summary: ClassVar[str] = "encode inputs by rate and time, with fewer spikes"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ()

    v_base: Annotated[
        float, Meta(ge=0, le=MOST, description="threshold of the encoder; 0 leaves the input as it is")
    ] = 4.0
    alpha: Annotated[float, Meta(ge=0, lt=1, description="how far a value of 1 lowers its own threshold")] = 0.0
    cap: Annotated[int, Meta(ge=0, description="most spikes of an element in a sample; 0 for any number")] = 0
    window: Annotated[int, Meta(ge=0, description="timesteps of a sample with spikes; 0 for all of them")] = 0
    weight_scale: Annotated[float, Meta(gt=0, le=MOST, description="factor on the weights behind the input")] = 1.0
    reset: Annotated[Reset, Meta(description="the encoder's reset")] = "zero"
    input: Annotated[str, Meta(description="name of the input; empty for all of them")] = ""
    search: Annotated[bool, Meta(description="find all these on calibration data")] = False
    max_loss: Annotated[float, Meta(ge=0, le=100, description="points of accuracy that the search may lose")] = 1.0

    def settled(self, network: Network, context: Context) -> HybridEncoding:
        """The pass with the setting that a search found; itself where none is asked for."""
        self._check(network)
        if not self.search:
            return self
        if context.calibration is None:
            message = "the search needs samples, apart from those to measure on"
            hint = "give --data with a split 'train', or --calibrate"
            raise UsageError("USE026", message, where=f"--pass {self.name}", hint=hint)
        return replace(_searched(self, network, context, context.calibration), search=False)

    def run(self, network: Network, context: Context) -> Network:
        """The network with encoders at its inputs; the same network where they are there, or v_base is 0."""
        del context
        self._check(network)
        reset = ResetMode(self.reset)
        encoder = HybridEncoder(self.v_base, self.alpha, self.cap or None, reset, self.window or None)
        changed = [port.name for port in network.inputs if self._is_meant(port.name) and port.encoder != encoder]
        if not self.v_base or not changed:
            return network
        ports = (replace(port, encoder=encoder) if port.name in changed else port for port in network.inputs)
        coded = replace(network, inputs=tuple(ports))
        return coded if self.weight_scale == 1.0 else _scaled(coded, changed, self.weight_scale)

    def report(self, before: Network, after: Network, context: Context) -> tuple[Table, ...]:
        """The setting and its controls on the samples; nothing without samples."""
        if context.samples is None:
            return ()
        return (_comparison(self, before, after, context, context.samples),)

    def _is_meant(self, name: str) -> bool:
        return self.input in ("", name)

    def _check(self, network: Network) -> None:
        if not any(self._is_meant(port.name) for port in network.inputs):
            known = ", ".join(port.name for port in network.inputs)
            raise UsageError("USE028", f"there is no input {self.input!r}", where=f"--pass {self.name}", hint=known)


def _scaled(network: Network, ports: Sequence[str], factor: float) -> Network:
    """The network with the signals from these inputs multiplied: in their first weights, else by a Scale."""
    firsts: set[int] = set()
    projections = []
    for projection in network.projections:
        weighted = next((op for op in projection.chain if isinstance(op, Dense | Conv)), None)
        if projection.source in ports and weighted is None:
            scale = Scale("encoder_scale", np.array(factor), projection.source_shape)
            projection = replace(projection, chain=(scale, *projection.chain))
        elif projection.source in ports:
            firsts.add(id(weighted))
        projections.append(projection)

    def multiplied(operator: Operator) -> Operator:
        if id(operator) not in firsts or not isinstance(operator, Dense | Conv):
            return operator
        return replace(operator, weight=np.asarray(operator.weight) * operator.weight.dtype.type(factor))

    return with_operators(replace(network, projections=tuple(projections)), multiplied)


def _searched(wanted: HybridEncoding, network: Network, context: Context, calibration: Samples) -> HybridEncoding:
    """The candidate with the fewest spikes that keeps the guard on samples that chose none; else v_base = 0."""
    seen, others = apart(calibration)
    trials = [_trial(wanted, network, context, part) for part in (seen.part(slice(MORE)), seen)]
    proof = _trial(wanted, network, context, others)
    least = 0.0
    for candidate, spikes in _promising(wanted, network, context, seen):
        coded = candidate.run(network, context)
        if spikes < least or not all(guard.kept(answers_of(coded, guard.samples, context), 0.0) for guard in trials):
            continue
        answers = answers_of(coded, others, context)
        if proof.kept(answers) and answers.spikes < proof.original.spikes:
            return candidate
        least = spikes * MILDER
    return replace(wanted, v_base=0.0, alpha=0.0, cap=0, window=0, weight_scale=1.0)


def _trial(wanted: HybridEncoding, network: Network, context: Context, samples: Samples) -> Guard:
    return Guard(answers_of(network, samples, context), samples, wanted.max_loss)


def _promising(
    wanted: HybridEncoding, network: Network, context: Context, calibration: Samples
) -> list[tuple[HybridEncoding, float]]:
    """The candidates that a few samples do not tell to be bad, with their spikes there, those with the fewest first.

    Of those that answer and spend the same the first one stands for all: in a short window both resets are often one.
    """
    guard = _trial(wanted, network, context, calibration.part(slice(FEW)))
    found: dict[tuple[float, float, bytes], HybridEncoding] = {}
    for candidate in _candidates(wanted, calibration.steps):
        answers = answers_of(candidate.run(network, context), guard.samples, context)
        if answers.spikes < guard.original.spikes and guard.kept(answers, -GRACE):
            found.setdefault((answers.spikes, answers.input_spikes, answers.classes.tobytes()), candidate)
    return [(found[key], key[0]) for key in sorted(found)]


def _candidates(wanted: HybridEncoding, steps: int) -> Iterator[HybridEncoding]:
    for base, alpha, cap, scale in product(BASES, ALPHAS, CAPS, SCALES):
        yield replace(wanted, v_base=base, alpha=alpha, cap=cap, window=0, weight_scale=scale)
    windows = sorted({max(1, round(share * steps)) for share in WINDOWS})
    for base, window, scale, reset in product(SHORT_BASES, windows, SHORT_SCALES, RESETS):
        yield replace(wanted, v_base=base, alpha=0.0, cap=0, window=window, weight_scale=scale, reset=reset)


def _comparison(made: HybridEncoding, before: Network, after: Network, context: Context, samples: Samples) -> Table:
    """The original, the encoder, and the controls, each on the samples."""
    course, coded = (Course.of(each, samples, context.dt, context.reset) for each in (before, after))
    original = course.whole()
    rows = [("original", original)]
    if context.calibration is None:
        rows.append(("encoder", coded.whole()))
    else:
        _, others = apart(context.calibration)
        trial, coded_trial = (Course.of(each, others, context.dt, context.reset) for each in (before, after))
        guard = Guard(trial.whole(), others, made.max_loss)
        short = next((n for n in range(1, others.steps) if guard.kept(trial.after(n))), others.steps)
        rows.append((f"{short} of {others.steps} steps", course.after(short)))
        margin = _least_lead(trial, guard)
        rows.append((f"early exit, {_lead(margin)}", course.exit_at(margin)))
        rows.append(("encoder", coded.whole()))
        margin = _least_lead(coded_trial, guard)
        rows.append((f"encoder, early exit, {_lead(margin)}", coded.exit_at(margin)))
    cells = tuple(row(name, answers, original, samples) for name, answers in rows)
    return Table(f"Spikes per sample: {_words(made)}{_too_few(made, before, context)}", HEADER, cells)


def _lead(margin: float) -> str:
    return f"lead {margin:.3g}" if math.isfinite(margin) else "none keeps the guard"


def _too_few(made: HybridEncoding, network: Network, context: Context) -> str:
    """A word on samples that are too few to tell what may be lost."""
    if context.calibration is None:
        return ""
    count = apart(context.calibration)[1].count
    least = _trial(made, network, context, context.calibration.part(slice(1))).least
    return f"; {count} samples cannot tell {made.max_loss:g} points, {least} could" if count < least else ""


def _least_lead(trial: Course, guard: Guard) -> float:
    """The smallest lead on which a run may stop early under the guard; infinite where none is enough."""
    size = float(np.abs(trial.outputs[:, -1]).mean()) or 1.0
    return next((size * m for m in MARGINS if guard.kept(trial.exit_at(size * m))), math.inf)


def _words(made: HybridEncoding) -> str:
    cap = f", at most {made.cap} of an element" if made.cap else ""
    if not made.v_base:
        return "no encoder (none keeps the guard, or v_base is 0)"
    ends = f", for {made.window} steps" if made.window else ""
    ends += ", reset by subtraction" if made.reset == "subtract" else ""
    return f"encoder with v_base {made.v_base:g}, alpha {made.alpha:g}{cap}{ends}, weights times {made.weight_scale:g}"
