"""Networks in files, for tests of the writer: what becomes of them there, and networks in a line."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neuedge_nir.errors import InputError
from neuedge_nir.frontend import read, write
from neuedge_nir.frontend.writer import file_of
from neuedge_nir.network.connect import Operator
from neuedge_nir.network.model import LIF, Network
from tests.nirfile import (
    inputs,
    outputs,
)
from tests.worlds import network, wire

EYE = np.eye(2)
I2, O2 = ("in", inputs(2)), ("out", outputs(2))


def again(net: Network, folder: Path) -> Network:
    """The network after a stay in a file."""
    place = folder / "net.nir"
    write(net, place)
    return read(place)


def content(net: Network, compat: str | None = None) -> bytes:
    """The file that a network makes."""
    file = io.BytesIO()
    file_of(net, compat).write(file)
    return file.getvalue()


def opened(net: Network) -> h5py.Group:
    """The nodes of the file a network makes, by name."""
    return h5py.File(io.BytesIO(content(net)), "r")["node/nodes"]


def kinds(net: Network) -> dict[str, str]:
    """The type of each node of the file that is no port and no neuron; Linear for an Affine that adds nothing."""
    found = {name: _kind(node) for name, node in opened(net).items()}
    return {name: kind for name, kind in found.items() if kind in STATELESS}


def _kind(node: h5py.Group) -> str:
    kind: str = node["type"][()].decode()
    return "Linear" if kind == "Affine" and not node["bias"][()].any() else kind


STATELESS = {"Linear", "Affine", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "Scale", "Delay"}


def edges(net: Network) -> set[str]:
    stored = h5py.File(io.BytesIO(content(net)), "r")["node/edges"][()]
    return {f"{source.decode()}>{target.decode()}" for source, target in stored}


def settings_in(net: Network) -> str:
    """What neuedge notes in the metadata of the file."""
    text: bytes = h5py.File(io.BytesIO(content(net)), "r")["node/metadata/neuedge"][()]
    return text.decode()


def refused(net: Network, **options: str) -> InputError:
    with pytest.raises(InputError) as caught:
        file_of(net, **options)
    assert caught.value.hint
    return caught.value


def codes(net: Network) -> list[tuple[str, str | None]]:
    return [(remark.code, remark.node) for remark in file_of(net).diagnostics]


def with_reset(net: Network, value: Any) -> Network:
    """The network with this reset of its only population."""
    (population,) = net.populations
    assert isinstance(population.neuron, LIF)
    return replace(
        net, populations=(replace(population, neuron=replace(population.neuron, v_reset=np.asarray(value))),)
    )


def biased(net: Network, **biases: Any) -> Network:
    """The network with these biases, and no others."""
    made = tuple(replace(p, bias=np.asarray(biases[p.name]) if p.name in biases else None) for p in net.populations)
    return replace(net, populations=made)


def wired(source: Mapping[str, tuple[int, ...]], target: tuple[int, ...], *operators: Operator) -> Network:
    return network({"a": target}, wire("in", "a", *operators), inputs=dict(source))
