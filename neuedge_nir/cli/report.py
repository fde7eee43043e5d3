"""`neuedge-nir report`: plans as text, as a table for spreadsheets, or as one page of HTML; several side by side."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.findings import check_different
from neuedge_nir.cli.recounted import recounted
from neuedge_nir.cli.shared import add_json, check_output, print_json, print_tables
from neuedge_nir.errors import UsageError

if TYPE_CHECKING:
    from neuedge_nir.plan.model import Plan


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `report`."""
    sub.add_argument("plans", type=Path, nargs="+", metavar="PLAN.json", help="plans that `compile -o` wrote")
    sub.add_argument("-o", "--html", type=Path, dest="page", metavar="REPORT.html", help="write a page to look at")
    sub.add_argument("--csv", type=Path, metavar="FILE.csv", help="write a table of all layers for spreadsheets")
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Report plans; without a file to write, as text. All are read and recounted before anything is written.

    Raises `InputError` and `VerificationError` for the first plan that is none or breaks a rule, `UsageError` for a
    file that cannot be written.
    """
    outputs = [path for path in (arguments.page, arguments.csv) if path is not None]
    _check_outputs(outputs, arguments.plans)
    _check_ending(arguments.page, ".html", ".htm")
    _check_ending(arguments.csv, ".csv")
    plans = _read(arguments.plans)
    written = []
    if arguments.page is not None:
        from neuedge_nir.report.page.build import page_of

        written.append((arguments.page, page_of(plans)))
    if arguments.csv is not None:
        from neuedge_nir.report.spreadsheet import csv_of

        written.append((arguments.csv, csv_of(plans)))
    _write(written)
    if arguments.json:
        _print_json(plans)
    elif not written:
        _print(plans)
    return 0


def _check_outputs(outputs: list[Path], plans: list[Path]) -> None:
    for output in outputs:
        check_output(output, *map(str, plans))
    check_different(*outputs)
    twice = [str(path) for path, often in Counter(path.resolve() for path in plans).items() if often > 1]
    if twice:
        raise UsageError("USE105", "the plan is named twice", where=twice[0], hint="name each plan once")


def _check_ending(output: Path | None, *endings: str) -> None:
    """A page is not written over a model by a slip of the hand, nor under a name that says another format."""
    if output is not None and output.suffix.lower() not in endings:
        message = f"a file of this kind ends in {' or '.join(endings)}"
        raise UsageError("USE130", message, where=str(output), hint=f"give {output.stem}{endings[0]}")


def _read(paths: list[Path]) -> list[tuple[str, Plan]]:
    """The plans with their labels, each recounted as far as that goes without its model."""
    found = [(path.stem, recounted(path)) for path in paths]
    labels = Counter(label for label, _ in found)
    return [(label if labels[label] == 1 else f"{label} ({n})", plan) for n, (label, plan) in enumerate(found, 1)]


def _write(written: list[tuple[Path, bytes]]) -> None:
    from neuedge_nir.files import write_whole
    from neuedge_nir.report.words import printable

    for path, content in written:
        write_whole(path, content)
        print(printable(f"{path.name}: {len(content):,} bytes"), file=sys.stderr)


def _print_json(plans: list[tuple[str, Plan]]) -> None:
    from neuedge_nir.report.contract import report_of
    from neuedge_nir.report.copies import copies_json

    found = [{**report_of(plan), **copies_json(plan)} for _, plan in plans]
    print_json(found[0] if len(found) == 1 else found)


def _print(plans: list[tuple[str, Plan]]) -> None:
    from neuedge_nir.report.plan_text import plan_report

    for number, (_, plan) in enumerate(plans):
        sys.stdout.write("\n" * (number > 0))
        print_tables(plan_report(plan))
