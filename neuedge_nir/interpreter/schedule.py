"""In which order populations are computed: one after the other over all timesteps, those in a loop together."""

from __future__ import annotations

from collections.abc import Iterator

from neuedge_nir.network.model import Network, Population

Group = tuple[Population, ...]


def groups(network: Network) -> Iterator[Group]:
    """The populations in loops with each other, along the flow of signals; most are alone.

    Within a group they keep the network's order, along which nothing flows back within a timestep.
    """
    import networkx

    graph = networkx.DiGraph()
    rank = {population.name: index for index, population in enumerate(network.populations)}
    graph.add_nodes_from(rank)
    graph.add_edges_from((p.source, p.target) for p in network.projections if p.source in rank and p.target in rank)
    whole = networkx.condensation(graph)
    members = {node: sorted(data["members"], key=rank.__getitem__) for node, data in whole.nodes(data=True)}
    order = networkx.lexicographical_topological_sort(whole, key=lambda node: rank[members[node][0]])
    for node in order:
        yield tuple(network.populations[rank[name]] for name in members[node])


def is_loop(group: Group, network: Network) -> bool:
    """Whether what the group does in a timestep depends on what it did before."""
    names = {population.name for population in group}
    return any(p.source in names and p.target in names for p in network.projections)
