"""Plans for Loihi 1 as SANA-FE files, run by a reader written from SANA-FE's documents: the same spikes."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuedge_models.coding import rate_code
from neuedge_models.datasets import digits
from neuedge_models.digits import DIGITS
from neuedge_nir import emit, emulate, read
from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import LIF, CubaLIF, Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests import environments
from tests.test_emit_pynn import ONE, ZERO, celled
from tests.test_emit_ranc import noise
from tests.worlds import chain, conv, dense, network, real, residual, wire

Json = Any
LEAKY = LIF(4 * ONE, 2 * ONE, ZERO, ONE, ZERO)


def single(pairs: list[Json]) -> dict[str, Json]:
    """SANA-FE's lists of single-key maps as one map."""
    return {key: value for each in pairs for key, value in each.items()}


def run(arch: Json, net: Json, steps: int) -> set[tuple[str, int, int]]:
    """All spikes of logged groups, (group, step, neuron); every neuron stands on a core that there is."""
    tiles = spread(arch["architecture"]["tile"])
    places = single(net["mappings"])
    sources, cells, logged = {}, {}, set()
    for group in net["network"]["groups"]:
        if single(group["attributes"])["log_spikes"]:
            logged.add(group["name"])
        for name, values in single(group["neurons"]).items():
            label, told = f"{group['name']}.{name}", single(values)
            place = single(places[label])
            tile, core = map(int, place["core"].split("."))
            assert place["soma"] in tiles[tile][core], label
            if "spikes" in told:
                sources[label] = told["spikes"]
            else:
                cells[label] = told["soma"]
    assert len(places) == len(sources) + len(cells)
    synapses = defaultdict(list)
    for edge, values in (item for each in net["network"]["edges"] for item in each.items()):
        source, target = edge.split(" -> ")
        assert target in cells
        assert source in cells or source in sources
        synapses[source].append((target, single(values)["weight"]))
    v, heard, found = dict.fromkeys(cells, 0.0), dict.fromkeys(cells, 0.0), set()
    for step in range(steps):
        fired = [label for label, train in sources.items() if step < len(train) and train[step]]
        for label, cell in cells.items():
            v[label] = int(v[label] * cell["leak_decay"] * 64) / 64 + heard[label]
            if v[label] > cell["threshold"]:
                v[label] = 0.0 if cell["reset_mode"] == "hard" else v[label] - cell["threshold"]
                fired.append(label)
        heard = dict.fromkeys(cells, 0.0)
        for label in fired:
            for target, weight in synapses[label]:
                heard[target] += weight
            group, neuron = label.split(".")
            if group in logged:
                found.add((group, step, int(neuron)))
    return found


def spread(told: Json) -> list[list[set[str]]]:
    """For each tile and each core in it the somas that it has."""
    return [
        [
            {name for soma in core["soma"] for name in names(soma["name"])}
            for core in tile["core"]
            for _ in names(core["name"])
        ]
        for tile in told
        for _ in names(tile["name"])
    ]


def names(told: str) -> list[str]:
    """`core[0..3]` is four cores."""
    if "[" not in told:
        return [told]
    stem, ends = told.rstrip("]").split("[")
    first, last = map(int, ends.split(".."))
    return [f"{stem}[{n}]" for n in range(first, last + 1)]


def planned(net: Network, **options: object) -> Plan:
    return compile_network(net, real("loihi1"), Options(effort="none", **options))  # type: ignore[arg-type]


def assert_same(net: Network, spikes: dict[str, np.ndarray], reset: str = "zero") -> int:
    plan = planned(net, reset=reset)
    files = emit(plan, net, samples=Samples(spikes))
    inner = [p.name for p in net.populations]
    wanted = emulate(net, spikes, real("loihi1"), reset=reset, record=inner).run.recorded
    lags, groups = {p.name: p.lag for p in plan.populations}, json.loads(files["names.json"])["groups"]
    total = 0
    for sample in range(len(next(iter(spikes.values())))):
        steps = next(iter(spikes.values())).shape[1]
        due = {
            (groups[name], step + lags[name], neuron)
            for name in inner
            for step, neuron in np.argwhere(wanted[name][sample].reshape(steps, -1)).tolist()
        }
        arch, content = json.loads(files["arch.yaml"]), json.loads(files[f"sample_{sample:03}.yaml"])
        found = run(arch, content, steps + max(lags.values()))
        told = json.loads(files[f"sample_{sample:03}.expected.json"])
        assert found == {(group, *spike) for group, those in told["spikes"].items() for spike in those}
        inside = {
            (g, t, n) for g, t, n in found for name, group in groups.items() if group == g and t < steps + lags[name]
        }
        assert inside == due
        total += len(due)
    return total


def convolving() -> Network:
    first = conv((1, 9, 9), 4)
    return network(
        {"a": first.output_shape, "b": 12}, wire("in", "a", first), wire("a", "b", dense(12, 324, 7)),
        inputs={"in": (1, 9, 9)}, model="IF", dt=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_every_spike_is_the_emulations(reset: str) -> None:
    assert assert_same(convolving(), noise(convolving(), 3, samples=1, steps=15), reset) > 1000
    several = celled(chain(8, a=1100, b=4), LEAKY)
    assert len(planned(several, reset=reset).cores) > 1
    assert assert_same(several, noise(several, 3, samples=1, steps=10), reset) > 1000


def test_the_digits_spike_as_emulated() -> None:
    pytest.importorskip("sklearn")
    spikes = {"input_1": rate_code(digits().test.inputs, 16, 16)[:5]}
    assert assert_same(read(DIGITS.bundled()), spikes) > 100


@pytest.mark.frameworks
@pytest.mark.xdist_group("frameworks")
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_sanafe_itself_spikes_as_emulated(reset: str, tmp_path: Path) -> None:
    """On the real simulator, in an environment of its own."""
    python = environments.python_of("sanafe")
    for number, net in enumerate((convolving(), celled(chain(30, a=1500, b=20), LEAKY))):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in emit(planned(net, reset=reset), net, samples=Samples(noise(net, 3, samples=2))).items():
            (folder / name).write_bytes(content)
        told = json.loads(environments.run(python, environments.SCRIPTS / "on_sanafe.py", folder))
        assert [sample["missing"] + sample["surplus"] for sample in told] == [0, 0]
        assert all(sample["equal"] > 1000 for sample in told)


def test_an_input_that_waits_is_sent_later() -> None:
    net = celled(residual(6), LEAKY)
    late = tuple(replace(p, source="i") if p.source == "a" and p.target == "c" else p for p in net.projections)
    net = replace(net, projections=late)
    assert sorted({p.delay for p in planned(net).projections}) == [1, 3]
    assert assert_same(net, noise(net, 3, steps=30)) > 100


def _weight(net: Json) -> None:
    for edge in net["network"]["edges"][:40]:
        edge[next(iter(edge))][0]["weight"] *= -1


def _threshold(net: Json) -> None:
    neuron = next(iter(net["network"]["groups"][1]["neurons"][4].values()))
    neuron[0]["soma"]["threshold"] *= 3


def _core(net: Json) -> None:
    place = net["mappings"][-1]
    place[next(iter(place))][0]["core"] = "90.0"


@pytest.mark.parametrize("damage", [_weight, _threshold, _core])
def test_a_damaged_file_is_noticed(damage: Callable[[Json], None]) -> None:
    net, spikes = convolving(), noise(convolving(), 3, samples=1, steps=15)
    files = emit(planned(net), net, samples=Samples(spikes))
    arch, sound = json.loads(files["arch.yaml"]), json.loads(files["sample_000.yaml"])
    told = json.loads(files["sample_000.expected.json"])
    wanted = {(group, *spike) for group, those in told["spikes"].items() for spike in those}
    assert run(arch, sound, told["steps"]) == wanted
    damaged = copy.deepcopy(sound)
    damage(damaged)
    try:
        assert run(arch, damaged, told["steps"]) != wanted
    except IndexError:
        assert damage is _core


def test_costs_are_those_of_the_chips_file() -> None:
    arch = json.loads(emit(planned(convolving()), convolving())["arch.yaml"])["architecture"]
    tile = arch["tile"][0]
    assert (tile["attributes"]["energy_east_hop"], tile["attributes"]["energy_north_hop"]) == (3.0e-12, 4.2e-12)
    soma = tile["core"][0]["soma"][0]["attributes"]
    assert soma["energy_access_neuron"] == 51.2e-12
    assert np.isclose(soma["energy_update_neuron"], 21.6e-12)
    assert tile["core"][0]["axon_out"][0]["attributes"]["energy_message_out"] == 111e-12
    assert arch["attributes"]["latency_sync"] == 1.8e-6


def test_what_sanafe_cannot_do_is_refused_by_name() -> None:
    filtered = celled(chain(4, a=3), CubaLIF(3 * ONE, 5 * ONE, 4 * ONE, ZERO, ONE, ONE, ZERO))
    for net, code, where in (
        (filtered, "OUT204", "node 'a'"),
        (celled(chain(4, a=3), LEAKY, bias=0.3), "OUT203", "node 'a'"),
        (celled(residual(4), LEAKY), "OUT204", "projection 'a->c#3'"),
    ):
        with pytest.raises(UsageError) as refused:
            emit(planned(net), net)
        assert (refused.value.code, refused.value.where) == (code, where)
        assert "network.json" in emit(planned(net), net, "json")
