"""NeuroBench's figures are what their definitions say, counted one weight and one value at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuedge_nir.interpreter.run import simulate
from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.model import Network
from tests import brute
from tests.worlds import chain, conv, convnet, dense, network, pool, recurrent, wire


def weighted(net: Network) -> list[tuple[str, Dense | Conv, list[Operator]]]:
    """Source, operator, and the operators in front of it."""
    found = []
    for projection in net.projections:
        for index, operator in enumerate(projection.chain):
            if isinstance(operator, Dense | Conv):
                found.append((projection.source, operator, list(projection.chain[:index])))
    return found


def counted(net: Network, spikes: np.ndarray, dt: float) -> tuple[float, float]:
    """Dense and effective operations per sample, from the matrices of the operators."""
    run = simulate(net, spikes, dt, record=[p.name for p in net.populations])
    sent = {p.name: run.recorded[p.name] for p in net.populations} | {net.inputs[0].name: spikes}
    late = {(p.source, id(op)): p.steps for p in net.projections for op in p.chain}
    whole = effective = 0.0
    for source, operator, before in weighted(net):
        signal = sent[source].reshape(run.samples, run.steps, -1).astype(float)
        steps = late[source, id(operator)]
        signal = np.concatenate([np.zeros_like(signal[:, :steps]), signal[:, : run.steps - steps]], axis=1)
        for first in before:
            signal = signal @ brute.matrix(first).T
        present = brute.matrix(replace(operator, weight=np.ones_like(operator.weight)))
        whole += present.sum() * run.steps
        met = (signal != 0).astype(float) @ (brute.matrix(operator) != 0).T
        effective += float(met.sum()) / run.samples
    return whole, effective


@pytest.mark.parametrize("net", [chain(5, lif=4, lif2=3), convnet(6, 2), recurrent(4)], ids=["dense", "conv", "loop"])
def test_operations_are_counted_weight_by_weight(net: Network) -> None:
    spikes = np.random.default_rng(0).random((3, 9, *net.inputs[0].shape)) < 0.4
    found = simulate(net, spikes, 0.5, metered=True).metrics
    assert found is not None
    whole, effective = counted(net, spikes, 0.5)
    assert found.synaptic_operations_dense == whole
    assert found.effective_acs + found.effective_macs == pytest.approx(effective)


def test_counts_are_multiplied_and_spikes_are_added() -> None:
    pooled = wire("in", "n", pool((1, 4, 4)), conv((1, 2, 2), 2, 1, padding=0))
    net = network({"n": (2, 2, 2)}, pooled, inputs={"in": (1, 4, 4)})
    found = simulate(net, np.ones((1, 3, 1, 4, 4), bool), 0.1, metered=True).metrics
    assert found is not None
    assert (found.effective_acs, found.effective_macs > 0) == (0, True)


def test_zero_weights_and_silent_neurons_are_sparse() -> None:
    weight = np.array([[0.0, 1.0], [0.0, 0.0]])
    net = network({"n": 2}, wire("in", "n", replace(dense(2, 2), weight=weight)), inputs={"in": 2})
    found = simulate(net, np.ones((2, 5, 2), bool), 1e-6, metered=True).metrics
    assert found is not None
    assert (found.connection_sparsity, found.activation_sparsity) == (0.75, 1.0)
    assert (found.effective_acs, found.synaptic_operations_dense) == (5, 20)
    assert found.membrane_updates == 5, "one neuron gets something in every step"


def test_nothing_is_counted_unless_asked_for() -> None:
    net = chain(3, lif=2)
    assert simulate(net, np.ones((1, 2, 3)), 0.1).metrics is None
