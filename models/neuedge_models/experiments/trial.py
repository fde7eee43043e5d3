"""An experiment as the compiler's command line knows it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from neuedge_models.extra import require_train_extra
from neuedge_models.reference import PACKAGES
from neuedge_nir.events import Finished, Observer, Progress, Started
from neuedge_nir.plugin import ExperimentOptions
from neuedge_nir.reproduction.finding import Finding

SEEDS = {True: 3, False: 5}
"""Trainings of each network, on the small budget and on the full one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an experiment is told: its seeds, whether the budget is the small one, the folder of the user's data."""

    name: str
    seeds: tuple[int, ...]
    quick: bool
    folder: Path | None
    observer: Observer

    def each_seed(self, what: str) -> Iterator[int]:
        """The seeds, told to whoever watches."""
        for number, seed in enumerate(self.seeds):
            self.observer(Progress(self.name, number, len(self.seeds), f"{what}, seed {seed}"))
            yield seed


@dataclass(frozen=True, slots=True)
class Trial:
    """The entry point of an experiment; `work` does it."""

    name: str
    summary: str
    work: Callable[[Plan], Finding]

    def run(self, options: ExperimentOptions, observer: Observer) -> Finding:
        """What came out. Raises `UsageError` USE005 without the extra `train`, and what the data's loaders raise."""
        require_train_extra()
        seeds = tuple(range(options.seeds or SEEDS[options.quick]))
        observer(Started(self.name))
        found = self.work(Plan(self.name, seeds, options.quick, options.data_dir, observer))
        observer(Finished(self.name))
        return replace(found, seeds=seeds, versions=versions())


def versions() -> dict[str, str]:
    """Of all that a number may depend on."""
    packages = ("neuedge-nir", "ortools", *PACKAGES)
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
