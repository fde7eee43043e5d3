"""Energy and time of a plan as bars: of a step and of an inference, of what they consist, what a step waits for."""

from __future__ import annotations

from collections.abc import Mapping

from neuedge_nir.report.figures import Figure
from neuedge_nir.report.page.bars import Group, linear

KINDS = {
    "synaptic_events": "spikes at synapses",
    "neuron_updates": "neuron updates",
    "spikes": "spikes generated",
    "messages": "messages",
    "hops": "links crossed",
    "crossings": "chip crossings",
    "cores": "cores in use",
}
"""The parts of dynamic energy, by the last word of their path."""


def bars_of(figures: Mapping[str, Figure]) -> list[Group]:
    groups = [
        Group(title, note, linear([(name, figures[path]) for name, path in rows if path in figures]))
        for title, note, rows in WHOLE
    ]
    groups += _by_kind(figures)
    groups += _waits(figures)
    return [group for group in groups if group.bars]


WHOLE = (
    ("Energy of a timestep", "", (("dynamic", "energy.dynamic"), ("of it when nothing spikes", "energy.idle"))),
    ("Static power", "", (("static power", "energy.static"),)),
    ("Time of a timestep", "", (("time of a timestep", "time.step"),)),
    (
        "Energy of an inference, one sample at a time",
        "",
        (("whole", "inference.energy"), ("dynamic", "inference.dynamic"), ("static", "inference.static")),
    ),
    (
        "Energy of an inference, samples behind each other",
        "",
        (
            ("whole", "inference.pipelined.energy"),
            ("dynamic", "inference.pipelined.dynamic"),
            ("static", "inference.pipelined.static"),
        ),
    ),
    ("Time of an inference", "", (("until its last output", "inference.latency"), ("chip runs for", "inference.time"))),
)


def _by_kind(figures: Mapping[str, Figure]) -> list[Group]:
    """A group for every profile of the chip: what each kind of event adds to the dynamic energy."""
    prefix = "energy.dynamic."
    found: dict[str, list[tuple[str, Figure]]] = {}
    for path, figure in figures.items():
        profile, _, kind = path.removeprefix(prefix).rpartition(".")
        if path.startswith(prefix) and profile and kind in KINDS:
            found.setdefault(profile, []).append((KINDS[kind], figure))
    note = "What each kind of event adds; the sum is the dynamic energy by this profile."
    return [Group(f"Dynamic energy of a timestep, by {profile}", note, linear(rows)) for profile, rows in found.items()]


def _waits(figures: Mapping[str, Figure]) -> list[Group]:
    """A group for every profile: what a timestep waits for."""
    groups = []
    for path in figures:
        profile = path.removeprefix("time.cores.")
        if path != profile:
            parts = [(name, figures[at.format(profile)]) for name, at in WAITS if at.format(profile) in figures]
            groups.append(Group(f"What a timestep waits for, by {profile}", "", linear(parts)))
    return groups


WAITS = (
    ("slowest core", "time.cores.{}"),
    ("busiest link", "time.link"),
    ("busiest link between chips", "time.chip_link"),
    ("host", "time.host"),
    ("barrier", "time.barrier.{}"),
)
