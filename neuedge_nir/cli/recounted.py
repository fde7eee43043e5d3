"""Plans as every command takes them that tells of one: read, and recounted as far as that goes without the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuedge_nir.plan.model import Plan


def recounted(path: Path) -> Plan:
    """The plan in a file. Raises `InputError` for what is none, `VerificationError` for one that breaks a rule.

    Tells (WARN055) where its chip is another than is installed by that name: an older release's, or altered.
    """
    from neuedge_nir.errors import VerificationError
    from neuedge_nir.plan.store import read
    from neuedge_nir.plan.verify import verify

    plan = read(path)
    try:
        verify(plan, None)
    except VerificationError as error:
        where = path.name if error.where is None else f"{path.name}: {error.where}"
        raise VerificationError(error.code, error.message, where=where, hint=error.hint) from error
    _tell_of_chip(plan, path)
    return plan


def _tell_of_chip(plan: Plan, path: Path) -> None:
    """WARN055 on stderr where the plan's chip is not the one that is installed under its name."""
    from neuedge_nir.cli.shared import print_diagnostics
    from neuedge_nir.diagnostics import Diagnostic, Severity
    from neuedge_nir.plugin import TARGETS, chip_of_target, names

    chip = plan.chip
    if chip.name in names(TARGETS) and chip_of_target(chip.name) != chip:
        message = f"{path.name} has a {chip.name} of its own, other than the one here: all figures are of that one"
        hint = "compile again; `verify` refuses such a plan"
        print_diagnostics([Diagnostic("WARN055", Severity.WARNING, None, message, hint)])
