"""snnTorch: exports and imports, in batches of one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import nir
import numpy as np
import snntorch as snn
import torch
from door import Framework, Network, conv, linear, main, row
from remedies import FROM_NORSE, FROM_SINABS, SYNAPSE, WHOLE_R, Remedy, gain_into_weights, ties, times_in
from snntorch import utils
from snntorch.export_nir import export_to_nir
from snntorch.import_nir import import_from_nir
from torch import nn

AS_IMPORTED = {"reset_mechanism": "zero", "reset_delay": False}
"""What the import makes of every neuron. A neuron subtracts by default, one step after its spike."""

DT = 1e-4
"""Written into both the export and the import."""


def leaky(*shape: int, **settings: Any) -> nn.Module:
    return snn.Leaky(beta=torch.full(shape, 0.8), threshold=torch.ones(shape), init_hidden=True, **settings)


def synaptic(*shape: int, **settings: Any) -> nn.Module:
    decays = {"alpha": torch.full(shape, 0.5), "beta": torch.full(shape, 0.8)}
    return snn.Synaptic(**decays, threshold=torch.ones(shape), init_hidden=True, **settings)


def one_value(*_: int, **settings: Any) -> nn.Module:
    return snn.Leaky(beta=0.8, init_hidden=True, **settings)


def mlp(neuron: Any, gains: tuple[float, float] = (2.0, 2.0), **settings: Any) -> nn.Module:
    first, second = gains
    return row(linear(12, 10, first), neuron(10, **settings), linear(10, 5, second), neuron(5, **settings))


def mild() -> nn.Module:
    """No potential reaches twice the threshold: what is then left would be lowered once more in the next step."""
    return mlp(leaky, (1.0, 2.5), reset_delay=False)


def cnn() -> nn.Module:
    hidden = leaky(4, 8, 8, **AS_IMPORTED)
    return row(conv(1, 4), hidden, nn.AvgPool2d(2), nn.Flatten(), linear(64, 5), leaky(5, **AS_IMPORTED))


def recurrent(kind: Any, delay: bool, **decays: float) -> nn.Module:
    settings = {key: torch.full((10,), value) for key, value in {**decays, "threshold": 1.0}.items()}
    hidden = kind(**settings, linear_features=10, init_hidden=True, reset_mechanism="zero", reset_delay=delay)
    return row(linear(12, 10), hidden, linear(10, 5, 4.0), leaky(5, **AS_IMPORTED))


def run(module: nn.Module, signal: torch.Tensor) -> torch.Tensor:
    utils.reset(module)
    return torch.cat([module(step[None]) for step in signal])


def write(module: nn.Module, path: Path, shape: tuple[int, ...], **settings: Any) -> None:
    utils.reset(module)
    nir.write(path, export_to_nir(module, torch.ones((1, *shape)), **settings))


def network(name: str, title: str, build: Any, shape: tuple[int, ...], note: str = "", **settings: Any) -> Network:
    return Network(f"snntorch_{name}", title, build, shape, DT, partial(write, shape=shape, **settings), note)


UNBATCHED = {"note": "with `ignore_dims=[0]`", "ignore_dims": [0]}
TO_ZERO = "reset to zero, without delay"
NETWORKS = (
    network("mlp_batch", "MLP, Leaky", partial(mlp, leaky), (12,)),
    network("mlp", "MLP, Leaky", partial(mlp, leaky), (12,), **UNBATCHED),
    network("mlp_now", "MLP, Leaky, reset_delay=False", mild, (12,), **UNBATCHED),
    network("mlp_one", "MLP, Leaky, one value per layer", partial(mlp, one_value), (12,), **UNBATCHED),
    network("mlp_zero", f"MLP, Leaky, {TO_ZERO}", partial(mlp, leaky, **AS_IMPORTED), (12,), **UNBATCHED),
    network("mlp_syn", f"MLP, Synaptic, {TO_ZERO}", partial(mlp, synaptic, **AS_IMPORTED), (12,), **UNBATCHED),
    network("cnn", f"CNN, {TO_ZERO}", cnn, (1, 8, 8), **UNBATCHED),
    network("rnn", f"RLeaky, {TO_ZERO}", partial(recurrent, snn.RLeaky, False, beta=0.8), (12,), **UNBATCHED),
    network(
        "rnn_syn",
        "RSynaptic, reset to zero",  # without delay it fails in every run
        partial(recurrent, snn.RSynaptic, True, alpha=0.5, beta=0.8),
        (12,),
        **UNBATCHED,
    ),
)


def load(graph: nir.NIRGraph, _: float) -> nn.Module:
    return import_from_nir(graph)


def run_loaded(module: nn.Module, signal: torch.Tensor) -> torch.Tensor:
    utils.reset(module)
    state, spikes = None, []
    for step in signal:
        out, state = module(step[None], state)
        spikes.append(out)
    return torch.cat(spikes)


def subtracting(module: nn.Module) -> None:
    for neuron in neurons_in(module):
        neuron.reset_mechanism = "subtract"
        neuron.state_function = neuron._base_sub


def delayed(module: nn.Module) -> None:
    for neuron in neurons_in(module):
        neuron.reset_delay = True


def neurons_in(module: nn.Module) -> list[Any]:
    return [each for each in module.modules() if isinstance(each, NEURONS)]


def as_if(module: nn.Module) -> None:
    """An IF is imported as a Leaky with beta = 0.9 that subtracts and hands on its potential too."""
    for neuron in neurons_in(module):
        if not neuron.init_hidden:
            neuron.init_hidden, neuron.beta = True, torch.tensor(1.0)
            neuron.reset_mechanism, neuron.state_function = "zero", neuron._base_zero


NEURONS = (snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic)
REMEDIES = (
    FROM_NORSE,
    FROM_SINABS,
    SYNAPSE,
    WHOLE_R,
    Remedy("time", times_in(DT)),
    Remedy("gain", gain_into_weights),
    Remedy("as IF", modules=as_if),
    Remedy("ties", ties(-np.inf), only="ties"),
    Remedy("subtract", modules=subtracting),
    Remedy("delay", modules=delayed),
)

if __name__ == "__main__":
    main(Framework("snntorch", run, NEURONS, 1, NETWORKS, load, run_loaded, REMEDIES))
