"""Sound as pictures: logarithmic mel spectra in bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
QUIETEST = 1e-6
"""Power that counts as silence, and is added to all."""


@dataclass(frozen=True, slots=True)
class LogMel:
    """How sound becomes a picture (frames, bands).

    rate: samples a second; window and hop: samples of a frame, and from one to the next; loudest: the natural logarithm
    of the power, |spectrum|^2 / window summed by band, that becomes 255, where ln(QUIETEST) becomes 0.
    """

    rate: int
    bands: int
    window: int
    hop: int
    loudest: float

    def __call__(self, sound: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Bytes (frames, bands) of one second of sound (samples,) from -1 to 1, cut or followed by silence to be one.

        Frames are weighed by a Hann window and stand wholly within the second.
        """
        second = np.zeros(self.rate)
        second[: len(sound)] = sound[: self.rate]
        frames = np.lib.stride_tricks.sliding_window_view(second, self.window)[:: self.hop]
        power = np.abs(np.fft.rfft(frames * np.hanning(self.window), axis=1)) ** 2 / self.window
        spectrum = np.log(power @ self._filters() + QUIETEST)
        scaled = (spectrum - np.log(QUIETEST)) / (self.loudest - np.log(QUIETEST))
        picture: NDArray[np.uint8] = np.round(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
        return picture

    def _filters(self) -> Floats:
        """Triangles (frequencies, bands) evenly spaced by mel = 2595 log10(1 + f / 700), from 0 to half the rate."""
        highest = 2595 * np.log10(1 + self.rate / 2 / 700)
        corners = 700 * (10 ** (np.linspace(0, highest, self.bands + 2) / 2595) - 1)
        frequency = np.fft.rfftfreq(self.window, 1 / self.rate)[:, None]
        rising = (frequency - corners[:-2]) / (corners[1:-1] - corners[:-2])
        falling = (corners[2:] - frequency) / (corners[2:] - corners[1:-1])
        triangles: Floats = np.clip(np.minimum(rising, falling), 0, None)
        return triangles


COMMANDS = LogMel(rate=16000, bands=40, window=512, hop=320, loudest=4.66)
"""49 frames of 32 ms, 20 ms apart."""
DIGITS = LogMel(rate=8000, bands=32, window=256, hop=128, loudest=2.11)
"""61 frames of 32 ms, 16 ms apart."""
