"""The 8 x 8 digits that come with scikit-learn, split once for all, and the input code that turns pixels into spikes.

The split: 1437 images train, 360 test; drawn by `train_test_split` with seed 0, stratified by label. It does not follow
the seed of a training, so every network trained here is measured on the same 360 images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BRIGHTEST = 16
"""The pixels of `load_digits` are whole numbers from 0 to 16."""

TEST_SAMPLES = 360
SPLIT_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Images and what they show: pixels (samples, 64) from 0 to 16, labels (samples,) from 0 to 9."""

    pixels: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def digits() -> tuple[Samples, Samples]:
    """The training and the test samples. Needs scikit-learn."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    train_pixels, test_pixels, train_labels, test_labels = train_test_split(
        pixels.astype(np.int64), labels, test_size=TEST_SAMPLES, random_state=SPLIT_SEED, stratify=labels
    )
    return Samples(train_pixels, train_labels), Samples(test_pixels, test_labels)


def rate_code(pixels: NDArray[np.int64], timesteps: int) -> NDArray[np.uint8]:
    """Binary spikes (samples, timesteps, 64): a pixel of value x fires `x * timesteps // 16` times, evenly spaced.

    Nothing is drawn at random: it is what an integrate-and-fire neuron of threshold 16 makes of a current x. With 16
    timesteps a pixel fires as often as its value says, so the code loses nothing.
    """
    steps = np.arange(timesteps + 1)[:, np.newaxis]
    fired_until = pixels[:, np.newaxis, :] * steps // BRIGHTEST
    return np.diff(fired_until, axis=1).astype(np.uint8)
