"""Values as spikes, the same every time, but for a code by chance (`Drawn`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.interpreter.encoding import hybrid_coded, rate_coded
from neuedge_nir.network.model import HybridEncoder

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
    levels = np.arange(int(values.max(initial=0)) + 1, dtype=np.int64)[:, np.newaxis]
    fired_until = levels * np.arange(timesteps + 1) // brightest
    fires = np.ascontiguousarray(np.diff(fired_until, axis=1).astype(np.uint8).T)
    return np.stack([of_level[values] for of_level in fires], axis=1)  # looked up: a division a value takes longer


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
class Drawn:
    """A rate code by chance: in each timestep a spike with the probability x / brightest.

    `seed` draws the same spikes at every call; None: others at every call, from torch's generator, which a training
    seeds and its checkpoints keep.
    """

    timesteps: int
    brightest: int
    seed: int | None = None

    def __call__(self, values: NDArray[np.integer]) -> Spikes:
        seed = _seed_of_torch() if self.seed is None else self.seed
        return rate_coded(values / self.brightest, self.timesteps, seed).view(np.uint8)

    @property
    def words(self) -> str:
        """What a file says of its input."""
        return f"rate by chance: value x of 0..{self.brightest} fires with probability x/{self.brightest} in a timestep"


@dataclass(frozen=True, slots=True)
class Hybrid:
    """The code of an input's encoder (Eq. 7, docs/encoding.md), as the interpreter of an exported file codes it."""

    timesteps: int
    brightest: int
    encoder: HybridEncoder

    def __call__(self, values: NDArray[np.integer]) -> Spikes:
        return hybrid_coded(in_every_step(values / self.brightest, self.timesteps), self.encoder).view(np.uint8)

    @property
    def words(self) -> str:
        """What a file says of its input."""
        most, last = self.brightest, self.timesteps - 1
        return f"encoded: value x of 0..{most} enters as x/{most} in each timestep t = 0..{last}"


@dataclass(frozen=True, slots=True)
class Noisy:
    """To train with only: the hybrid code of values that are as uncertain as a rate code of `draws` steps makes them.

    Each x becomes the mean of so many spikes drawn with probability x, from torch's generator. A code that never varies
    may let a network learn its few training samples by heart.
    """

    hybrid: Hybrid
    draws: int

    @property
    def timesteps(self) -> int:
        """Those of the code."""
        return self.hybrid.timesteps

    def __call__(self, values: NDArray[np.integer]) -> Spikes:
        most = self.hybrid.brightest
        rng = np.random.default_rng(_seed_of_torch())
        steps = in_every_step(rng.binomial(self.draws, values / most) / self.draws, self.hybrid.timesteps)
        return hybrid_coded(steps, self.hybrid.encoder).view(np.uint8)

    @property
    def words(self) -> str:
        """What a file says of its input."""
        return self.hybrid.words


def in_every_step(values: NDArray[np.floating], timesteps: int) -> NDArray[np.floating]:
    """Values (samples, *shape) as a host gives them to an encoder, (samples, timesteps, *shape)."""
    return np.broadcast_to(values[:, np.newaxis], (len(values), timesteps, *values.shape[1:]))


def _seed_of_torch() -> int:
    import torch

    return int(torch.randint(2**31, ()))


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
