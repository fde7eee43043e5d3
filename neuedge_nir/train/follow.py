"""What feeds what in a spiking network of torch, told by what was heard while one silent sample ran through it.

Nothing is asked of the network but that its layers are modules: sinabs' chains, snnTorch's neurons that are called
once a timestep, and neurons made by hand are followed alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch

from neuedge_nir.errors import InputError
from neuedge_nir.train.calls import Call, heard
from neuedge_nir.train.options import named

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


def follow(
    network: torch.nn.Module, shape: Sequence[int], neurons: Iterable[torch.nn.Module] | None = None
) -> Followed:
    """The stages of a network that is called with a tensor of `shape`: one sample, axes as the network has them.

    `neurons` are its layers of neurons; None: those whose class derives from one named in `NEURONS`. The network runs
    as a copy, so that no state of it changes. Raises `InputError`: TRAIN020 for a layer that no chip computes, TRAIN021
    where a layer does not get what the layer before it gave (a branch, a sum, a function between) or is used twice,
    TRAIN022 for a network without weights or without hidden neurons, TRAIN023 where it cannot be run on such a tensor,
    TRAIN024 for a normalisation of what hidden neurons send, TRAIN025 where a change of shape parts what gates switch;
    `UsageError` USE127 where `neurons` names what is no layer of the network.
    """
    wanted = None if neurons is None else named(network, neurons)
    names = {name: layer for name, layer in network.named_modules() if _is_neurons(layer, wanted)}
    modules = dict(network.named_modules())
    calls = heard(network, shape, names)
    return _staged([_told(call, modules[call.name], call.name in names) for call in calls])


def _is_neurons(layer: torch.nn.Module, wanted: set[int] | None) -> bool:
    if wanted is not None:
        return id(layer) in wanted
    return any(each.__name__ in NEURONS for each in type(layer).__mro__)


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    step: Step
    neurons: bool


def _told(call: Call, layer: torch.nn.Module, neurons: bool) -> _Told:
    kind = type(layer).__name__
    if not neurons and kind not in WEIGHTED | POOLS | NORMS | PASSED:
        raise _unknown(call.name, layer)
    if (why := _beyond(layer)) is not None:
        raise InputError(
            "TRAIN020", f"the layer {call.name!r} has {why}", where=call.name, hint="gates switch channels"
        )
    return _Told(Step(call.name, layer, tuple(call.entered.shape), tuple(call.left.shape)), neurons)


def _unknown(name: str, layer: torch.nn.Module) -> InputError:
    """Of neurons that were not named, where neurons were, or of a class that none here knows."""
    kind = type(layer).__name__
    hint = "neurons=[...] must name all layers of neurons"
    if _is_neurons(layer, None):
        return InputError("TRAIN020", f"the {kind} {name!r} is not among neurons=[...]", where=name, hint=hint)
    message = f"the layer {name!r} is a {kind}, which no chip here computes"
    hint = (
        f"if it is a layer of neurons, name it, and all others, with neurons=[...]; other layers that are followed: "
        f"{', '.join(sorted(WEIGHTED | POOLS | NORMS | PASSED))}"
    )
    return InputError("TRAIN020", message, where=name, hint=hint)


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
        _check_shape(each, signal)
        if each.neurons:
            _check_norms(steps, stages)
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
        _check_norms(steps, stages)
        stages.append(Stage(steps[-1].name, tuple(steps), None, signal))
    if len(stages) < 2 or start is None:
        names = ", ".join(sorted(NEURONS))
        message = f"{len(stages)} layers of neurons with weights before them were heard: nothing can be made smaller"
        raise InputError("TRAIN022", message, hint=f"name them with neurons=[...]; found by themselves: {names}")
    return Followed(start, tuple(stages))


def _check_norms(steps: Sequence[Step], before: Sequence[Stage]) -> None:
    """What hidden neurons send may not be normalised: a unit that is off would send a constant, not 0."""
    ahead = takewhile(lambda step: not step.weighted, steps) if before else ()
    for step in ahead:
        if type(step.layer).__name__ in NORMS:
            message = f"the normalisation {step.name!r} takes what the neurons {before[-1].name!r} send"
            hint = "put it before the neurons, behind their weights: of what neurons send only 0 stays 0 without it"
            raise InputError("TRAIN024", message, where=step.name, hint=hint)


def _check_shape(told: _Told, signal: Shape) -> None:
    """Units are the first axis of what neurons and windows get, and lie in order in what dense weights get."""
    step, kind = told.step, type(told.step.layer).__name__
    if not signal or (kind in PASSED and not told.neurons):
        return
    entering = (
        step.entering[-1:] if kind == "Linear" else step.entering[-3 if kind in POOLS | WEIGHTED else -len(signal) :]
    )
    wanted = (math.prod(signal),) if kind == "Linear" else signal
    features = step.layer.num_features if kind in NORMS else signal[0]
    if entering != wanted or features != signal[0]:
        message = f"the layer {step.name!r} gets {step.entering}, where {wanted} is what a timestep has"
        if entering == wanted:
            message = f"the normalisation {step.name!r} has {features} features for {signal[0]} units"
        hint = "flatten between neurons and the dense weights behind them, and change no shape anywhere else"
        raise InputError("TRAIN025", message, where=step.name, hint=hint)


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
