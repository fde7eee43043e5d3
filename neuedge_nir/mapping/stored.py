"""The weights of a network as the chip's synapses store them; what a neuron of four weights takes of its axons."""

from __future__ import annotations

import math

import numpy as np

from neuedge_nir.chip.model import AxonWeights, Chip, Limit
from neuedge_nir.errors import CapacityError
from neuedge_nir.mapping.effective import effective_weights, node_of
from neuedge_nir.mapping.irregular_weights import expanded
from neuedge_nir.mapping.weights import (
    MAX_AXONS_PER_INPUT,
    AxonTypes,
    Stored,
    Weights,
    as_stored,
    finest_axon_types,
    fixed,
    mantissas,
    type_classes,
)
from neuedge_nir.network.connect import Dense, irregular_in
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.count import most_sources
from neuedge_nir.network.model import Network, Population, Projection


def stored_weights(network: Network, chip: Chip) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    known: dict[tuple[object, ...], list[Stored]] = {}
    bits = chip.capabilities.weight_bits.count
    for population in network.populations:
        incoming = network.into(population.name)
        same = tuple((id(p.chain), p.source_shape, p.target_shape) for p in incoming)  # copies share their operators
        if same in known:
            found |= {p.name: s for p, s in zip(incoming, known[same], strict=True)}
            continue
        match chip.capabilities.weights:
            case AxonWeights.MANTISSA:
                weights = [effective_weights(p) for p in incoming]
                stored = mantissas(weights, bits) if weights else []
            case AxonWeights.FIXED:
                stored = [fixed(effective_weights(p), bits) for p in incoming]
            case AxonWeights.AXON_TYPES:
                types = axon_type_weights(population, incoming, chip)
                stored = [] if types is None else [as_stored(types, bits)] * len(incoming)
        known[same] = list(stored)
        found |= {p.name: s for p, s in zip(incoming, stored, strict=True)}
    return found


def axon_type_weights(population: Population, incoming: tuple[Projection, ...], chip: Chip) -> AxonTypes | None:
    """The weights of all projections into one population, joined: its neurons share their four weights.

    None where there are none. Raises `CapacityError` where a neuron has too many inputs, or weights shared unlike.
    """
    if not incoming:
        return None
    weights = [weight_rows(p) for p in incoming]
    _, fan_in = most_sources(incoming)
    limit = next((lim for lim in chip.limits if lim.formula == "input_axons"), None)
    most = limit.limit.count // max(fan_in, 1) if limit else MAX_AXONS_PER_INPUT
    if limit and most < 1:
        raise too_large(node_of(incoming[-1]), fan_in, limit, chip)
    if len({len(_rows(w)) for w in weights}) > 1:
        raise CapacityError(
            "FIT012",
            "projections that share weights differently meet in one population, whose neurons have four weights each",
            where=f"node {population.name!r}",
            resource="ways to share weights",
            needed=len({len(_rows(w)) for w in weights}),
            available=1,
            hint="give the projections separate populations",
        )
    whole = joined(weights)
    types = chip.capabilities.axon_types
    classes = type_classes(whole, _type_groups(incoming, weights), types.count if types else 1)
    return finest_axon_types(whole, classes, chip.capabilities.weight_bits.count, min(most, MAX_AXONS_PER_INPUT))


def weight_rows(projection: Projection) -> Weights:
    """The weights of a projection, single synapses as a matrix."""
    weights, operator = effective_weights(projection), irregular_in(projection.chain)
    return expanded(operator, weights) if isinstance(operator, Sparse) else weights


def joined(weights: list[Weights]) -> Weights:
    """The weights of several projections side by side: one row per neuron or channel, one column per input."""
    return np.concatenate([_rows(w) for w in weights], axis=1, dtype=np.float64)


def _rows(weights: Weights) -> Weights:
    """Weights with one row per neuron or channel and one column per input."""
    return weights.reshape(-1, 1) if weights.ndim < 2 else weights.reshape(weights.shape[0], -1)


def _type_groups(incoming: tuple[Projection, ...], weights: list[Weights]) -> np.ndarray:
    """For each column of the joined weights, which axons it is: those must have one type.

    A pixel's axon serves many kernel taps, so those of one channel share theirs; an input of a layer with batch axes
    serves all outputs of its own place on those axes.
    """
    groups: list[np.ndarray] = []
    for projection, w in zip(incoming, weights, strict=True):
        own = _columns(w, batched=any(isinstance(op, Dense) and op.weight.ndim > 2 for op in projection.chain))
        groups.append(own + (groups[-1].max() + 1 if groups else 0))
    return np.concatenate(groups)


def _columns(w: Weights, *, batched: bool) -> np.ndarray:
    if batched:
        places = math.prod(w.shape[1:-2])
        inputs = np.arange(places * w.shape[-1]).reshape(places, 1, -1)
        return np.broadcast_to(inputs, (places, *w.shape[-2:])).ravel()
    taps = math.prod(w.shape[2:]) if w.ndim > 2 else 1
    return np.repeat(np.arange(w.shape[1] if w.ndim > 1 else 1), taps)


def too_large(node: str, needed: int, limit: Limit, chip: Chip) -> CapacityError:
    """One neuron alone exceeds a limit of a core: no split can help, which proves that the network does not fit."""
    return CapacityError(
        "FIT010",
        f"{node} needs {needed} {limit.limit.unit} on one core, {chip.title} has {limit.limit.count}",
        where=f"node {node!r}",
        resource=limit.name,
        needed=needed,
        available=limit.limit.count,
        hint=_SMALLER.get(
            limit.formula, "make its receptive field smaller: fewer inputs, grouped channels, or a smaller kernel"
        ),
    )


_SMALLER = {
    "synaptic_events": "lower its activity, or make its receptive field smaller",
    "synapse_formats": "give the layers into it delays and weights alike, or put neurons between",
    "row_and_record_bytes": "where its record takes the most, shorten samples or read by --output host; else make its "
    "receptive field smaller",
}
