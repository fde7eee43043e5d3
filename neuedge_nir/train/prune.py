"""The network without the units whose gates are off, and without gates: what is exported and mapped."""

from __future__ import annotations

from typing import Any

import torch

from neuedge_nir.train.calls import separate
from neuedge_nir.train.follow import NORMS, Stage
from neuedge_nir.train.loss import HardwareLoss
from neuedge_nir.train.options import check_network, refused

SIZES = {"Linear": ("in_features", "out_features"), "Conv2d": ("in_channels", "out_channels")}


def prune_gates(network: torch.nn.Module, loss: HardwareLoss) -> torch.nn.Module:
    """A smaller copy of a network, which sends the spikes that it sends through its gates; `network` is not changed.

    Rows of weights, columns behind them and what neurons hold for each unit go with a gate that is off; a unit that is
    off sends nothing, so that no sum loses anything. Normalisations go along. Equal but for the order of summation:
    exactly where sums of weights are. Raises `UsageError` USE127 for a network that is not the loss's.
    """
    _check(network, loss)
    loss.detach()
    try:
        smaller = separate(network)
    finally:
        loss.attach()
    layers = dict(smaller.named_modules())
    kept: torch.Tensor | None = None
    before: Stage | None = None
    with torch.no_grad():
        for at, stage in enumerate(loss.followed.stages):
            open_ = loss.gates[at].on() if at < len(loss.gates) else None  # type: ignore[operator]
            left = None if open_ is None else open_.nonzero().flatten()
            _narrow(stage, layers, before, kept, left)
            kept, before = left, stage
    return smaller


def _check(network: torch.nn.Module, loss: HardwareLoss) -> None:
    check_network(network)
    if not isinstance(loss, HardwareLoss):
        raise refused(f"the loss is a {type(loss).__name__}", "loss", "give the HardwareLoss of the network")
    held = dict(network.named_modules())
    for step in (step for stage in loss.followed.stages for step in stage.steps):
        if held.get(step.name) is not step.layer:
            message = f"the network does not have the layer {step.name!r} that the loss was made for"
            raise refused(message, step.name, "give the network that HardwareLoss was given")


def _narrow(
    stage: Stage,
    layers: dict[str, torch.nn.Module],
    before: Stage | None,
    entering: torch.Tensor | None,
    leaving: torch.Tensor | None,
) -> None:
    first, last = stage.weighted[0], stage.weighted[-1]
    if before is not None and entering is not None:
        pixels = first.entering[0] // before.units
        each = torch.arange(pixels, device=entering.device)
        _cut(layers[first.name], 1, (entering[:, None] * pixels + each).flatten())
    if leaving is None:
        return
    _cut(layers[last.name], 0, leaving)
    behind = stage.steps[stage.steps.index(last) :]
    for step in behind:
        if type(step.layer).__name__ in NORMS:
            _cut_states(layers[step.name], -1, stage.units, leaving)
            layers[step.name].num_features = len(leaving)  # type: ignore[assignment]
    _cut_states(layers[stage.name], stage.axis, stage.units, leaving)
    for inner in layers[stage.name].modules():
        if type(inner).__name__ == "Linear":  # by which the neurons hear themselves
            _cut(inner, 0, leaving)
            _cut(inner, 1, leaving)


def _cut(layer: Any, axis: int, left: torch.Tensor) -> None:
    """Rows (axis 0: outputs, the bias too) or columns (axis 1: inputs) of weights."""
    layer.weight = torch.nn.Parameter(layer.weight.index_select(axis, left))
    if axis == 0 and layer.bias is not None:
        layer.bias = torch.nn.Parameter(layer.bias.index_select(0, left))
    setattr(layer, SIZES[type(layer).__name__][axis == 0], len(left))


def _cut_states(layer: torch.nn.Module, axis: int, units: int, left: torch.Tensor) -> None:
    """Whatever neurons hold for each unit: thresholds and time constants of their own, membranes of the last batch."""
    parameters: dict[str, Any] = layer._parameters
    buffers: dict[str, Any] = layer._buffers
    for held, kind in ((parameters, torch.nn.Parameter), (buffers, torch.Tensor.detach)):
        for name, value in list(held.items()):
            if value is not None and value.dim() >= -axis and value.shape[axis] == units:
                held[name] = kind(value.index_select(value.dim() + axis, left))
