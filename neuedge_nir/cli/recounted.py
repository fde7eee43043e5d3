"""Plans as every command takes them that tells of one: read, and recounted as far as that goes without the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuedge_nir.plan.model import Plan


def recounted(path: Path) -> Plan:
    """The plan in a file. Raises `InputError` for what is none, `VerificationError` for one that breaks a rule."""
    from neuedge_nir.errors import VerificationError
    from neuedge_nir.plan.store import read
    from neuedge_nir.plan.verify import verify

    plan = read(path)
    try:
        verify(plan, None)
    except VerificationError as error:
        where = path.name if error.where is None else f"{path.name}: {error.where}"
        raise VerificationError(error.code, error.message, where=where, hint=error.hint) from error
    return plan
