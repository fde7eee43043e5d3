"""A classifier of CIFAR-10, two convolutions and a dense layer of integrate-and-fire neurons."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from neuedge_models.coding import Rate
from neuedge_models.datasets import BRIGHTEST_BYTE, Dataset, from_folder
from neuedge_models.fetch import cifar10
from neuedge_models.loop import Recipe
from neuedge_models.networks import cnn
from neuedge_models.reference import Reference

SHAPE = (3, 32, 32)


def load(folder: Path | None) -> Dataset:
    """CIFAR-10, from a file in the folder, else fetched whole: pixels (samples, 3, 32, 32)."""
    found = from_folder(folder, "cifar10", "cifar10_10k", "cifar10_1k") if folder else cifar10()
    return found.checked((32, 32, 3), classes=10).channels_first()


CIFAR10 = Reference(
    name="cifar10",
    summary="pictures of ten kinds of things (CIFAR-10); convolutions of 24 and 48 channels, 10 outputs, 8 timesteps",
    shape=SHAPE,
    timesteps=8,
    load=load,
    coding=partial(Rate, brightest=BRIGHTEST_BYTE),
    layers=partial(cnn, SHAPE, ((24, 5, 2), (48, 3, 2)), (10,)),
    recipe=Recipe(epochs=8, batch=50, learning_rate=2e-3, spike_penalty=0.1),
)
