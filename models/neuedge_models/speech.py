"""A classifier of spoken commands, two convolutions of integrate-and-fire neurons over a log-mel picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from neuedge_models.coding import Rate
from neuedge_models.datasets import BRIGHTEST_BYTE, Dataset, from_folder
from neuedge_models.fetch import speech
from neuedge_models.loop import Recipe
from neuedge_models.networks import cnn
from neuedge_models.reference import Reference

SHAPE = (1, 49, 40)


def load(folder: Path | None) -> Dataset:
    """Speech Commands, from `speech_commands12_logmel.npz` in the folder, else fetched: (samples, 1, 49, 40)."""
    found = from_folder(folder, "speech_commands12_logmel") if folder else speech()
    return found.checked(SHAPE[1:], classes=12).shaped(SHAPE)


SPEECH = Reference(
    name="speech",
    summary="ten spoken words, others and silence (Speech Commands), log-mel; convolutions of 16 and 32 channels",
    shape=SHAPE,
    timesteps=8,
    load=load,
    coding=partial(Rate, brightest=BRIGHTEST_BYTE),
    layers=partial(cnn, SHAPE, ((16, 5, 2), (32, 3, 2)), (12,)),
    recipe=Recipe(epochs=6, batch=30, learning_rate=2e-3, spike_penalty=0.1),
)
