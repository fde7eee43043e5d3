"""Each chip, way in, way out and format: a folder whose runbook is whole, or a refusal that names the option."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import product

import pytest

from neuedge_nir import emit
from neuedge_nir.emission.files import formats_of
from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests.worlds import REAL_CHIPS, dense, network, real, wire

RATE = 0.25
STEPS = 20
OWN = {
    ("truenorth", "host", "host"),
    ("loihi1", "host", "probe"),
    ("loihi1", "host", "host"),
    ("spinnaker1", "source-core", "record"),
    ("spinnaker2", "source-core", "record"),
}
"""Where the chip's own format says all that the plan has."""
WAYS = tuple(
    (name, one.name, other.name)
    for name in REAL_CHIPS
    for one, other in product(real(name).io.inputs, real(name).io.outputs)
)


def two_outputs() -> Network:
    """Two inputs, one of them into the second layer too, and an output of each layer: lags of 1 and 2."""
    return network(
        {"a": 30, "b": 7},
        *(wire("in", "a", dense(30, 12)), wire("a", "b", dense(7, 30)), wire("late", "b", dense(7, 5))),
        inputs={"in": 12, "late": 5},
        outputs={"deep": "b", "early": "a"},
        model="IF",
        dt=1.0,
    )


@cache
def planned(name: str, inputs: str, outputs: str) -> Plan:
    options = Options(effort="none", activity=RATE, steps_per_sample=STEPS, dt=1.0, inputs=inputs, outputs=outputs)
    return compile_network(two_outputs(), real(name), options)


@dataclass(frozen=True)
class Book:
    """A RUNBOOK.md as a reader takes it: sections by title, the first without one."""

    sections: dict[str, str]

    def rows(self, title: str) -> list[list[str]]:
        """Of the table in a section, without its head."""
        lines = [line for line in self.sections[title].splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def book_of(text: str) -> Book:
    first, *others = re.split(r"^## ", text, flags=re.M)
    titled = [each.partition("\n") for each in others]
    return Book({"": first} | {title: body for title, _, body in titled})


def numbers(text: str) -> set[int]:
    """What `0..3, 7` names."""
    assert "more ranges" not in text
    found: set[int] = set()
    for each in text.split(", "):
        first, *last = map(int, each.split(".."))
        found |= set(range(first, (last or [first])[0] + 1))
    return found


def cores_of(plan: Plan, text: str) -> list[int]:
    """The cores that a cell names, whose sites are those of the plan."""
    found = re.findall(r"core (\d+) \(chip (\d+), router (\d+),(\d+), slot (\d+)\)", text)
    assert found
    for index, chip, column, row, slot in (map(int, each) for each in found):
        core = plan.cores[index]
        assert (core.chip, *core.router, core.slot) == (chip, column, row, slot)
    return [int(index) for index, *_ in found]


def held(plan: Plan, core: int) -> set[str]:
    return {piece.population for piece in plan.cores[core].slices}


@pytest.mark.parametrize(("name", "inputs", "outputs"), WAYS)
def test_the_runbook_says_what_to_inject_read_and_reset(name: str, inputs: str, outputs: str) -> None:
    plan = planned(name, inputs, outputs)
    book = book_of(emit(plan, two_outputs(), "json")["RUNBOOK.md"].decode())
    assert list(book.sections) == ["", "Inject", "Read", "Reset", "Not checked"]
    sent = plan.cost.traffic.host_spikes_per_step
    told = f"The host sends {sent:g} messages per step" if sent else "The host sends nothing while the network runs."
    assert told in book.sections[""]
    assert (plan.cost.traffic.host_spikes_per_step > 0) == (inputs == "host")
    assert book.sections["Inject"].strip().startswith(f"By {inputs}: ")
    assert book.sections["Read"].strip().startswith(f"By {outputs}: ")
    _check_injected(plan, book)
    _check_read(plan, book)
    resets = {population: int(step) for population, step in book.rows("Reset")}
    assert resets == {p.name: p.lag for p in plan.populations if p.model not in ("Input", "Output")}
    assert f"Samples of {STEPS} steps follow each other every {plan.schedule.period} steps." in book.sections["Reset"]
    lines = {*book.sections["Not checked"].splitlines()}
    assert {f"* {each.name}: {each.why}" for each in plan.not_checked} < lines


def _check_injected(plan: Plan, book: Book) -> None:
    """Every element of an input is there, to each core that hears it, or on one that sends it."""
    heard = {"in": {"a"}, "late": {"b"}}
    found: dict[tuple[str, int], list[int]] = {}
    for port, elements, site, *_ in book.rows("Inject"):
        (core,) = cores_of(plan, site)
        found.setdefault((port, core), []).extend(sorted(numbers(elements)))
    own = any("in" in held(plan, core) for core in range(len(plan.cores)))
    for port, size in (("in", 12), ("late", 5)):
        those = [core for one, core in found if one == port]
        holders = {port} if own else heard[port]
        assert those == [core for core in range(len(plan.cores)) if held(plan, core) & holders]
        sent = sorted(element for core in those for element in found[port, core])
        assert sent == (list(range(size)) if own else sorted([*range(size)] * len(those)))


def _check_read(plan: Plan, book: Book) -> None:
    rows = {output: (of, cores_of(plan, site), int(lag)) for output, of, site, lag in book.rows("Read")}
    lags = {p.name: p.lag for p in plan.populations}
    cores = {of: [n for n in range(len(plan.cores)) if of in held(plan, n)] for of in "ab"}
    assert rows == {
        "deep": ("b, 7 neurons", cores["b"], lags["b"]),
        "early": ("a, 30 neurons", cores["a"], lags["a"]),
    }
    assert (lags["a"], lags["b"]) == (1, 2)
    by_host = plan.options.outputs == "host"
    assert (f"The host takes {37 * RATE:g} messages per step" in book.sections["Read"]) == by_host
    passed = [
        cores_of(plan, line) for line in book.sections["Read"].splitlines() if line.startswith("All of it passes")
    ]
    gatherers = [[n] for n, core in enumerate(plan.cores) if not core.slices]
    assert passed == gatherers
    assert bool(gatherers) == (by_host and plan.chip.name == "spinnaker1")


@pytest.mark.parametrize(("name", "inputs", "outputs"), WAYS)
def test_a_format_says_the_ways_of_the_plan_or_is_refused_by_their_option(name: str, inputs: str, outputs: str) -> None:
    plan, net = planned(name, inputs, outputs), two_outputs()
    general = emit(plan, net, "json")
    *own, one, other = formats_of(plan)
    assert (one, other) == ("json", "arrays")
    assert bool(own) == (name != "loihi2")
    for each in own:
        if (name, inputs, outputs) in OWN:
            files = emit(plan, net, each)
            assert files["RUNBOOK.md"] == general["RUNBOOK.md"]
            assert {"plan.json", "manifest.json", "README.md"} < {*files}
        else:
            with pytest.raises(UsageError) as caught:
                emit(plan, net, each)
            told = caught.value
            assert (told.code, told.where) in {("OUT202", f"--input {inputs}"), ("USE072", f"--output {outputs}")}
            option, way = (told.hint or "").removeprefix("compile with ").split()
            better = {"--input": (name, way, outputs), "--output": (name, inputs, way)}[option]
            assert better in WAYS
            assert better != (name, inputs, outputs)
