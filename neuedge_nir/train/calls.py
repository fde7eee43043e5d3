"""The layers of a network in the order of their calls, heard by hooks while one silent sample runs through it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch

from neuedge_nir.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """What entered a layer, and what left it."""

    name: str
    entered: torch.Tensor
    left: torch.Tensor

    def gave(self, entered: torch.Tensor) -> bool:
        """Whether this is what left the layer, in whatever shape."""
        return _one_storage(self.left, entered) and self.left.numel() == entered.numel()


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """The first call of each layer, in order; the latest; and what is wrong with calls again, in order."""

    first: dict[str, Call] = field(default_factory=dict)
    latest: dict[str, Call] = field(default_factory=dict)
    faults: list[InputError] = field(default_factory=list)

    def add(self, call: Call) -> None:
        self.first.setdefault(call.name, call)
        self.latest[call.name] = call

    def compare(self, name: str, entered: torch.Tensor) -> None:
        """A layer that is called once a timestep gets each time what the same layer gave, or else the input."""
        if name not in self.first:
            return
        given, names = self.first[name].entered, list(self.first)
        before = names[names.index(name) - 1] if names[0] != name else None
        if before is None and _one_storage(given, entered):
            return
        if before is not None and (self.latest[before].gave(entered) or not self.first[before].gave(given)):
            return
        if any(each.gave(entered) for each in self.latest.values()):
            hint = "give each place in the network a layer of its own"
            self.faults.append(InputError("TRAIN021", f"the layer {name!r} is used twice", where=name, hint=hint))
        elif before is not None:
            self.faults.append(_parted(before, name))


def heard(network: torch.nn.Module, shape: Sequence[int], neurons: Mapping[str, torch.nn.Module]) -> list[Call]:
    """The first call of each layer, in order, in a run of a silent sample of `shape`; `neurons`, by name, as a whole.

    The network runs as a copy. Raises `InputError` TRAIN021 where a layer does not get what the layer before it gave,
    or is used twice, TRAIN023 where the network cannot be run on such a tensor.
    """
    trial, found = separate(network), _Heard()
    for name, layer in _layers(trial, neurons):
        layer.register_forward_pre_hook(_comparing(found, name))
        layer.register_forward_hook(_adding(found, name))
    device = next((p.device for p in trial.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            trial.eval()(torch.zeros(tuple(shape), device=device))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:  # whatever a user's forward() makes of the shape
        reason = str(error).partition("\n")[0]
        message = f"the network cannot be run on a tensor of shape {tuple(shape)}: {reason}"
        hint = "give the whole shape of one sample, with timesteps and batch where the network wants them"
        found.faults.append(InputError("TRAIN023", message, where=type(network).__name__, hint=hint))
    for before, call in pairwise(found.first.values()):
        if not found.faults and not before.gave(call.entered):
            found.faults.append(_parted(before.name, call.name))
    if found.faults:
        raise found.faults[0]
    return list(found.first.values())


def separate(network: torch.nn.Module) -> torch.nn.Module:
    """A copy, cut from what the original's states remember of their past."""
    for layer in network.modules():
        for kind in (layer._buffers, layer.__dict__):
            for name, value in list(kind.items()):
                if isinstance(value, torch.Tensor) and value.grad_fn is not None:
                    kind[name] = value.detach()
    # sinabs copies neurons by making new ones, which fails for recurrent ones or leaves both with the same weights.
    own = [layer for layer in network.modules() if hasattr(type(layer), "__deepcopy__")]
    known: dict[int, Any] = {id(layer): type(layer).__new__(type(layer)) for layer in own}
    for layer in own:
        known[id(layer)].__dict__.update(copy.deepcopy(layer.__dict__, known))
    return copy.deepcopy(network, known)


def sent(output: Any) -> torch.Tensor:
    """The spikes among what neurons return: snnTorch's come with their membranes, behind them."""
    first = output[0] if isinstance(output, (tuple, list)) else output
    return first if isinstance(first, torch.Tensor) else torch.zeros(0)


def _comparing(found: _Heard, name: str) -> Any:
    def hook(_: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and isinstance(inputs[0], torch.Tensor):
            found.compare(name, inputs[0])

    return hook


def _adding(found: _Heard, name: str) -> Any:
    def hook(_: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if inputs and isinstance(inputs[0], torch.Tensor):
            found.add(Call(name, inputs[0], sent(output)))

    return hook


def _layers(network: torch.nn.Module, neurons: Mapping[str, torch.nn.Module]) -> Iterator[tuple[str, torch.nn.Module]]:
    """Layers of neurons whole, and of all else what has no parts."""
    inner = tuple(f"{name}." for name in neurons)
    for name, layer in network.named_modules():
        if name in neurons or (not name.startswith(inner) and not any(layer.children())):
            yield name, layer


def _one_storage(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _parted(before: str, name: str) -> InputError:
    message = f"the layer {name!r} does not get what {before!r} gave"
    hint = (
        "layers must follow each other, with nothing but changes of shape between: no branch, sum or function; "
        "neurons of a class of your own are named with neurons=[...]"
    )
    return InputError("TRAIN021", message, where=name, hint=hint)
