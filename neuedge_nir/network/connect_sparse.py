"""Connection operators without any shape: single synapses in compressed rows, and a probability for each pair.

NIR files have neither: such networks are built by `neuedge_nir.network.build`, or by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuedge_nir.errors import UsageError
from neuedge_nir.network.typed import array_given, shape_given

MOST_ROWS = 1 << 25
"""Targets that compressed rows have: each takes 8 bytes, whether anything reaches it or not."""


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """y[t] = sum over the synapses of row t of weights * x[indices]: compressed rows (CSR), one for each target.

    `indptr` (targets + 1,) bounds the rows; `indices` (synapses,) are the sources of each row, in row-major order of
    `input_shape`, ascending and each once; `weights` (synapses,), or one number broadcast to that. A stored weight of
    0 is a synapse. Rows are the targets in row-major order of `output_shape`.
    """

    node: str
    indptr: NDArray[np.int64]
    indices: NDArray[np.int64]
    weights: NDArray[np.floating]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    @classmethod
    def of(
        cls,
        node: str,
        sources: ArrayLike,
        targets: ArrayLike,
        weights: ArrayLike,
        input_shape: tuple[int, ...] | int,
        output_shape: tuple[int, ...] | int,
    ) -> Sparse:
        """From a list of synapses in any order; `weights` may be one number. Those of one pair become their sum.

        Raises `UsageError` (USE034, USE096, USE097, USE098) for what are no synapses of these shapes.
        """
        takes, gives = shape_given(input_shape, f"{node!r}"), shape_given(output_shape, f"{node!r}")
        s, t, each = pairs_given(node, sources, targets, weights)
        sizes = math.prod(takes), math.prod(gives)
        if any(values.size and int(values.max()) >= size for values, size in zip((s, t), sizes, strict=True)):
            raise _misfit(node, f"{s.size} sources in {takes} and {t.size} targets in {gives} do not fit")
        if sizes[1] > MOST_ROWS:
            raise _misfit(node, f"rows of {sizes[1]} targets; {MOST_ROWS} are the most", "split the population")
        order = np.lexsort((s, t))
        s, t = s[order], t[order]
        first = np.flatnonzero(np.append(True, (s[1:] != s[:-1]) | (t[1:] != t[:-1]))[: s.size])
        if each.ndim == 0 and first.size == s.size:
            held = np.broadcast_to(each, s.shape)
        else:
            held = _sums(node, np.broadcast_to(each, s.shape)[order], first)
        indptr = np.zeros(sizes[1] + 1, np.int64)
        np.cumsum(np.bincount(t[first], minlength=sizes[1]), out=indptr[1:])
        return cls(node, indptr, s[first], held, takes, gives)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The target of each synapse."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def faults(self) -> Iterator[str]:
        """What is wrong with the rows, in words."""
        sizes = int(np.prod(self.input_shape, dtype=np.int64)), int(np.prod(self.output_shape, dtype=np.int64))
        if self.indptr.shape != (sizes[1] + 1,) or self.indices.ndim != 1 or self.weights.shape != self.indices.shape:
            yield f"{self.node!r} has rows of {self.indptr.shape}, {self.indices.shape} and {self.weights.shape}"
            return
        if self.indptr[0] != 0 or self.indptr[-1] != self.indices.size or bool((np.diff(self.indptr) < 0).any()):
            yield f"{self.node!r} has rows that do not follow each other"
            return
        if self.indices.size and not 0 <= int(self.indices.min()) <= int(self.indices.max()) < sizes[0]:
            yield f"{self.node!r} has a source outside of {self.input_shape}"
        ascending = np.diff(self.indices) > 0
        ascending[(ends := self.indptr[1:-1] - 1)[(ends >= 0) & (ends < ascending.size)]] = True
        if not ascending.all():
            yield f"{self.node!r} has a row whose sources do not ascend: give its synapses to Sparse.of"


def pairs_given(
    node: str, sources: ArrayLike, targets: ArrayLike, weights: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Sources and targets in rows, and the weights: one each, or one (0-d).

    Raises `UsageError`: USE098 where sources or targets are no whole numbers from 0 or not as many, USE097 where
    weights are no finite numbers, USE034 for what is no array of anything.
    """
    s, t, each = (
        array_given(values, where)
        for values, where in ((sources, "sources"), (targets, "targets"), (weights, "weights"))
    )
    for values, what in ((s, "sources"), (t, "targets")):
        if values.size and (values.dtype.kind not in "iu" or int(values.min()) < 0 or int(values.max()) >= 1 << 62):
            raise _misfit(node, f"the {what} are no whole numbers from 0")
    if s.ndim != 1 or t.ndim != 1:
        raise _misfit(
            node, f"sources of {s.ndim} axes and targets of {t.ndim}", "give two lists of numbers, or ravel()"
        )
    if s.shape != t.shape or (each.ndim and each.shape != s.shape):
        raise _misfit(node, f"sources of {s.shape}, targets of {t.shape} and weights of {each.shape} do not fit")
    if each.dtype.kind not in "fiu" or not np.isfinite(each).all():
        hint = "give a finite number for each, or one for all"
        raise UsageError("USE097", f"the weights of {node!r} are no finite numbers", where=f"{node!r}", hint=hint)
    return (
        s.ravel().astype(np.int64),
        t.ravel().astype(np.int64),
        each.astype(np.float64).reshape(s.size if each.ndim else ()),
    )


def _misfit(
    node: str, message: str, hint: str = "give as many sources as targets, numbers from 0 within the shapes"
) -> UsageError:
    return UsageError("USE098", f"{node!r}: {message}", where=f"{node!r}", hint=hint)


def _sums(node: str, values: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        found = np.add.reduceat(values, first) if first.size else np.zeros(0)
    if not np.isfinite(found).all():
        hint = "several synapses of one pair are added up: give each pair once"
        raise UsageError("USE097", f"weights of {node!r} add up to infinity", where=f"{node!r}", hint=hint)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class FixedProbability:
    """Each pair of a source and a target is joined with probability `p`, independently; no pair is ever written out.

    `weight` is that of every synapse, or their mean: a number (0-d). 0 <= p <= 1. What is counted of it are expected
    values. As no two draws are the same network, it can be mapped and priced, not simulated.
    """

    node: str
    p: float
    weight: NDArray[np.floating]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    def faults(self) -> Iterator[str]:
        """What is wrong with the numbers, in words."""
        if not 0 <= self.p <= 1:
            yield f"{self.node!r} has a probability of {self.p}"
        if self.weight.ndim:
            yield f"{self.node!r} has weights of {self.weight.shape}, and takes one number"


Irregular = Sparse | FixedProbability
