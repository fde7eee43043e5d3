"""What SANA-FE counts and charges for two of our plans, beside ours: recorded in neuedge_nir/validation/sanafe.toml.

`pytest -m frameworks tests/test_sanafe_energy.py --update-golden` runs SANA-FE and writes the record, which
`neuedge-nir validate --document` prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from neuedge_nir.report.figures import figures_of
from neuedge_nir.validation.crosscheck import recorded
from tests import environments
from tests.conftest import Golden
from tests.test_emit_sanafe_hops import SPIKES, Ran, ran

FOLDER = Path(__file__).parents[1] / "neuedge_nir" / "validation"
TITLES = {
    "layers": "Four dense layers, 30-400-300-100-10, 25 neurons a core",
    "convolutions": "Two convolutions and a dense layer behind 2 x 16 x 16, 64 neurons a core",
}
ABOUT = """
The same plans, files and spikes: `emit --format sanafe` of two networks with random weights on Loihi 1, 40 steps of
noise, run by SANA-FE (an external program, GPL) in an environment of its own, at the prices of the profile `sanafe`.
Ours are figures of the plan under the mean rates of that very run, times its steps.
"""
READING = """
SANA-FE updates every neuron in every step, so that ours is at the profile's high end there; synapses are at the middle
one of its three prices in both. Its messages from the host cost what others cost: their price, by the counts that the
plan's files foretell, is added to ours here and in no report. What is left is that a plan knows mean rates alone, and
one price for hops of both directions. Time is the low, typical and high of the profile beside SANA-FE's detailed
model, which queues messages in routers, the host's among them: where these are many it takes longer than our high.
"""


def ours(files: Ran) -> dict[str, float]:
    """Counts, joules and seconds of the whole run."""
    plan, steps = files.plan, files.steps
    figures = figures_of(plan)
    price = {name: figures[f"energy.dynamic.sanafe.{name}"] for name in ("synaptic_events", "neuron_updates", "spikes")}
    traffic = plan.cost.traffic
    host = [each for group, each in files.json(SPIKES)["sent"].items() if group in files.inputs]
    profile = next(each for each in plan.chip.costs.profiles if each.name == "sanafe")
    assert profile.message_j is not None
    assert profile.hop_j is not None
    messages = traffic.deliveries_per_step * steps + sum(each["messages"] for each in host)
    hops = traffic.unicast_hops_per_step * steps + sum(each["hops"] for each in host)
    synapses = (price["synaptic_events"].typical or 0) * steps
    neurons = ((price["neuron_updates"].high or 0) + (price["spikes"].typical or 0)) * steps
    network = messages * profile.message_j.typical + hops * profile.hop_j.typical
    step = figures["time.step.sanafe"]
    return {
        "spikes": traffic.spikes_per_step * steps,
        "messages of neurons to other cores": traffic.deliveries_per_step * steps,
        "hops of these": traffic.unicast_hops_per_step * steps,
        "energy of synapses, J": synapses,
        "energy of neurons, J": neurons,
        "energy of messages and hops, J": network,
        "energy in all, J": synapses + neurons + network,
        "time, low, s": (step.low or 0) * steps,
        "time, typical, s": (step.typical or 0) * steps,
        "time, high, s": (step.high or 0) * steps,
    }


def theirs(files: Ran, told: Any) -> dict[str, float]:
    inner = [counts for group, counts in told["sent"].items() if group not in files.inputs]
    energy = told["energy"]
    return {
        "spikes": told["equal"] + told["surplus"],
        "messages of neurons to other cores": sum(each["messages"] for each in inner),
        "hops of these": sum(each["hops"] for each in inner),
        "energy of synapses, J": energy["synapse"] + energy["dendrite"],
        "energy of neurons, J": energy["soma"],
        "energy of messages and hops, J": energy["network"],
        "energy in all, J": energy["total"],
        "time, low, s": told["time"],
        "time, typical, s": told["time"],
        "time, high, s": told["time"],
    }


@cache
def own(name: str) -> dict[str, float]:
    return ours(ran(name))


@pytest.mark.slow
@pytest.mark.parametrize("network", recorded()["networks"], ids=lambda network: network["name"])
def test_the_recorded_figures_of_ours_are_those_of_the_plan(network: Any) -> None:
    assert {row["what"]: row["ours"] for row in network["rows"]} == pytest.approx(own(network["name"]), rel=1e-4)


@pytest.mark.parametrize("network", recorded()["networks"], ids=lambda network: network["name"])
def test_sanafe_charges_what_we_charge(network: Any) -> None:
    """To 2 % in every part, and what neurons take exactly: their updates and spikes are counted, not estimated.

    Its time may be longer than ours: it queues messages, those of the host too.
    """
    rows = {row["what"]: (row["theirs"], row["ours"]) for row in network["rows"]}
    assert rows["spikes"][0] == rows["spikes"][1]
    assert rows["energy of neurons, J"][0] == pytest.approx(rows["energy of neurons, J"][1], rel=1e-4)
    assert all(a == pytest.approx(b, rel=0.02) for what, (a, b) in rows.items() if not what.startswith("time"))
    assert rows["time, low, s"][1] <= rows["time, low, s"][0] <= 1.2 * rows["time, high, s"][1]


@pytest.mark.frameworks
@pytest.mark.xdist_group("frameworks")
def test_the_record_is_what_sanafe_says(golden: Golden, tmp_path: Path) -> None:
    python = environments.python_of("sanafe")
    version = (environments.SCRIPTS / "sanafe.txt").read_text(encoding="utf-8").strip().partition("==")[2]
    golden("sanafe.toml", "\n".join(_record(python, version, tmp_path)) + "\n", FOLDER)


def _record(python: Path, version: str, folder: Path) -> Iterator[str]:
    yield f'version = "{version}"\nabout = """{ABOUT}"""\nreading = """{READING}"""'
    for name, title in TITLES.items():
        files, place = ran(name), folder / name
        place.mkdir()
        for file, content in files.files.items():
            (place / file).write_bytes(content)
        (told,) = json.loads(environments.run(python, environments.SCRIPTS / "on_sanafe.py", place))
        yield f'\n[[networks]]\nname = "{name}"\ntitle = "{title}"'
        found = theirs(files, told)
        for what, value in own(name).items():
            yield f'\n[[networks.rows]]\nwhat = "{what}"\ntheirs = {_digits(found[what])}\nours = {_digits(value)}'


def _digits(value: float) -> str:
    """Counts whole where they are; else six digits, as sums differ in their last ones from machine to machine."""
    return f"{value:.0f}" if abs(value - round(value)) < 1e-6 and value >= 1 else f"{value:.6g}"
