"""What an exported file does with spikes: read back by stock nir, run in numpy, sharing no code with the training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A run of a batch of samples.

    counts: spikes (samples, outputs) of each output neuron; layer_spikes: spikes of the whole batch, input first, then
    layer by layer; ties: how often a membrane was exactly at its threshold, where simulators disagree.
    """

    counts: NDArray[np.int64]
    layer_spikes: tuple[int, ...]
    ties: int

    @property
    def predictions(self) -> NDArray[np.int64]:
        """The most active output per sample, the lowest index where several are."""
        most_active: NDArray[np.int64] = np.argmax(self.counts, axis=1)
        return most_active

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """The share of samples predicted as labelled, 0 to 1."""
        return float(np.mean(self.predictions == labels))

    def spikes_per_inference(self) -> tuple[float, ...]:
        """Mean spikes per sample, input first, then layer by layer."""
        return tuple(spikes / len(self.counts) for spikes in self.layer_spikes)


@dataclass(frozen=True, slots=True, eq=False)
class _Fired:
    spikes: FloatArray
    ties: int


def description(path: Path) -> dict[str, Any]:
    """What the file says about itself under the metadata key `neuedge`."""
    import nir

    return _description(nir.read(path))


def evaluate(path: Path, spikes: NDArray[np.uint8]) -> Evaluation:
    """Run spikes (samples, timesteps, inputs) through a file that is a chain of Linear and IF nodes.

    A neuron fires where v > v_threshold, at most once per timestep, and resets as the file's metadata says.
    """
    import nir

    graph = nir.read(path)
    reset = str(_description(graph)["reset"])
    signal, totals, ties = spikes.astype(np.float64), [int(spikes.sum())], 0
    for node in _chain(graph):
        if isinstance(node, nir.Linear):
            signal = signal @ np.asarray(node.weight, dtype=np.float64).T
        else:
            fired = _integrate_and_fire(signal, node, reset)
            signal, ties = fired.spikes, ties + fired.ties
            totals.append(int(signal.sum()))
    return Evaluation(signal.sum(axis=1).astype(np.int64), tuple(totals), ties)


def _description(graph: Any) -> dict[str, Any]:
    text = graph.metadata["neuedge"]
    return dict(json.loads(text))


def _chain(graph: Any) -> list[Any]:
    """The nodes between input and output, in the order of the edges: nir lists them by name."""
    follower = dict(graph.edges)
    (name,) = follower.keys() - follower.values()
    inner = []
    while (name := follower[name]) in follower:
        inner.append(graph.nodes[name])
    return inner


def _integrate_and_fire(current: FloatArray, neuron: Any, reset: str) -> _Fired:
    threshold = np.asarray(neuron.v_threshold, dtype=np.float64)
    v, spikes, ties = np.zeros_like(current[:, 0]), np.zeros_like(current), 0
    for step in range(current.shape[1]):
        v = v + neuron.r * current[:, step]
        fires = v > threshold
        ties += int(np.sum(v == threshold))
        v = np.where(fires, v - threshold if reset == "subtract" else neuron.v_reset, v)
        spikes[:, step] = fires
    return _Fired(spikes, ties)
