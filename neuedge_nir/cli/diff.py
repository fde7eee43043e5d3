"""`neuedge-nir diff`: what differs between two plans. Exit status 0: the same mapping; 1: another."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.shared import add_json, print_json, print_tables

if TYPE_CHECKING:
    from neuedge_nir.report.diff import Change

SHOWN = 20
"""Changes of one kind that are listed for people; `--json` lists all."""


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `diff`."""
    sub.add_argument("old", type=Path, metavar="OLD.json", help="a plan that `compile -o` wrote")
    sub.add_argument("new", type=Path, metavar="NEW.json", help="another")
    sub.add_argument(
        "--all",
        action="store_true",
        help="also where the mapping is the same: model, options, activity, weights, use of limits, costs, remarks",
    )
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Print what differs; nothing where the mapping is the same, unless all is asked for."""
    from neuedge_nir.plan.store import read
    from neuedge_nir.report.diff import MAPPING, SCHEMA, changes, same_mapping

    found = changes(read(arguments.old), read(arguments.new))
    same = same_mapping(found)
    if arguments.json:
        told = [{"kind": c.kind, "name": c.name, "old": c.old, "new": c.new} for c in found]
        mapping = [each for each in told if each["kind"] in MAPPING]
        values = [each for each in told if each["kind"] not in MAPPING]
        print_json({"schema": SCHEMA, "same_mapping": same, "mapping": mapping, "values": values})
    elif arguments.all or not same:
        _print(found)
    return 0 if same else 1


def _print(found: list[Change]) -> None:
    from neuedge_nir.report.diff import MAPPING
    from neuedge_nir.report.text import table

    seen: Counter[str] = Counter()
    shown: list[Change] = []
    for change in found:
        seen[change.kind] += 1
        shown += [change] if seen[change.kind] <= SHOWN else []
    for title, wanted in (("Mapping", True), ("All else", False)):
        rows = [(c.kind, c.name, c.old or "-", c.new or "-") for c in shown if (c.kind in MAPPING) is wanted]
        kinds = [kind for kind in seen if (kind in MAPPING) is wanted and seen[kind] > SHOWN]
        rows += [(kind, f"and {seen[kind] - SHOWN} more, see --json", "", "") for kind in kinds]
        print_tables([table(title, ("what", "of", "old", "new"), rows)] if rows else [])
