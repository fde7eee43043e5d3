"""Leaks: exponential as in NIR's LIF, or a constant in every step, which NIR has not and few chips have."""

from __future__ import annotations

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError
from neuedge_nir.network.model import LI, LIF, CubaLI, CubaLIF, Population


def check_leak(population: Population, chip: Chip) -> None:
    """Raises `CapacityError` for a leak that the chip has not: FIT002 for an exponential one, FIT051 for a constant."""
    able, where = chip.capabilities, f"node {population.name!r}"
    if isinstance(population.neuron, (LIF, LI, CubaLIF, CubaLI)) and not able.exponential_leak:
        lossy = able.constant_leak and isinstance(population.neuron, LIF)
        raise CapacityError(
            "FIT002",
            f"{population.model} leaks exponentially, {chip.title} by a constant",
            where=where,
            resource="neurons that leak exponentially",
            needed=population.neurons,
            available=0,
            hint="train with IF neurons for this chip"
            + (", or take such a leak, at a loss: --pass approximate-leak" if lossy else ""),
        )
    if population.leak is not None and not able.constant_leak:
        raise CapacityError(
            "FIT051",
            f"it loses a constant in every step, and neurons of {chip.title} do not",
            where=where,
            resource="neurons that lose a constant",
            needed=population.neurons,
            available=0,
            hint="leave out --pass approximate-leak"
            if able.exponential_leak
            else "train with IF neurons for this chip",
        )
