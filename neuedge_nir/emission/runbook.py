"""What it takes to run a plan: what to inject where, what to read when, how many steps, and what nobody checked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby

import numpy as np

from neuedge_nir.chip.model import InputWay, OutputWay
from neuedge_nir.emission.integers import Whole, elements, part_of, sources
from neuedge_nir.network.model import Network
from neuedge_nir.network.slices import Slice
from neuedge_nir.plan.model import Plan, PlanSchedule

Range = tuple[int, int]
"""First element and one past the last, in row-major order."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Elements of an input whose spikes the host sends to a core, for one projection, heard `delay` steps later.

    `axons`: messages for each spike.
    """

    port: str
    projection: str
    core: int
    elements: tuple[Range, ...]
    axons: int
    delay: int

    @property
    def count(self) -> int:
        return sum(stop - start for start, stop in self.elements)


@dataclass(frozen=True, slots=True)
class Holding:
    """Elements of an input that lie on a core, which makes their spikes or passes them on."""

    port: str
    core: int
    elements: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A population that an output reads, and where it lies: what it does in step t is there in step t + lag."""

    port: str
    population: str
    lag: int
    neurons: int
    cores: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Runbook:
    """`host_messages_per_step` at the plan's activity, `most_messages_per_step` where every input spikes.

    `inputs` and `outputs`: the ways by which they come and are read, with what the chip's file says of them; a host
    that reads takes `host_reads_per_step`, from the cores of `gatherers` where the chip needs such. `depth`: the steps
    that a sample of T steps takes beyond T. `unchecked`: what holds although no count says so.
    """

    inputs: str
    outputs: str
    host_messages_per_step: float
    most_messages_per_step: int
    host_reads_per_step: float
    depth: int
    feeds: tuple[Feed, ...]
    holdings: tuple[Holding, ...]
    readings: tuple[Reading, ...]
    gatherers: tuple[int, ...]
    unchecked: tuple[str, ...]


def runbook(plan: Plan, network: Network) -> Runbook:
    """That of a verified plan; `network` is the plan's, after its passes."""
    feeds = tuple(_feeds(plan, network))
    return Runbook(
        _told(plan.chip.io.input(plan.options.inputs)),
        _told(plan.chip.io.output(plan.options.outputs)),
        plan.cost.traffic.host_spikes_per_step,
        _most_messages(plan, feeds),
        plan.cost.traffic.host_reads_per_step,
        max((population.lag for population in plan.populations), default=0),
        feeds,
        tuple(_holdings(plan)),
        tuple(_readings(plan, network)),
        tuple(index for index, core in enumerate(plan.cores) if core.role == "io" and not core.slices),
        tuple(_unchecked(plan)),
    )


def _told(way: InputWay | OutputWay | None) -> str:
    """A way in words, with its source."""
    return "" if way is None else f"{way.name}: {way.source}" + (f"; {way.note}" if way.note else "")


def _holdings(plan: Plan) -> Iterator[Holding]:
    shapes = {population.name: population.shape for population in plan.populations if population.model == "Input"}
    for index, core in enumerate(plan.cores):
        for piece in core.slices:
            if piece.population in shapes:
                indices = elements(part_of(piece), shapes[piece.population])
                yield Holding(piece.population, index, tuple(_ranges(indices)))


def _feeds(plan: Plan, network: Network) -> Iterator[Feed]:
    ports = {port.name for port in network.inputs}
    if any(piece.population in ports for core in plan.cores for piece in core.slices):
        return
    wires = {p.name: p for p in network.projections}
    for held in plan.projections:
        for index, core in enumerate(plan.cores) if held.source in ports else ():
            parts: list[Slice] = [part_of(piece) for piece in core.slices if piece.population == held.target]
            if parts:
                ranges = tuple(_ranges(sources(wires[held.name], parts)))
                axons = held.axons_per_input if plan.chip.capabilities.one_destination else 1
                yield Feed(held.source, held.name, index, ranges, axons, held.delay)


def _ranges(indices: Whole) -> Iterator[Range]:
    for _, run in groupby(enumerate(indices.tolist()), lambda pair: pair[1] - pair[0]):
        several = [index for _, index in run]
        yield several[0], several[-1] + 1


def _most_messages(plan: Plan, feeds: tuple[Feed, ...]) -> int:
    """A spike is sent once to a core, whatever it serves there; where every axon is addressed, once to each axon.

    Cores that pass spikes on get each of them once.
    """
    if any(core.role == "io" and core.slices for core in plan.cores):
        return sum(math.prod(p.shape) for p in plan.populations if p.model == "Input")
    if plan.chip.capabilities.one_destination:
        return sum(feed.count * feed.axons for feed in feeds)
    reached: dict[tuple[str, int], list[Range]] = {}
    for feed in feeds:
        reached.setdefault((feed.port, feed.core), []).extend(feed.elements)
    return sum(len(np.unique(np.concatenate([np.arange(*each) for each in several]))) for several in reached.values())


def _readings(plan: Plan, network: Network) -> Iterator[Reading]:
    told = {population.name: population for population in plan.populations}
    for port in network.outputs:
        for name in dict.fromkeys(wire.source for wire in network.into(port.name)):
            held = [i for i, core in enumerate(plan.cores) if any(piece.population == name for piece in core.slices)]
            size = int(np.prod(told[name].shape))
            yield Reading(port.name, name, told[name].lag, size, tuple(held))


def _unchecked(plan: Plan) -> Iterator[str]:
    yield from (f"{limit.name}: {limit.why}" for limit in plan.not_checked)
    yield from plan.chip.notes
    yield from (
        f"{remark.node or plan.model.name}: {remark.message}"
        for remark in plan.diagnostics
        if remark.code.startswith("WARN")
    )


def as_json(book: Runbook) -> dict[str, object]:
    """For programs."""
    return asdict(book)


def as_markdown(plan: Plan, book: Runbook) -> str:
    """For people, as a document."""
    return "\n".join(
        _printable(line)
        for line in (
            f"# Runbook: {plan.model.name} on {plan.chip.title}",
            "",
            *_run_section(book),
            "",
            "## Inject",
            "",
            f"By {book.inputs}.",
            "",
            *_inject_section(plan, book),
            "",
            "## Read",
            "",
            f"By {book.outputs}." + _messages_read(book),
            "",
            *_read_section(plan, book),
            "",
            "## Reset",
            "",
            *_reset_section(plan),
            "",
            "## Not checked",
            "",
            *([f"* {line}" for line in book.unchecked] or ["Nothing is known that no count covers."]),
            "",
        )
    )


def _printable(line: str) -> str:
    """One line, whatever a name in it holds: control characters are spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _cell(name: str) -> str:
    """A name inside a cell of a table."""
    return name.replace("|", "\\|")


def _run_section(book: Runbook) -> list[str]:
    return [
        f"A sample of T steps runs for T + {book.depth} steps of the chip: every population does what the model does, "
        "as many steps later as its lag says.",
        "",
        f"The host sends {book.host_messages_per_step:g} messages per step at the plan's activity, at most "
        f"{book.most_messages_per_step} where every input spikes."
        if book.most_messages_per_step
        else "The host sends nothing while the network runs.",
    ]


def _messages_read(book: Runbook) -> str:
    found = book.host_reads_per_step
    return f" The host takes {found:g} messages per step at the plan's activity." if found else ""


def _inject_section(plan: Plan, book: Runbook) -> list[str]:
    rows = [
        f"| {_cell(feed.port)} | {_words(feed.elements)} | {_site(plan, feed.core)} | {feed.axons} | {feed.delay} | "
        f"{_cell(feed.projection)} |"
        for feed in book.feeds
    ]
    held = [f"| {_cell(one.port)} | {_words(one.elements)} | {_site(plan, one.core)} |" for one in book.holdings]
    if held:
        return ["| input | elements | on |", "|---|---|---|", *held]
    return ["| input | elements | to | messages each | heard after steps | for |", "|---|---|---|---|---|---|", *rows]


def _read_section(plan: Plan, book: Runbook) -> list[str]:
    places = ["; ".join(_site(plan, core) for core in one.cores) for one in book.readings]
    rows = [
        f"| {_cell(one.port)} | {_cell(one.population)}, {one.neurons} neurons | {place} | {one.lag} |"
        for one, place in zip(book.readings, places, strict=True)
    ]
    through = [f"All of it passes through {_site(plan, core)}." for core in book.gatherers]
    told = [line for each in through for line in (each, "")]
    return [*told, "| output | population | from | lag in steps |", "|---|---|---|---|", *rows]


def _reset_section(plan: Plan) -> list[str]:
    """Each population forgets at its own lag; between, a sample's last spikes are still on their way."""
    rows = [
        f"| {_cell(name)} | {offset} |"
        for name, offset in sorted(plan.schedule.offsets.items(), key=lambda each: each[::-1])
    ]
    return [
        *_period(plan.schedule),
        "Every sample starts at rest: potentials and currents are zero, and no message is on its way. Where samples "
        "follow each other without a pause, the one that starts in step s reaches a population in step s + lag, and "
        "there it must be reset:",
        "",
        "| population | reset in step s + |",
        "|---|---|",
        *rows,
    ]


def _period(schedule: PlanSchedule) -> list[str]:
    """From which step to which, where that is known."""
    if schedule.period is None:
        return []
    return [f"Samples of {schedule.steps} steps follow each other every {schedule.period} steps.", ""]


def _site(plan: Plan, core: int) -> str:
    found = plan.cores[core]
    return f"core {core} (chip {found.chip}, router {found.router[0]},{found.router[1]}, slot {found.slot})"


SHOWN = 6
"""Ranges that a line names."""


def _words(ranges: tuple[Range, ...]) -> str:
    found = [str(start) if stop == start + 1 else f"{start}..{stop - 1}" for start, stop in ranges[:SHOWN]]
    rest = len(ranges) - SHOWN
    return ", ".join(found) + (f" and {rest} more ranges" if rest > 0 else "")
