"""From a trained torch network to the bytes of a .nir file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neuedge_models.grid import THRESHOLD
from neuedge_nir.errors import InputError

if TYPE_CHECKING:
    import torch

METADATA_KEY = "neuedge"
"""The key of the graph's metadata; its value is one JSON object, since NIR itself cannot say how a spike resets."""

Shape = tuple[int, ...]


def nir_bytes(network: torch.nn.Sequential, description: Mapping[str, object], shape: Shape) -> bytes:
    """The .nir file of a network, `description` in its metadata; `shape` is that of its input in a timestep.

    Neuron parameters are one value per neuron, never 0-d: nir 1.0.8 cannot write those. Raises `InputError` TRAIN005
    for a layer that has no node of NIR, TRAIN042 for neurons that reset otherwise than the description says.
    """
    import nir

    for name, layer in network.named_children():
        _check_reset(name, layer, description.get("reset"))
    graph = _graph(network, shape)
    graph.metadata = {METADATA_KEY: json.dumps(description, sort_keys=True)}
    buffer = io.BytesIO()
    nir.write(buffer, graph)
    return buffer.getvalue()


def _graph(network: torch.nn.Sequential, shape: Shape) -> Any:
    import nir
    from nirtorch import torch_to_nir

    for name, layer in network.named_children():
        _check_kind(name, layer)
    entering = _shapes(network, shape)
    nodes = {name: NODES[type(layer).__name__](layer, entering[name]) for name, layer in network.named_children()}
    by_layer = {id(layer): nodes[name] for name, layer in network.named_children()}
    graph = torch_to_nir(network, {type(layer): lambda layer: by_layer[id(layer)] for layer in network}, None, False)
    for name, node in graph.nodes.items():
        if isinstance(node, nir.Input):
            graph.nodes[name] = nir.Input(np.array(shape))
    graph.infer_types()
    return graph


def _shapes(network: torch.nn.Sequential, shape: Shape) -> dict[str, Shape]:
    """The shape of what enters each layer in a timestep, heard in a run of one silent sample."""
    import torch

    from neuedge_models.spikes import layer_outputs

    heard: dict[str, Shape] = {}

    def hear(name: str) -> Callable[..., None]:
        return lambda _, inputs: heard.update({name: tuple(inputs[0].shape[1:])})

    hooks = [layer.register_forward_pre_hook(hear(name)) for name, layer in network.named_children()]
    timesteps = max((getattr(layer, "num_timesteps", 1) for layer in network), default=1)
    with torch.no_grad():
        layer_outputs(network, torch.zeros(1, timesteps, *shape))
    for hook in hooks:
        hook.remove()
    return heard


def _check_kind(name: str, layer: Any) -> None:
    kind = type(layer).__name__
    if kind not in NODES:
        message = f"the layer {name!r} is a {kind}, which has no node here"
        raise InputError("TRAIN005", message, where=name, hint=f"layers that have: {', '.join(sorted(NODES))}")


def _check_reset(name: str, layer: Any, said: object) -> None:
    from neuedge_models.neurons import RESET
    from neuedge_models.spikes import is_neurons

    does = getattr(layer, "reset", RESET)
    if is_neurons(layer) and said is not None and does != said:
        message = f"the neurons of {name!r} have the reset {does!r}, and the file would say {said!r}"
        raise InputError("TRAIN042", message, where=name, hint="a network has one reset")


def _linear(layer: Any, shape: Shape) -> Any:
    import nir

    del shape
    weight = layer.weight.detach().numpy()
    return nir.Linear(weight) if layer.bias is None else nir.Affine(weight, layer.bias.detach().numpy())


def _conv(layer: Any, shape: Shape) -> Any:
    import nir

    weight = layer.weight.detach().numpy()
    bias = np.zeros(len(weight), np.float32) if layer.bias is None else layer.bias.detach().numpy()
    return nir.Conv2d(shape[1:], weight, layer.stride, layer.padding, layer.dilation, layer.groups, bias)


def _sum_pool(layer: Any, shape: Shape) -> Any:
    import nir

    del shape
    kernel, stride = (
        np.broadcast_to(each, 2).copy() for each in (layer.kernel_size, layer.stride or layer.kernel_size)
    )
    return nir.SumPool2d(kernel, stride, np.zeros(2, int))


def _flatten(layer: Any, shape: Shape) -> Any:
    import nir

    return nir.Flatten(np.array(shape), layer.start_dim - 1, layer.end_dim)


def _integrate_and_fire(layer: Any, shape: Shape) -> Any:
    import nir

    del layer
    ones = np.ones(shape, np.float32)
    # A timestep is the unit of time, so r = 1 adds the summed weights to the membrane as sinabs does.
    return nir.IF(r=ones, v_threshold=ones * THRESHOLD, v_reset=0 * ones)


def _leaky(layer: Any, shape: Shape) -> Any:
    import nir

    ones = np.ones(shape, np.float32)
    tau = ones / (1 - layer.alpha_mem_calculated.item())
    # By Euler's rule v += (r x - v) / tau: with r = tau a weight moves the membrane by itself, as it does in sinabs.
    return nir.LIF(tau=tau, r=tau, v_leak=0 * ones, v_threshold=ones * THRESHOLD, v_reset=0 * ones)


def _following(layer: Any, shape: Shape) -> Any:
    import nir

    ones = np.ones(shape)
    tau = ones / (1 - layer.keep)
    return nir.LIF(tau=tau, r=tau, v_leak=0 * ones, v_threshold=ones * layer.threshold, v_reset=0 * ones)


def _readout(layer: Any, shape: Shape) -> Any:
    import nir

    ones = np.ones(shape, np.float32)
    return nir.LI(tau=ones / (1 - layer.alpha_mem_calculated.item()), r=ones, v_leak=0 * ones)


def _recurrent(layer: Any, shape: Shape) -> Any:
    import nir

    inner = {
        "input": nir.Input(np.array(shape)),
        "lif": _leaky(layer, shape),
        "w_rec": _linear(layer.rec_connect, shape),
        "output": nir.Output(np.array(shape)),
    }
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(inner, edges, type_check=False)


NODES: dict[str, Callable[[Any, Shape], Any]] = {
    "Linear": _linear,
    "Conv2d": _conv,
    "SumPool2d": _sum_pool,
    "Flatten": _flatten,
    "IAFSqueeze": _integrate_and_fire,
    "LIFSqueeze": _leaky,
    "Following": _following,
    "ExpLeakSqueeze": _readout,
    "LIFRecurrentSqueeze": _recurrent,
}
"""By the layer's class: torch's own, and those of `neurons`."""
