"""`neuedge-nir compile`: a checked plan and its report."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.findings import Findings, add_findings, findings
from neuedge_nir.cli.mapping import add_mapping_options, add_solver_options, options_of
from neuedge_nir.cli.rewriting import Watch, add_passes, applied_json, calls_of
from neuedge_nir.cli.shared import (
    add_json,
    add_model,
    check_output,
    print_json,
    print_tables,
    progress,
    raise_if_interrupted,
    read_model,
)
from neuedge_nir.cli.suggest import add_suggest, hinted, print_suggestions
from neuedge_nir.cli.written import as_written
from neuedge_nir.errors import CapacityError, NoPlanError

if TYPE_CHECKING:
    from neuedge_nir.network.model import Network
    from neuedge_nir.plan.model import Plan
    from neuedge_nir.rewrite.manager import Applied


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `compile`."""
    add_model(sub)
    sub.add_argument("--target", required=True, metavar="NAME|FILE.toml", help="the chip (see `neuedge-nir targets`)")
    sub.add_argument("-o", "--plan", type=Path, dest="output", metavar="PLAN.json", help="write the plan")
    add_passes(sub)
    add_mapping_options(sub)
    sub.add_argument(
        "--from",
        dest="keep",
        type=Path,
        metavar="PLAN.json",
        help="keep the mapping of this plan: for a network that differs from its own in weights alone",
    )
    add_solver_options(sub)
    sub.add_argument(
        "--runbook", action="store_true", help="tell what to inject and to read where, how long, and what is unchecked"
    )
    sub.add_argument("--csv", type=Path, metavar="FILE.csv", help="write a table of all layers for spreadsheets")
    add_findings(sub)
    add_suggest(sub)
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Compile one model for one chip. Raises what the stages raise; nothing is written then but what --sarif names."""
    with findings(arguments) as found:
        _compile(arguments, found)
    return found.exit_status


def _compile(arguments: argparse.Namespace, found: Findings) -> None:
    started = time.monotonic()
    from neuedge_nir.api import chip_of
    from neuedge_nir.pipeline import compile_copies, compile_network
    from neuedge_nir.report.contract import refusal

    if arguments.output is not None:
        check_output(arguments.output, arguments.model, arguments.target, arguments.activity)
    if arguments.csv is not None:
        check_output(arguments.csv, arguments.model, arguments.target, arguments.activity)
    chip = chip_of(arguments.target)
    calls = calls_of(arguments)
    network = read_model(arguments)
    found.remarks(network.origin.diagnostics)
    options = options_of(arguments, network, calls, arguments.effort, arguments.seed)
    options = options if arguments.keep is None else replace(options, keep=arguments.keep)
    options = replace(options, time_limit=_left(arguments.time_limit, started))
    try:
        with progress() as observer, as_written(arguments):
            watch, alone = Watch(arguments), None
            if options.copies is None or options.keep is not None:  # a kept mapping has no copy alone beside it
                plan = compile_network(network, chip, options, watch.told(observer), watch.applied.append)
            else:
                alone, plan = compile_copies(network, chip, options, watch.told(observer), watch.applied.append)
    except (CapacityError, NoPlanError) as error:
        if arguments.suggest:
            found.refusal(error)
            found.exit_status = print_suggestions(arguments, error, chip, network, options)
            return
        if arguments.json:
            print_json(refusal(error, chip, network))
        raise hinted(error) from None
    raise_if_interrupted()
    found.remarks(plan.diagnostics[len(network.origin.diagnostics) :])
    after = watch.applied[-1].network if watch.applied else network
    _deliver(plan, alone, after, watch.applied, arguments)


def _left(limit: float | None, started: float) -> float | None:
    """What is left of a time limit. Raises `NoPlanError` (FIT075) where reading the model took it all."""
    if limit is None or (left := limit - (time.monotonic() - started)) > 0:
        return None if limit is None else left
    raise NoPlanError("FIT075", f"reading the model took the {limit:g} s", where="--time-limit", hint="give it more")


def _deliver(
    plan: Plan, alone: Plan | None, network: Network, applied: list[Applied], arguments: argparse.Namespace
) -> None:
    """Write the plan and print its report; `alone` is the plan of one copy where several were asked for."""
    from neuedge_nir.emission.runbook import as_json, as_markdown, runbook
    from neuedge_nir.files import write_whole
    from neuedge_nir.network.copies import copied
    from neuedge_nir.plan.store import encode
    from neuedge_nir.report.contract import report_of
    from neuedge_nir.report.copies import copies_json, copies_table
    from neuedge_nir.report.plan_text import plan_report
    from neuedge_nir.report.spreadsheet import csv_of

    if arguments.output is not None:
        write_whole(arguments.output, encode(plan))
    if arguments.csv is not None:
        write_whole(arguments.csv, csv_of([(plan.model.name, plan)]))
    book = runbook(plan, copied(network, plan.options.copies or 1)) if arguments.runbook else None
    if arguments.json:
        more = {} if book is None else {"runbook": as_json(book)}
        print_json({**report_of(plan), **copies_json(plan, alone), "passes": applied_json(applied), **more})
    else:
        print_tables([*plan_report(plan), *([] if alone is None else [copies_table(alone, plan)])])
        sys.stdout.write("" if book is None else "\n" + as_markdown(plan, book))
