"""Single synapses for a file: NIR has no node for them, so that they become a matrix, with 0 where there is none."""

from __future__ import annotations

import math

import numpy as np

from neuedge_nir.errors import InputError
from neuedge_nir.network.connect import Dense, Operator
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.edit import with_operators
from neuedge_nir.network.model import Network

MOST_PAIRS = 1 << 26
"""Pairs of a source and a target of one projection that a file spells out: a quarter of a GiB in float32."""


def as_matrices(network: Network) -> Network:
    """The network with a `Dense` for every `Sparse`: the same network, if a synapse of weight 0 is none.

    Raises `InputError` for more pairs than are spelled out (FIT068), and for a probability (USE090).
    """
    return with_operators(network, _as_matrix)


def _as_matrix(operator: Operator) -> Operator:
    match operator:
        case FixedProbability(p=p):
            message = f"it joins each pair with probability {p:g}, which NIR cannot say"
            hint = "draw its synapses and give them to `Sparse.of`"
            raise InputError("USE090", message, where=f"node {operator.node!r}", hint=hint)
        case Sparse():
            sources, targets = math.prod(operator.input_shape), math.prod(operator.output_shape)
            if sources * targets > MOST_PAIRS:
                raise InputError(
                    "FIT068",
                    f"NIR would spell out {sources:,} x {targets:,} pairs for {operator.indices.size:,} synapses",
                    where=f"node {operator.node!r}",
                    hint="compile, simulate and verify it from Python, without a file",
                    resource="pairs",
                    needed=sources * targets,
                    available=MOST_PAIRS,
                )
            matrix = np.zeros((targets, sources), operator.weights.dtype)
            matrix[operator.rows, operator.indices] = operator.weights
            return Dense(operator.node, matrix)
        case _:
            return operator
