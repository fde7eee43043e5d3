"""Thresholds that follow an activity in files: ordinary neurons, and the rule in the metadata of the graph.

No node of NIR says it, and the graph must be right without the metadata: other tools run it with the thresholds as they
stand, v_threshold, which the rule multiplies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.network.model import Adaptation, Network
from neuedge_nir.network.valid import adaptation_faults

Adaptations = Mapping[str, Adaptation]
"""By population."""


def adaptations_of(network: Network) -> Adaptations:
    """The rules of a network, as its metadata says them."""
    return {p.name: p.adaptation for p in network.populations if p.adaptation is not None}


def adapting(network: Network, rules: Adaptations) -> tuple[Network, tuple[Diagnostic, ...]]:
    """The network with the rules that the metadata gives; one that fits no population is told, and not used."""
    made = replace(network, populations=tuple(replace(p, adaptation=rules.get(p.name)) for p in network.populations))
    wrong = dict.fromkeys(rules.keys() - {p.name for p in network.populations}, "there is no such population")
    for population in made.populations:
        fault = next(adaptation_faults(population, made), None)
        if fault is not None:
            wrong[population.name] = fault
    kept = tuple(replace(p, adaptation=None) if p.name in wrong else p for p in made.populations)
    return (network if not rules else replace(made, populations=kept)), tuple(
        _unused(name, why) for name, why in sorted(wrong.items())
    )


def _unused(name: str, why: str) -> Diagnostic:
    message = f"the metadata let its threshold follow an activity, which does not fit the graph: {why}"
    return Diagnostic("NET058", Severity.WARNING, name, message, "it is read with the threshold as it stands")
