"""`neuedge-nir explain CODE`: what a code means and what to do, or how a limit's formula counts."""

from __future__ import annotations

import argparse
import sys
import textwrap


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The code, or a formula."""
    sub.add_argument("code", help="such as FIT010, as an error or diagnostic prints it; or a formula of `targets show`")


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
    if code not in known:
        raise unknown_name("USE016", "code", arguments.code, known)
    sys.stdout.write(f"{code}\n{textwrap.fill(known[code], 100)}\n")
    return 0
