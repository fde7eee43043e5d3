"""How spikes come into the chip and how they are read: the chip's ways, and what they take of it."""

from __future__ import annotations

from neuedge_nir.chip.model import Chip, InputCores, InputWay, OutputWay
from neuedge_nir.errors import CapacityError, UsageError
from neuedge_nir.network.model import Network, Population


def ways(chip: Chip, inputs: str | None, outputs: str | None, *, on_cores: bool = False) -> tuple[InputWay, OutputWay]:
    """The chip's ways of these names, its own choice for None; `on_cores`: inputs that make their spikes on the chip.

    Raises `UsageError` (USE060) where the chip has no such way.
    """
    if on_cores and inputs is None:
        inputs = next((way.name for way in chip.io.inputs if way.cores is InputCores.INPUT), "onchip")
    way_in, way_out = chip.io.input(inputs), chip.io.output(outputs)
    if way_in is None:
        raise _unknown(chip, "--input", inputs, [way.name for way in chip.io.inputs])
    if way_out is None:
        raise _unknown(chip, "--output", outputs, [way.name for way in chip.io.outputs])
    return way_in, way_out


def _unknown(chip: Chip, option: str, name: str | None, known: list[str]) -> UsageError:
    message = f"{chip.title} has no such way, as far as its file says"
    return UsageError("USE060", message, where=f"{option} {name}", hint=f"it has: {', '.join(known)}")


def read_out(network: Network) -> tuple[str, ...]:
    """The populations that outputs read, in the order of the network."""
    ports = {port.name for port in network.outputs}
    read = {wire.source for wire in network.projections if wire.target in ports}
    return tuple(population.name for population in network.populations if population.name in read)


def check_readable(network: Network, chip: Chip, way: OutputWay) -> None:
    """Raises `CapacityError` (FIT031) where an output reads a potential, and this way carries spikes alone."""
    for name in () if way.potentials else read_out(network):
        population = network.population(name)
        if not population.spiking:
            raise _unread(population, chip, way)


def _unread(population: Population, chip: Chip, way: OutputWay) -> CapacityError:
    others = [f"--output {other.name}" for other in chip.io.outputs if other.potentials]
    return CapacityError(
        "FIT031",
        f"an output reads the potential of {population.model} neurons, and by {way.name!r} {chip.title} hands out "
        "spikes alone",
        where=f"node {population.name!r}",
        resource="potentials to be read",
        needed=population.neurons,
        available=0,
        hint=f"compile with {' or '.join(others)}" if others else "let the last population spike",
    )
