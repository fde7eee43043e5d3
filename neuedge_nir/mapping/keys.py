"""Keys of spikes where routers go by the sender: a field for the population, the core, the neuron and the colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.partition import Cluster
from neuedge_nir.mapping.traffic import Flow


@dataclass(frozen=True, slots=True)
class KeySpace:
    """The widths of the fields, and (cluster, piece, key, mask) of every slice that sends."""

    population_bits: int
    low_bits: int
    core_bits: Mapping[str, int]
    atom_bits: Mapping[str, int]
    slices: tuple[tuple[int, int, int, int], ...]


def allocate(
    flows: Sequence[Flow], clusters: Sequence[Cluster], chip: Chip, stages: Mapping[str, int]
) -> KeySpace | None:
    """A key and mask for every slice that sends; None where the chip's messages carry no such key.

    The population's field has one width for all, so that a population's slices share the bits above `low_bits`; below,
    each population has as many bits for cores and for neurons as it needs; neurons of a delay extension have keys for
    each of its `stages`. Raises `NoPlanError` (FIT040) where they
    are more than a key has: with other slices they may be fewer.
    """
    rule = chip.topology.keys
    if rule is None:
        return None
    colour, ones = rule.colour_bits.count, 1 << rule.bits.count
    senders = _senders(flows, clusters)
    cores = {name: _bits(len(those)) for name, those in senders.items()}
    most = {name: max(flow.neurons for flow in those) for name, those in senders.items()}
    atoms = {name: _bits(neurons * stages.get(name, 1)) for name, neurons in most.items()}
    low = colour + max((cores[name] + atoms[name] for name in senders), default=0)
    population = _bits(len(senders))
    if low + population > rule.bits.count:
        raise _too_many(chip, low + population, rule.bits.count)
    keys = [
        (flow.cluster, flow.piece, place << low | core << (free := atoms[name] + colour), ones - (1 << free))
        for place, (name, those) in enumerate(senders.items())
        for core, flow in enumerate(those)
    ]
    return KeySpace(population, low, cores, atoms, tuple(sorted(keys)))


def _senders(flows: Sequence[Flow], clusters: Sequence[Cluster]) -> Mapping[str, list[Flow]]:
    """What sends anything, by population, in the order of the cores."""
    found: dict[str, list[Flow]] = {}
    for flow in flows:
        if flow.targets:
            found.setdefault(clusters[flow.cluster].pieces[flow.piece].population, []).append(flow)
    return found


def _bits(values: int) -> int:
    return max(0, values - 1).bit_length()


def _too_many(chip: Chip, needed: int, available: int) -> NoPlanError:
    return NoPlanError(
        "FIT040",
        f"the keys of the mapping found have {needed} bits for population, core, neuron and colour, {chip.title} has "
        f"{available}; whether fewer do is not proved",
        resource="key bits",
        needed=needed,
        available=available,
        hint="split the largest population in the model: its cores widen the keys of all",
    )
