"""What neuedge itself writes into a file's metadata: one versioned JSON string under the key 'neuedge'.

Schema 1 has the keys `reset` and `dt` (on the graph or any node), `name` (on a node of the outermost graph: what the
network calls it) and `paths` (there too, on what paths lead to: the names of projections, by the nodes on their way).
Other keys are ignored: they may describe the model. Whatever would change its meaning takes another schema, and a
schema that is not known is refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Metadata, MetadataValue, RawGraph
from neuedge_nir.network.model import ResetMode

KEY = "neuedge"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says of reset and timestep (None where it says nothing), and of names that it could not hold.

    `names`: nodes of the outermost graph by their names in the file; `paths`: projections by the names on their way.
    """

    reset: ResetMode | None = None
    dt: float | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)


def settings_of(graph: RawGraph) -> Settings:
    """The settings in the metadata of the graph and of all its nodes, which must agree."""
    resets: set[ResetMode] = set()
    steps: set[float] = set()
    names: dict[str, str] = {}
    paths: dict[str, str] = {}
    for node, where, metadata in _metadata_in(graph):
        if KEY in metadata:
            found = _parsed(metadata[KEY], node, where)
            resets |= {found.reset} if found.reset else set()
            steps |= {found.dt} if found.dt else set()
            names |= found.names
            paths |= found.paths
        for name, values in (("reset", resets), ("dt", steps)):
            if len(values) > 1:
                message = f"the neuedge metadata names two values for {name}: {', '.join(map(str, sorted(values)))}"
                raise InputError("NET020", message, where=where, hint="keep one")
    return Settings(next(iter(resets), None), next(iter(steps), None), names, paths)


def noted(**content: object) -> Metadata:
    """The metadata that says this, what is None or empty left out; none where nothing is left."""
    said = {key: value for key, value in content.items() if value is not None and value != {}}
    return {KEY: json.dumps({"schema": SCHEMA, **said}, sort_keys=True)} if said else {}


def _metadata_in(graph: RawGraph) -> Iterator[tuple[str | None, str, Metadata]]:
    """The name of each node of the outermost graph, None for what lies deeper and for graphs; where; its metadata."""
    waiting = [graph]
    while waiting:
        level = waiting.pop()
        yield None, level.where, level.metadata
        for name, node in sorted(level.nodes.items()):
            if isinstance(node, RawGraph):
                waiting.append(node)
            else:
                yield name if level is graph else None, node.where, node.metadata


def _parsed(value: MetadataValue, node: str | None, where: str) -> Settings:
    content = _json_object(value, where)
    if content.get("schema") != SCHEMA:
        message = f"the neuedge metadata has schema {content.get('schema')!r}, known is {SCHEMA}"
        raise InputError("NET020", message, where=where, hint="use a newer neuedge-nir, or remove that metadata")
    name, paths = _name(content.get("name"), where), _paths(content.get("paths"), where)
    if node is None and (name is not None or paths):
        message = "the neuedge metadata gives a name to what is no node of the outermost graph"
        raise InputError("NET020", message, where=where, hint="remove it")
    names = {} if node is None or name is None else {node: name}
    return Settings(_reset(content.get("reset"), where), _dt(content.get("dt"), where), names, paths)


def _json_object(value: MetadataValue, where: str) -> dict[str, Any]:
    try:
        content = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError) as error:
        raise InputError("NET020", "the neuedge metadata is no valid JSON", where=where, hint="remove it") from error
    if not isinstance(content, dict):
        raise InputError("NET020", "the neuedge metadata is no JSON object in a string", where=where, hint="remove it")
    return content


def _reset(value: Any, where: str) -> ResetMode | None:
    if value is None:
        return None
    if value not in tuple(ResetMode):
        message = f"the neuedge metadata has reset {value!r}"
        raise InputError("NET020", message, where=where, hint="it must be 'zero' or 'subtract'")
    return ResetMode(value)


def _dt(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        message = f"the neuedge metadata has dt {value!r}"
        raise InputError("NET020", message, where=where, hint="it must be a positive number")
    return float(value)


def _name(value: Any, where: str) -> str | None:
    if value is None:
        return None
    # Names of nodes become part of the names of projections, so one long name could become many.
    most = DEFAULT_CAPS.name_length
    if not isinstance(value, str) or len(value.encode(errors="surrogatepass")) > most:
        message = "the neuedge metadata has a name that is none"
        raise InputError("NET020", message, where=where, hint=f"it must be text of at most {most} bytes")
    return value


def _paths(value: Any, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
        message = "the neuedge metadata has paths that are none"
        raise InputError("NET020", message, where=where, hint="it must be an object of names of projections")
    return value
