"""Small spiking networks, trained with a rate code and written as .nir files: what the experiments here start from.

Needs the extra `train`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neuedge_nir.frontend import read
from neuedge_nir.network.model import Network

KEEP = 0.9
"""What is left of a membrane after a timestep: tau = 10 steps."""
Layers = list[torch.nn.Module]


class Spike(torch.autograd.Function):
    """A step whose gradient is that of an arc tangent."""

    @staticmethod
    def forward(ctx: Any, v: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(v)
        return (v > 0).float()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (v,) = ctx.saved_tensors
        return gradient / (1 + (torch.pi * v) ** 2)


def dense(*sizes: int) -> Layers:
    """Weighted layers; LIF neurons stand between them, and the last is read by the host."""
    return [torch.nn.Linear(before, behind, bias=False) for before, behind in pairwise(sizes)]


def convolutional(shape: tuple[int, ...], classes: int) -> Layers:
    """Two convolutions with a kernel of 5 and a stride of 2 on (channels, height, width), and a dense layer."""
    first = torch.nn.Conv2d(shape[0], 8, 5, stride=2, bias=False)
    second = torch.nn.Conv2d(8, 16, 5, stride=2, bias=False)
    left = [((side - 5) // 2 + 1 - 5) // 2 + 1 for side in shape[1:]]
    return [first, second, torch.nn.Linear(16 * math.prod(left), classes, bias=False)]


def forward(network: Sequence[torch.nn.Module], x: torch.Tensor, steps: int, *, events: bool = False) -> torch.Tensor:
    """The mean output over the steps, of spikes drawn with x (batch, *shape) as probability.

    `events`: x (batch, steps, *shape) are the spikes.
    """
    membranes: list[torch.Tensor | float] = [0.0] * (len(network) - 1)
    total: torch.Tensor | float = 0.0
    for step in range(steps):
        signal = x[:, step] if events else (torch.rand_like(x) < x).float()
        for k, layer in enumerate(network[:-1]):
            membrane = KEEP * membranes[k] + layer(signal.flatten(1) if isinstance(layer, torch.nn.Linear) else signal)
            signal = Spike.apply(membrane - 1)  # type: ignore[no-untyped-call]
            membranes[k] = membrane - signal
        total = total + network[-1](signal.flatten(1))
    return torch.as_tensor(total / steps * 5)


def trained(
    make: Callable[[], Layers],
    values: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int,
    epochs: int,
    seed: int,
    events: bool = False,
) -> Layers:
    """The layers, trained on values from 0 to 1, (samples, *shape), or on spikes, (samples, steps, *shape)."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    network = make()
    x, y = torch.tensor(values), torch.tensor(labels.astype(np.int64))
    optimiser = torch.optim.Adam([p for layer in network for p in layer.parameters()], lr=1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(100):
            loss = torch.nn.functional.cross_entropy(forward(network, x[batch].float(), steps, events=events), y[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network


def exported(
    network: Sequence[torch.nn.Module], shape: tuple[int, ...], path: Path, *, readout: bool = False
) -> Network:
    """The network as a .nir file, read back. r = tau / dt, so that an input moves the membrane by its weight.

    `readout`: the last layer drives LI neurons, which the host reads; else it reads the layer itself.
    """
    import nir

    nodes: dict[str, Any] = {"input": nir.Input(np.array(shape))}
    for k, layer in enumerate(network):
        weight = layer.weight.detach().numpy()
        if isinstance(layer, torch.nn.Conv2d):
            outputs = len(weight)
            zeros = np.zeros(outputs, np.float32)
            nodes[f"conv{k}"] = nir.Conv2d(shape[1:], weight, (2, 2), (0, 0), (1, 1), 1, zeros)
            shape = (outputs, *((side - 5) // 2 + 1 for side in shape[1:]))
        else:
            if len(shape) > 1:
                nodes["flatten"] = nir.Flatten(np.array(shape), 0, -1)
            nodes[f"fc{k}"] = nir.Affine(weight, np.zeros(len(weight), np.float32))
            shape = (len(weight),)
        if k < len(network) - 1:
            ones = np.ones(shape, np.float32)
            tau = ones / (1 - KEEP)
            nodes[f"lif{k}"] = nir.LIF(tau=tau, r=tau, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)
    if readout:
        ones = np.ones(shape, np.float32)
        nodes["readout"] = nir.LI(tau=ones, r=ones, v_leak=0 * ones)
    nodes["output"] = nir.Output(np.array(shape))
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)
    graph.metadata = {"neuedge": json.dumps({"schema": 1, "reset": "subtract", "dt": 1.0})}
    nir.write(path, graph)
    return read(path)
