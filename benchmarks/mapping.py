"""What mappings take: networks made by rule on chips, each in a process of its own, in one table.

Prints cores with their bound, chips, hops of multicast trees, the hottest link, seconds of processor time and peak
memory, beside what other mappers are recorded to take (`--shared DIR` has their files). Hops and loads are per spike of
every neuron: those of a plan over its activity. `--document FILE` writes the table there; `--grade DIR` the core graph
of each plan as CSV, with the figures of other people's graders.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from hashlib import sha256
from pathlib import Path

from generated import GENERATED
from metrics import core_graph, grades

from neuedge_nir import Options
from neuedge_nir.api import chip_of
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.pipeline import compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import encode

HERE = Path(__file__).parent
MODEL = str(HERE / "loihi2_model.toml")
RATE = 0.05
"""Spikes per neuron and step: as many as real-time budgets of SpiNNaker hold for N-MNIST in the fewest cores."""


@dataclass(frozen=True, slots=True)
class Work:
    """A network to be mapped onto a chip, and how."""

    network: str
    chip: str
    effort: str = "normal"

    @property
    def on(self) -> str:
        return Path(self.chip).stem if self.chip.endswith(".toml") else self.chip


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it; hops and loads per spike of every neuron, seconds of processor time, memory in MB."""

    network: str
    chip: str
    neurons: int
    outcome: str
    cores: int | None = None
    bound: int | None = None
    chips: int | None = None
    tree_hops: float | None = None
    max_link: float | None = None
    seconds: float | None = None
    memory_mb: float | None = None
    plan_sha256: str = ""


WORKS = (
    *(Work(name, "loihi2") for name in GENERATED),
    *(Work(name, MODEL) for name in GENERATED),
    *(Work(name, "loihi1") for name in ("N-MNIST", "PilotNet", "VGG-9")),
    *(Work(name, "spinnaker1") for name in ("N-MNIST", "VGG-9", "VGG-16")),
)


def mapped(work: Work, graded: Path | None) -> Found:
    """Compile it here."""
    network, chip = GENERATED[work.network](), chip_of(work.chip)
    before = os.times().user
    found = Found(work.network, work.on, network.neurons, "")
    try:
        plan = compile_network(network, chip, Options(dt=1.0, activity=RATE, effort=work.effort, max_cores=1 << 20))
    except (CapacityError, NoPlanError) as error:
        return replace(found, outcome=f"refused, {error.code}", seconds=os.times().user - before)
    if graded is not None:
        _grade(plan, graded / f"{work.network}-{work.on}".replace(" ", "-"))
    traffic = plan.cost.traffic
    return replace(
        found,
        outcome=plan.outcome,
        cores=plan.mapping.cores_used,
        bound=plan.mapping.cores_lower_bound,
        chips=plan.mapping.chips_used,
        tree_hops=traffic.tree_hops_per_step / RATE,
        max_link=traffic.max_link_load / RATE,
        seconds=os.times().user - before,
        plan_sha256=sha256(encode(plan)).hexdigest(),
    )


def _grade(plan: Plan, folder: Path) -> None:
    graph = core_graph(plan)
    graph.write(folder)
    (folder / "grades.json").write_text(json.dumps(asdict(grades(graph)), indent=2) + "\n", encoding="utf-8")


def apart(work: Work, graded: Path | None) -> Found:
    """Compile it in a process of its own, whose peak memory is its own too."""
    words = [sys.executable, __file__, "--one", *astuple(work), *(["--grade", str(graded)] if graded else [])]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{work.network} on {work.on}: exit status {os.waitstatus_to_exitcode(status)}")
    return replace(Found(**json.loads(answer)), memory_mb=usage.ru_maxrss / 1024)


HEAD = (
    "network",
    "chip",
    "neurons",
    "cores",
    "bound",
    "chips",
    "tree hops",
    "max link",
    "s",
    "MB",
    "outcome",
    "others",
)


def row(found: Found, recorded: Mapping[tuple[str, str], str]) -> str:
    """A line of the table."""
    numbers = [
        f"{found.neurons:,}",
        *("" if n is None else f"{n:,.0f}" for n in (found.cores, found.bound, found.chips)),
        *("" if n is None else f"{n:,.0f}" for n in (found.tree_hops, found.max_link)),
        "" if found.seconds is None else f"{found.seconds:.1f}",
        "" if found.memory_mb is None else f"{found.memory_mb:,.0f}",
    ]
    cells = (found.network, found.chip, *numbers, found.outcome, recorded.get((found.network, found.chip), ""))
    return f"| {' | '.join(cells)} |"


def recorded_in(shared: Path | None) -> dict[tuple[str, str], str]:
    """What PACMAN took, by network and chip: cores, chips, hops and the hottest link at a spike of every neuron."""
    found = {}
    for name, file in {"N-MNIST": "nircnn_list"}.items() if shared is not None else ():
        assert shared is not None
        peer = json.loads((shared / "peers" / f"{file}.pacman.json").read_text(encoding="utf-8"))
        hops, load = peer["weighted_tree_hops"], peer["max_link_load"]
        found[name, "spinnaker1"] = (
            f"PACMAN: {peer['cores']} cores, {peer['chips']} chips, {hops:,.0f} hops, {load:,.0f} at most"
        )
    return found


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, help="a folder with peers/*.pacman.json")
    parser.add_argument("--only", action="append", default=[], help="a network by its name (repeatable)")
    parser.add_argument("--chip", action="append", default=[], help="a chip by its name (repeatable)")
    parser.add_argument("--effort", default="normal", choices=("none", "quick", "normal", "high"))
    parser.add_argument("--document", type=Path, help="write the table there too")
    parser.add_argument("--grade", type=Path, help="write core graphs and grades there")
    parser.add_argument("--one", nargs=len(fields(Work)), help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.one:
        sys.stdout.write(json.dumps(asdict(mapped(Work(*arguments.one), arguments.grade))))
        return
    chosen = [
        replace(work, effort=arguments.effort)
        for work in WORKS
        if work.network in (arguments.only or GENERATED) and work.on in (arguments.chip or [work.on])
    ]
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    _print(lines)
    recorded = recorded_in(arguments.shared)
    for work in chosen:
        lines.append(row(apart(work, arguments.grade), recorded))
        _print(lines[-1:])
    if arguments.document:
        arguments.document.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
