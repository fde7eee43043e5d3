"""From a trained torch network to the bytes of a .nir file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

METADATA_KEY = "neuedge"
"""The key of the graph's metadata; its value is one JSON object, since NIR itself cannot say how a spike resets."""


def nir_bytes(network: torch.nn.Sequential, description: Mapping[str, object]) -> bytes:
    """The .nir file of a network that has run at least once, `description` in its metadata.

    Neuron parameters are one value per neuron, never 0-d: nir 1.0.8 cannot write those.
    """
    import nir
    from nirtorch import torch_to_nir
    from sinabs.layers import IAF

    graph = torch_to_nir(network, {IAF: _integrate_and_fire})
    graph.metadata = {METADATA_KEY: json.dumps(description, sort_keys=True)}
    buffer = io.BytesIO()
    nir.write(buffer, graph)
    return buffer.getvalue()


def _integrate_and_fire(layer: Any) -> Any:
    import nir

    ones = np.ones(layer.v_mem.shape[1:], dtype=np.float32)
    # A timestep is the unit of time, so r = 1 adds the summed weights to the membrane as sinabs does.
    return nir.IF(r=ones, v_threshold=ones * float(layer.spike_threshold), v_reset=np.zeros_like(ones))
