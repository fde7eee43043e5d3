"""The dynamic energy of a step dealt to layers: what each does and sends, and the cores that it keeps busy.

energy.dynamic = the sum of populations.NAME.energy + energy.copies + energy.shared

Copies behind the first are one figure; `energy.shared` is of no layer: messages of the host, and cores without neurons.
The sum holds for each profile, at each end, and for the typical values. Where sources disagree, the low of a layer may
be of another source than that of the next, so that lows and highs of all layers do not add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from neuedge_nir.chip.model import Chip, CostProfile
from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import Figure, Given, count, derived, unpublished
from neuedge_nir.report.figures_energy import ENERGY, active_term, amounts, terms_of
from neuedge_nir.report.layer_ways import cores_by_population
from neuedge_nir.report.spans import interval, marginal, span_of, spanned, summed
from neuedge_nir.report.use import LayerUse, amounts_of, copies_among, layer_uses

COPIES, SHARED = "energy.copies", "energy.shared"
BESIDE = {COPIES: "(other copies)", SHARED: "(of no layer)"}
"""What is told beside layers, and what reports call it: with these, energies add up to that of a step."""


def beside_layers(known: Mapping[str, Figure]) -> list[tuple[str, Figure]]:
    """What is told beside layers, where it is more than nothing."""
    return [(word, known[path]) for path, word in BESIDE.items() if path in known and known[path].typical]


def layer_energy_figures(plan: Plan, step: Figure) -> Iterator[Figure]:
    """The energy of each layer of the first copy, of all other copies together, and of what no layer has."""
    chip = slowed(plan.chip, plan.options.time_scale)
    layers, (cores, of_none) = layer_uses(plan), cores_by_population(plan)
    others = copies_among([layer.population.name for layer in layers], plan)
    for layer in layers:
        if (name := layer.population.name) not in others:
            title = f"dynamic energy of {name} in a step: what it does, its messages on their way, its cores in use"
            events = amounts_of(plan, layer)
            yield from _by_profile(chip, f"populations.{name}.energy", title, events, cores[name], step)
    if others:
        rest = [layer for layer in layers if layer.population.name in others]
        title = "dynamic energy of all copies but the first in a step"
        held = sum(cores[layer.population.name] for layer in rest)
        yield from _by_profile(chip, COPIES, title, _together(plan, rest), held, step)
    title = "dynamic energy of a step that no layer has: messages of the host, and cores without neurons"
    host = {name: given for name, given in amounts(plan).items() if name == "host_messages"}
    yield from _by_profile(chip, SHARED, title, host, of_none, step)


def _together(plan: Plan, layers: Sequence[LayerUse]) -> Mapping[str, Given]:
    each = [amounts_of(plan, layer) for layer in layers]
    return {name: _all(name, [found[name] for found in each]) for name in each[0]}


def _all(name: str, found: Sequence[Given]) -> Given:
    whole = count(name, sum(given.typical for given in found), "", "of all copies but the first")
    return replace(whole, confidence=found[0].confidence, source=found[0].source)


def _by_profile(
    chip: Chip, path: str, title: str, events: Mapping[str, Given], cores: float, step: Figure
) -> Iterator[Figure]:
    found: dict[str, Figure] = {}
    for profile in marginal(chip):
        if _prices_energy(profile):
            where = f"{path}.{profile.name}"
            terms = [*terms_of(profile, where, events), *active_term(profile, cores, where, step)]
            found[profile.name] = _sum_of(where, f"{title}, by {profile.name}", terms)
            yield from (*terms, found[profile.name])
    if found:
        yield spanned(path, title, "J", span_of(found), found)
    else:
        yield unpublished(path, title, "J", f"no energy of events is published for {chip.title}")


def _prices_energy(profile: CostProfile) -> bool:
    return any(getattr(profile, key) is not None for key in (*ENERGY, "core_active_w"))


def _sum_of(path: str, title: str, terms: Sequence[Figure]) -> Figure:
    if terms:
        return summed(path, title, "J", terms)
    nothing = count("nothing", 0, "J", "this profile has a price for none of it")
    return derived(path, title, "J", interval(0.0, 0.0, 0.0), "nothing", [nothing])
