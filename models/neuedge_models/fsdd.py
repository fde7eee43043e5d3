"""A classifier of spoken digits, two convolutions of integrate-and-fire neurons over a log-mel picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from neuedge_models.coding import Rate
from neuedge_models.datasets import BRIGHTEST_BYTE, Dataset, from_folder
from neuedge_models.fetch import fsdd
from neuedge_models.loop import Recipe
from neuedge_models.networks import cnn
from neuedge_models.reference import Reference

SHAPE = (1, 61, 32)


def load(folder: Path | None) -> Dataset:
    """The free spoken digit dataset, from `fsdd_logmel.npz` in the folder, else fetched: (samples, 1, 61, 32)."""
    found = from_folder(folder, "fsdd_logmel") if folder else fsdd()
    return found.checked(SHAPE[1:], classes=10).shaped(SHAPE)


FSDD = Reference(
    name="fsdd",
    summary="spoken digits (free spoken digit dataset), log-mel; convolutions of 16 and 32 channels, 10 outputs",
    shape=SHAPE,
    timesteps=8,
    load=load,
    coding=partial(Rate, brightest=BRIGHTEST_BYTE),
    layers=partial(cnn, SHAPE, ((16, 5, 2), (32, 3, 2)), (10,)),
    recipe=Recipe(epochs=5, batch=30, learning_rate=2e-3, spike_penalty=0.1),
)
