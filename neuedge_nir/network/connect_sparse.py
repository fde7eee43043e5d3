"""Connection operators without any shape: single synapses in compressed rows, and a probability for each pair.

NIR files have neither: such networks are built by `neuedge_nir.network.build`, or by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


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

        Raises `ValueError` for a source or target that the shapes do not have.
        """
        takes = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
        gives = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        s, t = np.asarray(sources, np.int64).ravel(), np.asarray(targets, np.int64).ravel()
        sizes = int(np.prod(takes, dtype=np.int64)), int(np.prod(gives, dtype=np.int64))
        if s.shape != t.shape or any(((i < 0) | (i >= n)).any() for i, n in zip((s, t), sizes, strict=True)):
            raise ValueError(f"{node!r}: {s.size} sources in {takes} and {t.size} targets in {gives} do not fit")
        each = np.asarray(weights, np.float64)
        order = np.argsort(t * sizes[0] + s, kind="stable")
        s, t = s[order], t[order]
        first = np.flatnonzero(np.append(True, (s[1:] != s[:-1]) | (t[1:] != t[:-1]))[: s.size])
        if each.ndim == 0 and first.size == s.size:
            held = np.broadcast_to(each, s.shape)
        else:
            held = _sums(np.broadcast_to(each.ravel() if each.ndim else each, s.shape)[order], first)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(t[first], minlength=sizes[1]))]).astype(np.int64)
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


def _sums(values: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.add.reduceat(values, first) if first.size else np.zeros(0)


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
