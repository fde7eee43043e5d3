"""From a trained torch network to the bytes of a .nir file, and from bytes to a file that is whole or absent."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuedge_nir.errors import UsageError

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


def check_writable(output: Path) -> None:
    """Raise `UsageError` USE006 if `output` cannot be written: better before a training than after it."""
    if output.exists() and not output.is_file():
        # A rename would replace a directory or a device such as /dev/null itself.
        raise _unwritable(output, "it exists and is not a regular file")
    temporary = _beside(output)
    try:
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise _unwritable(output, error.strerror) from error


def write_whole(output: Path, content: bytes) -> None:
    """Write a file that is never seen half written. Raises `UsageError` USE006, and then leaves `output` as it was."""
    temporary = _beside(output)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(output)
    except OSError as error:
        raise _unwritable(output, error.strerror) from error
    finally:
        with contextlib.suppress(OSError):  # it is gone already where all went well
            temporary.unlink()


def _beside(output: Path) -> Path:
    # In the same directory: a rename is atomic within one file system only.
    return output.parent / f".{secrets.token_hex(8)}.tmp"


def _unwritable(output: Path, reason: str | None) -> UsageError:
    return UsageError(
        "USE006",
        f"cannot write {output}: {reason or 'unknown reason'}",
        hint="choose a file in an existing directory that you may write to",
    )
