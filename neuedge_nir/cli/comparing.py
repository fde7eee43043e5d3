"""What one process of `compare` does: ask one chip, and where the network does not fit find out what would help."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from neuedge_nir.errors import CapacityError, NeuedgeError, NoPlanError
from neuedge_nir.events import Event, Progress, Started

if TYPE_CHECKING:
    from neuedge_nir.across.answers import Answer
    from neuedge_nir.across.processes import Send
    from neuedge_nir.across.scored import Scored
    from neuedge_nir.chip.model import Chip
    from neuedge_nir.network.model import Network
    from neuedge_nir.pipeline import Options
    from neuedge_nir.plan.model import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One network for one chip, or why that chip cannot be had."""

    target: str
    chip: Chip | NeuedgeError
    network: Network
    options: Options
    arguments: argparse.Namespace

    def died(self, status: int) -> Answer:
        """The answer of a process that gave none: it crashed, or the system ended it."""
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        message = f"the process that compiled for it ended {how}, without an answer"
        hint = "a system out of memory ends processes by signal 9: try fewer --jobs; else report this, with the model"
        return failure(self, NoPlanError("FIT087", message, hint=hint))


def ask(question: Question, send: Send) -> None:
    """Tell the stages as they begin, then the answer; for a chip without a plan once more, with what helps."""
    chip = question.chip
    try:
        if isinstance(chip, NeuedgeError):
            raise chip
        plan = _compiled(question, chip, send)
        answer = success(question, plan, _scored(question, plan))
    except NeuedgeError as error:
        answer = failure(question, error)
        send(answer)
        if question.arguments.suggest and isinstance(error, CapacityError | NoPlanError):
            send(_helped(question, error, answer, send))
        return
    except MemoryError:
        message = "there is not enough memory to compile for it"
        answer = failure(question, NoPlanError("FIT088", message, hint="try fewer --jobs"))
    send(answer)


def _compiled(question: Question, chip: Chip, send: Send) -> Plan:
    from neuedge_nir.across.side_by_side import suited
    from neuedge_nir.cli.written import as_written
    from neuedge_nir.pipeline import compile_network

    with as_written(question.arguments):
        return compile_network(question.network, chip, suited(question.options, chip), send)


def _scored(question: Question, plan: Plan) -> Scored | None:
    from neuedge_nir.across.scored import as_mapped
    from neuedge_nir.interpreter.samples import Samples

    options = question.options
    if not isinstance(options.activity, Samples):
        return None
    return as_mapped(plan, question.network, options.activity, options.calibration, options.early_exit)


def _helped(question: Question, error: NeuedgeError, answer: Answer, send: Send) -> Answer:
    """The answer with what makes the network fit; other chips are in the comparison itself."""
    from neuedge_nir.across.side_by_side import suited
    from neuedge_nir.cli.suggest import scoring_by, suggestions, suggestions_json

    chip = question.chip
    assert not isinstance(chip, NeuedgeError)
    options = suited(question.options, chip)
    told = {**vars(question.arguments), "target": question.target}
    told |= {"chips": options.chips, "time_scale": options.time_scale}
    arguments = argparse.Namespace(**told)
    told_by = partial(_trying, send)
    found = suggestions(arguments, error, chip, question.network, "compile", others=False, observer=told_by)
    told_of = suggestions_json(found, scoring_by(question.network, options))
    return replace(answer, report={**answer.report, "suggestions": told_of})


def _trying(send: Send, event: Event) -> None:
    """A try, as the stage that its chip is at."""
    if isinstance(event, Progress):
        send(Started(event.stage))


def success(question: Question, plan: Plan, scored: Scored | None) -> Answer:
    from neuedge_nir.across.answers import Answer, measures_of
    from neuedge_nir.plan.store import encode
    from neuedge_nir.report.contract import report_of
    from neuedge_nir.report.copies import copies_json

    report = {**report_of(plan), **copies_json(plan), "suggestions": None}
    measures = measures_of(plan, scored)
    content = encode(plan) if question.arguments.output is not None else None
    return Answer(question.target, report, measures, None, content, plan.outcome, plan.diagnostics, scored)


def failure(question: Question, error: NeuedgeError) -> Answer:
    from neuedge_nir.across.answers import Answer, failed_of
    from neuedge_nir.report.contract import refusal, without_plan

    told, chip = failed_of(error), question.chip
    if isinstance(chip, NeuedgeError):
        report = without_plan(told.outcome, question.target, question.network, error)
    else:
        report = refusal(error, chip, question.network)
    report = {**report, "suggestions": None}
    return Answer(question.target, report, None, told, None, told.outcome, exit_status=error.exit_status)


def measure(network: Network, options: Options, timed: bool, send: Send) -> None:
    """Tell what the model itself answers to the samples, and how long one takes here, if that is asked for."""
    from neuedge_nir.across.baseline import seconds_here
    from neuedge_nir.across.scored import reference
    from neuedge_nir.interpreter.samples import Samples

    samples = options.activity
    assert isinstance(samples, Samples)
    try:
        known = reference(network, samples, options.dt, options.reset)
        send((known, seconds_here(network, samples, options.dt, options.reset) if timed else None))
    except NeuedgeError as error:
        send(error)
