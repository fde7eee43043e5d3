"""Chains of layers by name: fc1, if1, fc2 ...; weights have no bias, since on many chips it takes a neuron."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from neuedge_models import neurons

if TYPE_CHECKING:
    import torch

Neurons = Callable[[int], "torch.nn.Module"]
"""Layers of neurons for samples of so many timesteps."""


def mlp(sizes: Sequence[int], timesteps: int, fire: Neurons = neurons.integrate_and_fire) -> torch.nn.Sequential:
    """Dense layers fc1, if1, fc2, if2 ... for spikes (samples * timesteps, sizes[0])."""
    import torch

    layers: OrderedDict[str, torch.nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        layers[f"fc{number}"] = torch.nn.Linear(inputs, outputs, bias=False)
        layers[f"if{number}"] = fire(timesteps)
    return torch.nn.Sequential(layers)


def read_by_host(network: torch.nn.Sequential) -> torch.nn.Sequential:
    """The same layers without the neurons that stand last: a host sums what the last weights make of spikes."""
    import torch

    return torch.nn.Sequential(OrderedDict(list(network.named_children())[:-1]))


def cnn(
    shape: tuple[int, int, int],
    convolutions: Sequence[tuple[int, int, int]],
    dense: Sequence[int],
    timesteps: int,
    fire: Neurons = neurons.integrate_and_fire,
) -> torch.nn.Sequential:
    """Convolutions (channels, kernel, stride), then dense layers, neurons behind each.

    It takes spikes (samples * timesteps, *shape), shape = (channels, height, width).
    """
    import torch

    layers: OrderedDict[str, torch.nn.Module] = OrderedDict()
    for number, (channels, kernel, stride) in enumerate(convolutions, start=1):
        layers[f"conv{number}"] = torch.nn.Conv2d(shape[0], channels, kernel, stride, bias=False)
        layers[f"if{number}"] = fire(timesteps)
        shape = (channels, *(((side - kernel) // stride + 1) for side in shape[1:]))  # type: ignore[assignment]
    layers["flatten"] = torch.nn.Flatten()
    for number, (inputs, outputs) in enumerate(pairwise((math.prod(shape), *dense)), start=1):
        layers[f"fc{number}"] = torch.nn.Linear(inputs, outputs, bias=False)
        layers[f"if{len(convolutions) + number}"] = fire(timesteps)
    return torch.nn.Sequential(layers)


def recurrent(sizes: tuple[int, int, int], timesteps: int, keep: float, damping: float = 1.0) -> torch.nn.Sequential:
    """A dense layer fc1 of leaky neurons that hear each other, and a dense layer fc2 of leaky neurons.

    `damping`: of the gradient through those that hear each other, as `neurons.recurrent` has it.
    """
    import torch

    inputs, hidden, outputs = sizes
    layers: OrderedDict[str, torch.nn.Module] = OrderedDict()
    layers["fc1"] = torch.nn.Linear(inputs, hidden, bias=False)
    layers["if1"] = neurons.recurrent(hidden, timesteps, keep, damping)
    layers["fc2"] = torch.nn.Linear(hidden, outputs, bias=False)
    layers["if2"] = neurons.leaky(timesteps, keep)
    return torch.nn.Sequential(layers)


def read_out(sizes: tuple[int, int, int], timesteps: int, keep: float, slow: float) -> torch.nn.Sequential:
    """A dense layer fc1 of leaky neurons, and a dense layer fc2 into LI neurons, which a host reads."""
    import torch

    inputs, hidden, outputs = sizes
    layers: OrderedDict[str, torch.nn.Module] = OrderedDict()
    layers["fc1"] = torch.nn.Linear(inputs, hidden, bias=False)
    layers["if1"] = neurons.leaky(timesteps, keep)
    layers["fc2"] = torch.nn.Linear(hidden, outputs, bias=False)
    layers["out"] = neurons.readout(timesteps, slow)
    return torch.nn.Sequential(layers)
