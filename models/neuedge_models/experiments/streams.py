"""Streams of digits in bursts, with weak noise between: what a network that always listens hears."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_models.datasets import BRIGHTEST_DIGIT, Split
from neuedge_models.experiments.price import rates_of
from neuedge_nir import Network
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.network.model import Adaptation, Listening

WINDOW = 20
"""Timesteps that a digit is shown for."""
BURST = 5
"""Digits that follow each other."""
NOISE = 0.27
"""Spikes of the input while it idles, over those while it is busy."""
TAU = 10.0
"""Timesteps of the activity's mean; the membrane's too."""
BOUNDS = (0.5, 4.0)
"""Of the threshold, in units of its base."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Spikes (streams, steps, 64); the label of each window (streams, windows), -1 where only noise is."""

    spikes: NDArray[np.bool_]
    labels: NDArray[np.int64]

    @property
    def busy(self) -> NDArray[np.bool_]:
        return self.labels >= 0


def stream(data: Split, duty: float, seed: int) -> Stream:
    """A burst of five different digits in each stream, behind as much noise as the duty wants."""
    rng = np.random.default_rng(seed)
    streams, pause = len(data) // BURST, round(BURST * (1 - duty) / duty)
    pixels = data.inputs / BRIGHTEST_DIGIT
    shown = np.arange(BURST + pause) >= pause
    chosen = rng.permutation(len(data))[: streams * BURST].reshape(streams, -1)
    values = np.full((streams, BURST + pause, pixels.shape[1]), NOISE * pixels.mean())
    values[:, shown] = pixels[chosen]
    labels = np.full((streams, BURST + pause), -1)
    labels[:, shown] = data.wanted[chosen]
    spikes = rng.random((streams, BURST + pause, WINDOW, pixels.shape[1]), np.float32) < values[:, :, None]
    return Stream(spikes.reshape(streams, -1, pixels.shape[1]), labels)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network did on a stream: accuracy; hidden spikes of a busy window, an idle one, and of all; its rates."""

    accuracy: float
    busy: float
    idle: float
    spikes: float
    rates: dict[str, float]
    steps: int


def seen(network: Network, data: Stream) -> Seen:
    """A run over the streams, membranes carried on from window to window."""
    run = simulate(network, data.spikes)
    hidden = run.per_sample[network.populations[0].name].reshape(*data.busy.shape, WINDOW).sum(axis=2)
    (out,) = run.outputs.values()
    answers = out.reshape(*data.busy.shape, WINDOW, -1).sum(axis=2).argmax(axis=2)
    right = float((answers[data.busy] == data.labels[data.busy]).mean())
    busy, idle = (float(hidden[where].mean()) for where in (data.busy, ~data.busy))
    return Seen(right, busy, idle, float(hidden.mean()), rates_of(run), WINDOW)


def heard(data: Stream) -> float:
    """The mean activity of the input while it is busy."""
    steps = np.repeat(data.busy, WINDOW, axis=1)
    return float(data.spikes[steps].mean())


def with_hidden(network: Network, **changed: Any) -> Network:
    """The network with another first layer."""
    hidden, *others = network.populations
    return replace(network, populations=(replace(hidden, **changed), *others))


def adapting(network: Network, gamma: float, target: float) -> Network:
    """Its first layer's threshold follows the input, by Eq. 11 as it is written."""
    low, high = BOUNDS
    rule = Adaptation(gamma, target, TAU, Listening.INPUT, low=low, high=high)
    return with_hidden(network, adaptation=rule)


def static(network: Network, factor: float) -> Network:
    """The control: a threshold that is higher and stays."""
    neuron: Any = network.populations[0].neuron
    return with_hidden(network, neuron=replace(neuron, v_threshold=neuron.v_threshold * factor))
