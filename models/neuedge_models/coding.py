"""Values as spikes, the same every time: nothing is drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Spikes = NDArray[np.uint8]


class Coding(Protocol):
    """From what a dataset holds, (samples, ...), to spikes (samples, timesteps, *input shape)."""

    def __call__(self, values: NDArray[np.integer], /) -> Spikes: ...

    @property
    def words(self) -> str:
        """What a file says of its input."""
        ...


def rate_code(values: NDArray[np.integer], timesteps: int, brightest: int) -> Spikes:
    """Binary spikes (samples, timesteps, *shape): a value x fires `x * timesteps // brightest` times, evenly spaced.

    It is what an integrate-and-fire neuron whose threshold is the brightest value makes of a current x.
    """
    steps = np.arange(timesteps + 1).reshape(1, -1, *[1] * (values.ndim - 1))
    fired_until = values[:, np.newaxis].astype(np.int64) * steps // brightest
    return np.diff(fired_until, axis=1).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate code over so many timesteps, of values from 0 to `brightest`."""

    timesteps: int
    brightest: int

    def __call__(self, values: NDArray[np.integer]) -> Spikes:
        return rate_code(values, self.timesteps, self.brightest)

    @property
    def words(self) -> str:
        """What a file says of its input."""
        most, last = self.brightest, self.timesteps - 1
        return (
            f"rate: pixel x of 0..{most} fires floor((t+1)x/{most}) - floor(tx/{most}) spikes in timestep t = 0..{last}"
        )


@dataclass(frozen=True, slots=True)
class Events:
    """Events as they were recorded, one frame of them a timestep."""

    timesteps: int

    def __call__(self, frames: NDArray[np.integer]) -> Spikes:
        return (frames[:, : self.timesteps] > 0).astype(np.uint8)

    @property
    def words(self) -> str:
        """What a file says of its input."""
        return f"events: one frame of spikes in each timestep t = 0..{self.timesteps - 1}"
