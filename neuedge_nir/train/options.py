"""The options of a hardware loss, held to what they can be: USE127 for each that cannot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import index

import torch

from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import ResetMode
from neuedge_nir.network.typed import real, told


def check_numbers(numbers: dict[str, object]) -> None:
    """Weights and budgets, by name. Raises `UsageError` USE127 for what is no finite number from 0."""
    for name, number in numbers.items():
        if not 0 <= real(number) < math.inf:
            raise refused(f"{name} is {told(number)}", name, "give a number from 0")


def check_network(network: object) -> None:
    """Raises `UsageError` USE127 for what is no torch.nn.Module."""
    if not isinstance(network, torch.nn.Module):
        raise refused(f"the network is a {type(network).__name__}", "network", "give a torch.nn.Module")


def goal_of(cores: object) -> int | None:
    """The goal in whole cores, None for none. Raises `UsageError` USE127 for what is no whole number from 1."""
    if cores is None:
        return None
    try:
        goal = 0 if isinstance(cores, bool) else index(cores)  # type: ignore[arg-type]
    except TypeError:
        goal = 0
    if goal < 1:
        raise refused(f"the goal is {told(cores)} cores", "cores", "give a whole number from 1, or None")
    return int(goal)


def shape_of(shape: object) -> tuple[int, ...]:
    """The shape of a tensor. Raises `UsageError` USE127 where a length is no whole number from 1, or there is none."""
    try:
        lengths = tuple(index(each) for each in shape) if isinstance(shape, Sequence) else ()
    except TypeError:
        lengths = ()
    if not lengths or min(lengths) < 1:
        hint = "give all axes of one sample, as the network is called with it: (timesteps, 64), not 64"
        raise refused(f"the shape is {told(shape)}", "shape", hint)
    return lengths


def reset_of(reset: object) -> ResetMode:
    """What a spike does to the membrane. Raises `UsageError` USE127 for anything but 'zero' and 'subtract'."""
    if not isinstance(reset, str) or reset not in list(ResetMode):
        names = " or ".join(repr(str(each)) for each in ResetMode)
        raise refused(f"reset is {told(reset)}", "reset", f"give {names}")
    return ResetMode(reset)


def named(network: torch.nn.Module, neurons: Iterable[torch.nn.Module]) -> set[int]:
    """The ids of the layers of neurons. Raises `UsageError` USE127 for what is no layer of the network."""
    hint = "neurons=[...] names layers of the network themselves; leave it out for those found by their class"
    if isinstance(neurons, str | torch.nn.Module) or not isinstance(neurons, Iterable):
        raise refused(f"neurons is a {type(neurons).__name__}", "neurons", hint)
    given, held = tuple(neurons), set(map(id, network.modules()))
    if not given:
        raise refused("neurons names no layer", "neurons", hint)
    for each in given:
        if id(each) not in held:
            raise refused(f"neurons names a {type(each).__name__} that is no layer of the network", "neurons", hint)
    return set(map(id, given))


def refused(message: str, where: str, hint: str) -> UsageError:
    return UsageError("USE127", message, where=where, hint=hint)
