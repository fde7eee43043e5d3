"""Projections that look at their source through windows, and what they see of a slice."""

from __future__ import annotations

from neuedge_nir.network.connect import Conv, Dense, Pool
from neuedge_nir.network.model import Projection
from neuedge_nir.network.reach import Region
from neuedge_nir.network.slices import Slice, boxes


def looks_through_windows(projection: Projection) -> bool:
    """Whether the receiving end looks at the source through a window rather than a list."""
    return not any(isinstance(op, Dense) for op in projection.chain) and any(
        isinstance(op, (Conv, Pool)) for op in projection.chain
    )


def pixels(part: Slice, shape: tuple[int, ...]) -> int:
    """The positions of a slice in space, whatever the number of channels there."""
    products = [tuple(range(*span) for span in box[1:]) for box in boxes(part, shape)]
    return Region(shape[1:], tuple(products)).measure()


def keeps_shape(projection: Projection, shape: tuple[int, ...]) -> bool:
    """Whether the last operator sees the target in its own shape."""
    return shape == (projection.chain[-1].output_shape if projection.chain else projection.source_shape)
