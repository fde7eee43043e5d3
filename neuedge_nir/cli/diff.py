"""`neuedge-nir diff`: what differs between two plans or reports. Exit status 0: the same mapping; 1: another."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.recounted import recounted
from neuedge_nir.cli.shared import add_json, print_json, print_tables
from neuedge_nir.errors import InputError

if TYPE_CHECKING:
    from neuedge_nir.plan.model import Plan
    from neuedge_nir.report.diff import Change
    from neuedge_nir.report.diff_figures import Difference
    from neuedge_nir.report.diff_reports import Report

SHOWN = 20
"""Changes of one kind that are listed for people; `--json` lists all."""


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `diff`."""
    sub.add_argument("old", type=Path, metavar="OLD.json", help="a plan that `compile -o` wrote, or a report (--json)")
    sub.add_argument("new", type=Path, metavar="NEW.json", help="another")
    sub.add_argument(
        "--all",
        action="store_true",
        help="also where the mapping is the same: model, options, activity, weights, use of limits, costs, remarks",
    )
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Print what differs; nothing where the mapping is the same, unless all is asked for."""
    from neuedge_nir.report.diff import MAPPING, SCHEMA, same_mapping
    from neuedge_nir.report.diff_figures import differences_json

    found, figures = _compared(_read(arguments.old), _read(arguments.new))
    same = same_mapping(found)
    if arguments.json:
        told = [{"kind": c.kind, "name": c.name, "old": c.old, "new": c.new} for c in found]
        mapping = [each for each in told if each["kind"] in MAPPING]
        values = [each for each in told if each["kind"] not in MAPPING]
        lists = {"mapping": mapping, "values": values, "figures": differences_json(figures)}
        print_json({"schema": SCHEMA, "same_mapping": same, **lists})
    elif arguments.all or not same:
        _print(found, figures)
    return 0 if same else 1


def _read(path: Path) -> Plan | Report:
    """The plan or the report in a file. Raises `InputError` for anything else."""
    from neuedge_nir.report.diff_reports import read_report

    try:
        return recounted(path)
    except InputError as error:
        if error.code == "PLAN001" and (report := read_report(path)) is not None:
            return report
        raise


def _compared(old: Plan | Report, new: Plan | Report) -> tuple[list[Change], list[Difference]]:
    """What differs, and the figures that do; of a plan and a report no more than reports tell."""
    from neuedge_nir.plan.model import Plan
    from neuedge_nir.report.diff import changes
    from neuedge_nir.report.diff_figures import differences
    from neuedge_nir.report.diff_reports import of_plan, report_changes
    from neuedge_nir.report.figures import figures_of

    if isinstance(old, Plan) and isinstance(new, Plan):
        return changes(old, new), differences(figures_of(old), figures_of(new))
    before, now = (of_plan(each) if isinstance(each, Plan) else each for each in (old, new))
    return report_changes(before, now), differences(before.figures, now.figures)


def _print(found: list[Change], figures: list[Difference]) -> None:
    from neuedge_nir.report.diff import MAPPING
    from neuedge_nir.report.diff_figures import figures_table
    from neuedge_nir.report.text import table

    seen: Counter[str] = Counter()
    shown: list[Change] = []
    for change in found:
        seen[change.kind] += 1
        shown += [change] if seen[change.kind] <= SHOWN and change.kind != "cost" else []
    for title, wanted in (("Mapping", True), ("All else", False)):
        rows = [(c.kind, c.name, c.old or "-", c.new or "-") for c in shown if (c.kind in MAPPING) is wanted]
        kinds = [kind for kind in seen if (kind in MAPPING) is wanted and seen[kind] > SHOWN and kind != "cost"]
        rows += [(kind, f"and {seen[kind] - SHOWN} more, see --json", "", "") for kind in kinds]
        print_tables([table(title, ("what", "of", "old", "new"), rows)] if rows else [])
    print_tables(figures_table(figures))
