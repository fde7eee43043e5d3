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
    """List without importing, or show one. Raises what `load_pass` raises."""
    from neuedge_nir.plugin import PASSES, listed, origin_of
    from neuedge_nir.report.text import table

    if arguments.action == "show":
        _show(arguments.name, arguments.json)
        return 0
    rows = [(point.name, origin_of(point), point.value) for point in listed(PASSES)]
    if arguments.json:
        print_json([{"name": name, "package": package, "entry_point": value} for name, package, value in rows])
    else:
        print_tables([table("Passes", ("name", "from", "entry point"), rows)])
    return 0


def _show(name: str, as_json: bool) -> None:
    from dataclasses import asdict

    from neuedge_nir.report.text import table
    from neuedge_nir.report.words import printable
    from neuedge_nir.rewrite.door import choices, load_pass

    found = load_pass(name)
    text = inspect.getdoc(found) or "no description"
    options = choices(found)
    if as_json:
        about = {"name": found.name, "summary": found.summary, "keeps": found.keeps, "requires": found.requires}
        print_json({**about, "options": [asdict(option) for option in options], "description": text})
        return
    needs = f"; needs {', '.join(found.requires)}" if found.requires else ""
    lines = [f"{found.name}: {found.summary}", f"keeps: {found.keeps}{needs}", "", *text.splitlines()]
    sys.stdout.write("\n".join(printable(line) for line in lines) + "\n")
    if options:
        rows = [(option.name, option.type, option.default, option.meaning) for option in options]
        print_tables([table("Options", ("name", "type", "default", "meaning"), rows)])
