"""Synthetic events in the manner of DVS Gesture: blobs that move under an event camera. No recording of anybody."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuedge_models.coding import Events
from neuedge_models.datasets import Dataset, Split
from neuedge_models.networks import cnn
from neuedge_models.nmnist import NMNIST
from neuedge_models.reference import Reference

SIDE, FRAMES = 32, 15
SHAPE = (2, SIDE, SIDE)
RADIUS, REACH, NOISE = 4.0, 9.0, 0.002
"""Pixels: of a blob, and how far it moves from its middle; the chance of an event where nothing is."""
MOTIONS = (
    "left and right",
    "up and down",
    "clockwise",
    "anticlockwise",
    "one diagonal",
    "the other",
    "two hands apart",
)
TRAINED, TESTED = 700, 210


def places(motion: int, phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the blobs are, (blobs, 2) for each phase (radians), in units of REACH."""
    sin, cos, none = np.sin(phase), np.cos(phase), np.zeros_like(phase)
    ways = ((sin, none), (none, sin), (sin, cos), (sin, -cos), (sin, sin), (sin, -sin))
    if motion < len(ways):
        return np.stack(ways[motion], axis=-1)[..., None, :]
    return np.stack([np.stack([sin, none], -1), np.stack([-sin, none], -1)], axis=-2)


def moved(motions: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Events (samples, 15, 2, 32, 32), ON and OFF, where a blob's edge passed since the frame before.

    Drawn for each sample: the middle (within 4 pixels), the speed (1 to 1.6 turns a sample) and the first phase.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    events = np.zeros((len(motions), FRAMES, *SHAPE), np.uint8)
    for sample, motion in enumerate(motions):
        middle, turns, first = SIDE / 2 + rng.uniform(-4, 4, 2), rng.uniform(1, 1.6), rng.uniform(0, 2 * np.pi)
        phase = first + 2 * np.pi * turns * np.arange(FRAMES + 1) / FRAMES
        at = middle + REACH * places(int(motion), phase)
        far = np.hypot(rows - at[..., 1, None, None], columns - at[..., 0, None, None])
        bright = (far <= RADIUS).any(axis=1).astype(np.int8)
        change = np.diff(bright, axis=0)
        events[sample, :, 0], events[sample, :, 1] = change > 0, change < 0
    return events | (rng.random(events.shape, np.float32) < NOISE).astype(np.uint8)


def load(folder: Path | None) -> Dataset:
    """The same events every time."""
    del folder
    return Dataset(_part(TRAINED, 0), _part(TESTED, 1))


def _part(samples: int, seed: int) -> Split:
    motions = np.arange(samples) % len(MOTIONS)
    return Split(moved(motions, seed), motions)


GESTURES: Reference = replace(
    NMNIST,
    name="synthetic-gestures",
    summary="seven motions of blobs under an event camera: synthetic, no recordings",
    shape=SHAPE,
    timesteps=FRAMES,
    load=load,
    coding=Events,
    layers=partial(cnn, SHAPE, ((8, 5, 2), (16, 3, 2)), (len(MOTIONS),)),
)
