"""What feeds what in a spiking network of torch, heard by hooks while one silent sample runs through it.

Nothing is asked of the network but that its layers are modules: sinabs' chains, snnTorch's neurons that are called
once a timestep, and neurons made by hand are followed alike.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from neuedge_nir.errors import InputError

Shape = tuple[int, ...]

NEURONS = frozenset({"StatefulLayer", "SpikingNeuron", "BaseNode", "SNN", "SNNCell"})
"""Classes that the neurons of sinabs, snnTorch, SpikingJelly and Norse derive from, by name: none need be installed."""

WEIGHTED = frozenset({"Linear", "Conv2d"})
POOLS = frozenset({"AvgPool2d", "SumPool2d"})
NORMS = frozenset({"BatchNorm1d", "BatchNorm2d"})
PASSED = frozenset({"Flatten", "Unflatten", "Identity", "Dropout", "Dropout1d", "Dropout2d"})
"""Layers that are no operators of a chip: what they do to a shape is seen in what comes next."""

RECURRENT = ("rec_connect", "recurrent")
"""What sinabs and snnTorch call the weights by which neurons hear their own spikes of the timestep before."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A layer that a signal passes, with its shapes in a timestep: (features,) or (channels, height, width)."""

    name: str
    layer: torch.nn.Module
    entering: Shape
    leaving: Shape

    @property
    def weighted(self) -> bool:
        return type(self.layer).__name__ in WEIGHTED


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A layer of neurons and the steps before it. `neurons` is None where the host reads the weighted sums themselves.

    `units` are what a gate switches: neurons, or channels where a convolution is the last weighted step. `recurrent`:
    the weights from these neurons to themselves, None where there are none.
    """

    name: str
    steps: tuple[Step, ...]
    neurons: torch.nn.Module | None
    shape: Shape
    recurrent: torch.nn.Linear | None = None

    @property
    def units(self) -> int:
        return self.shape[0]

    @property
    def axis(self) -> int:
        """The axis of the units in what the neurons send, counted from the end."""
        return -len(self.shape)

    @property
    def weighted(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.weighted)


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A network as a chain of stages, the output last; `shape` is that of its input in a timestep."""

    shape: Shape
    stages: tuple[Stage, ...]

    @property
    def hidden(self) -> tuple[Stage, ...]:
        """The stages that gates may make smaller: all but the output."""
        return self.stages[:-1]

    @property
    def units(self) -> tuple[int, ...]:
        """The units of all stages."""
        return tuple(stage.units for stage in self.stages)


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    name: str
    entered: torch.Tensor
    left: torch.Tensor


def follow(
    network: torch.nn.Module, shape: Sequence[int], neurons: Iterable[torch.nn.Module] | None = None
) -> Followed:
    """The stages of a network that is called with a tensor of `shape`: one sample, axes as the network has them.

    `neurons` are its layers of neurons; None: those whose class derives from one named in `NEURONS`. The network runs
    as a copy, so that no state of it changes. Raises `InputError`: TRAIN020 for a layer that no chip computes, TRAIN021
    where a layer does not get what the layer before it gave (a branch, a sum, a function between), TRAIN022 for a
    network without weights or without hidden neurons, TRAIN023 where it cannot be run on such a tensor.
    """
    wanted = None if neurons is None else set(map(id, neurons))
    names = {name: layer for name, layer in network.named_modules() if _is_neurons(layer, wanted)}
    calls = _calls(network, shape, names)
    modules = dict(network.named_modules())
    for before, call in pairwise(calls):
        _check_joined(before, call)
    return _staged([_told(call, modules[call.name], call.name in names) for call in calls])


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


def _is_neurons(layer: torch.nn.Module, wanted: set[int] | None) -> bool:
    if wanted is not None:
        return id(layer) in wanted
    return any(each.__name__ in NEURONS for each in type(layer).__mro__)


def _calls(network: torch.nn.Module, shape: Sequence[int], neurons: Mapping[str, torch.nn.Module]) -> list[_Call]:
    """The first call of each layer, in order, in a run of a silent sample."""
    trial, found = separate(network), dict[str, _Call]()

    def hear(name: str) -> Any:
        def hook(_: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if inputs and isinstance(inputs[0], torch.Tensor):
                found.setdefault(name, _Call(name, inputs[0], sent(output)))

        return hook

    device = next((p.device for p in trial.parameters()), torch.device("cpu"))
    for name, layer in _layers(trial, neurons):
        layer.register_forward_hook(hear(name))
    try:
        with torch.no_grad():
            trial.eval()(torch.zeros(tuple(shape), device=device))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:  # whatever a user's forward() makes of the shape
        reason = str(error).partition("\n")[0]
        message = f"the network cannot be run on a tensor of shape {tuple(shape)}: {reason}"
        hint = "give the whole shape of one sample, with timesteps and batch where the network wants them"
        raise InputError("TRAIN023", message, where=type(network).__name__, hint=hint) from error
    return list(found.values())


def _layers(network: torch.nn.Module, neurons: Mapping[str, torch.nn.Module]) -> Iterator[tuple[str, torch.nn.Module]]:
    """Layers of neurons whole, and of all else what has no parts."""
    inner = tuple(f"{name}." for name in neurons)
    for name, layer in network.named_modules():
        if name in neurons or (not name.startswith(inner) and not any(layer.children())):
            yield name, layer


def sent(output: Any) -> torch.Tensor:
    """The spikes among what neurons return: snnTorch's come with their membranes, behind them."""
    first = output[0] if isinstance(output, (tuple, list)) else output
    return first if isinstance(first, torch.Tensor) else torch.zeros(0)


def _check_joined(before: _Call, call: _Call) -> None:
    same = before.left.untyped_storage().data_ptr() == call.entered.untyped_storage().data_ptr()
    if not same or before.left.numel() != call.entered.numel():
        message = f"the layer {call.name!r} does not get what {before.name!r} gave"
        hint = "layers must follow each other, with nothing but changes of shape between: no branch, sum or function"
        raise InputError("TRAIN021", message, where=call.name, hint=hint)


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    step: Step
    neurons: bool


def _told(call: _Call, layer: torch.nn.Module, neurons: bool) -> _Told:
    kind = type(layer).__name__
    if not neurons and kind not in WEIGHTED | POOLS | NORMS | PASSED:
        message = f"the layer {call.name!r} is a {kind}, which no chip here computes"
        hint = f"layers that are followed: {', '.join(sorted(WEIGHTED | POOLS | NORMS | PASSED))}, and neurons"
        raise InputError("TRAIN020", message, where=call.name, hint=hint)
    if (why := _beyond(layer)) is not None:
        raise InputError(
            "TRAIN020", f"the layer {call.name!r} has {why}", where=call.name, hint="gates switch channels"
        )
    return _Told(Step(call.name, layer, tuple(call.entered.shape), tuple(call.left.shape)), neurons)


def _beyond(layer: Any) -> str | None:
    """What a convolution has that its channels cannot be switched off with."""
    if type(layer).__name__ != "Conv2d":
        return None
    if layer.groups != 1:
        return f"{layer.groups} groups"
    return None if not isinstance(layer.padding, str) else f"the padding {layer.padding!r}"


def _staged(told: Sequence[_Told]) -> Followed:
    stages, steps, start = list[Stage](), list[Step](), None
    signal: Shape = ()
    for each in told:
        if each.neurons and not any(step.weighted for step in steps):
            message = f"no weights lead to the neurons {each.step.name!r}"
            raise InputError(
                "TRAIN022", message, where=each.step.name, hint="a stage is weights and neurons behind them"
            )
        if each.neurons:
            stages.append(Stage(each.step.name, tuple(steps), each.step.layer, signal, _recurrent(each.step.layer)))
            steps = []
            continue
        step = _in_a_timestep(each.step, signal)
        if type(step.layer).__name__ in WEIGHTED | POOLS:
            start, signal = start or step.entering, step.leaving
            steps.append(step)
        elif type(step.layer).__name__ in NORMS:
            steps.append(step)
    if any(step.weighted for step in steps):  # the host reads weighted sums
        stages.append(Stage(steps[-1].name, tuple(steps), None, signal))
    if len(stages) < 2 or start is None:
        names = ", ".join(sorted(NEURONS))
        message = f"{len(stages)} layers of neurons with weights before them were heard: nothing can be made smaller"
        raise InputError("TRAIN022", message, hint=f"name them with neurons=[...]; found by themselves: {names}")
    return Followed(start, tuple(stages))


def _in_a_timestep(step: Step, signal: Shape) -> Step:
    """The step with shapes of a timestep: features of dense layers; channels, height and width of all others."""
    kind = type(step.layer).__name__
    if kind == "Linear":
        return Step(step.name, step.layer, step.entering[-1:], step.leaving[-1:])
    if kind in NORMS | PASSED:
        return Step(step.name, step.layer, signal, signal)
    return Step(step.name, step.layer, step.entering[-3:], step.leaving[-3:])


def _recurrent(neurons: torch.nn.Module) -> torch.nn.Linear | None:
    held = (getattr(neurons, name, None) for name in RECURRENT)
    return next((each for each in held if isinstance(each, torch.nn.Linear)), None)


def spread(stage: Step, before: Stage | None) -> int:
    """How many inputs of a step one unit of the stage before it is: the pixels of a channel, where they were flattened.

    The first step of the network, where `before` is None, has inputs of its own.
    """
    return math.prod(stage.entering) // before.units if before is not None and len(stage.entering) == 1 else 1
