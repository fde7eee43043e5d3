"""SpikingJelly: exports and imports, in batches of one, step by step."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from door import Framework, Network, louder, main, quarters, row
from remedies import FROM_NORSE, FROM_SINABS, SYNAPSE, WHOLE_R, Remedy, ties
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir
from torch import nn

DT = 1e-4
"""The default of both the export and the import."""


def linear(inputs: int, outputs: int) -> nn.Module:
    return louder(layer.Linear(inputs, outputs), 2.0)


def mlp(kind: Any, **settings: Any) -> nn.Module:
    return row(linear(12, 10), kind(**settings), linear(10, 5), kind(**settings))


def quantised() -> nn.Module:
    return row(quarters(linear(12, 10)), neuron.IFNode(), quarters(linear(10, 5)), neuron.IFNode())


def cnn() -> nn.Module:
    image = louder(layer.Conv2d(1, 4, 3, padding=1), 2.0)
    rest = layer.AvgPool2d(2), layer.Flatten(), linear(64, 5), neuron.LIFNode(v_threshold=0.2)
    return row(image, neuron.LIFNode(v_threshold=0.2), *rest)


def recurrent() -> nn.Module:
    hidden = layer.LinearRecurrentContainer(neuron.IFNode(), in_features=10, out_features=10)
    return row(linear(12, 10), hidden)


def run(module: nn.Module, signal: torch.Tensor) -> torch.Tensor:
    functional.reset_net(module)
    return torch.cat([module(step[None]).detach() for step in signal])


def write(module: nn.Module, path: Path, shape: tuple[int, ...]) -> None:
    functional.reset_net(module)
    nir.write(path, export_to_nir(module, torch.ones((1, *shape))))


def network(name: str, title: str, build: Any, shape: tuple[int, ...]) -> Network:
    return Network(f"spikingjelly_{name}", title, build, shape, DT, partial(write, shape=shape))


NETWORKS = (
    network("mlp", "MLP, IFNode", partial(mlp, neuron.IFNode), (12,)),
    network("mlp_ties", "MLP, IFNode, weights in quarters", quantised, (12,)),
    network("mlp_lif", "MLP, LIFNode", partial(mlp, neuron.LIFNode, v_threshold=0.3), (12,)),
    network("mlp_sum", "MLP, LIFNode, decay_input=False", partial(mlp, neuron.LIFNode, decay_input=False), (12,)),
    network("mlp_cuba", "MLP, CUBALIFNode", partial(mlp, neuron.CUBALIFNode, c_decay=0.5, v_decay=0.8), (12,)),
    network("mlp_soft", "MLP, IFNode, v_reset=None", partial(mlp, neuron.IFNode, v_reset=None), (12,)),
    network("cnn", "CNN, LIFNode", cnn, (1, 8, 8)),
    network("rnn", "LinearRecurrentContainer", recurrent, (12,)),
)


def load(graph: nir.NIRGraph, dt: float) -> nn.Module:
    return import_from_nir(graph, dt=dt)


def run_loaded(module: nn.Module, signal: torch.Tensor) -> torch.Tensor:
    state, spikes = None, []
    for step in signal:
        out, state = module(step[None], state)
        spikes.append(out.detach())
    return torch.cat(spikes)


def subtracting(module: nn.Module) -> None:
    for each in module.modules():
        if isinstance(each, neuron.BaseNode):
            each.v_reset = None


NEURONS = (neuron.IFNode, neuron.LIFNode, neuron.CUBALIFNode)
REMEDIES = (
    FROM_NORSE,
    FROM_SINABS,
    SYNAPSE,
    WHOLE_R,
    Remedy("ties", ties(np.inf), only="ties"),
    Remedy("subtract", modules=subtracting),
)

if __name__ == "__main__":
    main(Framework("spikingjelly", run, NEURONS, 1, NETWORKS, load, run_loaded, REMEDIES))
