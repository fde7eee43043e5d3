"""Arrays at the size of what they say: five million equal thresholds are one number.

A uniform array is kept as a view on one element (all strides 0) as soon as it is read, and as a 0-d array in the
end. Nothing here may expand such a view by accident.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neuedge_nir.frontend.raw import Array, Shape
from neuedge_nir.network.blocks import row_blocks

FloatArray = NDArray[np.floating]


def core(array: NDArray[Any]) -> NDArray[Any]:
    """The elements that are really stored: one for a uniform view, else all."""
    return array.reshape(-1)[:1] if array.size == 1 else _core_of_many(array)


def _core_of_many(array: NDArray[Any]) -> NDArray[Any]:
    return array[(slice(0, 1),) * array.ndim] if array.size and not any(array.strides) else array


def all_finite(array: Array) -> bool:
    """Whether the array holds neither NaN nor infinity."""
    if array.size == 1:  # often so, and numpy takes its time for single numbers
        return math.isfinite(array.item())
    return all(bool(np.isfinite(rows).all()) for _, rows in row_blocks(core(array)))


def extremes(array: NDArray[Any]) -> tuple[float, float]:
    """The least and the greatest of the values, of which there is one at least."""
    if array.size == 1:
        only = float(array.item())
        return only, only
    stored = core(array)
    return float(stored.min()), float(stored.max())


def is_uniform(array: Array) -> bool:
    """Whether all of several elements are equal."""
    if array.size < 2:
        return False
    first = array.flat[0]
    return all(bool((rows == first).all()) for _, rows in row_blocks(array))


def uniform_view(array: Array) -> Array:
    """The same values; a view on one element where all are equal."""
    if is_uniform(array):
        return np.broadcast_to(array.flat[0], array.shape)
    return array


def converted(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """The same values in another type, a uniform view still a view."""
    if array.size == 1 or (stored := core(array)).size == array.size:
        return array.astype(dtype)
    return np.broadcast_to(stored.reshape(()).astype(dtype), array.shape)


def collapsed(array: FloatArray, shape: Shape) -> FloatArray:
    """The smallest array that broadcasts to the same values on `shape`: 0-d where uniform, (C, 1, 1) per channel.

    `array` has as many elements as `shape`, in row-major order, or broadcasts to it.
    """
    stored = core(array) if array.size > 1 else array
    if stored.size == 1:
        return frozen(stored.reshape(()))
    full = array.reshape(shape) if array.size == math.prod(shape) else array
    for axis in range(full.ndim):
        full = _collapsed_along(full, axis)
    return frozen(full.reshape(()) if full.size == 1 else full)


def _collapsed_along(array: FloatArray, axis: int) -> FloatArray:
    first = array[(slice(None),) * axis + (slice(0, 1),)]
    return first if bool((array == first).all()) else array


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only array that does not keep a larger one alive."""
    own = array.copy() if array.base is not None and array.size < array.base.size else array.view()
    own.setflags(write=False)
    return own


def reshaped(array: FloatArray, old: Shape, new: Shape) -> FloatArray:
    """Values that broadcast to `old`, as values that broadcast to `new`: the same elements in row-major order."""
    if old == new or array.size == 1:
        return array.reshape(()) if array.size == 1 else array
    return np.broadcast_to(array, old).reshape(new)
