"""What a training minimises. A loss takes what each layer of neurons sent and what should have come out.

sent: of each layer (samples, timesteps, *shape), the output last; wanted: labels (samples,), or for a regression
values (samples, timesteps, outputs).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Loss = Callable[[Sequence["torch.Tensor"], "torch.Tensor"], "torch.Tensor"]


def of_counts(sent: Sequence[torch.Tensor], wanted: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the output's spike counts over the whole sample."""
    import torch

    return torch.nn.functional.cross_entropy(sent[-1].sum(dim=1), wanted)


def of_running_counts(sent: Sequence[torch.Tensor], wanted: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the counts so far, mean over the timesteps: a network that may be asked early."""
    import torch

    so_far = sent[-1].cumsum(dim=1)
    steps = so_far.shape[1]
    return torch.nn.functional.cross_entropy(so_far.flatten(0, 1), wanted.repeat_interleave(steps))


def of_windows(sent: Sequence[torch.Tensor], wanted: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the output's counts in each window of a stream, mean over the windows that show something.

    wanted: (samples, windows) labels, -1 where nothing is shown; a sample's timesteps are divided evenly among them.
    """
    import torch

    samples, windows = wanted.shape
    counts = sent[-1].reshape(samples, windows, -1, sent[-1].shape[-1]).sum(dim=2)
    return torch.nn.functional.cross_entropy(counts.flatten(0, 1), wanted.flatten(), ignore_index=-1)


def scaled(loss: Loss, factor: float) -> Loss:
    """A loss of the output times a factor: sums of potentials over many timesteps are too steep for a softmax."""
    return lambda sent, wanted: loss([*sent[:-1], factor * sent[-1]], wanted)


def of_values(sent: Sequence[torch.Tensor], wanted: torch.Tensor) -> torch.Tensor:
    """Mean squared error of what the output's neurons hold, in every timestep."""
    import torch

    return torch.nn.functional.mse_loss(sent[-1], wanted)


def activity(sent: Sequence[torch.Tensor]) -> torch.Tensor | float:
    """The mean activity of each hidden layer, summed over layers: 1 for one whose neurons fire in every timestep."""
    total: torch.Tensor | float = 0.0
    for layer in sent[:-1]:
        total = total + layer.mean()
    return total
