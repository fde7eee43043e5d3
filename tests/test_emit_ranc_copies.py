"""What a plan for TrueNorth may have at once in RANC's files: copies of the network, splitters, leaks down to 0."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neuedge_nir import emit
from neuedge_nir.emission.door import Files
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.copies import copied
from neuedge_nir.network.model import LIF, Network, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests import ranc_reader
from tests.test_approximate_leak import after, leaky
from tests.test_emit_pynn import ONE, ZERO, celled
from tests.test_emit_ranc import assert_same, biased, branching, noise
from tests.test_splitters import looped, splitters_of, star
from tests.worlds import real

Json = Any


def planned(net: Network, **options: object) -> Plan:
    return compile_network(net, real("truenorth"), Options(effort="none", copies=2, **options))  # type: ignore[arg-type]


def floored() -> Network:
    return after(leaky(), "form=floor")


@pytest.mark.parametrize("made", [branching, looped])
@pytest.mark.parametrize(("splitters", "reset"), [("never", ResetMode.SUBTRACT), ("always", ResetMode.ZERO)])
def test_two_copies_spike_as_emulated_each_by_its_own_inputs(
    splitters: str, made: Callable[[], Network], reset: ResetMode
) -> None:
    net = biased(made(), 3)
    plan, both = planned(net, splitters=splitters, reset=reset), copied(net, 2)
    split = set(splitters_of(plan).values())
    assert split == set() if splitters == "never" else {name.removesuffix("@2") for name in split} < split
    spikes = noise(both, 5, samples=2)
    assert len(spikes) == 2 * len(net.inputs)
    assert assert_same(plan, both, emit(plan, net), spikes) > 1000


@pytest.mark.parametrize("splitters", ["never", "always"])
def test_two_copies_with_a_leak_down_to_0_spike_as_emulated(splitters: str) -> None:
    net = floored()
    plan, both = planned(net, splitters=splitters), copied(net, 2)
    assert assert_same(plan, both, emit(plan, net), noise(both, 5)) > 300


def test_neurons_whose_leak_ends_at_0_have_splitters_that_spike_as_emulated() -> None:
    cell = LIF(8 * ONE, 8 * ONE, ZERO, ONE, ZERO)
    net = after(celled(star(5), cell), "form=floor")
    plan, both = planned(net, splitters="always"), copied(net, 2)
    assert {*splitters_of(plan).values()} == {"a", "a@2"}
    files = emit(plan, net)
    leaks = [(n["leak"], n["negative_threshold"]) for c in content(files)["cores"] for n in c["neurons"]]
    assert sum(leak < 0 and floor == 0 for leak, floor in leaks) >= sum(p.neurons for p in both.populations)
    assert assert_same(plan, both, files, noise(both, 5, samples=1)) > 1000


def content(files: Files) -> Json:
    return json.loads(files["network.json"])


def test_samples_of_two_copies_run_as_they_are() -> None:
    net = biased(branching(), 3)
    plan = planned(net)
    files = emit(plan, net, samples=Samples(noise(net, 5, samples=2)))
    depth = max(p.lag for p in plan.populations)
    columns = json.loads(files["addresses.json"])["columns"]
    for sample in range(2):
        machine = ranc_reader.read(files["config.json"], files[f"sample_{sample:03}.json"])
        found = ranc_reader.run(machine, 24 + depth).output
        told = files[f"sample_{sample:03}.expected.txt"].decode().splitlines()
        assert [[int(x) for x in line.split()] for line in told] == found.astype(int).tolist()
        by_name = {(c["population"], c["neuron"]): found[:, n] for n, c in enumerate(columns) if c["read"]}
        first = {key: train for key, train in by_name.items() if not key[0].endswith("@2")}
        assert len(by_name) == 2 * len(first) > 0
        assert sum(train.sum() for train in first.values()) > 20
        assert all(np.array_equal(train, by_name[f"{name}@2", n]) for (name, n), train in first.items())
