"""What a reader, a pass or the legaliser noticed, assumed or repaired on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic changes: an assumption fills a gap, a repair alters what the file says."""

    INFO = "info"
    ASSUMPTION = "assumption"
    REPAIR = "repair"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One remark, about one node (`None`: about the whole model), with what the user may do about it."""

    code: str
    severity: Severity
    node: str | None
    message: str
    hint: str | None = None
