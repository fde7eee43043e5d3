"""The data a network runs on: does it fit the inputs?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from neuedge_nir.errors import InputError
from neuedge_nir.interpreter.encoding import check_values, hybrid_coded
from neuedge_nir.interpreter.operators import Signal
from neuedge_nir.network.model import Network, Port
from neuedge_nir.network.typed import array_given

MOST = 1e30
"""Far beyond any current, and weights times it are still numbers."""


def fitting(network: Network, spikes: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, Signal]:
    """The input of every port, (samples, steps, *shape).

    Raises `InputError` (DATA...) where it does not fit, `UsageError` (USE034) where it is no array.
    """
    given = dict(spikes) if isinstance(spikes, Mapping) else _only(network, spikes)
    ports = {port.name: port for port in network.inputs}
    if odd := sorted(given.keys() ^ ports.keys()):
        what = "is no input of the network" if odd[0] in given else "gets no data"
        hint = f"the inputs are: {', '.join(sorted(ports))}"
        raise InputError("DATA001", f"{odd[0]!r} {what}", where=network.origin.name, hint=hint)
    found = {name: _checked(ports[name], array_given(values, "spikes")) for name, values in sorted(given.items())}
    sizes = {values.shape[:2] for values in found.values()}
    if len(sizes) > 1:
        message = f"the inputs differ in samples or steps: {', '.join(map(str, sorted(sizes)))}"
        raise InputError("DATA002", message, where=network.origin.name, hint="give all inputs the same of both")
    return found


def entering(network: Network, spikes: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, Signal]:
    """What the inputs send: the data, or what encoders make of them. Raises `InputError` (DATA...) for a misfit."""
    found = fitting(network, spikes)
    for port in network.inputs:
        if port.encoder is not None:
            check_values(found[port.name], f"input {port.name!r}")
            found[port.name] = hybrid_coded(found[port.name], port.encoder)
    return found


def _only(network: Network, spikes: ArrayLike) -> dict[str, ArrayLike]:
    if len(network.inputs) != 1:
        names = ", ".join(port.name for port in network.inputs)
        message = f"the network has {len(network.inputs)} inputs: {names}"
        raise InputError("DATA001", message, where=network.origin.name, hint="name the input of each array")
    return {network.inputs[0].name: spikes}


def _checked(port: Port, values: Signal) -> Signal:
    if values.dtype.kind not in "biuf":
        raise InputError("DATA003", "the data are not numbers", where=f"input {port.name!r}", hint="give 0 and 1")
    flat = values.ndim == 3 and values.shape[2] == port.neurons
    if values.ndim < 2 or not (flat or values.shape[2:] == port.shape):
        wanted = ", ".join(map(str, port.shape))
        message = f"data of shape {values.shape} do not fit: wanted is (samples, steps, {wanted})"
        raise InputError("DATA002", message, where=f"input {port.name!r}", hint="samples first, then timesteps")
    if not values.size:
        raise InputError("DATA002", "there are no data", where=f"input {port.name!r}", hint="give one sample at least")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError("DATA003", "the data hold NaN or infinity", where=f"input {port.name!r}", hint="give 0 and 1")
    if values.dtype.kind != "b" and not (values.min() >= -MOST and values.max() <= MOST):
        message = f"the data go from {values.min():g} to {values.max():g}, and at most {MOST:g} can be computed with"
        raise InputError("DATA003", message, where=f"input {port.name!r}", hint="give 0 and 1")
    return values.reshape(*values.shape[:2], *port.shape)
