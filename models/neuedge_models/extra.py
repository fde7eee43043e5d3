"""The extra `train`: the packages that only training needs, and the refusal where one is missing."""

from __future__ import annotations

import importlib.util

from neuedge_nir.errors import UsageError

MODULES = ("nirtorch", "sinabs", "sklearn", "torch")


def require_train_extra() -> None:
    """Raise `UsageError` USE005 if a package of the extra `train` is missing; none of them is imported."""
    missing = [module for module in MODULES if importlib.util.find_spec(module) is None]
    if missing:
        raise UsageError(
            "USE005",
            f"training needs packages that are not installed: {', '.join(missing)}",
            hint="pip install 'neuedge-nir[train]'",
        )
