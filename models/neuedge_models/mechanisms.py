"""A trained network with its input's encoder and its thresholds' rules, as the compiler's own network and file.

NIR has nodes for neither: the compiler's writer keeps both in the metadata, and its reader gives them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_models.export import nir_bytes
from neuedge_nir.frontend import read, write
from neuedge_nir.network.model import Adaptation, HybridEncoder, Network

if TYPE_CHECKING:
    import torch

SUBTRACTING = {"schema": 1, "reset": "subtract", "dt": 1.0}
"""What a file says of neurons that subtract, and of its timestep."""


def exported(
    network: torch.nn.Sequential, shape: tuple[int, ...], path: Path, encoder: HybridEncoder | None = None
) -> Network:
    """Write a network of neurons that subtract (`neurons.following`) as .nir, and read it back.

    `shape` is that of the input in a timestep. Raises `InputError` TRAIN005 for a layer that has no node.
    """
    path.write_bytes(nir_bytes(network, SUBTRACTING, shape))
    plain = read(path)
    rules = rules_of(network)
    if encoder is None and not rules:
        return plain
    ports = tuple(replace(port, encoder=encoder) for port in plain.inputs)
    neurons = tuple(replace(each, adaptation=rules.get(each.name)) for each in plain.populations)
    write(replace(plain, inputs=ports, populations=neurons), path)
    return read(path)


def rules_of(network: torch.nn.Sequential) -> Mapping[str, Adaptation]:
    """The rules that thresholds follow, by layer."""
    found = ((name, getattr(layer, "rule", None)) for name, layer in network.named_children())
    return {name: rule for name, rule in found if rule is not None}
