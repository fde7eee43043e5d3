"""A classifier of N-MNIST, digits that an event camera saw: two convolutions of integrate-and-fire neurons."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from neuedge_models.coding import Events
from neuedge_models.datasets import Dataset, from_folder
from neuedge_models.fetch import nmnist
from neuedge_models.loop import Recipe
from neuedge_models.networks import cnn
from neuedge_models.reference import Reference

SHAPE = (2, 34, 34)
FRAMES = 15


def load(folder: Path | None) -> Dataset:
    """N-MNIST, from a file in the folder, else fetched: frames (samples, 15, 2, 34, 34), of 20 ms each."""
    found = from_folder(folder, "nmnist", "nmnist_small") if folder else nmnist()
    return found.checked((2 * FRAMES, *SHAPE), classes=10, events=True).in_pairs()


NMNIST = Reference(
    name="nmnist",
    summary="digits seen by an event camera (N-MNIST); convolutions of 8 and 16 channels, 10 outputs, 15 frames",
    shape=SHAPE,
    timesteps=FRAMES,
    load=load,
    coding=Events,
    layers=partial(cnn, SHAPE, ((8, 5, 2), (16, 3, 2)), (10,)),
    recipe=Recipe(epochs=14, batch=25, learning_rate=2e-3, spike_penalty=0.1),
)
