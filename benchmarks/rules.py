"""What each rule of a chip costs: cores with all rules, and with one of them taken away.

Compiles six networks for every chip and prints a table for each: the bundled digits, three files of other people's
from `--shared DIR` (left out without it), and two made on the spot. `--document FILE` writes the tables there. Nothing
depends on the clock: the same files give the same text.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Any

import numpy as np

from neuedge_models.digits import DIGITS
from neuedge_nir import read
from neuedge_nir.chip.model import (
    AxonWeights,
    Capabilities,
    Chip,
    Confidence,
    InputCores,
    InputWay,
    Quantity,
    RoutingKind,
)
from neuedge_nir.chip.rules import NEURON_MODELS, RESET_MODES
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Mapped
from neuedge_nir.plugin import load_target

CHIPS = ("loihi1", "loihi2", "truenorth", "spinnaker1", "spinnaker2")
UNSAID = "a rule taken away, to see what it costs"
LONG = 1 << 16
"""Timesteps that a spike can wait where the rule that it cannot is taken away."""
TOGETHER = 2
"""Rules that are taken away together at most."""
DEPTH, WIDTH = 20, 32
"""Populations and their neurons of the network whose first population skips to the last."""
LAYERS = (784, 512, 256, 10)
DECAYS, THRESHOLDS = 40, 12
"""Different time constants and thresholds of the neurons of the network of these layers."""


QUICK = Options(effort="quick", dt=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule of a chip by its name, and the chip without it."""

    name: str
    without: Callable[[Chip], Chip]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A network, what it is in a line, and what its compilation is told."""

    name: str
    about: str
    load: Callable[[Path], Network]
    options: Options = QUICK
    needs_shared: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The cores of a plan, or the code of the refusal and what it was short of."""

    mapping: Mapped | None
    code: str = ""

    def __str__(self) -> str:
        m = self.mapping
        if m is None:
            return f"refused, {self.code}"
        parts = {
            "synapses": m.cores_synapses,
            "in": m.cores_input,
            "relays": m.cores_relay_or_copy,
            "io": m.cores_io,
            "chips": m.chips_used if m.chips_used > 1 else 0,
        }
        return ", ".join((str(m.cores_neurons), *(f"{count} {what}" for what, count in parts.items() if count)))


def rules_of(chip: Chip) -> tuple[Rule, ...]:
    """Every rule of the chip that can be taken away while the others stay: its limits first."""
    limits = tuple(Rule(f"`{limit.name}`", _without_limit(limit.name)) for limit in chip.limits)
    return limits + tuple(_rules_beside_limits(chip))


def _without_limit(name: str) -> Callable[[Chip], Chip]:
    return lambda chip: replace(chip, limits=tuple(limit for limit in chip.limits if limit.name != name))


def _rules_beside_limits(chip: Chip) -> Iterator[Rule]:
    able = chip.capabilities
    if any(limit.formula == "shared_output_axons" for limit in chip.limits):
        yield Rule("an entry more to another chip", _crossing_is_free)
    if able.compartments_subtract is not None:
        yield Rule("what a reset by subtraction takes", _able(_subtracting_is_free))
    if able.one_destination:
        yield Rule("one destination", _many_destinations)
    if able.weights is AxonWeights.AXON_TYPES:
        yield Rule("axon types", _able(lambda a: replace(a, weights=AxonWeights.FIXED, axon_types=None)))
    yield Rule("the longest delay", _able(lambda a: replace(a, max_delay=_exact(LONG, "timesteps"))))
    if not able.graded_spikes:
        yield Rule("no graded spikes", _able(lambda a: replace(a, graded_spikes=True)))
    if set(able.reset_modes) != set(RESET_MODES):
        yield Rule("the modes of reset", _able(lambda a: replace(a, reset_modes=RESET_MODES)))
    if not able.exponential_leak or len(able.neuron_models) < len(NEURON_MODELS) - 1:
        yield Rule("the models of neurons", _able(_any_model))
    if chip.io.input(None).cores is not InputCores.NONE:  # type: ignore[union-attr]  # every chip has a first way
        yield Rule("cores for the inputs", _fed_by_host)
    if any(system.boards for system in chip.topology.systems):
        yield Rule("fewer cores at a board's corner", _full_corners)
    if chip.topology.routing is RoutingKind.MULTICAST:
        yield Rule("routing tables", lambda chip: replace(chip, topology=replace(chip.topology, table_entries=None)))
    if chip.topology.keys is not None:
        yield Rule("keys", lambda chip: replace(chip, topology=replace(chip.topology, keys=None)))
    if chip.topology.max_offset is not None:
        yield Rule("the longest way", lambda chip: replace(chip, topology=replace(chip.topology, max_offset=None)))


def _able(change: Callable[[Capabilities], Capabilities]) -> Callable[[Chip], Chip]:
    return lambda chip: replace(chip, capabilities=change(chip.capabilities))


def _exact(value: float, unit: str) -> Quantity:
    return Quantity(value, value, value, unit, UNSAID, Confidence.ASSUMED)


def _crossing_is_free(chip: Chip) -> Chip:
    free = {"crossing_entries": _exact(0, "entries")}
    return replace(
        chip,
        limits=tuple(
            replace(limit, parameters={**limit.parameters, **free}) if limit.formula == "shared_output_axons" else limit
            for limit in chip.limits
        ),
    )


def _subtracting_is_free(able: Capabilities) -> Capabilities:
    return replace(able, compartments_subtract=None, compartments_group_subtract=None, self_axons_subtract=None)


def _many_destinations(chip: Chip) -> Chip:
    """A neuron takes one slot, however many axons it drives."""
    limits = tuple(
        replace(limit, formula="neurons") if limit.formula == "neuron_copies" else limit for limit in chip.limits
    )
    return replace(chip, limits=limits, capabilities=replace(chip.capabilities, one_destination=False))


def _any_model(able: Capabilities) -> Capabilities:
    return replace(able, neuron_models=NEURON_MODELS, exponential_leak=True)


def _fed_by_host(chip: Chip) -> Chip:
    host = InputWay("host", InputCores.NONE, UNSAID, Confidence.ASSUMED)
    others = tuple(way for way in chip.io.inputs if way.name != "host")
    return replace(chip, io=replace(chip.io, inputs=(host, *others)))


def _full_corners(chip: Chip) -> Chip:
    systems = tuple(
        replace(system, boards=replace(system.boards, corner_cores=None)) if system.boards else system
        for system in chip.topology.systems
    )
    return replace(chip, topology=replace(chip.topology, systems=systems))


def compiled(subject: Subject, network: Network, chip: Chip) -> Result:
    try:
        return Result(compile_network(network, chip, subject.options).mapping)
    except (CapacityError, NoPlanError) as error:
        return Result(None, f"{error.code} ({error.resource})" if error.resource else error.code)


Changes = Mapping[str, str]
"""What comes of a network on a chip: with all rules (""), and without each rule that changes something."""


def changes(subject: Subject, network: Network, name: str) -> Changes:
    """Where no plan is found with all rules, nor without any one of them, rules are taken away one after the other.

    Each time it is the first that changes the refusal, until there is a plan, no rule changes anything, or `TOGETHER`
    are away. The last limit stays, as without one a core holds any network.
    """
    chip = load_target(name).chip()
    rules = rules_of(chip)
    whole = compiled(subject, network, chip)
    alone = {rule.name: compiled(subject, network, rule.without(chip)) for rule in rules}
    found = {"": whole, **{rule: result for rule, result in alone.items() if str(result) != str(whole)}}
    if not any(result.mapping for result in found.values()):
        found |= _together(subject, network, chip, whole, rules)
    return {rule: str(result) for rule, result in found.items()}


def _together(
    subject: Subject, network: Network, chip: Chip, whole: Result, rules: Sequence[Rule]
) -> Mapping[str, Result]:
    rows: dict[str, Result] = {}
    taken: list[Rule] = []
    last: Result | None = whole
    while last is not None and last.mapping is None and len(taken) < TOGETHER:
        for rule in (rule for rule in rules if rule not in taken and rule.without(chip).limits):
            found = compiled(subject, network, rule.without(chip))
            if str(found) != str(last):
                chip, last = rule.without(chip), found
                taken.append(rule)
                rows[" and ".join(rule.name for rule in taken)] = found
                break
        else:
            last = None
    return rows


def section(name: str, found: Mapping[str, Changes]) -> str:
    """The table of a chip: a column for each network, a row for each rule that changes something."""
    chip = load_target(name).chip()
    alone = [rule.name for rule in rules_of(chip)]
    changed = {rule for column in found.values() for rule in column}
    together = sorted(changed - {*alone, ""}, key=lambda rule: (rule.count(" and "), rule))
    rows = ["", *(rule for rule in alone if rule in changed), *together]
    idle = [rule for rule in alone if rule not in changed]
    lines = [_row(("without", *found)), f"|{'---|' * (1 + len(found))}"]
    lines += [_row((rule or "(all rules)", *(column.get(rule, "") for column in found.values()))) for rule in rows]
    unchanged = fill(f"Nothing changes without {', '.join(idle)}.", 118, break_on_hyphens=False)
    return "\n".join((f"## {chip.title}", "", *lines, "", unchanged))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _stored(nodes: dict[str, Any], edges: Sequence[tuple[str, str]]) -> Network:
    import nir

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.nir"
        nir.write(path, nir.NIRGraph(nodes, list(edges), type_check=False))
        return read(path)


def skip(_: Path) -> Network:
    """A chain of IF populations with ternary weights, the first of which skips to the last."""
    import nir

    random = np.random.default_rng(0)
    nodes: dict[str, Any] = {"in": nir.Input({"input": np.array([WIDTH])})}
    names = ["in"]
    for k in range(DEPTH):
        nodes[f"fc{k}"] = nir.Linear(random.integers(-1, 2, (WIDTH, WIDTH)).astype(np.float32))
        ones = np.ones(WIDTH, np.float32)
        nodes[f"if{k}"] = nir.IF(r=ones, v_threshold=ones, v_reset=0 * ones)
        names += [f"fc{k}", f"if{k}"]
    nodes["skip"] = nir.Linear(random.integers(-1, 2, (WIDTH, WIDTH)).astype(np.float32))
    nodes["out"] = nir.Output({"output": np.array([WIDTH])})
    last = f"if{DEPTH - 1}"
    return _stored(nodes, [*pairwise([*names, "out"]), ("if0", "skip"), ("skip", last)])


def various(_: Path) -> Network:
    """Dense layers of LIF neurons whose time constants and thresholds differ."""
    import nir

    random = np.random.default_rng(1)
    nodes: dict[str, Any] = {"in": nir.Input({"input": np.array(LAYERS[:1])})}
    for k, (before, behind) in enumerate(pairwise(LAYERS)):
        nodes[f"fc{k}"] = nir.Linear(random.normal(size=(behind, before)).astype(np.float32))
        tau = random.integers(2, 2 + DECAYS, behind).astype(np.float32)
        threshold = random.integers(1, 1 + THRESHOLDS, behind).astype(np.float32)
        nothing = np.zeros(behind, np.float32)
        nodes[f"lif{k}"] = nir.LIF(tau=tau, r=tau, v_leak=nothing, v_threshold=threshold, v_reset=nothing)
    nodes["out"] = nir.Output({"output": np.array(LAYERS[-1:])})
    return _stored(nodes, list(pairwise(nodes)))


def _bundled(_: Path) -> Network:
    return read(DIGITS.bundled())


def _of_others(file: str) -> Callable[[Path], Network]:
    return lambda folder: read(folder / "nir" / file)


SUBJECTS = (
    Subject("digits", "The bundled model: 64-96-10, IF.", _bundled),
    Subject(
        "N-MNIST",
        "`cnn_sinabs.nir` of neuromorphs/NIR, paper/02_cnn: convolutions and pools, 8,970 IF neurons.",
        _of_others("cnn_sinabs.nir"),
        needs_shared=True,
    ),
    Subject(
        "PilotNet",
        "`pilotnet_lif.nir`, made from lava-dl's tutorial pilotnet_snn: 158,509 LIF neurons, 39,600 of them its input.",
        _of_others("pilotnet_lif.nir"),
        needs_shared=True,
    ),
    Subject(
        "Braille",
        "`braille_noDelay_noBias_subtract.nir` of neuromorphs/NIR, paper/03_rnn: recurrent, 47 CubaLIF neurons, "
        "trained with reset by subtraction, which is asked for here.",
        _of_others("braille_noDelay_noBias_subtract.nir"),
        Options(effort="quick", reset="subtract"),  # type: ignore[arg-type]  # a name is taken for what it names
        needs_shared=True,
    ),
    Subject(
        "skip",
        f"Made on the spot: {DEPTH} populations of {WIDTH} IF neurons in a row, ternary weights, and a projection from "
        "the first to the last.",
        skip,
    ),
    Subject(
        "various",
        f"Made on the spot: {'-'.join(map(str, LAYERS))}, dense, LIF neurons with {DECAYS} time constants and "
        f"{THRESHOLDS} thresholds.",
        various,
    ),
)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, help="a folder with nir/*.nir, files of other people's")
    parser.add_argument("--only", choices=[subject.name for subject in SUBJECTS], help="one network")
    parser.add_argument("--document", type=Path, help="the file to write; needs --shared")
    arguments = parser.parse_args(words)
    if arguments.document and (arguments.only or not arguments.shared):
        parser.error("--document takes all networks: give --shared, and not --only")
    chosen = [subject for subject in SUBJECTS if subject.name == (arguments.only or subject.name)]
    loaded = {s: s.load(arguments.shared or Path()) for s in chosen if arguments.shared or not s.needs_shared}
    sys.stdout.write(f"{_key(loaded)}\n\n")
    sections = []
    for name in CHIPS:
        sections.append(section(name, {s.name: changes(s, network, name) for s, network in loaded.items()}))
        sys.stdout.write(f"{sections[-1]}\n\n")
        sys.stdout.flush()
    if arguments.document:
        text = DOCUMENT.format(networks=_key(loaded), sections="\n\n".join(sections))
        arguments.document.write_text(text, encoding="utf-8", newline="\n")


def _key(subjects: Iterable[Subject]) -> str:
    return "\n".join(
        fill(f"* {subject.name}: {subject.about}", 118, subsequent_indent="  ", break_on_hyphens=False)
        for subject in subjects
    )


DOCUMENT = """# What each rule of a chip costs

Generated by `python benchmarks/rules.py --shared DIR --document docs/rules_cost.md`; tests hold it against what comes
of it. Six networks on every chip (`--effort quick`, 0.1 spikes per neuron and step), with all rules that a plan keeps,
and with one rule of the chip taken away. All plans are recounted by the checker.

{networks}

A cell: cores with neurons, then those of inputs (`in`), those with relays alone (`relays`), those between host and chip
(`io`), and chips, where there are any, or more than one. It is empty where nothing changes. Rules `in this type` are
the limits of the chip's file (`targets show NAME`); a refusal has its code (`explain CODE`) and the limit.

{sections}

## How to read it

* A rule is taken away alone. Where two bind at the same number of cores, each seems to cost nothing.
* Without a limit a plan is of a chip that nobody builds: it says what the limit costs, not what else would be possible.
* Where no single rule is to blame for a refusal, two are taken away together (`a and b`), those that refuse first.
* A rule less can cost cores: targets are cut before their sources, and without `input_axons` PilotNet's layers on
  Loihi 1 are cut otherwise, into slices whose entries do not fit once their cores are on two chips. The mapping found
  with all rules would do as well.
* Loihi 1: an entry more to another chip costs cores where the first plan found has no room for them: all destinations
  are then counted as on other chips, which is more than needed. Braille alone resets by subtraction, on one core.
* TrueNorth: copies of a neuron, which the limit `neurons` counts, lie in its own core. Without `one destination` a
  neuron has none, and without `axon types` an input takes one axon, not up to four.
* SpiNNaker: `cores for the inputs` are source cores; without them the host would send each spike. On SpiNNaker 2 a
  source core holds as many inputs as `neurons` says, so that both fall with it.
* No rule: that every projection takes a timestep. Without it a plan would be of another network.
"""


if __name__ == "__main__":
    main()
