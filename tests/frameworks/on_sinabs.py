"""sinabs 2 and 3: exports and imports, all steps at once."""

from __future__ import annotations

import math
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import numpy as np
import sinabs.layers as sl
import torch
from door import STEPS, Framework, Network, conv, linear, main, row
from remedies import AS_SUMS, FROM_NORSE, Remedy, behind, scale, ties
from sinabs.activation import MembraneReset, SingleSpike
from sinabs.nir import _import_sinabs_module, from_nir, to_nir
from torch import nn

AS_CHIPS = {"spike_fn": SingleSpike, "reset_fn": MembraneReset()}
"""At most one spike in a step, and a spike sets the membrane to zero."""


def iaf(**settings: Any) -> nn.Module:
    return sl.IAFSqueeze(batch_size=1, **settings)


def lif(*shape: int, **settings: Any) -> nn.Module:
    return sl.LIFSqueeze(tau_mem=torch.full(shape, 10.0), batch_size=1, **settings)


def of_many(**settings: Any) -> nn.Module:
    hidden, last = (lif(n, spike_threshold=torch.full((n,), 0.1), **settings) for n in (10, 5))
    return row(linear(12, 10), hidden, linear(10, 5), last)


def of_one(**settings: Any) -> nn.Module:
    hidden, last = (lif(spike_threshold=torch.tensor(0.1), **settings) for _ in range(2))
    return row(linear(12, 10), hidden, linear(10, 5), last)


def mlp(**settings: Any) -> nn.Module:
    return row(linear(12, 10), iaf(**settings), linear(10, 5), iaf(**settings))


def cnn(pool: nn.Module, **settings: Any) -> nn.Module:
    return row(conv(1, 4), iaf(**settings), pool, nn.Flatten(), linear(64, 5), iaf(**settings))


def recurrent() -> nn.Module:
    return row(linear(12, 10), sl.IAFRecurrent(rec_connect=linear(10, 10, 0.1)))


def run(module: nn.Module, signal: torch.Tensor) -> torch.Tensor:
    for each in module.modules():
        if isinstance(each, sl.StatefulLayer):
            each.reset_states()
    return module(batched(module, signal))


def batched(module: nn.Module, signal: torch.Tensor) -> torch.Tensor:
    """What recurrent layers want, which have no variant that squeezes batch and time."""
    return signal[None] if any(isinstance(each, sl.IAFRecurrent) for each in module.modules()) else signal


def write(module: nn.Module, path: Path, shape: tuple[int, ...], inferred: bool = False) -> None:
    graph = to_nir(module, batched(module, torch.ones((STEPS, *shape))))
    if inferred:
        graph.infer_types()
    nir.write(path, graph)


def network(name: str, title: str, build: Any, shape: tuple[int, ...], note: str = "", **settings: Any) -> Network:
    write_it = partial(write, shape=shape, **settings)
    return Network(f"sinabs{version('sinabs')[0]}_{name}", title, build, shape, 1.0, write_it, note)


INFERRED = {"note": "after `graph.infer_types()`", "inferred": True}
SINGLE = "single spikes, reset to zero"
NETWORKS = (
    network("mlp", "MLP, IAFSqueeze", mlp, (12,)),
    network("mlp_single", "MLP, IAFSqueeze, single spikes", partial(mlp, spike_fn=SingleSpike), (12,)),
    network("mlp_zero", f"MLP, IAFSqueeze, {SINGLE}", partial(mlp, **AS_CHIPS), (12,)),
    network("mlp_lif", f"MLP, LIFSqueeze, {SINGLE}", partial(of_many, **AS_CHIPS), (12,)),
    network("mlp_one", f"MLP, LIFSqueeze, one value per layer, {SINGLE}", partial(of_one, **AS_CHIPS), (12,)),
    network("cnn_plain", "CNN, SumPool2d", partial(cnn, sl.SumPool2d(2)), (1, 8, 8)),
    network("cnn", "CNN, SumPool2d", partial(cnn, sl.SumPool2d(2)), (1, 8, 8), **INFERRED),
    network("cnn_zero", f"CNN, SumPool2d, {SINGLE}", partial(cnn, sl.SumPool2d(2), **AS_CHIPS), (1, 8, 8), **INFERRED),
    network("cnn_avg", "CNN, AvgPool2d", partial(cnn, nn.AvgPool2d(2)), (1, 8, 8)),
    network("rnn", "IAFRecurrent", recurrent, (12,)),
)


def load(graph: nir.NIRGraph, _: float) -> nn.Module:
    return from_nir(graph, batch_size=1)


def run_loaded(module: nn.Module, signal: torch.Tensor) -> torch.Tensor:
    """Step by step: what closes a loop is handed from one call to the next."""
    state, spikes = None, []
    for step in signal:
        out, state = module(step[None], state)
        spikes.append(out)
    return torch.cat(spikes)


def stateful(module: nn.Module) -> list[Any]:
    return [each for each in module.modules() if isinstance(each, sl.StatefulLayer)]


def single(module: nn.Module) -> None:
    for each in stateful(module):
        each.spike_fn = SingleSpike


def resetting(module: nn.Module) -> None:
    for each in stateful(module):
        each.reset_fn = MembraneReset()


def unbounded(module: nn.Module) -> None:
    for each in stateful(module):
        each.min_v_mem = None


def normed(module: nn.Module) -> None:
    for each in stateful(module):
        if isinstance(each, sl.LIF):
            each.norm_input = True


def plain_leak(graph: nir.NIRGraph, _: float) -> None:
    """The import asks `any(v_leak) != 0`, which is an error for more than one axis."""
    for node in graph.nodes.values():
        if hasattr(node, "v_leak"):
            node.v_leak = np.ravel(node.v_leak)


def euler(graph: nir.NIRGraph, dt: float) -> None:
    """sinabs decays by exp(-1/tau) and adds its input whole; NIR's first step is 1 - dt/tau, and r dt/tau of it."""
    for name, node in graph.nodes.items():
        if isinstance(node, nir.LIF):
            part = dt / float(np.unique(node.tau).item())
            scale(behind(graph, name), node.r * part)
            node.tau = np.full_like(node.tau, -1 / math.log(1 - part) if part < 1 else 0.0)
        elif isinstance(node, nir.IF):
            scale(behind(graph, name), node.r * dt)


REMEDIES = (
    FROM_NORSE,
    AS_SUMS,
    Remedy("v_leak", plain_leak),
    Remedy("decay", euler),
    Remedy("ties", ties(np.inf), only="ties"),
    Remedy("norm", modules=normed),
    Remedy("single", modules=single),
    Remedy("zero", modules=resetting),
    Remedy("floor", modules=unbounded),
)

if __name__ == "__main__":
    neurons = (sl.IAFSqueeze, sl.LIFSqueeze, sl.IAFRecurrent)
    import_node = partial(_import_sinabs_module, batch_size=1, num_timesteps=-1)
    main(Framework("sinabs", run, neurons, STEPS, NETWORKS, load, run_loaded, REMEDIES, import_node))
