"""Norse: exports and imports. Its cells take single steps, here without a batch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import nir
import norse.torch as norse
import numpy as np
import torch
from door import Framework, Network, conv, linear, louder, main, quarters
from norse.torch.functional.reset import reset_subtract
from norse.torch.module.iaf import IAFCell, IAFParameters
from norse.torch.module.lif_box import LIFBoxCell, LIFBoxParameters
from norse.torch.utils.import_nir import _import_norse_module
from remedies import AS_SUMS, FROM_NORSE, FROM_SINABS, SYNAPSE, Remedy, gain_into_weights, ties
from torch import nn


def lif(*shape: int) -> nn.Module:
    zeros = torch.zeros(shape)
    parameters = LIFBoxParameters(tau_mem_inv=torch.full(shape, 100.0), v_th=zeros + 0.1, v_leak=zeros, v_reset=zeros)
    return LIFBoxCell(parameters)


def iaf(*shape: int) -> nn.Module:
    return IAFCell(IAFParameters(v_th=torch.ones(shape), v_reset=torch.zeros(shape)))


def mlp(neuron: Any) -> nn.Module:
    return norse.SequentialState(linear(12, 10), neuron(10), linear(10, 5), neuron(5))


def quantised() -> nn.Module:
    return norse.SequentialState(quarters(linear(12, 10)), iaf(10), quarters(linear(10, 5)), iaf(5))


def one_value(*_: int) -> nn.Module:
    return LIFBoxCell(LIFBoxParameters(v_th=torch.tensor(0.1)))


def with_current(*_: int) -> nn.Module:
    return norse.LIFCell(norse.LIFParameters(v_th=torch.tensor(0.1)))


def cnn() -> nn.Module:
    strided = louder(nn.Conv2d(4, 2, 3, stride=2), 3.0)
    return norse.SequentialState(conv(1, 4), lif(4, 8, 8), strided, lif(2, 3, 3))


def pooled() -> nn.Module:
    ends = nn.AvgPool2d(2), nn.Flatten(0), linear(64, 5), lif(5)
    return norse.SequentialState(conv(1, 4), lif(4, 8, 8), *ends)


def recurrent() -> nn.Module:
    return norse.SequentialState(linear(12, 10), norse.LIFRecurrentCell(10, 10))


def run(module: nn.Module, signal: torch.Tensor) -> torch.Tensor:
    state, spikes = None, []
    for step in signal:
        out, state = module(step, state)
        spikes.append(out.detach())
    return torch.stack(spikes)


def write(
    module: nn.Module, path: Path, shape: tuple[int, ...], inferred: bool = False, packed: bool = True, **settings: Any
) -> None:
    graph = norse.to_nir(module, torch.ones(shape), **settings)
    if inferred:
        graph.infer_types()
    nir.write(path, graph, compression="gzip" if packed else None)


def network(name: str, title: str, build: Any, shape: tuple[int, ...], note: str = "", **settings: Any) -> Network:
    return Network(f"norse_{name}", title, build, shape, 1e-3, partial(write, shape=shape, **settings), note)


UNPACKED = "written with `compression=None`"
INFERRED = "after `graph.infer_types()`"
IN_SECONDS = "with `to_nir(..., dt=1)`"

NETWORKS = (
    network("mlp", "MLP, LIFBoxCell", partial(mlp, lif), (12,)),
    network("mlp_dt1", "MLP, LIFBoxCell", partial(mlp, lif), (12,), IN_SECONDS, dt=1),
    network("mlp_iaf", "MLP, IAFCell", partial(mlp, iaf), (12,)),
    network("mlp_ties", "MLP, IAFCell, weights in quarters", quantised, (12,)),
    network("mlp_one", "MLP, one value per layer", partial(mlp, one_value), (12,)),
    network(
        "mlp_one_dt1",
        "MLP, one value per layer",
        partial(mlp, one_value),
        (12,),
        f"{IN_SECONDS}, {UNPACKED}",
        packed=False,
        dt=1,
    ),
    network(
        "mlp_lifcell",
        "MLP, LIFCell",
        partial(mlp, with_current),
        (12,),
        f"{IN_SECONDS}, {UNPACKED}",
        packed=False,
        dt=1,
    ),
    network("cnn", "CNN", cnn, (1, 8, 8)),
    network("cnn_dt1", "CNN", cnn, (1, 8, 8), f"{IN_SECONDS}, {INFERRED}", inferred=True, dt=1),
    network("cnn_pool", "CNN, AvgPool2d and Flatten", pooled, (1, 8, 8)),
    network("rnn", "recurrent, LIFRecurrentCell", recurrent, (12,)),
)


def load(graph: nir.NIRGraph, dt: float) -> nn.Module:
    return norse.from_nir(graph, dt=dt, ignore_warnings=True)


def subtracting(module: nn.Module) -> None:
    for cell in module.modules():
        if isinstance(cell, LIFBoxCell):
            cell.p = cell.p._replace(reset_method=reset_subtract)


REMEDIES = (
    FROM_NORSE,
    FROM_SINABS,
    SYNAPSE,
    AS_SUMS,
    Remedy("gain", gain_into_weights),
    Remedy("ties", ties(-np.inf), only="ties"),
    Remedy("subtract", modules=subtracting),
)

if __name__ == "__main__":
    neurons = (LIFBoxCell, IAFCell, norse.LIFCell, norse.LIFRecurrentCell)
    main(Framework("norse", run, neurons, 1, NETWORKS, load, run, REMEDIES, _import_norse_module))
