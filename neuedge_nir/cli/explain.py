"""`neuedge-nir explain CODE|PLAN.json:PATH`: what a code means, how a limit counts, or what a figure rests on."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from neuedge_nir.cli.recounted import recounted
from neuedge_nir.cli.shared import add_json, print_json, print_tables
from neuedge_nir.errors import UsageError


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The code, or a formula, or a limit, or a figure of a plan."""
    sub.add_argument(
        "code",
        metavar="CODE|PLAN.json:PATH",
        help="such as FIT010, as an error or diagnostic prints it; a formula or limit of `targets show`; or a figure "
        "of a plan, such as plan.json:energy.dynamic, plan.json:cores.17 or plan.json alone, which lists all",
    )
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation. Raises `UsageError` for an unknown code or figure, `InputError` for what is no plan."""
    if (asked := _of_plan(arguments.code)) is not None:
        return _figures(*asked, json=arguments.json)
    if arguments.json:
        message = "--json tells figures of a plan, and this is none"
        raise UsageError("USE102", message, where=arguments.code, hint="give PLAN.json:PATH, or leave out --json")
    from neuedge_nir.chip.formulas import FORMULAS
    from neuedge_nir.codes import explanations
    from neuedge_nir.plugin import unknown_name

    if (formula := FORMULAS.get(arguments.code.lower())) is not None:
        sys.stdout.write(f"{formula.name}, in {formula.unit}\n{textwrap.fill(formula.meaning, 100)}\n")
        return 0
    code = arguments.code.upper()
    known = explanations()
    if code not in known and (limits := _limits(arguments.code)):
        sys.stdout.write(limits)
        return 0
    if code not in known:
        raise unknown_name("USE016", "code, formula or limit", arguments.code, [*known, *FORMULAS])
    sys.stdout.write(f"{code}\n{textwrap.fill(known[code], 100)}\n")
    return 0


def _of_plan(text: str) -> tuple[Path, str] | None:
    """The plan and the path in it, where the text names a file; a name may hold colons, and so may a path."""
    ends = [at for at, letter in enumerate(text) if letter == ":"]
    for end in [*ends, len(text)]:
        if Path(text[:end]).is_file():
            return Path(text[:end]), text[end + 1 :]
    plan, mark, path = text.partition(".json:")
    if mark or text.endswith(".json"):
        return Path(plan + ".json" if mark else text), path
    return None


def _figures(plan: Path, path: str, *, json: bool) -> int:
    """Print what a figure rests on, or list those below a path."""
    from neuedge_nir.report.explained import figure_tables, figures_json, list_table
    from neuedge_nir.report.lookup import figures_at, known_at

    held = recounted(plan)
    found, known = figures_at(held, path), known_at(held, path)
    if json:
        print_json(figures_json(held, found, known))
    else:
        print_tables(
            figure_tables(found[0], known) if [figure.path for figure in found] == [path] else list_table(found)
        )
    return 0


def _limits(name: str) -> str:
    """What the installed chips that have a limit of this name count by it; nothing where none has."""
    from neuedge_nir.api import chip_of
    from neuedge_nir.chip.formulas import FORMULAS
    from neuedge_nir.plugin import TARGETS, names

    chips = [chip_of(target) for target in names(TARGETS)]
    held = [(chip, limit) for chip in chips if (limit := chip.limit(name.lower())) is not None]
    told = [f"{c.title}: {x.limit.count:,} {x.limit.unit} of a {x.scope.value}, by {x.formula}" for c, x in held]
    meant = [FORMULAS[formula] for formula in sorted({limit.formula for _, limit in held})]
    how = [f"{f.name}, in {f.unit}\n{textwrap.fill(f.meaning, 100)}" for f in meant]
    return "".join(f"{line}\n" for line in (*told, *how))
