"""Names that a file cannot hold, or not twice: changed on the way out, restored on the way in.

HDF5 takes no '/' in a name (inlined graphs make them), no empty name and no '.'; and a file has each name once, while
operators of a network may share one. The name that was meant stands in the metadata (`settings.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.nodes import MODELS
from neuedge_nir.frontend.raw import DEFAULT_CAPS, RawGraph, RawNode
from neuedge_nir.frontend.settings import Settings
from neuedge_nir.network.connect import Operator
from neuedge_nir.network.model import Projection

MOST = DEFAULT_CAPS.name_length
"""Bytes that the reader allows a name."""
ROOM = 32
"""Bytes that a number takes, which tells names from each other."""


def file_names(wanted: Sequence[str]) -> tuple[str, ...]:
    """A name for each that a file can hold, none twice. Who wants a free name that can stand gets it, first come."""
    taken: dict[str, int] = {}
    for index, name in enumerate(wanted):
        if _cleaned(name) == name:
            taken.setdefault(name, index)
    numbers: Counter[str] = Counter()
    found = []
    for index, name in enumerate(wanted):
        if taken.get(name) != index:
            name = _free(_cleaned(name), taken, numbers)
            taken[name] = index
        found.append(name)
    return tuple(found)


def _free(base: str, taken: Mapping[str, int], numbers: Counter[str]) -> str:
    name = base
    while name in taken:
        numbers[base] += 1
        name = f"{_cut(base, MOST - ROOM)}_{numbers[base]}"
    return name


def _cleaned(name: str) -> str:
    """The nearest name that a file can hold."""
    plain = _cut(name, MOST).replace("/", ".").replace("\0", "_")
    return "node" if plain in ("", ".") else plain


def _cut(name: str, most: int) -> str:
    return name.encode(errors="replace")[:most].decode(errors="ignore")


def restored(graph: RawGraph, settings: Settings) -> RawGraph:
    """The graph with its neurons and ports under the names that the metadata gives them.

    Raises `InputError` (NET020) where two nodes would have the same name.
    """
    nodes = graph.nodes
    names = {file: name for file, name in settings.names.items() if file in nodes and _is_place(nodes[file])}
    if not names:
        return graph
    renamed = {names.get(file, file): node for file, node in nodes.items()}
    inner = {file for file, node in nodes.items() if isinstance(node, RawGraph)}
    if len(renamed) < len(nodes) or any(name.partition("/")[0] in inner for name in names.values()):
        raise _clash(graph.where)
    edges = tuple((names.get(source, source), names.get(target, target)) for source, target in graph.edges)
    return replace(graph, nodes=renamed, edges=edges)


def _is_place(node: RawNode | RawGraph) -> bool:
    """Where signals start or end: what orders and delays depend on, so that its name must be there from the start."""
    return isinstance(node, RawNode) and (node.type in MODELS or node.type in ("Input", "Output"))


def relabelled(projections: Iterable[Projection], settings: Settings) -> tuple[Projection, ...]:
    """The projections and their operators under the names that the metadata gives them. Raises as `restored`."""
    plain = tuple(projections)
    if not settings.names and not settings.paths:
        return plain
    made: dict[int, Operator] = {}

    def operator(plain: Operator) -> Operator:
        name = settings.names.get(plain.node, plain.node)
        return plain if name == plain.node else made.setdefault(id(plain), replace(plain, node=name))

    found = tuple(
        replace(p, name=settings.paths.get(p.name, p.name), chain=tuple(map(operator, p.chain))) for p in plain
    )
    if len({p.name for p in found}) < len({p.name for p in plain}):
        raise _clash("the metadata")
    return found


def _clash(where: str) -> InputError:
    message = "the neuedge metadata gives two nodes or paths the same name"
    return InputError("NET020", message, where=where, hint="remove that metadata")
