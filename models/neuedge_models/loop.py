"""Training by surrogate gradient, epoch by epoch, the same each time, and from where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from neuedge_models.checkpoint import Checkpoint
from neuedge_models.coding import Coding
from neuedge_models.datasets import Split
from neuedge_models.grid import rounded, weights_of
from neuedge_models.losses import Loss, activity
from neuedge_models.spikes import layer_outputs
from neuedge_nir.errors import UsageError
from neuedge_nir.events import Finished, Observer, Progress, Started

if TYPE_CHECKING:
    import torch

LARGEST_SEED = 2**63 - 1
MOST_EPOCHS = 100_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. `spike_penalty` is the loss of a hidden layer whose neurons all fire in every timestep."""

    epochs: int
    batch: int
    learning_rate: float
    spike_penalty: float


@dataclass(frozen=True, slots=True)
class Course:
    """What an epoch came to on the samples it trained on: the mean loss, spikes a sample, the share of right answers.

    `accuracy` is None where a sample has no class.
    """

    loss: float
    spikes: float
    accuracy: float | None

    @property
    def words(self) -> str:
        """For a line of progress."""
        right = f"{self.accuracy:.1%} right, " if self.accuracy is not None else ""
        return f"{right}loss {self.loss:.3g}, {self.spikes:.0f} spikes a sample"


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """One training: what is learnt, how, and what each epoch is told to.

    `loss` is the task's; `beside` gives what is added to it, from what the layers sent, and `after` is called when an
    epoch is over, with its number. `parts` is what else is trained (gates): parameters of its own.
    """

    coding: Coding
    loss: Loss
    recipe: Recipe
    seed: int
    device: str = "cpu"
    observer: Observer = lambda _: None
    checkpoint: Checkpoint | None = None
    beside: Callable[[Sequence[torch.Tensor]], torch.Tensor | float] = lambda _: 0.0
    after: Callable[[int], None] = lambda _: None
    parts: Sequence[torch.nn.Module] = field(default_factory=tuple)


def check_options(*, seed: int, epochs: int, device: str) -> None:
    """Raise `UsageError` USE007 for an option out of range or a device that torch cannot use here."""
    if not 1 <= epochs <= MOST_EPOCHS:
        raise UsageError("USE007", f"cannot train for {epochs} epochs", hint=f"give 1 to {MOST_EPOCHS}")
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError("USE007", f"the seed {seed} is out of range", hint=f"give 0 to {LARGEST_SEED}")
    _check_device(device)


def _check_device(device: str) -> None:
    import torch

    try:
        torch.zeros(1, device=device).item()  # `meta` has no numbers
    except Exception as error:  # each device fails its own way: asserted, not implemented, a module that is not there
        message = f"this torch cannot compute on the device {device!r}"
        raise UsageError("USE007", message, hint="try 'cpu'") from error


def fit(make: Callable[[], torch.nn.Sequential], data: Split, how: Training) -> torch.nn.Sequential:
    """A trained network, on the CPU, with rounded weights. `make` makes it, its weights drawn.

    The same arguments and package versions give the same weights on one machine, stopped and resumed or not; that is
    promised for the device `cpu` only.
    """
    how.observer(Started("train"))
    with reproducible(how.seed), told_of_memory(how.device):
        network = make().to(how.device)
        optimise(network, data, how)
    how.observer(Finished("train"))
    rounded(network.to("cpu"))
    return network


def optimise(network: torch.nn.Sequential, data: Split, how: Training) -> None:
    """Train a network where it is, for the epochs of the recipe, or those that a checkpoint leaves."""
    import torch

    extra = [parameter for part in how.parts for parameter in part.parameters()]
    optimiser = torch.optim.Adam([*weights_of(network), *extra], lr=how.recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, how.recipe.epochs)
    parts = {"weights": _Weights(network), "optimiser": optimiser, "schedule": schedule}
    parts |= {f"part{number}": part for number, part in enumerate(how.parts)}
    behind = how.checkpoint.restore(parts) if how.checkpoint else 0
    if behind:
        how.observer(Progress("train", behind, how.recipe.epochs, "from the checkpoint"))
    for epoch in range(behind + 1, how.recipe.epochs + 1):
        course = _epoch(epoch, network, data, how, optimiser)
        schedule.step()
        how.after(epoch)
        if how.checkpoint:
            how.checkpoint.save(epoch, parts)
        how.observer(Progress("train", epoch, how.recipe.epochs, course.words))


@dataclass(frozen=True, slots=True)
class _Weights:
    """What a network has learnt, without the membranes of the last batch, whose shapes are the batch's."""

    network: torch.nn.Module

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {str(number): weight.detach() for number, weight in enumerate(weights_of(self.network))}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        import torch

        with torch.no_grad():
            for number, weight in enumerate(weights_of(self.network)):
                weight.copy_(state[str(number)])


def _epoch(
    epoch: int, network: torch.nn.Sequential, data: Split, how: Training, optimiser: torch.optim.Optimizer
) -> Course:
    import torch

    losses, spikes, right = [], 0.0, 0
    batches = torch.split(torch.randperm(len(data)), how.recipe.batch)
    for number, batch in enumerate(batches):
        how.observer(Progress("train", epoch - 1, how.recipe.epochs, f"batch {number} of {len(batches)}"))
        inputs, wanted = tensors(data, batch.numpy(), how)
        sent = layer_outputs(network, inputs)
        loss = how.loss(sent, wanted) + how.recipe.spike_penalty * activity(sent) + how.beside(sent)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item() * len(batch))
        spikes += float(inputs.sum()) + sum(float(layer.detach().sum()) for layer in sent)
        right += int((sent[-1].sum(dim=1).argmax(dim=1) == wanted).sum()) if data.is_classified else 0
    accuracy = right / len(data) if data.is_classified else None
    return Course(sum(losses) / len(data), spikes / len(data), accuracy)


def tensors(data: Split, which: np.ndarray, how: Training) -> tuple[torch.Tensor, torch.Tensor]:
    """Some samples as spikes (samples, timesteps, *shape), and what they should give, on the device."""
    import torch

    spikes = torch.tensor(how.coding(data.inputs[which]), dtype=torch.float32, device=how.device)
    return spikes, torch.as_tensor(data.wanted[which], device=how.device)


@contextmanager
def told_of_memory(device: str) -> Iterator[None]:
    """Raise `UsageError` USE124 where a device has too little memory; what a checkpoint holds stays."""
    import torch

    try:
        yield
    except (torch.cuda.OutOfMemoryError, RuntimeError, MemoryError) as error:
        if type(error) is RuntimeError and "DefaultCPUAllocator" not in str(error):  # that of a CPU has no class
            raise
        reason = str(error).partition(". ")[0] or type(error).__name__
        message = f"the device {device!r} has too little memory: {reason}"
        raise UsageError("USE124", message, hint="give fewer --steps, or --device cpu") from error


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
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


def fine_tuned(network: torch.nn.Sequential, data: Split, how: Training) -> torch.nn.Sequential:
    """A copy of a network, trained on from where it is, on the device; the network itself stays as it is.

    Nothing is rounded. The same arguments and package versions give the same weights on one CPU.
    """
    from copy import deepcopy

    copied = deepcopy(network).to(how.device)
    with reproducible(how.seed), told_of_memory(how.device):
        optimise(copied, data, how)
    return copied.to("cpu")
