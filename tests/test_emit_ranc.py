"""Plans for TrueNorth as RANC files, run by a reader that shares no code with what wrote them: the same spikes."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_models.coding import rate_code
from neuedge_models.datasets import digits
from neuedge_models.digits import DIGITS
from neuedge_nir import emit, emulate, read
from neuedge_nir.emission.door import Files
from neuedge_nir.errors import CapacityError, NeuedgeError, NoPlanError
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import IF, Network, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests import ranc_reader
from tests.sampling import examples
from tests.worlds import conv, dense, network, networks, real, wire

Json = Any
Spikes = Mapping[str, np.ndarray]


def planned(net: Network, **options: object) -> Plan:
    return compile_network(net, real("truenorth"), Options(effort="none", **options))  # type: ignore[arg-type]


def packets_of(addresses: Json, spikes: Spikes, sample: int) -> list[list[Json]]:
    """The lists of packets of a sample, by the table of addresses."""
    steps = next(iter(spikes.values())).shape[1]
    trains = {name: values[sample].reshape(steps, -1) for name, values in spikes.items()}
    found: list[list[Json]] = [
        [] for _ in range(steps + max((a["ticks_later"] for a in addresses["inject"]), default=0))
    ]
    for address in addresses["inject"]:
        for step in np.flatnonzero(trains[address["input"]][:, address["element"]]).tolist():
            found[step + address["ticks_later"]].append(address["packet"])
    return found


def ran(files: Mapping[str, bytes], spikes: Spikes, sample: int, ticks: int) -> ranc_reader.Ran:
    machine = ranc_reader.read(files["config.json"], files["network.json"])
    machine.packets = packets_of(json.loads(files["addresses.json"]), spikes, sample)
    return ranc_reader.run(machine, ticks)


def assert_same(plan: Plan, net: Network, files: Files, spikes: Spikes) -> int:
    """Every spike of every neuron, of each of its copies and of relays, is the emulation's, `lag` ticks later.

    Returns how many there are.
    """
    names = [p.name for p in net.populations]
    of = {p.name: p.relay.of for p in plan.populations if p.relay is not None}
    reset = ResetMode(plan.options.reset)
    wanted = emulate(net, spikes, real("truenorth"), reset=reset, record=names).run.recorded
    lags, depth = {p.name: p.lag for p in plan.populations}, max(p.lag for p in plan.populations)
    addresses, total = json.loads(files["addresses.json"]), 0
    for sample in range(len(next(iter(spikes.values())))):
        steps = next(iter(spikes.values())).shape[1]
        found = ran(files, spikes, sample, steps + depth)
        due = {name: wanted[name][sample].reshape(steps, -1) for name in names}
        for name in sorted(of, key=lambda relay: lags[relay]):
            due[name] = due[of[name]]
        for core in addresses["cores"]:
            fired = found.fired[tuple(core["coordinates"])]
            for row, (name, neuron) in enumerate(core["neurons"]):
                assert not fired[: lags[name], row].any(), (name, neuron, "before its first step")
                assert (fired[lags[name] : lags[name] + steps, row] == due[name][:, neuron]).all(), (name, neuron)
                total += int(due[name][:, neuron].sum())
            assert not fired[:, len(core["neurons"]) :].any()
        for column, told in enumerate(addresses["columns"]):
            assert told["lag"] == lags[told["population"]]
            seen = found.output[told["lag"] : told["lag"] + steps, column]
            assert (seen == due[told["population"]][: len(seen), told["neuron"]]).all()
    return total


def noise(net: Network, seed: int, samples: int = 3, steps: int = 24, rate: float = 0.4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {port.name: rng.random((samples, steps, *port.shape)) < rate for port in net.inputs}


def biased(net: Network, seed: int) -> Network:
    """Thresholds and biases of their own for every neuron."""
    rng = np.random.default_rng(seed)
    found = []
    for population in net.populations:
        assert isinstance(population.neuron, IF)
        neuron = replace(population.neuron, v_threshold=rng.uniform(1.0, 3.0, population.shape))
        found.append(replace(population, neuron=neuron, bias=rng.uniform(-0.05, 0.15, population.shape)))
    return replace(net, populations=tuple(found))


def branching() -> Network:
    """Five layers on several cores, a skip over two of them, a loop, two read-outs: copies and balanced delays."""
    sizes = {"a": 60, "b": 50, "c": 40, "d": 20}
    return network(
        sizes,
        wire("in", "a", dense(60, 40, 1)),
        wire("a", "b", dense(50, 60, 2)),
        wire("b", "c", dense(40, 50, 3)),
        wire("a", "d", dense(20, 60, 4)),
        wire("c", "d", dense(20, 40, 5)),
        wire("c", "c", dense(40, 40, 6), steps=1),
        inputs={"in": 40},
        outputs={"out": "d", "peek": "b"},
        model="IF",
        dt=1.0,
    )


def convolving() -> Network:
    """A convolution on many cores, whose kernels share four weights each, and a dense layer."""
    first = conv((1, 9, 9), 4, stride=2)
    return network(
        {"a": first.output_shape, "b": 12},
        wire("in", "a", first),
        wire("a", "b", dense(12, 4 * 25, 7)),
        inputs={"in": (1, 9, 9)},
        model="IF",
        dt=1.0,
    )


def test_the_digits_spike_as_emulated() -> None:
    pytest.importorskip("sklearn")
    net = read(DIGITS.bundled())
    pixels = digits().test.inputs
    assert len(pixels) == 360
    spikes = {"input_1": rate_code(pixels[: examples(360)], 16, 16)}
    plan = planned(net)
    assert assert_same(plan, net, emit(plan, net), spikes) > 5_000


@pytest.mark.parametrize("reset", ResetMode)
@pytest.mark.parametrize("made", [branching, convolving])
def test_random_networks_spike_as_emulated(made: Callable[[], Network], reset: ResetMode) -> None:
    net = biased(made(), 3)
    plan = planned(net, reset=reset, splitters="never")
    assert len(plan.cores) > 2
    assert plan.mapping.copies > 50
    assert made is convolving or max(p.delay for p in plan.projections) == 3
    assert assert_same(plan, net, emit(plan, net), noise(net, 5)) > 1000


REFUSED = ("OUT201", "OUT203")


@settings(max_examples=examples(40), deadline=None)
@given(net=networks(), seed=st.integers(0, 99), reset=st.sampled_from(ResetMode))
def test_any_network_that_is_emitted_spikes_as_emulated(net: Network, seed: int, reset: ResetMode) -> None:
    net = replace(biased(net, seed), dt=1.0)
    try:
        plan = planned(net, reset=reset)
    except (CapacityError, NoPlanError):
        return
    try:
        files = emit(plan, net)
    except NeuedgeError as error:
        assert error.code in REFUSED
        return
    assert_same(plan, net, files, noise(net, seed, samples=1))


def test_the_files_of_samples_run_as_they_are() -> None:
    net = biased(branching(), 3)
    plan, spikes = planned(net), noise(branching(), 5)
    files = emit(plan, net, samples=Samples(spikes))
    depth = max(p.lag for p in plan.populations)
    for sample in range(3):
        machine = ranc_reader.read(files["config.json"], files[f"sample_{sample:03}.json"])
        found = ranc_reader.run(machine, 24 + depth).output
        told = files[f"sample_{sample:03}.expected.txt"].decode().splitlines()
        assert [[int(x) for x in line.split()] for line in told] == found.astype(int).tolist()
        assert found.any()


def test_an_input_that_waits_longer_than_the_chip_delays_is_injected_later() -> None:
    names = [f"p{k}" for k in range(18)]
    wires = [wire(a, b, dense(4, 4, k)) for k, (a, b) in enumerate(zip(["in", *names], names, strict=False))]
    net = network(
        dict.fromkeys(names, 4), *wires, wire("in", "p17", dense(4, 4, 99)), inputs={"in": 4}, model="IF", dt=1.0
    )
    plan = planned(net)
    files = emit(plan, net)
    assert {a["ticks_later"] for a in json.loads(files["addresses.json"])["inject"]} == {0, 3}
    assert_same(plan, net, files, noise(net, 1, rate=0.9))


# The reader notices what is wrong.


def _weight(content: Json) -> None:
    content["cores"][0]["neurons"][0]["weights"][0] ^= 64


def _leak(content: Json) -> None:
    content["cores"][1]["neurons"][3]["leak"] += 20


def _threshold(content: Json) -> None:
    content["cores"][0]["neurons"][5]["positive_threshold"] *= 2


def _reset(content: Json) -> None:
    for neuron in content["cores"][0]["neurons"][:10]:
        neuron["reset_mode"] ^= 1


def _axon_type(content: Json) -> None:
    content["cores"][0]["axons"][0] ^= 1


def _connection(content: Json) -> None:
    for row in content["cores"][0]["connections"][:20]:
        row[0] ^= 1


def _delay(content: Json) -> None:
    content["cores"][0]["neurons"][1]["destination_tick"] += 1


def _destination_axon(content: Json) -> None:
    content["cores"][0]["neurons"][1]["destination_axon"] += 1


def _offset(content: Json) -> None:
    content["cores"][0]["neurons"][1]["destination_core_offset"][0] += 1


def _lost_copy(content: Json) -> None:
    content["cores"][0]["neurons"][1]["positive_threshold"] = 2**31 - 1


def _start(content: Json) -> None:
    content["cores"][1]["neurons"][3]["current_potential"] -= 500


DAMAGES = (
    *(_weight, _leak, _threshold, _reset, _axon_type, _connection),
    *(_delay, _destination_axon, _offset, _lost_copy, _start),
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_noticed(damage: Callable[[Json], None]) -> None:
    net = biased(branching(), 3)
    plan = planned(net, splitters="never")
    files, spikes = emit(plan, net), noise(net, 5)
    content = json.loads(files["network.json"])
    damaged = copy.deepcopy(content)
    damage(damaged)
    assert damaged != content
    with pytest.raises((AssertionError, ranc_reader.BadFileError)):
        assert_same(plan, net, {**files, "network.json": json.dumps(damaged).encode()}, spikes)


def test_no_spike_is_compared_that_nobody_has() -> None:
    """What the comparisons above count is what fires."""
    net = biased(branching(), 3)
    plan, spikes = planned(net), noise(net, 5)
    names = [p.name for p in net.populations]
    found = emulate(net, spikes, real("truenorth"), record=names).run
    assert all(math.prod(found.recorded[name].shape) > found.recorded[name].sum() > 0 for name in names)
    assert assert_same(plan, net, emit(plan, net), spikes) > sum(int(found.recorded[name].sum()) for name in names)
