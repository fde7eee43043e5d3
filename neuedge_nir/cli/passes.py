"""`neuedge-nir passes`: the passes there are, and what one does."""

from __future__ import annotations

import argparse
import inspect
import sys

from neuedge_nir.cli.shared import add_json, print_json, print_tables


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """`passes`, `passes show NAME`."""
    actions = sub.add_subparsers(dest="action", metavar="show")
    show = actions.add_parser("show", help="what a pass does, and why that is sound")
    show.add_argument("name")
    add_json(show, inner=True)
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """List without importing, or show one."""
    from neuedge_nir.plugin import PASSES, listed, load_pass, origin_of
    from neuedge_nir.report.text import printable, table

    if arguments.action == "show":
        found = load_pass(arguments.name)
        text = inspect.getdoc(type(found)) or "no description"
        if arguments.json:
            print_json({"name": found.name, "summary": found.summary, "description": text})
            return 0
        sys.stdout.write(
            "\n".join(printable(line) for line in [f"{found.name}: {found.summary}", "", *text.splitlines()]) + "\n"
        )
        return 0
    rows = [(point.name, origin_of(point), point.value) for point in listed(PASSES)]
    if arguments.json:
        print_json([{"name": name, "package": package, "entry_point": value} for name, package, value in rows])
    else:
        print_tables([table("Passes", ("name", "from", "entry point"), rows)])
    return 0
