"""Whether a spike may reach a neuron on several ways through the operators of one projection."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.axis import AxisMap, Full, Grouped, Same, Window
from neuedge_nir.network.connect import irregular_in
from neuedge_nir.network.count import counter
from neuedge_nir.network.model import Projection
from neuedge_nir.network.slices import whole

Ints = NDArray[np.int64]


def several_ways(projection: Projection) -> bool:
    """Whether there are more ways than pairs of a source element and a neuron that any way joins."""
    if irregular_in(projection.chain) is not None:
        return False
    count = counter(projection)
    first = count.stages[0].input_shape if count.stages else projection.source_shape
    into = [np.ones(size, dtype=np.int64) for size in first]
    for stage in count.stages:
        if tuple(map(len, into)) != stage.input_shape:  # reshaped: this stage takes all of it for every output
            ways = _total(into)
            into = [np.ones(size, dtype=np.int64) for size in stage.output_shape]
            into[0] *= ways
        else:
            into = [_onwards(axis, ways) for axis, ways in zip(stage.axes, into, strict=True)]
    return _total(into) > count.connections(whole(projection.target_shape))


def _total(into: Sequence[Ints]) -> int:
    return math.prod(int(ways.sum()) for ways in into)


def _onwards(axis: AxisMap, ways: Ints) -> Ints:
    """The ways to each output index of an axis, from those to its input indices."""
    match axis:
        case Same():
            return ways
        case Full():
            return np.full(axis.size_out, ways.sum())
        case Grouped():
            return np.repeat(ways.reshape(axis.groups, -1).sum(axis=1), axis.outputs)
        case Window():
            read = np.arange(axis.size_out)[:, None] * axis.stride - axis.padding
            read = read + np.arange(axis.kernel) * axis.dilation
            inside = (read >= 0) & (read < axis.size_in)
            return np.asarray((ways[np.where(inside, read, 0)] * inside).sum(axis=1))
