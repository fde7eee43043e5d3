"""A recurrent reader of letters that slide under a fingertip of 12 sensors: synthetic ones, no recordings."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuedge_models.coding import Events
from neuedge_models.datasets import Dataset, Split
from neuedge_models.loop import Recipe
from neuedge_models.networks import recurrent
from neuedge_models.reference import Reference

LETTERS: dict[str, str] = {" ": "", "A": "1", "E": "15", "I": "24", "O": "135", "U": "136", "Y": "13456"}
"""Braille: the dots of each letter; 1 to 3 down the left column, 4 to 6 down the right one."""
ROWS, COLUMNS = 4, 3
ACROSS = 0.5
"""Rows by which letters lie differently across the fingertip."""
TIMESTEPS = 64
TRAINED, TESTED = 1400, 350
WIDTH = 0.6
"""How far a dot is felt, in distances of dots."""
GAIN = 0.7
"""Spikes of a sensor in a timestep with a dot right under it."""
NOISE = 0.01
"""The chance that a sensor fires with nothing under it, in a timestep."""


def slid(letters: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Spikes (samples, timesteps, 12) of a fingertip under which letters slide once, made by a formula:

    The sensors stand at (row, column), 4 rows of 3, a dot's distance apart. In timestep t a letter has moved to
    `t speed - 3 - jitter` columns; each sensor feels p = max over its dots of exp(-d^2 / (2 WIDTH^2)), d the distance
    to the dot. It fires where the sum of GAIN p so far passes a whole number, or with the chance NOISE. Drawn for each
    sample: speed (0.10 to 0.14 columns a timestep), jitter (-0.5 to 0.5), and where the letter lies across the
    fingertip (0 to ACROSS rows).
    """
    rng = np.random.default_rng(seed)
    speed, jitter, across = rng.random((3, len(letters), 1))
    place = (0.10 + 0.04 * speed) * np.arange(TIMESTEPS) - 3.5 + jitter
    felt = np.zeros((len(letters), TIMESTEPS, ROWS, COLUMNS))
    for kind, dots in enumerate(LETTERS.values()):
        these = letters == kind
        for dot in map(int, dots):
            row, column = (dot - 1) % 3, (dot - 1) // 3
            down = np.arange(ROWS)[None, None, :, None] - (row + ACROSS * across[these])[:, :, None, None]
            along = np.arange(COLUMNS)[None, None, None, :] - (column + place[these])[:, :, None, None]
            felt[these] = np.maximum(felt[these], np.exp(-(down**2 + along**2) / (2 * WIDTH**2)))
    so_far = np.floor(np.cumsum(GAIN * felt, axis=1))
    fires = np.diff(so_far, axis=1, prepend=0) > 0
    return (fires | (rng.random(fires.shape) < NOISE)).reshape(len(letters), TIMESTEPS, -1).astype(np.uint8)


def load(folder: Path | None) -> Dataset:
    """As many of each letter, drawn with seed 0 to train on and with seed 1 to test."""
    del folder
    return Dataset(_letters(TRAINED, 0), _letters(TESTED, 1))


def _letters(samples: int, seed: int) -> Split:
    letters = np.arange(samples) % len(LETTERS)
    return Split(slid(letters, seed), letters)


TACTILE = Reference(
    name="tactile",
    summary="synthetic Braille letters slid under 12 sensors; 12-40-7 leaky neurons, the 40 recurrent, 64 timesteps",
    shape=(ROWS * COLUMNS,),
    timesteps=TIMESTEPS,
    load=load,
    coding=Events,
    layers=partial(recurrent, (ROWS * COLUMNS, 40, len(LETTERS)), keep=0.9, damping=0.2),
    recipe=Recipe(epochs=12, batch=35, learning_rate=2e-3, spike_penalty=1.0),
)
