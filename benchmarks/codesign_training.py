"""The trainings of codesign.py and codesign_choice.py: networks, data, neurons and epochs. Needs the extra `train`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neuedge_models.coding import rate_code
from neuedge_models.datasets import BRIGHTEST_BYTE, Dataset, Split, from_folder
from neuedge_models.grid import THRESHOLD, rounded
from neuedge_models.loop import reproducible
from neuedge_models.networks import cnn, mlp
from neuedge_models.neurons import integrate_and_fire
from neuedge_models.spikes import is_neurons
from neuedge_nir.train import HardwareLoss, prune_gates

CORE64 = str(Path(__file__).parent / "core64.toml")
CHIPS = {"core64": CORE64, "loihi2": "loihi2", "spinnaker2": "spinnaker2", "isaac": "isaac"}
TIMESTEPS = 12
IMAGES = 6000
HELD_BACK = 10_000
"""The last training images: settings are chosen by them; none of them trains."""
FIRST, MORE = 6, 8
"""Epochs on the task; more of them, on the task or for a chip."""
BATCH, RATE = 100, 2e-3


@dataclass(frozen=True, slots=True)
class Model:
    """A network of the experiment, made of any widths (neurons or channels); `shape`: its input in a timestep."""

    name: str
    shape: tuple[int, ...]
    widths: tuple[int, ...]
    make: Callable[[tuple[int, ...]], torch.nn.Sequential]


DENSE = Model("196-150-90-10", (196,), (150, 90, 10), lambda widths: mlp((196, *widths), TIMESTEPS))
CONVOLUTIONAL = Model(
    "8c3s2-16c3-10",
    (1, 14, 14),
    (8, 16, 10),
    lambda widths: cnn((1, 14, 14), [(widths[0], 3, 2), (widths[1], 3, 1)], widths[2:], TIMESTEPS),
)
MODELS = (DENSE, CONVOLUTIONAL)


@dataclass(frozen=True, slots=True)
class Setting:
    """How a network is trained for a chip: the weights of its hardware loss, and the epochs that follow.

    cores: the goal of the utilisation, None for the most that can be filled. pruned: how many of the epochs, the last
    ones, are of the pruned network and on the task alone.
    """

    utilisation: float
    communication: float
    memory: float = 0.0
    cores: int | None = None
    pruned: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained network, and what it does on the test images: spikes a sample of the input and of each layer."""

    network: torch.nn.Sequential
    accuracy: float
    spikes: tuple[float, ...]


class IAF(torch.nn.Module):
    """The neurons of `neuedge_models.neurons.integrate_and_fire`, spike for spike, some times quicker to train.

    For signals (samples * timesteps, *shape), from rest. The gradient of a spike is exp(-|v - threshold| / 0.5); none
    goes through the reset.
    """

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        spikes: torch.Tensor = _Fire.apply(signal.unflatten(0, (-1, TIMESTEPS)))  # type: ignore[no-untyped-call]
        return spikes.flatten(0, 1)


class _Fire(torch.autograd.Function):
    """(samples, timesteps, *shape); timesteps stand first inside, so that each lies in one piece."""

    @staticmethod
    def forward(ctx: Any, signal: torch.Tensor) -> torch.Tensor:
        membranes = signal.transpose(0, 1).clone(memory_format=torch.contiguous_format)
        fired = torch.empty(membranes.shape, dtype=torch.bool)
        for at, membrane in enumerate(membranes):
            if at:
                membrane += membranes[at - 1].masked_fill(fired[at - 1], 0.0)
            torch.ge(membrane, THRESHOLD, out=fired[at])
        ctx.save_for_backward(membranes, fired)
        return fired.transpose(0, 1).to(signal)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        membranes, fired = ctx.saved_tensors
        near: torch.Tensor = (membranes - THRESHOLD).abs_().div_(-0.5).exp_().mul_(gradient.transpose(0, 1))
        for at in range(len(near) - 2, -1, -1):
            near[at] += near[at + 1].masked_fill(fired[at], 0.0)
        return near.transpose(0, 1)


def quick(network: torch.nn.Sequential) -> torch.nn.Sequential:
    """The chain with the same weights and quicker neurons."""
    layers = [(name, IAF() if is_neurons(layer) else layer) for name, layer in network.named_children()]
    return torch.nn.Sequential(OrderedDict(layers))


def ordinary(network: torch.nn.Sequential) -> torch.nn.Sequential:
    """The chain with the neurons that are exported."""
    layers = network.named_children()
    return torch.nn.Sequential(
        OrderedDict((n, integrate_and_fire(TIMESTEPS) if isinstance(each, IAF) else each) for n, each in layers)
    )


def images(folder: Path, shape: tuple[int, ...]) -> Dataset:
    """MNIST, pixels of 2 x 2 averaged and rounded: the first images train, all test images test."""
    data = from_folder(folder, "mnist")
    return Dataset(_pooled(data.train.first(IMAGES), shape), _pooled(data.test, shape))


def held_back(folder: Path, shape: tuple[int, ...]) -> Dataset:
    """The same images to train on, and the last training images in the place of the test images."""
    train = from_folder(folder, "mnist").train
    last = Split(train.inputs[-HELD_BACK:], train.wanted[-HELD_BACK:])
    return Dataset(_pooled(train.first(IMAGES), shape), _pooled(last, shape))


def _pooled(part: Split, shape: tuple[int, ...]) -> Split:
    whole = part.inputs.reshape(len(part), 14, 2, 14, 2).astype(np.int64)
    return Split(((whole.sum(axis=(2, 4)) + 2) // 4).reshape(len(part), *shape), part.wanted)


@cache
def spikes_of(pixels: bytes, shape: tuple[int, ...]) -> torch.Tensor:
    """The spikes of images, (samples, timesteps, *shape)."""
    return torch.tensor(rate_code(np.frombuffer(pixels, np.int64).reshape(-1, *shape), TIMESTEPS, BRIGHTEST_BYTE))


def optimise(
    network: torch.nn.Sequential, data: Split, seed: int, epochs: int, loss: HardwareLoss | None = None
) -> torch.nn.Sequential:
    """The same network, trained; with the loss of a chip, which maps it anew after each epoch, if there is one."""
    inputs = spikes_of(data.inputs.tobytes(), data.inputs.shape[1:])
    wanted = torch.tensor(data.wanted)
    gates = list(loss.parameters()) if loss else []
    optimiser = torch.optim.Adam([*network.parameters(), *gates], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    with reproducible(seed):
        for _ in range(epochs):
            order = torch.randperm(len(data))
            for start in range(0, len(data), BATCH):
                batch = order[start : start + BATCH]
                sent = network(inputs[batch].flatten(0, 1).float()).unflatten(0, (-1, TIMESTEPS))
                total = torch.nn.functional.cross_entropy(sent.sum(1), wanted[batch])
                total = total + loss() if loss else total
                optimiser.zero_grad()
                total.backward()
                optimiser.step()
            schedule.step()
            if loss:
                loss.remap()
    return network


def for_task(data: Split, seed: int, model: Model, widths: tuple[int, ...]) -> torch.nn.Sequential:
    """A new network of these widths, after the first epochs on the task."""
    with reproducible(seed):
        network = quick(model.make(widths))
    return optimise(network, data, seed, FIRST)


def for_chip(
    base: torch.nn.Sequential, data: Split, seed: int, model: Model, chip: str, setting: Setting
) -> torch.nn.Sequential:
    """A smaller network: the base trained on with the loss of a chip, pruned, and then trained on the task alone."""
    network = deepcopy(base)
    loss = HardwareLoss(
        CHIPS[chip],
        network,
        (TIMESTEPS, *model.shape),
        lambda_utilisation=setting.utilisation,
        lambda_communication=setting.communication,
        lambda_memory=setting.memory,
        cores=setting.cores,
        neurons=neurons_of(network),
    )
    optimise(network, data, seed, MORE - setting.pruned, loss)
    smaller = prune_gates(network, loss)
    assert isinstance(smaller, torch.nn.Sequential)
    return optimise(smaller, data, seed, setting.pruned)


def by_size(base: torch.nn.Sequential, model: Model, widths: tuple[int, ...]) -> torch.nn.Sequential:
    """The network without all but so many units of each layer, those with the largest weights into them."""
    network = deepcopy(base)
    loss = HardwareLoss(CHIPS["core64"], network, (TIMESTEPS, *model.shape), neurons=neurons_of(network))
    layers = [layer for layer in network if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)]
    for gates, layer, width in zip(loss.gates, layers, widths, strict=False):
        worth = layer.weight.detach().flatten(1).norm(dim=1)
        with torch.no_grad():
            gates.parameter.fill_(-1.0)[worth.topk(width).indices] = 1.0  # type: ignore[operator]
    smaller = prune_gates(network, loss)
    assert isinstance(smaller, torch.nn.Sequential)
    return smaller


def tested(network: torch.nn.Sequential, data: Split) -> Trained:
    """The network as it is exported, weights on the grid of its file, on all images."""
    rounded(network)
    inputs, sums = spikes_of(data.inputs.tobytes(), data.inputs.shape[1:]), np.zeros(0)
    right = 0
    with torch.no_grad():
        for start in range(0, len(data), 500):
            signal = inputs[start : start + 500].flatten(0, 1).float()
            heard = [float(signal.sum())]
            for layer in network:
                signal = layer(signal)
                heard += [float(signal.sum())] * isinstance(layer, IAF)
            answers = signal.reshape(-1, TIMESTEPS, signal.shape[-1]).sum(1).argmax(1).numpy()
            right += int((answers == data.wanted[start : start + 500]).sum())
            sums = np.array(heard) + (sums if len(sums) else 0)
    return Trained(network, right / len(data), tuple(sums / len(data)))


def neurons_of(network: torch.nn.Sequential) -> list[torch.nn.Module]:
    return [layer for layer in network if isinstance(layer, IAF)]
