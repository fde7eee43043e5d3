"""Leaky neurons of torch whose thresholds may follow an activity, as the compiler's interpreter runs them.

In each timestep, with the rule's activity A and its bounds (`neuedge_nir.interpreter.adaptation`):

    v = keep v + x,   a spike s where v > threshold f,   v -= drop s,   f = clip(1 + gain (target - A), low, high)

What a spike subtracts is constant, so that the rule can be folded into weights (docs/adaptation.md). A spike's gradient
is that of an arc tangent, through the threshold too: the weights learn with the rule at work.
"""

from __future__ import annotations

from typing import Any

import torch

from neuedge_nir.errors import InputError
from neuedge_nir.network.model import Adaptation, Listening

THRESHOLD = 1.0


class Spike(torch.autograd.Function):
    """1 where x > 0, as NIR has it; the gradient is 1 / (1 + (pi x)^2)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        x: torch.Tensor = ctx.saved_tensors[0]
        return gradient / (1 + (torch.pi * x) ** 2)


class Following(torch.nn.Module):
    """Such neurons for signals (samples * timesteps, *shape). `rule`: None for a threshold that stays.

    Times are in timesteps. Raises `InputError` TRAIN040 for a rule of impossible numbers.
    """

    reset = "subtract"

    def __init__(self, timesteps: int, keep: float, rule: Adaptation | None = None, threshold: float = THRESHOLD):
        super().__init__()
        for fault in rule.faults(1.0) if rule else ():
            raise InputError("TRAIN040", f"no threshold can follow this rule: {fault}", hint="see docs/adaptation.md")
        self.num_timesteps = timesteps
        self.keep, self.rule, self.threshold = keep, rule, threshold
        self._heard: torch.Tensor | None = None

    @property
    def at_work(self) -> Adaptation | None:
        """The rule, unless it is only noted."""
        return None if self.rule is None or self.rule.noted else self.rule

    def listen(self, sources: torch.Tensor) -> None:
        """Take what the layer before sends, (samples, timesteps, *shape), for the next call alone."""
        if self.at_work is not None and self.at_work.source is Listening.INPUT:
            self._heard = sources.flatten(2).mean(dim=2)

    def init_state_with_shape(self, shape: tuple[int, ...]) -> None:
        """Nothing to do: every call begins at rest."""

    def forward(self, arriving: torch.Tensor) -> torch.Tensor:
        """Spikes of the same shape."""
        steps = arriving.reshape(-1, self.num_timesteps, *arriving.shape[1:]).unbind(1)
        heard, self._heard = self._heard, None
        following = None if self.at_work is None else _Activity(self.at_work, steps[0], heard)
        drop = self.threshold * (1.0 if self.at_work is None else self.at_work.drop)
        v, sent = torch.zeros_like(steps[0]), []
        for step, x in enumerate(steps):
            v = self.keep * v + x
            factor = 1.0 if following is None else following.factor(step)
            spikes = Spike.apply(v - self.threshold * factor)  # type: ignore[no-untyped-call]
            v = v - drop * spikes
            sent.append(spikes)
            if following is not None:
                following.sent(spikes)
        return torch.stack(sent, dim=1).flatten(0, 1)


class _Activity:
    """The activity that a rule follows through one run, and the factor on thresholds that it makes."""

    def __init__(self, rule: Adaptation, like: torch.Tensor, heard: torch.Tensor | None) -> None:
        self.rule, self.rate = rule, 1.0 / rule.tau
        whole = rule.source is Listening.NEURON
        self.shape = like.shape if whole else (len(like), *[1] * (like.dim() - 1))
        self.rest = torch.zeros(self.shape, dtype=like.dtype, device=like.device)
        self.value = self.rest
        listens_outside = rule.source is Listening.INPUT
        if listens_outside and heard is None:
            raise InputError("TRAIN041", "an adaptive layer was not told what it listens to", hint="call listen first")
        self.means = list(heard.unbind(1)) if listens_outside and heard is not None else []
        self.delay = rule.late + (not listens_outside)  # its own spikes reach it a step later

    def factor(self, step: int) -> torch.Tensor:
        """What thresholds are multiplied with in a timestep, (samples, 1, ...) or (samples, *shape)."""
        behind = step - self.delay
        mean = self.rest if behind < 0 else self.means[behind].reshape(self.shape)
        self.value = self.value * (1 - self.rate) + self.rate * mean
        factor = 1 + self.rule.gain * (self.rule.target - self.value)
        low, high = self.rule.low, self.rule.high
        return factor if low is None and high is None else torch.clamp(factor, low, high)

    def sent(self, spikes: torch.Tensor) -> None:
        """What the neurons themselves sent in this timestep."""
        if self.rule.source is not Listening.INPUT:
            self.means.append(spikes if self.rule.source is Listening.NEURON else spikes.flatten(1).mean(dim=1))
