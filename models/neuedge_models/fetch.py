"""Data that nobody may hand on with a package, fetched by the library that the field uses for each."""

from __future__ import annotations

from neuedge_models.datasets import Dataset
from neuedge_nir.errors import UsageError


def mnist() -> Dataset:
    raise UsageError("USE121", "to come")
