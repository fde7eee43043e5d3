"""prune: keep only so many weights, the largest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.edit import with_operators, with_remarks
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Context

Layer = Dense | Conv
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Prune:
    """The smallest weights become 0, until at most so many are left that are not.

    Sound only as an approximation: what a layer loses is told for each, the norm of the change over the norm of the
    weights, and `--data` shows what becomes of the answers. No retraining follows. Sizes are compared relative to the
    largest of their layer (`scope=relative`), as they are over all layers (`scope=global`), or within each layer, all
    of which then keep the same share (`scope=layer`, rounded down). Of equal sizes the later goes first, in the order
    of the projections and of rows. A layer that several projections share is counted once and stays shared.

    What a plan saves: nothing by this pass alone. Plans count a Dense or Conv as stored whole, zeros included, on every
    chip that comes with the compiler, so that cores, memory and energy stay what they were; only the synaptic
    operations of a simulation fall. Neurons and projections that have lost all weights are left out by prune-zero
    behind this pass, and those do save.
    """

    name: ClassVar[str] = "prune"
    summary: ClassVar[str] = "set the smallest weights to 0, down to a number of synapses"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ()

    synapses: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="weights that may be other than 0; must be given")
    ] = None
    scope: Annotated[Literal["relative", "global", "layer"], Meta(description="what sizes are compared with")] = (
        "relative"
    )

    def run(self, network: Network, context: Context) -> Network:
        """The network with fewer weights; the same network where they are few enough."""
        del context
        if self.synapses is None:
            hint = "--pass prune:synapses=10000"
            raise UsageError("USE026", "the pass prune needs a number of synapses", where="--pass prune", hint=hint)
        layers = _layers(network)
        keep = _kept(layers, self.synapses, self.scope)
        errors: dict[str, float] = {}

        def thinned(operator: Operator) -> Operator:
            if not isinstance(operator, Layer) or (keep[id(operator)] | (operator.weight == 0)).all():
                return operator
            found = np.where(keep[id(operator)], operator.weight, 0).astype(operator.weight.dtype)
            errors[operator.node] = float(np.linalg.norm(operator.weight - found) / np.linalg.norm(operator.weight))
            return replace(operator, weight=found)

        after = with_operators(network, thinned)
        return with_remarks(after, *(_remark(*found) for found in errors.items())) if after is not network else network


def _layers(network: Network) -> list[Layer]:
    """Each layer once, in the order of the projections."""
    found = {id(op): op for p in network.projections for op in p.chain if isinstance(op, Layer)}
    return list(found.values())


def _kept(layers: Sequence[Layer], most: int, scope: str) -> Mapping[int, Mask]:
    """By identity of a layer: which of its weights stay."""
    sizes = [np.abs(layer.weight.astype(np.float64)).reshape(-1) for layer in layers]
    total = sum(int(np.count_nonzero(size)) for size in sizes)
    if total <= most:
        return {id(layer): np.ones(layer.weight.shape, bool) for layer in layers}
    if scope == "layer":
        masks = [_largest(size, int(np.count_nonzero(size)) * most // total) for size in sizes]
    else:
        tops = [size.max(initial=0) or 1.0 for size in sizes] if scope == "relative" else [1.0] * len(sizes)
        whole = np.concatenate([size / top for size, top in zip(sizes, tops, strict=True)])
        masks = np.split(_largest(whole, most), np.cumsum([size.size for size in sizes])[:-1])
    return {id(layer): mask.reshape(layer.weight.shape) for layer, mask in zip(layers, masks, strict=True)}


def _largest(sizes: NDArray[np.float64], count: int) -> Mask:
    """So many of the largest, the first of equal ones."""
    found = np.zeros(len(sizes), bool)
    found[np.argsort(-sizes, kind="stable")[:count]] = True
    return found


def _remark(node: str, error: float) -> Diagnostic:
    return Diagnostic("PASS001", Severity.INFO, node, f"weights pruned: relative error {error:.2g}")
