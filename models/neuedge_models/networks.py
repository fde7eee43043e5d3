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
