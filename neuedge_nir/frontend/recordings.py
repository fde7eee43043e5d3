"""What neurons did, in NIR's own container for it: NIRData, the files of `nir.write_data` and `nir.read_data`.

By node of the graph an observable: "spikes" as booleans, or "values" where others are sent (membrane potentials of
neurons that do not spike, currents into an input), each of the shape (samples, timesteps, neurons). Nodes of nested
graphs stand in nested groups. (nir 1.0.8 reads these; writing them it recurses for ever.)
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.process import read_container
from neuedge_nir.frontend.raw import DEFAULT_CAPS, RECORDING, Caps, RawNode
from neuedge_nir.network.blocks import row_blocks

Recorded = Mapping[str, NDArray[Any]]
SUFFIXES = (".h5", ".hdf5")
SCHEMA = 1
STAMP = json.dumps({"schema": SCHEMA, "source": "simulated"})
"""Beside the nodes, under the name "neuedge": where the numbers come from. nir does not look at it."""


def encoded_recordings(recorded: Recorded, dt: float) -> bytes:
    """The file: by population or input, (samples, timesteps, *shape). The same data make the same bytes."""
    import h5py

    with h5py.File("recordings", "w", driver="core", backing_store=False) as file:
        file.attrs["__type__"] = "NIRGraphData"
        file.create_dataset("neuedge", data=STAMP, dtype=h5py.string_dtype())
        file.create_group("nodes")
        for name, values in sorted(recorded.items()):
            *graphs, node = name.split("/")
            _put(_within(file, graphs), node, values, dt)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


@dataclass(frozen=True, slots=True, eq=False)
class Recordings:
    """Mean spikes per timestep of each neuron, by population, and whether our own simulation found them.

    `valued`: by population or input that sent other values, in what share of the timesteps they were not 0.
    """

    rates: Mapping[str, NDArray[np.float64]]
    simulated: bool
    valued: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def read_recordings(path: str | os.PathLike[str], caps: Caps = DEFAULT_CAPS) -> Recordings:
    """What a file of recordings holds as "spikes" and as "values".

    Raises `InputError` (FILE...) for whatever is no file of recordings; it is read as safely as a network.
    """
    file = read_container(path, caps)
    found, valued = {}, {}
    for name, node in file.graph.nodes.items():
        if not isinstance(node, RawNode) or node.type != RECORDING:
            message, hint = "the file holds a network, not recordings (NIRData)", "give a rate, or the file of a run"
            raise InputError("FILE016", message, where=file.name, hint=hint)
        spikes, values = node.fields.get("spikes"), node.fields.get("values")
        if isinstance(spikes, np.ndarray):
            found[name] = _rates(spikes)
        elif isinstance(values, np.ndarray):
            valued[name] = _rates(values, sent=True)
    return Recordings(found, file.version == STAMP, valued)


def _rates(spikes: NDArray[Any], *, sent: bool = False) -> NDArray[np.float64]:
    """Means over samples and timesteps, some samples at a time: the array may lie on disk. `sent`: of what is not 0."""
    total = np.zeros(spikes.shape[2])
    for _, block in row_blocks(spikes):
        total += (block != 0 if sent else block).sum(axis=(0, 1), dtype=np.float64)
    rates: NDArray[np.float64] = total / max(1, spikes.shape[0] * spikes.shape[1])
    return rates


def _within(group: Any, graphs: list[str]) -> Any:
    """The group of a nested graph's recordings, made where it is not there yet."""
    for name in graphs:
        nodes = group["nodes"]
        if name not in nodes:
            nodes.create_group(name).attrs["__type__"] = "NIRGraphData"
            nodes[name].create_group("nodes")
        group = nodes[name]
    return group


def _put(graph: Any, node: str, values: NDArray[Any], dt: float) -> None:
    group = graph["nodes"].create_group(node)
    group.attrs["__type__"] = "NIRNodeData"
    spiking = values.dtype == np.bool_ or bool(((values == 0) | (values == 1)).all())
    observable = group.create_group("observables").create_group("spikes" if spiking else "values")
    observable.attrs["__type__"] = "TimeGriddedData"
    observable.attrs["dt"] = dt
    flat = values.reshape(*values.shape[:2], -1)
    observable.create_dataset("data", data=flat.astype(np.bool_ if spiking else np.float32), compression="gzip")
