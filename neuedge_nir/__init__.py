"""neuedge-nir: compile spiking networks in NIR for neuromorphic chips.

The public names are resolved when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuedge_nir.across.side_by_side import compare
    from neuedge_nir.api import check, compile, emit, emulate, load_plan, save_plan, verify  # noqa: A004
    from neuedge_nir.chip.model import Chip
    from neuedge_nir.diagnostics import Diagnostic, Severity
    from neuedge_nir.errors import (
        CapacityError,
        InputError,
        NeuedgeError,
        NoPlanError,
        PluginError,
        UsageError,
        VerificationError,
    )
    from neuedge_nir.frontend import Caps, read, write
    from neuedge_nir.interpreter.run import simulate
    from neuedge_nir.network.model import Network, ResetMode
    from neuedge_nir.pipeline import Options
    from neuedge_nir.plan.model import Plan

__version__ = "0.1.0"

__all__ = [
    "CapacityError",
    "Caps",
    "Chip",
    "Diagnostic",
    "InputError",
    "Network",
    "NeuedgeError",
    "NoPlanError",
    "Options",
    "Plan",
    "PluginError",
    "ResetMode",
    "Severity",
    "UsageError",
    "VerificationError",
    "__version__",
    "check",
    "compare",
    "compile",
    "emit",
    "emulate",
    "load_plan",
    "read",
    "save_plan",
    "simulate",
    "verify",
    "write",
]

_HOMES = {
    "read": "neuedge_nir.frontend",
    "write": "neuedge_nir.frontend",
    "Caps": "neuedge_nir.frontend",
    "compile": "neuedge_nir.api",
    "check": "neuedge_nir.api",
    "compare": "neuedge_nir.across.side_by_side",
    "verify": "neuedge_nir.api",
    "emit": "neuedge_nir.api",
    "save_plan": "neuedge_nir.api",
    "load_plan": "neuedge_nir.api",
    "emulate": "neuedge_nir.api",
    "simulate": "neuedge_nir.interpreter.run",
    "Options": "neuedge_nir.pipeline",
    "Network": "neuedge_nir.network.model",
    "ResetMode": "neuedge_nir.network.model",
    "Chip": "neuedge_nir.chip.model",
    "Plan": "neuedge_nir.plan.model",
    "Diagnostic": "neuedge_nir.diagnostics",
    "Severity": "neuedge_nir.diagnostics",
    "NeuedgeError": "neuedge_nir.errors",
    "InputError": "neuedge_nir.errors",
    "UsageError": "neuedge_nir.errors",
    "CapacityError": "neuedge_nir.errors",
    "NoPlanError": "neuedge_nir.errors",
    "VerificationError": "neuedge_nir.errors",
    "PluginError": "neuedge_nir.errors",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
