"""`neuedge-nir explain CODE`: what a code means and what to do, or how a limit's formula counts."""

from __future__ import annotations

import argparse
import sys
import textwrap


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The code, or a formula, or a limit."""
    sub.add_argument(
        "code", help="such as FIT010, as an error or diagnostic prints it; or a formula or limit of `targets show`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation. Raises `UsageError` for an unknown code."""
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
