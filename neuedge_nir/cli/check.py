"""`neuedge-nir check`: does it fit, and what binds? Several chips at once, no solver."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from neuedge_nir.cli.findings import Findings, add_findings, findings
from neuedge_nir.cli.mapping import add_mapping_options, options_of
from neuedge_nir.cli.rewriting import add_passes, calls_of
from neuedge_nir.cli.shared import (
    add_json,
    add_model,
    line_of,
    print_json,
    print_tables,
    read_model,
)
from neuedge_nir.cli.suggest import add_suggest, hinted, scoring_by, suggestion_lines, suggestions, suggestions_json
from neuedge_nir.cli.written import as_written
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError
from neuedge_nir.plan.model import Plan

if TYPE_CHECKING:
    from rich.console import RenderableType

    from neuedge_nir.chip.model import Chip
    from neuedge_nir.network.model import Network
    from neuedge_nir.rewrite.call import PassCall


@dataclass(frozen=True, slots=True)
class Answer:
    """What one chip says: a plan, or why there is none."""

    target: str
    result: Plan | CapacityError | NoPlanError
    json: dict[str, object]

    @property
    def exit_status(self) -> int:
        return 0 if isinstance(self.result, Plan) else self.result.exit_status


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `check`."""
    add_model(sub)
    sub.add_argument("--target", required=True, metavar="A[,B...]", help="chips by name or .toml file, comma-separated")
    add_passes(sub, emit=False)
    add_mapping_options(sub)
    add_findings(sub)
    add_suggest(sub)
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Check one model against chips: 0 if any fits, 4 if all are proved not to, 5 otherwise."""
    with findings(arguments) as found:
        found.exit_status = _check(arguments, found)
    return found.exit_status


def _check(arguments: argparse.Namespace, found: Findings) -> int:
    from neuedge_nir.api import chip_of
    from neuedge_nir.report.words import printable

    names = [name.strip() for name in arguments.target.split(",")]
    if not all(names):
        raise UsageError("USE009", "an empty name among the chips", where=f"--target {arguments.target}")
    chips = [chip_of(name) for name in names]  # all of them before any work: a name may be misspelt
    calls = calls_of(arguments)
    network = read_model(arguments)
    found.remarks(network.origin.diagnostics)
    answers = [_ask(name, chip, network, calls, arguments) for name, chip in zip(names, chips, strict=True)]
    known = set(network.origin.diagnostics)
    plans = [answer.result for answer in answers if isinstance(answer.result, Plan)]
    found.remarks(list(dict.fromkeys(d for plan in plans for d in plan.diagnostics if d not in known)))
    if arguments.json:
        print_json(answers[0].json if len(answers) == 1 else [answer.json for answer in answers])
    else:
        print_tables([_table(network.origin.name, answers)])
        sys.stdout.writelines(f"{line}\n" for answer in answers for line in _suggested(answer))
    for answer in answers:
        if not isinstance(answer.result, Plan):
            print(printable(f"{answer.target}: {line_of(answer.result)}"), file=sys.stderr)
            found.refusal(answer.result, answer.target, "warning" if plans else "error")  # one chip that fits will do
    statuses = {answer.exit_status for answer in answers}
    return min(statuses) if 0 in statuses or len(statuses) == 1 else NoPlanError.exit_status


def _ask(name: str, chip: Chip, network: Network, calls: tuple[PassCall, ...], arguments: argparse.Namespace) -> Answer:
    from neuedge_nir.mapping.fabric import largest_system
    from neuedge_nir.pipeline import compile_network
    from neuedge_nir.report.contract import refusal, report_of
    from neuedge_nir.report.copies import copies_json

    options = options_of(arguments, network, calls, "none", 0)
    if options.chips is not None and "," in arguments.target:  # a bound for several chips, some of which have fewer
        options = replace(options, chips=min(options.chips, largest_system(chip)))
    try:
        with as_written(arguments):
            plan = compile_network(network, chip, options)
    except (CapacityError, NoPlanError) as error:
        report = refusal(error, chip, network)
        if not arguments.suggest:
            return Answer(name, hinted(error), report)
        asked = argparse.Namespace(**{**vars(arguments), "target": name, "chips": options.chips})
        found = suggestions(asked, error, chip, network, "check", others="," not in arguments.target)
        told = suggestions_json(found, scoring_by(network, options))
        return Answer(name, error, {**report, "suggestions": told})
    return Answer(name, plan, {**report_of(plan), **copies_json(plan)})


def _suggested(answer: Answer) -> list[str]:
    told = answer.json.get("suggestions")
    return [f"\n{answer.target}:", *suggestion_lines(told)] if isinstance(told, dict) else []


def _table(model: str, answers: list[Answer]) -> RenderableType:
    from neuedge_nir.report.text import table

    header = ("chip", "fits", "cores", "with neurons", "at least", "chips", "what binds")
    return table(f"Does {model} fit?", header, [_row(answer) for answer in answers], right=(2, 3, 4, 5))


def _row(answer: Answer) -> tuple[str, ...]:
    match answer.result:
        case Plan(mapping=m):
            return (
                answer.target,
                "yes",
                str(m.cores_used),
                str(m.cores_inner),
                str(m.cores_lower_bound),
                str(m.chips_used),
                m.bound_resource,
            )
        case CapacityError() as error:
            return answer.target, "no, proved", "-", "-", "-", "-", error.told
        case NoPlanError() as error:
            return answer.target, "not found", "-", "-", "-", "-", str(error.message)
