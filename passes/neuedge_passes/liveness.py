"""Which neurons can ever send anything but zeros, and which of them something reads.

Both are told by element, in row-major order, and never too few: a convolution is taken to reach all of an image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.model import (
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    I,
    Listening,
    Network,
    Population,
    Projection,
    Threshold,
)

Mask = NDArray[np.bool_]
Masks = Mapping[str, Mask]
"""By population or port, one for each neuron."""
MARGIN = 1e-9
"""Of the numbers involved: so far a potential must stay away from its threshold, for what rounding adds up to."""
SLOWEST = 1e-6
"""A timestep over a time constant: below it the rounding of a decay adds up to more than the margin."""


def live(network: Network, dt: float | None, silent: Masks) -> dict[str, Mask]:
    """The neurons that may send something, by population and input.

    Whatever is not among them receives, at every time, only from others like it, and sends nothing by itself: nothing
    was sent before the first timestep, so none of them ever starts. `silent` are known not to send.
    """
    found = {port.name: np.ones(port.neurons, bool) for port in network.inputs}
    found |= {p.name: ~(idle(p, dt) | silent.get(p.name, False)) for p in network.populations}

    def spread(projection: Projection) -> tuple[str, Mask] | None:
        if projection.target not in found:
            return None
        arrives = reached(projection, found[projection.source])
        return projection.target, arrives & ~silent.get(projection.target, np.zeros(1, bool))

    return _settled(found, network, spread)


def read(network: Network, stays: Masks) -> dict[str, Mask]:
    """The neurons with a way of weights other than zero to an output, or to neurons that stay anyway; and these."""
    found = {port.name: np.zeros(port.neurons, bool) for port in network.inputs} | dict(stays)
    found |= {port.name: np.ones(port.neurons, bool) for port in network.outputs}
    return _settled(found, network, lambda p: (p.source, _seen(p, found[p.target])))


def _settled(
    found: dict[str, Mask], network: Network, spread: Callable[[Projection], tuple[str, Mask] | None]
) -> dict[str, Mask]:
    """Masks that grow along projections until nothing is added."""
    growing = True
    while growing:
        growing = False
        for projection in network.projections:
            more = spread(projection)
            if more is not None and (more[1] & ~found[more[0]]).any():
                found[more[0]] = np.asarray(found[more[0]] | more[1])
                growing = True
    return found


def reached(projection: Projection, sources: Mask) -> Mask:
    """The elements of the target that something other than zero may reach from these of the source."""
    for operator in projection.chain:
        sources = _forward(operator, sources)
    return sources


def _seen(projection: Projection, targets: Mask) -> Mask:
    for operator in reversed(projection.chain):
        targets = _backward(operator, targets)
    return targets


def _forward(operator: Operator, mask: Mask) -> Mask:
    match operator:
        case Dense(weight=weight):
            met = np.asarray((weight != 0) & mask.reshape(operator.input_shape)[..., None, :])
            return np.ravel(met.any(axis=-1))
        case Conv():
            channels = _by_group(operator, _any(mask, operator.input_shape))
            return _spread(np.asarray((_connected(operator) & channels).any(axis=1)), operator.output_shape)
        case Pool():
            return _spread(_any(mask, operator.input_shape), operator.output_shape)
        case Scale(factor=factor, shape=shape):
            return np.asarray(mask & np.broadcast_to(factor != 0, shape).reshape(-1))
        case Delay():
            return mask
        case _:
            raise TypeError(f"no pass knows what {operator.node!r} joins")


def _backward(operator: Operator, mask: Mask) -> Mask:
    match operator:
        case Dense(weight=weight):
            met = np.asarray((weight != 0) & mask.reshape(operator.output_shape)[..., :, None])
            return np.ravel(met.any(axis=-2))
        case Conv(groups=groups):
            used = np.asarray(_connected(operator) & _any(mask, operator.output_shape)[:, None])
            by_group = np.asarray(used.reshape(groups, -1, used.shape[1]).any(axis=1))
            return _spread(by_group.reshape(-1), operator.input_shape)
        case Pool():
            return _spread(_any(mask, operator.output_shape), operator.input_shape)
        case _:
            return _forward(operator, mask)


def _connected(conv: Conv) -> Mask:
    """Which output channel has a weight other than zero for which input channel of its group."""
    found: Mask = (conv.weight != 0).reshape(*conv.weight.shape[:2], -1).any(axis=2)
    return found


def _by_group(conv: Conv, channels: Mask) -> Mask:
    """For each output channel, the input channels of its group."""
    return np.repeat(channels.reshape(conv.groups, -1), conv.weight.shape[0] // conv.groups, axis=0)


def _any(mask: Mask, shape: tuple[int, ...]) -> Mask:
    return np.asarray(mask.reshape(shape[0], -1).any(axis=1))


def _spread(channels: Mask, shape: tuple[int, ...]) -> Mask:
    return np.repeat(channels, int(np.prod(shape[1:], dtype=np.int64)))


def counted(network: Network) -> set[str]:
    """The populations of whose spikes a mean is taken that thresholds follow: without some neurons it is another."""
    return {
        name
        for population in network.populations
        if population.adapts is not None and population.adapts.source is not Listening.NEURON
        for name in network.heard_by(population)
    }


def idle(population: Population, dt: float | None) -> Mask:
    """The neurons that send nothing but zeros as long as they receive nothing but their bias.

    At exactly 0 a potential stays where neither bias nor leak moves it, in every timestep, and 0 exceeds no threshold
    from 0 upwards. Other potentials move from 0 towards where bias and leak draw them, v_leak + r w_in b, and never
    past it if no time constant is shorter than the timestep; behind a synapse they are drawn there from v_leak, as the
    current rises. Without a leak a potential drawn downwards only falls. The threshold itself is no spike, but what
    comes near it may be rounded across, and is not claimed; nor is anything of a threshold that follows an activity.
    """
    bias = np.asarray(0.0 if population.bias is None else population.bias, np.float64)
    found = False if population.adapts is not None else _idle(population, bias, dt)
    return np.broadcast_to(found, population.shape).reshape(-1)


@np.errstate(over="ignore", invalid="ignore")
def _idle(population: Population, b: Any, dt: float | None) -> Any:
    match population.neuron:
        case Threshold(threshold=threshold):
            return b <= threshold
        case I(r=r):
            return (b == 0) | (r == 0)
        case IF(r=r, v_threshold=threshold):
            return (np.sign(r) * np.sign(b) <= 0) & (threshold >= 0)
        case LI(r=r, v_leak=leak):
            return (leak == 0) & ((b == 0) | (r == 0))
        case CubaLI(r=r, w_in=w, v_leak=leak):
            return (leak == 0) & ((b == 0) | (r == 0) | (w == 0))
        case LIF(tau=tau, r=r, v_leak=leak, v_threshold=threshold):
            still = (leak == 0) & ((b == 0) | (r == 0)) & (threshold >= 0)
            return still | (_below(leak + r * b, abs(leak) + abs(r * b), threshold) & _gentle(dt, tau))
        case CubaLIF(r=r, w_in=w, v_leak=leak, v_threshold=threshold, tau_syn=tau_syn, tau_mem=tau):
            still = (leak == 0) & ((b == 0) | (r == 0) | (w == 0)) & (threshold >= 0)
            drawn = r * w * b
            below = _below(np.maximum(leak, leak + drawn), abs(leak) + abs(drawn), threshold)
            return still | (below & _gentle(dt, tau) & _gentle(dt, tau_syn))


def _below(goal: Any, size: Any, threshold: Any) -> Any:
    """Whether what moves from 0 to the goal stays below the threshold, or falls from it, beyond doubt."""
    margin = MARGIN * (size + abs(threshold))
    return (np.maximum(goal, 0) + margin < threshold) | ((threshold >= 0) & (goal < -margin))


def _gentle(dt: float | None, tau: Any) -> Any:
    """Whether a timestep moves a state at most as far as its goal."""
    if dt is None:
        return False
    rate = dt / tau
    return (rate >= SLOWEST) & (rate <= 1)
