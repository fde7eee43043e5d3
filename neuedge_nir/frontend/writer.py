"""A Network as a .nir file that stock tools read: the stages in their order.

network -> paths -> shared nodes with their biases -> raw graph -> read again and compared -> bytes -> file

No version of nir is needed, and nothing is approximated: what the reader would not read back as the very network is
refused. Delays of a step, signals and shapes need no place in the file, since the reader infers them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path as FilePath
from typing import IO

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.files import check_writable, whole_file
from neuedge_nir.frontend.adaptations import adaptations_of
from neuedge_nir.frontend.clock import implied
from neuedge_nir.frontend.compat import VERSIONS, Unreadable, unreadable
from neuedge_nir.frontend.encoders import as_populations
from neuedge_nir.frontend.names import file_names
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Edge, RawFile, RawGraph, RawNode
from neuedge_nir.frontend.reader import network_of
from neuedge_nir.frontend.settings import Settings, noted
from neuedge_nir.frontend.write_bias import Placed, placed
from neuedge_nir.frontend.write_hdf5 import VERSION, encode
from neuedge_nir.frontend.write_nodes import constant_node, element_node, neuron_node, port_node
from neuedge_nir.frontend.write_paths import ILL, Flat, Path, Unrolled, as_vectors, paths_of
from neuedge_nir.frontend.write_shared import told_apart
from neuedge_nir.frontend.write_sparse import as_matrices
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import HybridEncoder, Network, Population, Port, ResetMode
from neuedge_nir.network.typed import of_type

MOST_BYTES = 2**36
"""Numbers of one file, uncompressed: more than readers can hold that keep them in memory."""


def write(network: Network, path: str | os.PathLike[str], *, compat: str | None = None) -> tuple[Diagnostic, ...]:
    """Write a network to a .nir file, whole or not at all, and tell what not every reader of it will understand.

    Read again, the file is the same network: names, shapes, numbers, reset and dt; `origin` is not kept. Parameters
    are written in the whole shape of their population, weights in the shape and precision they have, each operator
    once. The same network makes the same bytes. `compat` names a version of the nir library ("1.0.8" or "1.0.4") that
    must be able to read the file.

    Raises `InputError` (OUT..., or NET... for numbers that no node may hold) for a network that NIR cannot say or that
    version cannot read, `UsageError`: USE006 where the file cannot be written, USE034 for arguments of other types.
    """
    of_type(network, Network, "network", "give a Network, as neuedge_nir.read returns")
    place = FilePath(of_type(path, (str, os.PathLike), "path", "give the path of the file to write"))
    check_writable(place)
    made = file_of(network, compat)
    with whole_file(place) as file:
        made.write(file)
    return made.diagnostics


@dataclass(frozen=True, slots=True, eq=False)
class NirFile:
    """What a file is to hold, which versions of nir read it, and remarks. Its bytes are made when it is written."""

    graph: RawGraph
    readers: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def nodes(self) -> int:
        return len(self.graph.nodes)

    @property
    def edges(self) -> int:
        return len(self.graph.edges)

    def write(self, file: IO[bytes]) -> None:
        """Write it into an open, empty file, some MB at a time. Raises `OSError` where that takes no more."""
        encode(self.graph, file)


def file_of(network: Network, compat: str | None = None) -> NirFile:
    """The .nir file of a network. Raises `InputError` as `write`, `UsageError` (OUT007) for an unknown `compat`."""
    if compat is not None and compat not in VERSIONS:
        message = f"nothing is known of nir {compat}"
        raise UsageError("OUT007", message, hint=f"known are {', '.join(VERSIONS)}")
    graph, remarks = graph_of(network)
    _check_size(graph)
    odd = unreadable(graph)
    for each in odd:
        if each.version == compat:
            raise _not_for(each)
    readers = tuple(version for version in VERSIONS if version not in {each.version for each in odd})
    diagnostics = (*remarks, *map(_remark, odd))
    return NirFile(graph, readers, diagnostics)


def _check_size(graph: RawGraph) -> None:
    """NIR has no way to say a number once for all neurons: a small network may make a file without end."""
    arrays = [value for node in graph.nodes.values() if isinstance(node, RawNode) for value in node.fields.values()]
    needed = sum(value.nbytes for value in arrays if not isinstance(value, str))
    if needed > MOST_BYTES:
        message = (
            f"the file would hold {needed / 2**30:.0f} GiB of numbers, uncompressed; {MOST_BYTES >> 30} are allowed"
        )
        raise InputError(
            "OUT009",
            message,
            where=graph.where,
            hint="make the network smaller",
            resource="bytes",
            needed=needed,
            available=MOST_BYTES,
        )


def _remark(odd: Unreadable) -> Diagnostic:
    message = f"nir {odd.version} cannot read the file: {odd.why}"
    return Diagnostic("OUT101", Severity.WARNING, odd.node, message)


def _not_for(odd: Unreadable) -> InputError:
    message = f"nir {odd.version} could not read the file: {odd.why}"
    return InputError("OUT005", message, where=f"node {odd.node!r}", hint="leave --compat out, or change that node")


def graph_of(meant: Network) -> tuple[RawGraph, tuple[Diagnostic, ...]]:
    """The network as the raw graph that its reader makes the same network of. Raises `InputError` as `write`."""
    meant = as_matrices(meant)
    _check_ends(meant)
    _check_leaks(meant)
    network, encoders = as_populations(meant)
    network, shapes = as_vectors(network)
    paths = told_apart(paths_of(network))
    found = placed(network, paths)
    names = _names(network, found)
    settings = _settings(network, paths, found, names)
    graph = RawGraph(
        dict(_nodes(network, found, names)),
        tuple(_edges(paths, found, names)),
        noted(replace(settings, encoders=encoders, adaptations=adaptations_of(meant), shapes=shapes)),
        network.origin.name,
    )
    _check_read_again(meant, graph)
    return graph, (*_remarks(found, names), *_host_maps(meant), *_still_thresholds(meant))


def _host_maps(network: Network) -> Iterator[Diagnostic]:
    for port in network.inputs:
        if (encoder := port.encoder) is not None:
            what = "x" if not encoder.alpha else f"x / (1 - {encoder.alpha:g} x)"
            shut = f" in the first {encoder.window} timesteps of a sample" if encoder.window else ""
            capped = f", and stops it after {encoder.cap} spikes a sample" if encoder.cap else ""
            message = "has an encoder: other tools take it for an IF"
            message += f" that the host feeds {what} for a value x{shut}{capped}{_other_reset(encoder, network)}"
            yield Diagnostic("OUT104", Severity.INFO, port.name, message)


def _other_reset(encoder: HybridEncoder, network: Network) -> str:
    """The reset of an encoder in words, where a tool that knows one for the whole graph would give it another."""
    if encoder.reset is (network.reset or ResetMode.ZERO):
        return ""
    does = {ResetMode.ZERO: "sets it to 0", ResetMode.SUBTRACT: "subtracts the threshold"}[encoder.reset]
    return f"; unlike the others' in the network, its spike {does} (reset {encoder.reset})"


def _still_thresholds(network: Network) -> Iterator[Diagnostic]:
    for population in network.populations:
        if population.adapts is not None:
            message = (
                "its threshold follows an activity, which only the metadata say: other tools leave it as it stands"
            )
            hint = "--pass lower-adaptive:to=fold puts it into the weights, where that is exact"
            yield Diagnostic("OUT105", Severity.WARNING, population.name, message, hint)


def _check_leaks(network: Network) -> None:
    """NIR's leaks are exponential, all of them."""
    for population in network.populations:
        if population.leak is not None:
            message = "it loses a constant in every step, and NIR has no such neuron"
            hint = "write the network as it was before --pass approximate-leak"
            raise InputError("USE076", message, where=f"node {population.name!r}", hint=hint)


def _check_ends(network: Network) -> None:
    """Ports, populations and projections have each their name, and projections fit what they connect."""
    ends = _ends(network)
    for kind, named in (("ports or populations", ends), ("projections", network.projections)):
        name, times = Counter(each.name for each in named).most_common(1)[0] if named else ("", 0)
        if times > 1:
            message = f"several {kind} have this name, so it does not say which is meant"
            raise InputError("OUT002", message, where=f"node {name!r}", hint="rename all but one")
    shapes = {each.name: each.shape for each in ends}
    for p in network.projections:
        if (shapes.get(p.source), shapes.get(p.target)) != (p.source_shape, p.target_shape):
            message = f"projection {p.name!r} does not fit what it connects, {p.source!r} and {p.target!r}"
            raise InputError("OUT006", message, where=network.origin.name, hint=ILL)


def _ends(network: Network) -> Sequence[Port | Population]:
    """Ports and populations in an order that no other order of theirs changes."""
    kinds: tuple[Sequence[Port | Population], ...] = (network.inputs, network.outputs, network.populations)
    return [each for kind in kinds for each in sorted(kind, key=lambda end: end.name)]


@dataclass(frozen=True, slots=True)
class Names:
    """What everything is called in the file: ports and populations by their names, nodes between by their numbers,
    and the nodes that hold a bias alone by the population that gets it."""

    ends: Mapping[str, str]
    nodes: tuple[str, ...]
    constants: Mapping[str, str]


def _names(network: Network, found: Placed) -> Names:
    ends = [each.name for each in _ends(network)]
    nodes = ["flatten" if element.node is None else element.node for element in found.nodes.elements]
    homeless = [p.name for p in found.homeless]
    names = iter(file_names([*ends, *nodes, *(f"{name}.bias" for name in homeless)]))
    return Names(
        {name: next(names) for name in ends}, tuple(next(names) for _ in nodes), dict(zip(homeless, names, strict=True))
    )


def _nodes(network: Network, found: Placed, names: Names) -> Iterator[tuple[str, RawNode]]:
    for kind, ports in (("Input", network.inputs), ("Output", network.outputs)):
        yield from ((names.ends[port.name], port_node(port, kind)) for port in ports)
    yield from ((names.ends[p.name], neuron_node(p)) for p in network.populations)
    yield from ((names.constants[p.name], constant_node(p)) for p in found.homeless)
    for number, (name, element) in enumerate(zip(names.nodes, found.nodes.elements, strict=True)):
        yield name, element_node(element, found.biases.get(number))


def _settings(network: Network, paths: Sequence[Path], found: Placed, names: Names) -> Settings:
    """What the file cannot say otherwise: reset and timestep, and names that the reader would not find."""
    called = {
        ">".join([path.projection.source, *(names.nodes[number] for number in way), path.projection.target]): path
        for path, way in zip(paths, found.nodes.ways, strict=True)
    }
    known = {name: path.projection.name for name, path in called.items() if name != path.projection.name}
    dt = None if network.dt is None else float(network.dt)
    untimed = dt is None and next(implied(network.populations), None) is not None
    elements = zip(names.nodes, found.nodes.elements, strict=True)
    convs = {name: element.geometry for name, element in elements if isinstance(element, Unrolled)}
    return Settings(network.reset, dt, dict(_changed(found, names)), known, untimed, convs=convs)


def _changed(found: Placed, names: Names) -> Iterator[tuple[str, str]]:
    """Names in the file, and what they are changed from."""
    yield from ((name, own) for own, name in names.ends.items() if own != name)
    for name, element in zip(names.nodes, found.nodes.elements, strict=True):
        if not isinstance(element, Flat) and element.node != name:
            yield name, element.node


def _edges(paths: Sequence[Path], found: Placed, names: Names) -> list[Edge]:
    rows = (
        (names.ends[path.projection.source], *(names.nodes[n] for n in way), names.ends[path.projection.target])
        for path, way in zip(paths, found.nodes.ways, strict=True)
    )
    constants = ((constant, names.ends[name]) for name, constant in names.constants.items())
    return sorted({*chain.from_iterable(map(pairwise, rows)), *constants})


def _remarks(found: Placed, names: Names) -> Iterator[Diagnostic]:
    for p in found.homeless:
        message = f"its bias fits no layer before it: written as the Affine {names.constants[p.name]!r} without input"
        hint = "tools that run the graph may want to feed that node; its weights are 0"
        yield Diagnostic("OUT102", Severity.WARNING, p.name, message, hint)
    for own in sorted({own for _, own in _changed(found, names)}):
        message = "a file cannot hold this name, or not twice: it was changed, and the metadata keeps it"
        yield Diagnostic("OUT103", Severity.INFO, own, message)


def _check_read_again(network: Network, graph: RawGraph) -> None:
    """What is written is what is meant, by the word of the reader, which knows nothing of the writer."""
    caps = replace(DEFAULT_CAPS, elements=2**62, operators=2**62, bias_products=2**62, parameters=2**62)
    try:
        again = network_of(RawFile(network.origin.name, "", VERSION, graph), caps)
    except InputError as error:
        message = f"the file could not be read again: {error.message}"
        raise InputError("OUT004", message, where=error.where, hint="change that part of the network") from error
    found = difference(network, again)
    if found is not None:
        message = f"NIR cannot say this: {found}, read again"
        raise InputError("OUT004", message, where=network.origin.name, hint="change that part of the network")
