"""The network of a case: of its stated sizes with random weights, or the real one from a folder of shared files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from neuedge_nir.frontend import read
from neuedge_nir.network.build import End, build, join, lif, readout, source
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind
from neuedge_nir.network.connect_sparse import FixedProbability
from neuedge_nir.network.model import IF, Network, Population
from neuedge_nir.validation.model import Layer, Shape
from neuedge_nir.validation.model import Network as Stated

INPUT = "in"


def network_of(stated: Stated, name: str, *, leaky: bool, shared: Path | None = None) -> Network:
    """The network; the real one where it is public and `shared` has it. Raises `InputError` where that is no model."""
    if shared is not None and stated.model and (shared / "nir" / stated.model).is_file():
        return _on_chip(read(shared / "nir" / stated.model), stated.layers[0].name)
    return _built(stated, name, leaky=leaky)


def is_real(stated: Stated, shared: Path | None) -> bool:
    """Whether the network is the real one."""
    return bool(shared is not None and stated.model and (shared / "nir" / stated.model).is_file())


def _on_chip(network: Network, first: str) -> Network:
    """The network without the input that leads into its first population."""
    kept = tuple(p for p in network.projections if p.target != first)
    left = {p.source for p in kept}
    return replace(network, projections=kept, inputs=tuple(port for port in network.inputs if port.name in left))


def _built(stated: Stated, name: str, *, leaky: bool) -> Network:
    port = source(INPUT, stated.input) if stated.input else None
    ends: dict[str, End] = {layer.name: _population(layer, leaky=leaky) for layer in stated.layers}
    populations = [end for end in ends.values() if isinstance(end, Population)]
    ends |= {INPUT: port} if port is not None else {}
    joints, before = [], INPUT if port is not None else ""
    for layer in stated.layers:
        sources = layer.sources or ((before,) if before else ())
        joints += [join(ends[each], ends[layer.name], partial(_maker, layer)) for each in sources]
        before = layer.name
    outputs = [readout("out", populations[-1])] if stated.readout else []
    joints += [join(populations[-1], out) for out in outputs]
    return build(name, populations, joints, [port] if port is not None else [], outputs)


def _population(layer: Layer, *, leaky: bool) -> Population:
    if leaky:
        return lif(layer.name, layer.shape)
    one, zero = np.ones(()), np.zeros(())
    return Population(layer.name, IF(one, one, zero), layer.shape)


def _maker(layer: Layer, one: End, _other: End) -> Operator:
    return _operator(layer, one.shape)


def _operator(layer: Layer, before: Shape) -> Operator:
    node = f"to {layer.name}"
    if layer.kernel:
        return _convolution(layer, before, node)
    if layer.pool:
        size = (layer.pool, layer.pool)
        return Pool(node, PoolKind.SUM, before, layer.shape, size, size, (0, 0))
    if layer.probability:
        weight = np.asarray(1.0)
        return FixedProbability(node, layer.probability, weight, before, layer.shape)
    lead = layer.shape[:1] if layer.blocks else ()
    shape = (*lead, math.prod(layer.shape[len(lead) :]), math.prod(before[len(lead) :]))
    if layer.constant:
        return Dense(node, np.broadcast_to(np.float32(1), shape))
    weight = integers(shape, layer.bits)
    weight[..., weight.shape[-1] - layer.silent :] = 0
    return Dense(node, weight)


def _convolution(layer: Layer, before: Shape, node: str) -> Conv:
    axes = len(layer.kernel)
    stride, padding = layer.stride or (1,) * axes, layer.padding or (0,) * axes
    weight = integers((layer.shape[0], before[0], *layer.kernel), layer.bits)
    around = tuple((pad, pad) for pad in padding)
    return Conv(node, weight, before, layer.shape, stride, around, (1,) * axes, 1)


def integers(shape: Shape, bits: int) -> np.ndarray:
    """Weights of so many bits with their sign, all of them odd and none 0, so that they need each of these bits."""
    most = 2 ** (bits - 1) - 1
    values = np.random.default_rng([bits, *shape]).integers(-(most + 1) // 2, (most + 1) // 2, shape) * 2 + 1
    values.ravel()[0] = most
    return np.clip(values, -most, most).astype(np.float32)


def rates_of(rates: Mapping[str, float], network: Network) -> dict[str, float]:
    """The stated rates; what a source says nothing of is silent."""
    names = [*(port.name for port in network.inputs), *(each.name for each in network.populations)]
    return {name: rates.get(name, 0.0) for name in names}
