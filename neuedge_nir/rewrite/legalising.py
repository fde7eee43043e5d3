"""Exact rewritings that a chip needs, and that nobody has to ask for: each is named in the plan and remarked on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from neuedge_nir.chip.model import Chip
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Dense
from neuedge_nir.network.edit import with_remarks
from neuedge_nir.network.model import LI, Network, Signal
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.manager import Applied, apply_passes

FOLD, MERGE = PassCall("fold-li"), PassCall("merge-linear", (("force", "true"),))


def legalising(network: Network, chip: Chip, context: Context, *, measured: bool = False) -> Iterator[Applied]:
    """What makes a network one that the chip takes, pass by pass; nothing where nothing helps.

    A chip that sends spikes only cannot hand on the potential of an LI, but its neurons may have the synapse that the
    LI is: then fold-li, and merge-linear for layers that the LI parted. Nothing is done where they are not installed.
    """
    if not _needs_synapses(network, chip):
        return
    for folded in _applied(network, FOLD, context, measured=measured):
        after = with_remarks(folded.network, *_remarks(network, folded.network, chip))
        yield replace(folded, network=after)
        if _meet(after) and not _meet(network):
            yield from _applied(after, MERGE, context, measured=measured)


def legalised(network: Network, chip: Chip, context: Context) -> Network:
    """The network after all that."""
    for done in legalising(network, chip, context):
        network = done.network
    return network


def _needs_synapses(network: Network, chip: Chip) -> bool:
    able, inner = chip.capabilities, {population.name for population in network.populations}
    lis = {p.name for p in network.populations if isinstance(p.neuron, LI)}
    values = any(p.source in lis and p.target in inner and p.signal is Signal.ANALOG for p in network.projections)
    return values and not able.graded_spikes and "CubaLIF" in able.neuron_models


def _applied(network: Network, call: PassCall, context: Context, *, measured: bool) -> Iterator[Applied]:
    """A pass, where it is installed and has something to do."""
    try:
        yield from (done for done in apply_passes(network, [call], context, measured=measured) if done.changed)
    except UsageError as error:
        if error.code != "USE003":
            raise


def _meet(network: Network) -> bool:
    """Whether two layers stand in a row without neurons between."""
    inner = {population.name for population in network.populations}
    chains = [p.chain for p in network.projections if p.target in inner]
    return any(sum(isinstance(operator, Dense | Conv) for operator in chain) > 1 for chain in chains)


def _remarks(before: Network, after: Network, chip: Chip) -> Iterator[Diagnostic]:
    left = {population.name for population in after.populations}
    for population in before.populations:
        if population.name not in left:
            message = f"{chip.title} sends spikes only: this LI became the synapse of the neurons behind it, exactly"
            yield Diagnostic("WARN041", Severity.INFO, population.name, message, "the pass is fold-li")
