"""What arrives over a projection: its chain of operators, its delays, over all timesteps at once or one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.interpreter.metrics import Meter
from neuedge_nir.interpreter.operators import Array, Signal, applied
from neuedge_nir.network.connect import Delay, Operator
from neuedge_nir.network.model import Projection

Steps = NDArray[np.int64]


def arriving(projection: Projection, sent: Signal, dt: float, meter: Meter | None = None) -> Array:
    """What reaches the target in every timestep, (T, B, *target_shape), of what the source sends in every one."""
    signal = shifted(sent, projection.steps)
    for index, operator in enumerate(projection.chain):
        if meter is not None:
            meter.arrives(projection, index, signal, 2)
        signal = _delayed(operator, signal, dt) if isinstance(operator, Delay) else _over_time(operator, signal)
    return signal.reshape(*signal.shape[:2], *projection.target_shape).astype(np.float64, copy=False)


def _over_time(operator: Operator, signal: Signal) -> Array:
    """Timesteps and samples are rows alike to an operator without a memory."""
    steps, samples = signal.shape[:2]
    rows = applied(operator, signal.reshape(steps * samples, *signal.shape[2:]))
    return rows.reshape(steps, samples, *rows.shape[1:])


def shifted(signal: Signal, steps: int) -> Signal:
    """The same so many steps later; nothing before."""
    if not steps:
        return signal
    out = np.zeros_like(signal)
    out[steps:] = signal[: max(0, len(signal) - steps)]
    return out


def _delayed(operator: Delay, signal: Signal, dt: float) -> Signal:
    out = signal.reshape(*signal.shape[:2], *operator.shape)
    found = np.zeros_like(out)
    for steps, where in _by_delay(operator, dt):
        late = shifted(out, steps)
        found[..., where] = late[..., where]
    return found


def delay_steps(operator: Delay, dt: float) -> Steps:
    """The delay in whole timesteps, halves to even, element by element or one for all."""
    return np.rint(np.asarray(operator.delay, np.float64) / dt).astype(np.int64)


def _by_delay(operator: Delay, dt: float) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Each delay in steps, and which elements have it."""
    steps = np.broadcast_to(delay_steps(operator, dt), operator.shape)
    for found in np.unique(steps).tolist():
        yield found, steps == found


@dataclass(slots=True)
class Line:
    """A projection within a loop, a timestep at a time. What its delays hold back is kept here."""

    projection: Projection
    dt: float
    total: int
    """Timesteps of the whole run."""
    meter: Meter | None = None
    held: dict[int, NDArray[Any]] = field(default_factory=dict)

    def at(self, step: int, sent: Signal) -> Array:
        """What arrives in this timestep, (B, *target_shape); `sent` holds what the source sent, (T, B, *shape)."""
        before = step - self.projection.steps
        signal: Signal = sent[before] if before >= 0 else np.zeros_like(sent[0])
        for index, operator in enumerate(self.projection.chain):
            if self.meter is not None:
                self.meter.arrives(self.projection, index, signal, 1)
            if isinstance(operator, Delay):
                signal = self._held_back(index, operator, step, signal)
            else:
                signal = applied(operator, signal)
        return signal.reshape(len(signal), *self.projection.target_shape).astype(np.float64, copy=False)

    def _held_back(self, index: int, operator: Delay, step: int, signal: Signal) -> Signal:
        now = signal.reshape(len(signal), *operator.shape)
        if index not in self.held:
            self.held[index] = np.zeros((self.total, *now.shape), now.dtype)
        self.held[index][step] = now
        out = np.zeros_like(now)
        for steps, where in _by_delay(operator, self.dt):
            if step >= steps:
                out[:, where] = self.held[index][step - steps][:, where]
        return out
