"""The extra `train`: the packages that only training needs, and the refusal where one is missing."""

from __future__ import annotations

import importlib.util

from neuedge_nir.errors import UsageError

MODULES = ("nirtorch", "sinabs", "sklearn", "torch")


def require_train_extra(*needed: str) -> None:
    """Raise `UsageError` USE005 if a package of the extra `train` is missing; none of them is imported.

    `needed` are those that are asked for, all where none is named.
    """
    missing = [module for module in needed or MODULES if importlib.util.find_spec(module) is None]
    if missing:
        what = "its data need" if needed else "training needs"
        message = f"{what} packages that are not installed: {', '.join(missing)}"
        raise UsageError("USE005", message, hint="pip install 'neuedge-nir[train]'")
