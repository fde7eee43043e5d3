"""Encoders of inputs in files: an ordinary IF behind the Input, and what it cannot say in the metadata of the graph.

For a value x that does not change within a sample, Eq. 7 is an IF whose threshold is v_base and whose input, which the
host gives, is u = x / (1 - alpha x): v' = v / (1 - alpha x) turns one into the other. So a tool that knows nothing of
encoders runs the graph rightly where the host maps x to u, gives nothing after the encoder's
window, and no spike is cut off by the cap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError
from neuedge_nir.network.model import IF, HybridEncoder, Network, Population, Port, Projection

Encoders = Mapping[str, HybridEncoder]
"""By the population that stands for it in the file."""


def as_populations(network: Network) -> tuple[Network, Encoders]:
    """The network with each encoder as a population behind its input.

    Raises `InputError` (OUT008) where the timestep is unknown: the IF needs a gain of 1 / dt.
    """
    coded = [port for port in network.inputs if port.encoder is not None]
    if not coded:
        return network, {}
    if network.dt is None:
        message = "the file of an encoder needs the length of a timestep"
        raise InputError("OUT008", message, where=f"input {coded[0].name!r}", hint="give it with --dt")
    taken = {*network.sources, *(port.name for port in network.outputs)}
    names = {port.name: _free(f"{port.name}_encoder", taken) for port in coded}
    added = tuple(_population(port, names[port.name], network.dt) for port in coded)
    led = tuple(replace(p, source=names[p.source]) if p.source in names else p for p in network.projections)
    fed = tuple(Projection(f"{p.name}>{names[p.name]}", p.name, names[p.name], p.shape, p.shape) for p in coded)
    made = replace(
        network,
        inputs=tuple(replace(port, encoder=None) for port in network.inputs),
        populations=(*added, *network.populations),
        projections=(*fed, *led),
    )
    return made, {names[port.name]: port.encoder for port in coded if port.encoder is not None}


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _population(port: Port, name: str, dt: float) -> Population:
    assert port.encoder is not None
    return Population(name, _integrator(port.encoder, dt), port.shape, None, (name,))


def _integrator(encoder: HybridEncoder, dt: float) -> IF:
    return IF(np.array(1 / dt), np.array(encoder.v_base), np.array(0.0))


def as_ports(network: Network, encoders: Encoders) -> tuple[Network, tuple[Diagnostic, ...]]:
    """The network with its encoders at the inputs again; a population that is no longer what was written stays."""
    remarks: list[Diagnostic] = []
    for name, encoder in sorted(encoders.items()):
        port = _port_before(name, encoder, network)
        if port is None:
            message = "the metadata call it an encoder, but it is no IF of that threshold behind an Input alone"
            hint = "it is read as an ordinary population; its spike cap and alpha are not used"
            remarks.append(Diagnostic("NET057", Severity.WARNING, name, message, hint))
        else:
            network = _merged(network, name, port, encoder)
    return network, tuple(remarks)


def _port_before(name: str, encoder: HybridEncoder, network: Network) -> Port | None:
    """The input whose encoder the population is, if that is all it can be."""
    into = network.into(name)
    found = [p for p in network.populations if p.name == name]
    ports = [port for port in network.inputs if into and port.name == into[0].source and port.encoder is None]
    if len(into) != 1 or not found or not ports or into[0].chain or into[0].steps:
        return None
    (population,), (port,) = found, ports
    alone = network.out_of(port.name) == into and population.bias is None and port.shape == population.shape
    return port if alone and network.dt is not None and _is(population, encoder, network.dt) else None


def _is(population: Population, encoder: HybridEncoder, dt: float) -> bool:
    """Whether a population is the IF that stands for the encoder, up to single precision."""
    due = _integrator(encoder, dt)
    if not isinstance(population.neuron, IF):
        return False
    return all(np.allclose(population.parameters[key], getattr(due, key), rtol=1e-6) for key in population.parameters)


def _merged(network: Network, name: str, port: Port, encoder: HybridEncoder) -> Network:
    return replace(
        network,
        inputs=tuple(replace(port, encoder=encoder) if each is port else each for each in network.inputs),
        populations=tuple(p for p in network.populations if p.name != name),
        projections=tuple(_led_back(network, name, port)),
    )


def _led_back(network: Network, name: str, port: Port) -> Iterator[Projection]:
    for projection in network.projections:
        if projection.target != name:
            yield replace(projection, source=port.name) if projection.source == name else projection
