"""A classifier of MNIST, 784-256-10 leaky integrate-and-fire neurons."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from neuedge_models import neurons
from neuedge_models.coding import Rate
from neuedge_models.datasets import BRIGHTEST_BYTE, Dataset, from_folder
from neuedge_models.fetch import mnist
from neuedge_models.loop import Recipe
from neuedge_models.networks import mlp
from neuedge_models.reference import Reference


def load(folder: Path | None) -> Dataset:
    """MNIST, from `mnist.npz` in the folder, else fetched: pixels (samples, 784)."""
    found = from_folder(folder, "mnist") if folder else mnist()
    return found.checked((28, 28), classes=10).shaped((784,))


MNIST = Reference(
    name="mnist",
    summary="handwritten digits of 28 x 28 pixels (MNIST); 784-256-10 leaky neurons, 10 timesteps, 8-bit weights",
    shape=(784,),
    timesteps=10,
    load=load,
    coding=partial(Rate, brightest=BRIGHTEST_BYTE),
    layers=partial(mlp, (784, 256, 10), fire=partial(neurons.leaky, keep=0.9)),
    recipe=Recipe(epochs=5, batch=100, learning_rate=2e-3, spike_penalty=0.2),
)
