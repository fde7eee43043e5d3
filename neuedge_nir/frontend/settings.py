"""What neuedge itself wrote into a file's metadata: one versioned JSON string under the key 'neuedge'."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import Metadata, MetadataValue, RawGraph
from neuedge_nir.network.model import ResetMode

KEY = "neuedge"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says of reset and timestep; None where it says nothing."""

    reset: ResetMode | None = None
    dt: float | None = None


NOTHING_WANTED = Settings()


def settings_of(graph: RawGraph) -> Settings:
    """The settings in the metadata of the graph and of all its nodes, which must agree."""
    resets: set[ResetMode] = set()
    steps: set[float] = set()
    for where, metadata in metadata_in(graph):
        if KEY in metadata:
            found = _parsed(metadata[KEY], where)
            resets |= {found.reset} if found.reset else set()
            steps |= {found.dt} if found.dt else set()
        for name, values in (("reset", resets), ("dt", steps)):
            if len(values) > 1:
                message = f"the neuedge metadata names two values for {name}: {', '.join(map(str, sorted(values)))}"
                raise InputError("NET020", message, where=where, hint="keep one")
    return Settings(next(iter(resets), None), next(iter(steps), None))


def metadata_in(graph: RawGraph) -> Iterator[tuple[str, Metadata]]:
    waiting = [graph]
    while waiting:
        level = waiting.pop()
        yield level.where, level.metadata
        for _, node in sorted(level.nodes.items()):
            if isinstance(node, RawGraph):
                waiting.append(node)
            else:
                yield node.where, node.metadata


def _parsed(value: MetadataValue, where: str) -> Settings:
    content = _json_object(value, where)
    if content.get("schema") != SCHEMA:
        message = f"the neuedge metadata has schema {content.get('schema')!r}, known is {SCHEMA}"
        raise InputError("NET020", message, where=where, hint="use a newer neuedge-nir, or remove that metadata")
    return Settings(_reset(content.get("reset"), where), _dt(content.get("dt"), where))


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
