"""Spiking classifiers of integrate-and-fire layers, trained with sinabs by surrogate gradient.

A neuron fires at most once per timestep, has no leak, and a spike sets its membrane to 0: what every chip can do. The
prediction is the output neuron with the most spikes, the lowest index where several have as many.

Trained weights are rounded to multiples of `WEIGHT_STEP`, and thresholds lie half a step beside them. Two things follow
for inputs that are spikes and neurons that reset to 0: float sums of weights are exact, so any simulator in any order
of summation finds the same spikes; and no membrane ever equals its threshold, so sinabs, which fires at >=, and
NIR, which fires at >, agree.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import UsageError
from neuedge_nir.events import Finished, Observer, Progress, Started

if TYPE_CHECKING:
    import torch

RESET = "zero"
"""All supported chips reset to a value; subtracting the threshold costs some of them two neurons for one."""

WEIGHT_STEP = 1 / 64
WEIGHT_LIMIT = 127 * WEIGHT_STEP
"""Steps and limit of signed 8-bit weights, so that such a chip takes them as they are."""

THRESHOLD = 1 + WEIGHT_STEP / 2
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. `spike_penalty` is the loss of a hidden layer whose neurons all fire in every timestep."""

    epochs: int
    batch: int
    learning_rate: float
    spike_penalty: float


def check_options(*, seed: int, epochs: int, device: str) -> None:
    """Raise `UsageError` USE007 for an option out of range or a device that torch cannot use here."""
    if epochs < 1:
        raise UsageError("USE007", f"cannot train for {epochs} epochs", hint="give at least 1")
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError("USE007", f"the seed {seed} is out of range", hint=f"give 0 to {LARGEST_SEED}")
    _check_device(device)


def _check_device(device: str) -> None:
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was compiled for the device
        reason = str(error).partition("\n")[0]
        raise UsageError("USE007", f"cannot train on the device {device!r}: {reason}", hint="try 'cpu'") from error


def spiking_mlp(sizes: Sequence[int]) -> torch.nn.Sequential:
    """Layers fc1, if1, fc2, if2 ...: weights without bias, then integrate-and-fire neurons.

    It maps spikes (samples, timesteps, sizes[0]) to spikes (samples, timesteps, sizes[-1]).
    """
    import torch

    layers: OrderedDict[str, torch.nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        layers[f"fc{number}"] = torch.nn.Linear(inputs, outputs, bias=False)
        layers[f"if{number}"] = _neurons()
    return torch.nn.Sequential(layers)


def _neurons() -> torch.nn.Module:
    import torch
    from sinabs.activation import MembraneReset, SingleExponential, SingleSpike
    from sinabs.layers import IAF

    # sinabs fires as often as the threshold fits into the membrane, and subtracts it, unless told otherwise.
    neurons: torch.nn.Module = IAF(
        spike_threshold=torch.tensor(THRESHOLD),
        spike_fn=SingleSpike,
        reset_fn=MembraneReset(),
        surrogate_grad_fn=SingleExponential(),
    )
    return neurons


def layer_spikes(network: torch.nn.Sequential, spikes: torch.Tensor) -> list[torch.Tensor]:
    """The spikes (samples, timesteps, neurons) of each layer of neurons, run from rest."""
    from sinabs.layers import IAF

    signal, fired = spikes, []
    for layer in network:
        if isinstance(layer, IAF):
            # Without this sinabs goes on from where the last batch ended, or draws states where batch sizes differ.
            layer.init_state_with_shape((signal.shape[0], *signal.shape[2:]))
        signal = layer(signal)
        if isinstance(layer, IAF):
            fired.append(signal)
    return fired


def surrogate_loss(fired: Sequence[torch.Tensor], labels: torch.Tensor, spike_penalty: float) -> torch.Tensor:
    """Cross-entropy of the output's spike counts, plus the penalty times the mean activity of each hidden layer."""
    import torch

    *hidden, output = fired
    task = torch.nn.functional.cross_entropy(output.sum(dim=1), labels)
    for layer in hidden:
        task = task + spike_penalty * layer.mean()
    return task


def fit(
    sizes: Sequence[int],
    recipe: Recipe,
    spikes: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    seed: int,
    device: str,
    observer: Observer,
) -> torch.nn.Sequential:
    """A trained network, on the CPU, with rounded weights.

    spikes: (samples, timesteps, sizes[0]); labels: (samples,). The same arguments and package versions give the same
    weights on one machine; that is promised for the device `cpu` only.
    """
    import torch

    observer(Started("train"))
    with _reproducible(seed):
        network = spiking_mlp(sizes).to(device)
        inputs = torch.tensor(spikes, dtype=torch.float32, device=device)
        _optimise(network, recipe, inputs, torch.tensor(labels, device=device), observer)
    observer(Finished("train"))
    return _rounded(network.to("cpu"))


def _optimise(
    network: torch.nn.Sequential, recipe: Recipe, inputs: torch.Tensor, labels: torch.Tensor, observer: Observer
) -> None:
    import torch

    # By name: sinabs lists the time constants of its neurons among the parameters, too.
    weights = [tensor for name, tensor in network.named_parameters() if name.endswith("weight")]
    optimiser = torch.optim.Adam(weights, lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    for epoch in range(1, recipe.epochs + 1):
        for batch in torch.split(torch.randperm(len(labels)), recipe.batch):
            loss = surrogate_loss(layer_spikes(network, inputs[batch]), labels[batch], recipe.spike_penalty)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
        schedule.step()
        observer(Progress("train", epoch, recipe.epochs))


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """One thread and a seeded generator, both given back afterwards: sums depend on how threads share them."""
    import torch

    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _rounded(network: torch.nn.Sequential) -> torch.nn.Sequential:
    import torch

    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("weight"):
                weight.copy_((weight / WEIGHT_STEP).round().mul(WEIGHT_STEP).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT))
    return network
