"""Values as spikes: the rate code that networks are trained with, and the code of an input's hybrid encoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError
from neuedge_nir.interpreter.operators import Signal
from neuedge_nir.network.model import HybridEncoder, ResetMode

Values = NDArray[np.floating]
BLOCK = 2**24
"""Random numbers drawn at a time."""


def rate_coded(values: Values, steps: int, seed: int) -> NDArray[np.bool_]:
    """Spikes (samples, steps, *shape): in each step with the value, (samples, *shape) in [0, 1], as probability."""
    rng = np.random.default_rng(seed)
    found = np.empty((len(values), steps, *values.shape[1:]), bool)
    most = max(1, BLOCK // max(1, found[:1].size))
    for start in range(0, len(values), most):
        part = found[start : start + most]
        np.less(rng.random(part.shape, np.float32), values[start : start + most, None], out=part)
    return found


def hybrid_coded(values: Signal, encoder: HybridEncoder) -> NDArray[np.bool_]:
    """Spikes of the values x, both (samples, steps, *shape), by Eq. 7 of the NeuEdge paper (arXiv 2602.02439).

    In each step v += x, and a spike where v > v_base (1 - alpha x); then v = 0, or v -= v_base (1 - alpha x). After
    `cap` spikes an element is silent to the end of its sample, and all are after `window` timesteps.
    """
    spikes = np.zeros(values.shape, bool)
    membrane = np.zeros((values.shape[0], *values.shape[2:]))
    left = np.full(membrane.shape, encoder.cap or values.shape[1] + 1)
    for step in range(min(values.shape[1], encoder.window or values.shape[1])):
        x = values[:, step]
        membrane += x
        threshold = encoder.v_base * (1 - encoder.alpha * x)
        fired = (membrane > threshold) & (left > 0)
        spikes[:, step] = fired
        left -= fired
        if encoder.reset is ResetMode.ZERO:
            membrane[fired] = 0
        else:
            membrane -= np.where(fired, threshold, 0)
    return spikes


def check_values(values: Signal, where: str) -> None:
    """Raises `InputError` (DATA006) for what an encoder cannot take."""
    if values.dtype.kind != "b" and values.size and not (values.min() >= 0 and values.max() <= 1):
        message = f"an encoder takes values from 0 to 1, and there are some from {values.min():g} to {values.max():g}"
        raise InputError("DATA006", message, where=where, hint="scale the data to 0 .. 1")
