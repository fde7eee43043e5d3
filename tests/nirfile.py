"""Small .nir files and their graphs for tests, written with h5py alone: nir refuses half of what must be tested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError
from neuedge_nir.frontend.process import read_container
from neuedge_nir.frontend.raw import DEFAULT_CAPS, RawFile, RawGraph, RawNode
from neuedge_nir.frontend.reader import network_of
from neuedge_nir.frontend.settings import NOTHING_WANTED, Settings
from neuedge_nir.network.model import Network, ResetMode
from tests.readers import by_library

WEIGHT = "node/nodes/fc/weight"
SHARED = Path(__file__).parents[1].parent / "shared" / "nir"

Fields = Mapping[str, Any]
Nodes = dict[str, Fields]
Edges = Iterable[tuple[str, str]]


def write_nir(path: Path, nodes: Mapping[str, Fields], edges: Edges, **extra: Any) -> Path:
    """A .nir file. A node is its 'type' and fields, a nested graph `graph(nodes, edges)`; extra: metadata, version."""
    with h5py.File(path, "w") as file:
        file["version"] = extra.pop("version", "1.0.8")
        write_group(file.create_group("node"), {**graph(nodes, edges), **extra})
    return path


def write_group(group: h5py.Group, content: Mapping[str, Any]) -> None:
    for key, value in content.items():
        if isinstance(value, Mapping):
            write_group(group.create_group(key), value)
        else:
            group[key] = value


def graph(nodes: Mapping[str, Fields], edges: Edges) -> dict[str, Any]:
    pairs = [[a.encode(), b.encode()] for a, b in edges]
    stored = np.array(pairs, dtype=h5py.string_dtype()) if pairs else np.zeros(0)
    return {"type": "NIRGraph", "nodes": dict(nodes), "edges": stored}


def chain(*nodes: tuple[str, Fields]) -> tuple[Nodes, list[tuple[str, str]]]:
    """Fieldss and edges of nodes in a row."""
    names = [name for name, _ in nodes]
    return dict(nodes), list(pairwise(names))


def port(kind: str, *shape: int) -> dict[str, Any]:
    return {"type": kind, "shape": np.array(shape, dtype=np.int64)}


def inputs(*shape: int) -> dict[str, Any]:
    return port("Input", *shape)


def outputs(*shape: int) -> dict[str, Any]:
    return port("Output", *shape)


def lif(*shape: int, **changed: Any) -> dict[str, Any]:
    values = {"tau": 2.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return {"type": "LIF", **{key: np.full(shape, value) for key, value in values.items()}, **changed}


def li(*shape: int) -> dict[str, Any]:
    return {"type": "LI", **{key: np.ones(shape) for key in ("tau", "r", "v_leak")}}


def linear(weight: Any) -> dict[str, Any]:
    return {"type": "Linear", "weight": np.asarray(weight)}


def affine(weight: Any, bias: Any) -> dict[str, Any]:
    return {"type": "Affine", "weight": np.asarray(weight), "bias": np.asarray(bias)}


def conv2d(weight: Any, **changed: Any) -> dict[str, Any]:
    weight = np.asarray(weight)
    usual = {"stride": np.array([1, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1}
    return {"type": "Conv2d", "weight": weight, "bias": np.zeros(weight.shape[0]), **usual, **changed}


def pool2d(kind: str = "SumPool2d", kernel: int = 2, stride: int = 2, padding: int = 0) -> dict[str, Any]:
    pairs = {"kernel_size": kernel, "stride": stride, "padding": padding}
    return {"type": kind, **{key: np.array([value, value]) for key, value in pairs.items()}}


def flatten(start: int = 0, end: int = -1) -> dict[str, Any]:
    return {"type": "Flatten", "start_dim": start, "end_dim": end}


def scale(values: Any) -> dict[str, Any]:
    return {"type": "Scale", "scale": np.asarray(values)}


def delay(values: Any) -> dict[str, Any]:
    return {"type": "Delay", "delay": np.asarray(values)}


def without(node: Fields, *keys: str) -> Fields:
    return {key: value for key, value in node.items() if key not in keys}


def network(nodes: Mapping[str, Fields], edges: list[tuple[str, str]], **metadata: str) -> Network:
    """The network of a graph that never was a file; its timestep and reset are known."""
    known = Settings(None if metadata else ResetMode.ZERO, None if metadata else 1.0)
    return unknown(nodes, edges, known, **metadata)


def unknown(
    nodes: Mapping[str, Fields],
    edges: list[tuple[str, str]],
    known: Settings = NOTHING_WANTED,
    version: str = "1.0.8",
    **metadata: Any,
) -> Network:
    """The network of a graph whose timestep and reset only its file tells, if anybody."""
    return network_of(RawFile("t.nir", "0", version, raw(nodes, edges, "t.nir", metadata)), wanted=known)


def raw(nodes: Mapping[str, Fields], edges: list[tuple[str, str]], where: str, metadata: Mapping[str, Any]) -> RawGraph:
    return RawGraph({name: raw_node(name, node) for name, node in nodes.items()}, tuple(edges), metadata, where)


def raw_node(name: str, node: Fields) -> RawNode | RawGraph:
    if node["type"] == "NIRGraph":
        edges = [(a.decode(), b.decode()) for a, b in node["edges"]]
        inner = {f"{name}/{key}": value for key, value in node["nodes"].items()}
        made = {key.rsplit("/", 1)[1]: raw_node(key, value) for key, value in inner.items()}
        return RawGraph(made, tuple(edges), node.get("metadata", {}), f"node {name!r} of t.nir")
    fields = {k: v if isinstance(v, str) else np.asarray(v) for k, v in node.items() if k not in ("type", "metadata")}
    return RawNode(node["type"], fields, node.get("metadata", {}), f"node {name!r} of t.nir")


def row(*nodes: tuple[str, Fields]) -> Network:
    """The network of nodes in a row."""
    return network(*chain(*nodes))


def refused(nodes: Mapping[str, Fields], edges: list[tuple[str, str]], **metadata: str) -> InputError:
    with pytest.raises(InputError) as caught:
        network(nodes, edges, **metadata)
    assert caught.value.where
    assert "t.nir" in caught.value.where
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return caught.value


def row_refused(*nodes: tuple[str, Fields]) -> InputError:
    return refused(*chain(*nodes))


def codes(found: Network) -> list[str]:
    """The codes of what was assumed, repaired or warned of."""
    return [remark.code for remark in notable(found)]


def notable(found: Network) -> list[Diagnostic]:
    return [remark for remark in found.diagnostics if remark.severity is not Severity.INFO]


def names(found: Network) -> list[str]:
    return [projection.name for projection in found.projections]


def tiny(path: Path) -> Path:
    nodes, edges = chain(("in", inputs(2)), ("fc", linear(np.ones((3, 2)))), ("lif", lif(3)), ("out", outputs(3)))
    return write_nir(path / "tiny.nir", nodes, edges)


def changed(tmp_path: Path, change: Callable[[h5py.File], None]) -> Path:
    path = tiny(tmp_path)
    with h5py.File(path, "a") as file:
        change(file)
    return path


def replaced(tmp_path: Path, name: str, make: Callable[[h5py.Group, str], object]) -> Path:
    def change(file: h5py.File) -> None:
        group, leaf = file[name].parent, name.rsplit("/", 1)[-1]
        del group[leaf]
        make(group, leaf)

    return changed(tmp_path, change)


def refusal(path: Path, **caps: int) -> InputError:
    """The refusal of a file. Where its content is refused, the library alone must come to the same."""
    with pytest.raises(InputError) as caught:
        read_container(path, replace(DEFAULT_CAPS, **caps))
    error = caught.value
    if "FILE008" < error.code < "FILE019" and error.resource not in ("file_bytes", "objects"):
        assert by_library(path, replace(DEFAULT_CAPS, **caps)).code == error.code
    assert "\n" not in str(error)
    assert error.hint
    assert str(path.parent) not in str(error)
    return error
