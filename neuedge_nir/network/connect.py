"""Connection operators: how a signal travels from one population to the next, without unrolling it.

Every operator acts axis by axis on row-major arrays. Neighbouring operators of a chain agree on the number of
elements; where their shapes differ, the elements are the same in row-major order (NIR's Flatten).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect_sparse import FixedProbability, Irregular, Sparse

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """y[..., o] = sum over i of weight[..., o, i] * x[..., i]: NIR's Linear and Affine (its bias is the target's).

    `weight` has shape (*batch, O, I), the input (*batch, I), the output (*batch, O); batch is nearly always empty.
    """

    node: str
    weight: NDArray[np.floating]

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (*self.weight.shape[:-2], self.weight.shape[-1])

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.weight.shape[:-1]


@dataclass(frozen=True, slots=True, eq=False)
class Conv:
    """NIR's Conv1d and Conv2d, in PyTorch's convention, on (channels, *space).

    `weight` has shape (C_out, C_in / groups, *kernel). `padding` is the number of zeros before and after each
    spatial axis; they differ where 'same' needs an odd number.
    """

    node: str
    weight: NDArray[np.floating]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight.shape[2:]


class PoolKind(StrEnum):
    SUM = "sum"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Pool:
    """NIR's SumPool2d and AvgPool2d on (channels, height, width).

    An average divides by the whole window, padding zeros included: PyTorch's default.
    """

    node: str
    kind: PoolKind
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    @property
    def factor(self) -> float:
        """What each element is multiplied with."""
        return 1.0 if self.kind is PoolKind.SUM else 1.0 / math.prod(self.kernel)


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """y = factor * x, element by element; `factor` is broadcastable to the shape, 0-d where uniform."""

    node: str
    factor: NDArray[np.floating]
    shape: tuple[int, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.shape


@dataclass(frozen=True, slots=True, eq=False)
class Delay:
    """y(t) = x(t - delay), element by element, in the file's time unit; 0-d where uniform."""

    node: str
    delay: NDArray[np.floating]
    shape: tuple[int, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.shape


Operator = Dense | Conv | Pool | Scale | Delay | Sparse | FixedProbability
WEIGHTED = (Dense, Conv, Scale, Sparse, FixedProbability)
LAYERS = (Dense, Conv, Sparse, FixedProbability)
"""The operators that bring synapses."""


def irregular_in(chain: Iterable[Operator]) -> Irregular | None:
    """The operator of a chain that has no shape; None where each has one."""
    return next((op for op in chain if isinstance(op, Sparse | FixedProbability)), None)


def weights_of(operator: Operator) -> NDArray[np.floating] | None:
    """The stored weights of an operator, or None where it stores none."""
    match operator:
        case Dense(weight=weight) | Conv(weight=weight) | FixedProbability(weight=weight):
            return weight
        case Sparse(weights=weights):
            return weights
        case Scale(factor=factor):
            return factor
        case _:
            return None


def aligned(chain: tuple[Operator, ...], source_shape: tuple[int, ...]) -> tuple[Operator, ...]:
    """The chain with every scale and delay in the shape of the signal that reaches it.

    They act element by element, so a flattening in front of them changes nothing but the shape they are written in.
    """
    found: list[Operator] = []
    shape = source_shape
    for operator in chain:
        if isinstance(operator, (Scale, Delay)) and operator.shape != shape:
            operator = _in_shape(operator, shape)
        found.append(operator)
        shape = operator.output_shape
    return tuple(found)


def _in_shape(operator: Scale | Delay, shape: tuple[int, ...]) -> Operator:
    values = operator.factor if isinstance(operator, Scale) else operator.delay
    whole = values.reshape(()) if values.size == 1 else np.broadcast_to(values, operator.shape).reshape(shape)
    if isinstance(operator, Scale):
        return Scale(operator.node, whole, shape)
    return Delay(operator.node, whole, shape)
