"""Networks trained on a fixed budget, once in a process for all experiments, and samples to measure them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuedge_models.cifar10 import CIFAR10
from neuedge_models.coding import Rate
from neuedge_models.datasets import Split
from neuedge_models.digits import DIGITS
from neuedge_models.export import nir_bytes
from neuedge_models.fsdd import FSDD
from neuedge_models.loop import Training, fit
from neuedge_models.mnist import MNIST
from neuedge_models.reference import Reference
from neuedge_nir.frontend import read
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Budget:
    """Samples that are trained on, epochs, samples to choose settings on (others), samples to measure on."""

    trained: int
    epochs: int
    chosen: int
    tested: int

    @property
    def words(self) -> str:
        """For a file of results."""
        return f"{self.trained} samples, {self.epochs} epochs, {self.chosen} to choose on, {self.tested} tested"


@dataclass(frozen=True, slots=True)
class Bench:
    """A reference model with its two budgets, quick and full."""

    model: Reference
    quick: Budget
    full: Budget

    def budget(self, quick: bool) -> Budget:
        return self.quick if quick else self.full


RATE_STEPS = 25
"""Of the rate code on MNIST: what NeuEdge starts from is not known, and 25 is usual."""

MNIST_RATE = replace(MNIST, timesteps=RATE_STEPS)
BENCHES: Mapping[str, Bench] = {
    "digits": Bench(DIGITS, Budget(1000, 12, 400, 360), Budget(1000, 30, 400, 360)),
    "mnist": Bench(MNIST_RATE, Budget(2000, 3, 600, 1000), Budget(10_000, 5, 2000, 10_000)),
    "cifar10": Bench(CIFAR10, Budget(1000, 3, 300, 300), Budget(1000, 12, 1000, 2000)),
    "fsdd": Bench(FSDD, Budget(600, 4, 300, 300), Budget(2200, 6, 500, 300)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A network as its file is read, samples that nothing was trained or chosen on, and those to choose settings on.

    `layers` are what was trained, and `known` what it was trained on.
    """

    network: Network
    test: Samples
    calibration: Samples
    brightest: int
    layers: torch.nn.Sequential
    known: Split

    def of_values(self, values: NDArray[np.integer], labels: NDArray[np.int64], timesteps: int) -> Samples:
        """Samples of other values for the same input, coded by rate."""
        return coded(self.network, Split(values, labels), Rate(timesteps, self.brightest))


@cache
def trained(name: str, seed: int, quick: bool, folder: Path | None) -> Trained:
    """A bench's network. Raises what its data's loader raises."""
    bench = BENCHES[name]
    budget, model = bench.budget(quick), bench.model
    return train(model, budget, seed, folder)


def train(model: Reference, budget: Budget, seed: int, folder: Path | None) -> Trained:
    """A reference model trained on a budget, as its file is read back."""
    data = model.dataset(folder, model.timesteps)
    known, chosen = apart(data.train, budget)
    coding = model.coding(model.timesteps)
    how = Training(coding, model.loss, replace(model.recipe, epochs=budget.epochs), seed)
    layers = fit(lambda: model.layers(model.timesteps), known, how)
    network = as_read(nir_bytes(layers, model.description(model.timesteps), model.shape))
    test = drawn(data.test, budget.tested)
    brightest = getattr(coding, "brightest", 1)
    return Trained(network, coded(network, test, coding), coded(network, chosen, coding), brightest, layers, known)


def as_read(content: bytes) -> Network:
    """The network of a file's bytes, as the compiler reads it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.nir"
        path.write_bytes(content)
        return read(path)


def apart(data: Split, budget: Budget) -> tuple[Split, Split]:
    """What is trained on, and what settings are chosen on: drawn, always the same, for files are often sorted."""
    order = np.random.default_rng(0).permutation(len(data))
    chosen = min(budget.chosen, len(data) // 4)
    known = order[chosen:][: budget.trained]
    return Split(data.inputs[known], data.wanted[known]), Split(
        data.inputs[order[:chosen]], data.wanted[order[:chosen]]
    )


def drawn(data: Split, most: int) -> Split:
    """So many samples, always the same."""
    order = np.sort(np.random.default_rng(1).permutation(len(data))[:most])
    return Split(data.inputs[order], data.wanted[order])


def coded(network: Network, data: Split, coding: object) -> Samples:
    """Samples as spikes, with the values they were coded from where there are some."""
    (port,) = network.inputs
    spikes = coding(data.inputs)  # type: ignore[operator]
    values = {}
    if isinstance(coding, Rate):
        values = {port.name: (data.inputs / coding.brightest).reshape(len(data), *port.shape)}
    labels = None if data.is_regression else data.wanted
    return Samples({port.name: spikes.reshape(*spikes.shape[:2], *port.shape)}, labels, values)
