"""What neuedge itself writes into a file's metadata: one versioned JSON string under the key 'neuedge'.

Schema 1 has the keys `reset` and `dt`, on the graph or any node, and on the outermost graph `names` (what the network
calls nodes of the file), `paths` (what it calls projections, by the nodes on their way), `encoders` (which IF behind an
Input is its encoder, with what no IF says), `adaptations` (how thresholds follow activities), `convs` (which Conv is
an Affine: `unrolled.py`) and `shapes` (which vectors of neurons have axes: `vectors.py`). They stand on the graph
because nir 1.0.4 takes no metadata on many nodes. Other keys are ignored: they may describe the model. Whatever would
change its meaning takes another schema, and a schema that is not known is refused.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from reprlib import repr as shown
from typing import Any, TypeVar

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Metadata, MetadataValue, RawGraph
from neuedge_nir.frontend.unrolled import Geometry
from neuedge_nir.frontend.vectors import Shapes
from neuedge_nir.network.model import Adaptation, HybridEncoder, ResetMode

Record = TypeVar("Record")
KEY = "neuedge"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says of reset and timestep (None where it says nothing), and of names that it could not hold.

    `names`: nodes by what they are called in the file; `paths`: projections by what the nodes on their way are called;
    `encoders`: those of inputs, by the population that stands for each; `adaptations`: the rules of thresholds, by
    population; `convs`: those that are Affines in the file, by node; `shapes`: those of populations that are vectors in
    the file. `untimed`: the timestep is unknown, whatever the parameters seem to imply; the file says so with
    "dt": null.
    """

    reset: ResetMode | None = None
    dt: float | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    untimed: bool = False
    encoders: Mapping[str, HybridEncoder] = field(default_factory=dict)
    adaptations: Mapping[str, Adaptation] = field(default_factory=dict)
    convs: Mapping[str, Geometry] = field(default_factory=dict)
    shapes: Shapes = field(default_factory=dict)


NOTHING_WANTED = Settings()


def settings_of(graph: RawGraph) -> Settings:
    """The settings in the metadata of the graph and of all its nodes, which must agree; names from the graph alone."""
    resets: set[ResetMode] = set()
    steps: set[float] = set()
    own = Settings()
    for where, metadata in metadata_in(graph):
        if KEY in metadata:
            found = _parsed(metadata[KEY], where)
            resets |= {found.reset} if found.reset else set()
            steps |= {found.dt} if found.dt else set()
            own = found if metadata is graph.metadata else own
        for name, values in (("reset", resets), ("dt", steps)):
            if len(values) > 1:
                message = f"the neuedge metadata names two values for {name}: {', '.join(map(str, sorted(values)))}"
                raise InputError("NET020", message, where=where, hint="keep one")
    dt = next(iter(steps), None)
    return replace(own, reset=next(iter(resets), None), dt=dt, untimed=own.untimed and dt is None)


def noted(settings: Settings) -> Metadata:
    """The metadata of a graph that says this; none where there is nothing to say."""
    keys = ("reset", "dt", "names", "paths", "shapes")
    content = {key: getattr(settings, key) for key in keys}
    said: dict[str, object] = {key: value for key, value in content.items() if value is not None and value != {}}
    said |= {"dt": None} if settings.untimed else {}
    for key in ("encoders", "adaptations", "convs"):
        records: Mapping[str, Any] = getattr(settings, key)
        said |= {key: {name: asdict(record) for name, record in records.items()}} if records else {}
    if not said:
        return {}
    text = json.dumps({"schema": SCHEMA, **said}, sort_keys=True)
    most = DEFAULT_CAPS.string_length
    return {KEY: text if len(text) <= most else tuple(text[i : i + most] for i in range(0, len(text), most))}


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
        message = f"the neuedge metadata has schema {shown(content.get('schema'))}, known is {SCHEMA}"
        raise InputError("NET020", message, where=where, hint="use a newer neuedge-nir, or remove that metadata")
    names, paths = (_texts(content.get(key), key, where) for key in ("names", "paths"))
    encoders = _encoders(content.get("encoders"), where)
    adaptations = _adaptations(content.get("adaptations"), where)
    convs = _records(content.get("convs"), Geometry, "convs", where)
    shapes = _records(content.get("shapes"), tuple[int, ...], "shapes", where)
    untimed = "dt" in content and content["dt"] is None
    reset, dt = _reset(content.get("reset"), where), _dt(content.get("dt"), where)
    return Settings(reset, dt, names, paths, untimed, encoders, adaptations, convs, shapes)


def _json_object(value: MetadataValue, where: str) -> dict[str, Any]:
    text = "".join(value) if isinstance(value, tuple) else value
    try:
        content = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise InputError("NET020", "the neuedge metadata is no valid JSON", where=where, hint="remove it") from error
    if not isinstance(content, dict):
        raise InputError("NET020", "the neuedge metadata is no JSON object in a string", where=where, hint="remove it")
    return content


def _reset(value: Any, where: str) -> ResetMode | None:
    if value is None:
        return None
    if value not in tuple(ResetMode):
        message = f"the neuedge metadata has reset {shown(value)}"
        raise InputError("NET020", message, where=where, hint="it must be 'zero' or 'subtract'")
    return ResetMode(value)


def _dt(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        message = f"the neuedge metadata has dt {shown(value)}"
        raise InputError("NET020", message, where=where, hint="it must be a positive number")
    return float(value)


def _encoders(value: Any, where: str) -> Mapping[str, HybridEncoder]:
    found = _records(value, HybridEncoder, "encoders", where)
    for name, encoder in found.items():
        possible = 0 < encoder.v_base <= sys.float_info.max and 0 <= encoder.alpha < 1
        if not possible or not all(most is None or most >= 1 for most in (encoder.cap, encoder.window)):
            message = f"the neuedge metadata has an encoder {shown(name)} with impossible numbers"
            raise InputError("NET020", message, where=where, hint="v_base > 0, 0 <= alpha < 1, cap and window >= 1")
    return found


def _adaptations(value: Any, where: str) -> Mapping[str, Adaptation]:
    found = _records(value, Adaptation, "adaptations", where)
    for name, rule in found.items():
        for fault in rule.faults():
            message = f"the neuedge metadata has an adaptation {shown(name)} with impossible numbers: {fault}"
            raise InputError("NET020", message, where=where, hint="remove it, or write the file again")
    return found


def _records(value: Any, kind: type[Record], key: str, where: str) -> Mapping[str, Record]:
    """An object of such records by name; none where there is no object."""
    import msgspec

    if value is None:
        return {}
    try:
        return msgspec.convert(value, dict[str, kind])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        message = f"the neuedge metadata has {key} that make no sense: {error}"
        raise InputError("NET020", message, where=where, hint="remove them, or write the file again") from error


def _texts(value: Any, key: str, where: str) -> Mapping[str, str]:
    if value is None:
        return {}
    # Names of nodes become part of the names of projections, so one that is long could be there many times.
    most = DEFAULT_CAPS.name_length if key == "names" else DEFAULT_CAPS.string_length
    texts = list(value.values()) if isinstance(value, dict) else [None]
    if not all(isinstance(text, str) and _bytes(text) <= most for text in texts):
        message = f"the neuedge metadata has {key} that are no UTF-8 texts of at most {most} bytes each"
        raise InputError("NET020", message, where=where, hint=f"{key!r} must be an object of names")
    return dict(value)


def _bytes(text: str) -> float:
    """The length in UTF-8. JSON can name half a character, which no file, plan or terminal takes."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return math.inf
