"""Training for a chip: a loss that counts what the mapper counts, for spiking networks of torch.

Needs the extra `train`:

from neuedge_nir.train import HardwareLoss, prune_gates

Raises `UsageError` USE125 where torch is not installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from neuedge_nir.errors import UsageError

if TYPE_CHECKING:
    from neuedge_nir.train.loss import Cost, HardwareLoss
    from neuedge_nir.train.prune import prune_gates

__all__ = ["Cost", "HardwareLoss", "prune_gates"]

_HOMES = {
    "Cost": "neuedge_nir.train.loss",
    "HardwareLoss": "neuedge_nir.train.loss",
    "prune_gates": "neuedge_nir.train.prune",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            "USE125", "training needs torch, which is not installed", hint="pip install 'neuedge-nir[train]'"
        )
    return getattr(importlib.import_module(_HOMES[name]), name)
