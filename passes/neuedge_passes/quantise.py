"""quantise: weights on as few levels as a chip may have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.edit import with_operators, with_remarks
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Context

Weights = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Quantise:
    """Every weight becomes the nearest multiple of a step; the step is the largest magnitude over 2^(bits-1) - 1.

    One step for all weights of a layer (`per=tensor`), or one for each of its outputs or output channels
    (`per=channel`). Levels are symmetric about 0, so that 0 stays 0; halves go to the even level. Weights that are such
    multiples already stay as they are. The rounding error is told for each layer: the norm of the change, relative to
    the norm of the weights, in single and double precision alike.
    """

    name: ClassVar[str] = "quantise"
    summary: ClassVar[str] = "round weights to a few bits"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ()

    bits: Annotated[int, Meta(ge=2, le=24, description="bits of a weight, its sign included")] = 8
    per: Annotated[Literal["tensor", "channel"], Meta(description="what shares one step")] = "tensor"

    def run(self, network: Network, context: Context) -> Network:
        """The network with rounded weights; the same network where all are on their levels."""
        del context
        errors: dict[str, float] = {}

        def rounded(operator: Operator) -> Operator:
            if not isinstance(operator, Dense | Conv):
                return operator
            weight = np.asarray(operator.weight)
            found = self._levels(weight)
            if np.allclose(found, weight, rtol=4 * float(np.finfo(weight.dtype).eps), atol=0):
                return operator  # on their levels, up to the rounding of floating point
            errors[operator.node] = float(np.linalg.norm(found - weight) / np.linalg.norm(weight))
            return replace(operator, weight=found)

        after = with_operators(network, rounded)
        return with_remarks(after, *(_remark(*found) for found in errors.items())) if after is not network else network

    def _levels(self, weight: Weights) -> Weights:
        """The nearest multiples of the step, in the precision of the weights."""
        axes = tuple(range(1, weight.ndim)) if self.per == "channel" else None
        most = np.abs(weight).max(axis=axes, keepdims=True).astype(np.float64)
        step = np.where(most > 0, most, 1.0) / (2 ** (self.bits - 1) - 1)
        found: Weights = (np.round(weight / step) * step).astype(weight.dtype)
        return found


def _remark(node: str, error: float) -> Diagnostic:
    message = f"weights rounded: relative error {error:.2g}"
    return Diagnostic("PASS001", Severity.INFO, node, message)
