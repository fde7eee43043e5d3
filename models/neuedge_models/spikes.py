"""Running a chain of torch layers on spikes, and hearing every layer of neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def layer_outputs(network: torch.nn.Sequential, spikes: torch.Tensor) -> list[torch.Tensor]:
    """What each layer of neurons sends, (samples, timesteps, *shape), run from rest.

    spikes: (samples, timesteps, *input shape). Where no neurons stand last, what a host reads of the last layer counts
    as if they did.
    """
    samples, timesteps = spikes.shape[:2]
    signal = spikes.flatten(0, 1)
    sent: list[torch.Tensor] = []
    for layer in network:
        if is_neurons(layer):
            # Without this sinabs goes on from where the last batch ended, or draws states where batch sizes differ.
            layer.init_state_with_shape((samples, *signal.shape[1:]))  # type: ignore[operator]
            if hasattr(layer, "listen"):
                layer.listen(sent[-1] if sent else spikes)  # type: ignore[operator]
        signal = layer(signal)
        if is_neurons(layer):
            sent.append(signal.reshape(samples, timesteps, *signal.shape[1:]))
    if not is_neurons(network[-1]):
        sent.append(signal.reshape(samples, timesteps, *signal.shape[1:]))
    return sent


def is_neurons(layer: torch.nn.Module) -> bool:
    """Whether a layer has a state that lasts from a timestep to the next."""
    from sinabs.layers import StatefulLayer

    return isinstance(layer, StatefulLayer) or hasattr(layer, "init_state_with_shape")


def run_for(network: torch.nn.Sequential, timesteps: int) -> torch.nn.Sequential:
    """The same network, ready for samples of so many timesteps."""
    for layer in network:
        if is_neurons(layer):
            layer.num_timesteps = timesteps  # type: ignore[assignment]
    return network
