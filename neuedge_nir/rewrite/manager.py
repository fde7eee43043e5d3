"""Passes one after the other: each is told its options, its result is checked, its effect measured on samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import PluginError, UsageError
from neuedge_nir.interpreter.answers import Answers, Course
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.network.connect import irregular_in
from neuedge_nir.network.model import Network, Port
from neuedge_nir.network.valid import fault
from neuedge_nir.plugin import PASSES, guarded, registered_by, returned
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import NEEDS, Context, Pass, Table, call_of, configured


@dataclass(frozen=True, slots=True)
class Effect:
    """What the passes so far did to the network's answers, on samples and beside the network before all passes.

    `agreement` is the share of samples with the same class, `equal_steps` the share of samples and timesteps with
    outputs equal to 6 digits. Spikes are means per sample, the input's included. `accuracy` where labels are known.
    """

    agreement: float
    equal_steps: float
    spikes_before: float
    spikes: float
    accuracy_before: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """One pass that was run: with all its options found, what it made, and its effect where that was measured.

    `exact` says that it and all before it call themselves exact.
    """

    call: PassCall
    keeps: str
    network: Network
    changed: bool
    exact: bool
    effect: Effect | None = None
    report: tuple[Table, ...] = ()


def apply_passes(
    network: Network, calls: Sequence[PassCall], context: Context, *, measured: bool = False
) -> Iterator[Applied]:
    """Each pass as it is done, in order; `measured` on the samples of the context, where it has some.

    Raises `UsageError` for an unknown pass or option, for what a pass requires and does not have (USE026), or where
    the network has connections that no pass knows (USE089), before anything is run; `PluginError` for a pass that
    fails or whose network makes no sense (PLUG006).
    """
    irregular = next((op for p in network.projections if (op := irregular_in(p.chain))), None)
    if calls and irregular is not None:
        message, hint = "passes know nothing of single synapses and probabilities", "leave --pass out"
        raise UsageError("USE089", message, where=f"node {irregular.node!r}", hint=hint)
    passes = [(call.name, _ready(call, network, context)) for call in calls]
    before = _Measured.of(network, context) if passes and measured and context.samples is not None else None
    exact = True
    for name, given in passes:
        made = _settled(name, given, network, context)
        after = _run(name, made, network, context)
        changed, exact = after is not network, exact and made.keeps.startswith("exact")
        effect = _effect(before, _Measured.of(after, context)) if before is not None and changed else None
        report = _report(name, made, (network, after), context) if before is not None else ()
        yield Applied(call_of(name, made), made.keeps, after, changed, exact, effect, report)
        network = after


def rewritten(network: Network, calls: Sequence[PassCall], context: Context) -> Network:
    """The network after the named passes. Raises as `apply_passes`; nothing is measured."""
    for done in apply_passes(network, calls, context):
        network = done.network
    return network


def _ready(call: PassCall, network: Network, context: Context) -> Pass:
    made = configured(call)
    dt = context.dt if context.dt is not None else network.dt
    there = {
        "chip": context.chip is not None,
        "data": context.samples is not None,
        "calibration": context.calibration is not None,
        "timestep": dt is not None,
    }
    for need in (NEEDS[name] for name in made.requires if not there[name]):
        message, hint = f"the pass {call.name} needs {need.what}", f"give it with {need.option}"
        raise UsageError("USE026", message, where=f"--pass {call}", hint=hint)
    return made


def _settled(name: str, given: Pass, network: Network, context: Context) -> Pass:
    """The pass with the options that it searches for; most have none."""
    search = getattr(given, "settled", None)
    if search is None:
        return given
    found: object = guarded(PASSES, name, lambda: search(network, context))
    if not isinstance(found, type(given)):
        raise returned(PASSES, name, found, type(given).__name__)
    return found


def _run(name: str, made: Pass, network: Network, context: Context) -> Network:
    after: object = guarded(PASSES, name, lambda: made.run(network, context))
    if not isinstance(after, Network):
        raise returned(PASSES, name, after, "Network")
    if after is not network and (wrong := _port_fault(network, after) or fault(after)):
        message = f"the pass {name!r} of {registered_by(PASSES, name)} made a network that makes no sense: {wrong}"
        raise PluginError("PLUG006", message, hint="tell its author")
    return after


def _report(name: str, made: Pass, networks: tuple[Network, Network], context: Context) -> tuple[Table, ...]:
    """What the pass itself has to tell of the network before and after it, on the samples of the context."""
    tell = getattr(made, "report", None)
    if tell is None:
        return ()
    found: object = guarded(PASSES, name, lambda: tell(*networks, context))
    if not isinstance(found, tuple) or not all(isinstance(table, Table) for table in found):
        raise returned(PASSES, name, found, "tuple of Tables")
    return found


def _port_fault(before: Network, after: Network) -> str | None:
    """A pass must not change what goes in and what comes out; an input may get an encoder."""
    for kind, old, new in (("inputs", before.inputs, after.inputs), ("outputs", before.outputs, after.outputs)):
        if [(port.name, port.shape) for port in old] != [(port.name, port.shape) for port in new]:
            return f"its {kind} are {_named(new)}, and were {_named(old)}"
    return None


def _named(ports: Sequence[Port]) -> str:
    return ", ".join(f"{port.name} {port.shape}" for port in ports) or "none"


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What a network said on the samples of the context."""

    run: Run
    answers: Answers
    accuracy: float | None

    @classmethod
    def of(cls, network: Network, context: Context) -> _Measured:
        samples = context.samples
        assert samples is not None
        run = simulate(network, samples.of(network), context.dt, context.reset)
        answers = Course.of_run(network, run).whole()
        return cls(run, answers, None if samples.labels is None else answers.accuracy(samples.labels))


def _effect(before: _Measured, after: _Measured) -> Effect:
    equal = np.ones((after.run.samples, after.run.steps), bool)
    for name, values in before.run.outputs.items():
        same = np.isclose(values, after.run.outputs[name], rtol=1e-6, atol=1e-9)
        equal &= same.reshape(*same.shape[:2], -1).all(axis=2)
    spikes = before.answers.spikes, after.answers.spikes
    agreement = after.answers.agreement(before.answers)
    return Effect(agreement, float(equal.mean()), *spikes, before.accuracy, after.accuracy)


def broken_promise(applied: Applied) -> Diagnostic | None:
    """WARN006: a pass that calls itself exact, and after which an answer is another one."""
    if applied.effect is None or not applied.exact or applied.effect.agreement == 1.0:
        return None
    share = 100 * (1 - applied.effect.agreement)
    message = f"{applied.call.name} calls itself {applied.keeps}, but {share:.2g} % of the samples get another class"
    hint = "rounding may turn a tie; otherwise tell its author"
    return Diagnostic("WARN006", Severity.WARNING, None, message, hint)
