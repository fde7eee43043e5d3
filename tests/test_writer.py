"""Whatever network is written is read back as it was, and stock readers see what they can."""

from __future__ import annotations

import math
import time
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given, settings

import neuedge_nir
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.frontend import read, write
from neuedge_nir.frontend.settings import Settings, noted
from neuedge_nir.frontend.writer import file_of
from neuedge_nir.network.connect import Conv, Delay, Dense, Pool, PoolKind, Scale
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import Network, Population, Port, Projection, Signal
from tests.graphs import files, networks
from tests.nirfile import (
    SHARED,
    Nodes,
    chain,
    conv2d,
    inputs,
    lif,
    outputs,
    row,
    tiny,
)
from tests.nirfile import network as raw_network
from tests.sampling import examples
from tests.worlds import chain as layers
from tests.worlds import conv, convnet, dense, network, pool, random_array, residual, wire
from tests.written import (
    I2,
    O2,
    STATELESS,
    again,
    biased,
    codes,
    content,
    edges,
    kinds,
    opened,
    refused,
    wired,
    with_reset,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.nir"


# --- the laws


@settings(deadline=None)
@given(networks())
def test_a_network_is_read_back_as_it_was(folder: Path, net: Network) -> None:
    assert difference(net, again(net, folder)) is None


@settings(max_examples=examples(90), deadline=None)
@given(networks(odd=True))
def test_odd_names_shapes_and_paths_are_read_back_and_it_is_known_what_nir_reads(folder: Path, net: Network) -> None:
    file = file_of(net)
    (folder / "odd.nir").write_bytes(content(net))
    found = read(folder / "odd.nir", strict=True)
    assert difference(net, found) is None
    assert nir_reads(folder / "odd.nir") == ("1.0.8" in file.readers)


def nir_reads(place: Path) -> bool:
    """Whether the installed nir, 1.0.8 or later, takes the file as it is."""
    try:
        nir.read(place)
    except (ValueError, AssertionError, NotImplementedError, TypeError):
        return False
    return True


@settings(deadline=None)
@given(networks(odd=True))
def test_the_order_of_the_tuples_makes_no_other_bytes(net: Network) -> None:
    turned = replace(net, populations=net.populations[::-1], projections=net.projections[::-1])
    assert content(net) == content(turned)


@given(files(biases=False))
def test_a_graph_is_written_node_for_node_and_edge_for_edge(graph: tuple[Nodes, list[tuple[str, str]]]) -> None:
    net = raw_network(*graph)
    ends = {port.name for port in (*net.inputs, *net.outputs)} | {p.name for p in net.populations}
    used = ends | {operator.node for p in net.projections for operator in p.chain}
    assert opened(net).keys() == used
    assert edges(net) == {f"{a}>{b}" for a, b in graph[1] if {a, b} <= used}


@settings(deadline=None)
@given(files(biases=True))
def test_biases_that_join_and_part_are_read_back(folder: Path, graph: tuple[Nodes, list[tuple[str, str]]]) -> None:
    net = raw_network(*graph)
    assert difference(net, again(net, folder)) is None


READABLE = sorted(SHARED.glob("*.nir")) if SHARED.is_dir() else []


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the collected .nir files are not at {SHARED}")
@pytest.mark.parametrize("place", READABLE, ids=lambda place: place.stem)
def test_a_real_file_is_written_as_it_was_read(place: Path, tmp_path: Path) -> None:
    try:
        net = read(place)
    except InputError as error:
        pytest.skip(f"refused: {error}")
    found = again(net, tmp_path)
    assert difference(net, found) is None
    assert [p.name for p in net.populations] == [p.name for p in found.populations]
    assert [p.name for p in net.projections] == [p.name for p in found.projections]
    assert nir_reads(tmp_path / "net.nir")
    if any(d.code in ("NIR013", "NIR014") for d in net.diagnostics):
        return  # nodes that were renamed or joined up are others on purpose
    with h5py.File(place) as first, h5py.File(tmp_path / "net.nir") as second:
        neurons = {name for name, node in first["node/nodes"].items() if node["type"][()].decode() not in STATELESS}
        assert neurons == {n for n, node in second["node/nodes"].items() if node["type"][()].decode() not in STATELESS}


# --- what NIR cannot say


def conv_of(padding: tuple[tuple[int, int], ...], axes: int = 2) -> Conv:
    ones, space = (1,) * axes, tuple(3 + sum(pad) for pad in padding)
    return Conv("c", np.ones((1, 1, *ones)), (1, *(3,) * axes), (1, *space), ones, padding, ones, 1)


@pytest.mark.parametrize(
    ("net", "code"),
    [
        (wired({"in": (6,)}, (2, 3)), "OUT001"),
        (wired({"in": (2, 3)}, (3, 2)), "OUT001"),
        (wired({"in": (4,)}, (2, 2), dense(4, 4)), "OUT001"),
        (wired({"in": (1, 3, 3)}, (1, 4, 3), conv_of(((0, 1), (0, 0)))), "OUT003"),
        (wired({"in": (1, 3, 3, 3)}, (1, 3, 3, 3), conv_of(((0, 0),) * 3, 3)), "OUT003"),
        (wired({"in": (2, 2, 2)}, (2, 5), conv((2, 2, 2), 2), Dense("w", random_array(2, 5, 4))), "OUT004"),
        (network({"a": 2}, wire("in", "a", steps=1), inputs={"in": 2}), "OUT004"),
        (network({"a": 2}, wire("in", "a"), wire("a", "a"), inputs={"in": 2}), "OUT004"),
        (network({"a": 2}, wire("in", "a", signal=Signal.GRADED), inputs={"in": 2}), "OUT004"),
        (replace(layers(a=2), outputs=(), projections=layers(a=2).projections[:1]), "OUT004"),
        (replace(layers(a=2), projections=()), "OUT004"),
        (network({"a": ()}, wire("in", "a", dense(1, 2)), inputs={"in": 2}), "OUT001"),
        (wired({"in": (2,)}, (2,), Dense("w", np.array([[np.nan, 1.0], [0.0, 0.0]]))), "OUT004"),
        (wired({"in": (3,)}, (2,), dense(2, 5)), "OUT006"),
        (wired({"in": (3,)}, (2,), Scale("s", np.ones(4), (4,)), dense(2, 3)), "OUT006"),
        (wired({"in": (3,)}, (3,), Scale("s", np.ones(2), (3,))), "OUT006"),
        (replace(layers(a=2), inputs=()), "OUT006"),
        (replace(layers(a=2), inputs=(Port("in", (7,)),)), "OUT006"),
        (biased(layers(a=2), a=np.ones(3)), "OUT006"),
    ],
)  # fmt: skip
def test_what_a_file_cannot_say_is_refused(net: Network, code: str, path: Path) -> None:
    assert refused(net).code == code
    with pytest.raises(InputError):
        write(net, path)
    assert not path.exists()


def test_a_refusal_names_what_would_change() -> None:
    error = refused(network({"a": 2}, wire("in", "a", steps=1), inputs={"in": 2}))
    assert error.message == "NIR cannot say this: projection 'in->a#0': steps: 1 and 0, read again"


def test_a_name_with_half_a_character_is_refused() -> None:
    assert refused(network({"\udc80": 2}, wire("in", "\udc80"), inputs={"in": 2})).code == "OUT004"


def test_axes_of_one_that_appear_need_no_node(tmp_path: Path) -> None:
    image = conv2d(np.ones((2, 1, 1, 1)), input_shape=np.array([3, 3]))
    net = row(("in", inputs(3, 3)), ("a", lif(3, 3)), ("conv", image), ("b", lif(2, 3, 3)), ("out", outputs(2, 3, 3)))
    assert kinds(net) == {"conv": "Conv2d"}
    assert codes(net) == [("OUT101", "conv")]
    assert difference(net, again(net, tmp_path)) is None


# --- versions of nir


def grouped(kernel: tuple[int, int] = (3, 3), groups: int = 2) -> Network:
    weight = random_array(4, 4 // groups, *kernel)
    space = tuple(6 - k + 1 for k in kernel)
    made = Conv("c", weight, (4, 6, 6), (4, *space), (1, 1), ((0, 0), (0, 0)), (1, 1), groups)
    return network({"a": (4, *space)}, wire("in", "a", made), inputs={"in": (4, 6, 6)})


def uneven() -> Network:
    made = Conv("c", random_array(1, 1, 2), (1, 5), (1, 5), (1,), ((0, 1),), (1,), 1)
    return network({"a": (1, 5)}, wire("in", "a", made), inputs={"in": (1, 5)})


@pytest.mark.parametrize(
    ("net", "version", "node", "why"),
    [
        (layers(model="CubaLI", a=2), "1.0.4", "a", "no CubaLI"),
        (with_reset(layers(a=2), -1.0), "1.0.4", "a", "no v_reset"),
        (uneven(), "1.0.4", "c", "padding 'same' of a Conv1d"),
        (grouped(), "1.0.8", "c", "grouped"),
        (grouped((3, 1), 1), "1.0.8", "c", "square"),
        (
            network(
                {"a": (2, 4, 4), "b": (2, 2, 2), "c": 2},
                *(wire("a", "a", steps=1), wire("a", "b", pool((2, 4, 4))), wire("in", "c")),
                inputs={"in": 2},
            ),
            "1.0.8",
            "pool",
            "leads here",
        ),
        (network({"a": 2}, wire("a", "a", steps=1), inputs={"in": 2}), "1.0.8", "a", "signals enter"),
    ],
)
def test_a_version_that_cannot_read_the_file_is_named_with_the_node(
    net: Network, version: str, node: str, why: str
) -> None:
    if net.populations[0].model == "CubaLI":
        net = replace(net, projections=(net.projections[0], replace(net.projections[1], signal=Signal.ANALOG)))
    file = file_of(net)
    assert version not in file.readers
    assert len(file.readers) == 1
    remark = next(remark for remark in file.diagnostics if remark.code == "OUT101")
    assert remark.node == node
    assert remark.message.startswith(f"nir {version} cannot read")
    assert why in remark.message
    error = refused(net, compat=version)
    assert (error.code, error.where) == ("OUT005", f"node {node!r}")
    assert content(net, file.readers[0]) == content(net)


def test_an_unknown_version_is_a_wrong_option(path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write(layers(a=2), path, compat="0.9")
    assert caught.value.code == "OUT007"
    assert not path.exists()


def test_nir_sees_the_numbers_as_they_are(path: Path) -> None:
    net = biased(convnet(), a=random_array(4, 1, 1), c=random_array(10))
    write(net, path)
    graph = nir.read(path)
    assert sorted(type(node).__name__ for node in graph.nodes.values()) == [
        *("Affine", "AvgPool2d", "Conv2d", "Conv2d", "Flatten", "Input", "LIF", "LIF", "LIF", "Output")
    ]
    first, second = net.projections[0].chain[0], net.projections[1].chain[1]
    assert isinstance(first, Conv)
    assert isinstance(second, Conv)
    np.testing.assert_array_equal(graph.nodes["conv"].weight, second.weight)
    np.testing.assert_array_equal(graph.nodes["conv_1"].weight, first.weight)
    np.testing.assert_array_equal(graph.nodes["conv_1"].bias, net.populations[0].bias.reshape(-1))  # type: ignore[union-attr]
    np.testing.assert_array_equal(graph.nodes["dense10x64"].bias, net.populations[2].bias)
    assert graph.nodes["a"].v_reset.shape == (4, 8, 8)


# --- the settings of a file


def test_names_that_fit_no_node_are_left_alone() -> None:
    stale = noted(Settings(names={"gone": "x"}, paths={"in>gone>lif": "y"}))
    nodes, links = chain(I2, ("lif", lif(2)), O2)
    net = raw_network(nodes, links, **stale)  # type: ignore[arg-type]
    assert [p.name for p in net.projections] == ["in>lif", "lif>out"]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(names={"a": "b"}),
        Settings(names={"a": "x", "b": "x"}),
        Settings(names={"a": "sub/lif"}),
        Settings(names={"a": "sub"}),
        Settings(names={"a": "n" * 1025}),
        Settings(paths={"in>a": "x", "a>b": "x"}),
        Settings(names={"a": 1}),  # type: ignore[dict-item]
        Settings(paths=["in>a"]),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_names_that_clash_or_are_none_are_refused(settings: Settings) -> None:
    inner = {"type": "NIRGraph", "nodes": {"i": inputs(2), "lif": lif(2), "o": outputs(2)}}
    inner |= {"edges": np.array([[b"i", b"lif"], [b"lif", b"o"]])}
    nodes, links = chain(I2, ("a", lif(2)), ("b", lif(2)), ("sub", inner), O2)
    with pytest.raises(InputError) as caught:
        raw_network(nodes, links, **noted(settings))  # type: ignore[arg-type]
    assert caught.value.code == "NET020"


# --- the file


def test_the_public_name_writes_and_tells(path: Path) -> None:
    remarks = neuedge_nir.write(residual(), str(path))
    assert [remark.code for remark in remarks] == ["OUT103"]
    assert difference(neuedge_nir.read(path), residual()) is None


def test_a_failure_leaves_what_was_there(path: Path) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(InputError):
        write(wired({"in": (6,)}, (2, 3)), path)
    assert path.read_bytes() == b"precious"
    with pytest.raises(UsageError):
        write(layers(a=2), path.parent)
    assert [each.name for each in path.parent.iterdir()] == ["net.nir"]


def test_what_came_from_a_file_on_disk_can_replace_it(tmp_path: Path) -> None:
    place = tiny(tmp_path)
    net = read(place)
    write(net, place)
    assert difference(net, read(place)) is None


def large(side: int = 320, channels: int = 25) -> Network:
    """Five million neurons behind two convolutions."""
    first, second = conv((2, side, side), channels), conv((channels, side, side), channels, seed=1)
    shape = second.output_shape
    small = (channels, side // 32, side // 32)
    shrink = Pool("pool", PoolKind.SUM, shape, small, (32, 32), (32, 32), (0, 0))
    return network(
        {"a": shape, "b": shape, "c": 10},
        wire("in", "a", first),
        wire("a", "b", second),
        wire("b", "c", shrink, dense(10, math.prod(small))),
        inputs={"in": (2, side, side)},
    )


def test_five_million_neurons_take_seconds_and_little_memory(path: Path) -> None:
    net = large()
    assert net.neurons == 5_120_010
    tracemalloc.start()
    started = time.monotonic()
    write(net, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - started < 20
    assert peak < 100 * 2**20
    assert path.stat().st_size < 2**20
    assert difference(net, read(path)) is None


def test_a_dense_layer_is_written_some_chunks_at_a_time(path: Path) -> None:
    weight = np.zeros((4096, 4096), np.float32)
    weight[0, 0] = 1.0
    net = network({"a": 4096}, wire("in", "a", Dense("fc", weight)), inputs={"in": 4096})
    tracemalloc.start()
    write(net, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < weight.nbytes / 4
    assert difference(net, read(path)) is None


def test_equal_numbers_are_compressed_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(data: bytes, level: int) -> bytes:
        asked.append(level)
        return compress(data, level)

    compress = zlib.compress
    monkeypatch.setattr(zlib, "compress", counted)
    shape = (10, 3000, 3000)
    write(network({"a": shape}, wire("in", "a"), inputs={"in": shape}), path)
    assert len(asked) == 4  # one for each parameter; v_reset is 0, and left out
    with h5py.File(path) as file:
        assert file["node/nodes/a/tau"].shape == shape
        assert file["node/nodes/a/tau"][9, 2999, 2990:].tolist() == [1.0] * 10


def test_a_small_network_makes_no_file_without_end(path: Path) -> None:
    names = [f"p{number}" for number in range(20)]
    net = network(dict.fromkeys(names, 2**28), *(wire("in", name) for name in names), inputs={"in": 2**28})
    with pytest.raises(InputError) as caught:
        write(net, path)
    assert caught.value.code == "OUT009"
    assert caught.value.needed == pytest.approx(20 * 4 * 4 * 2**28)  # populations, parameters, bytes, neurons
    assert not path.exists()


def test_a_long_chain_is_quick(path: Path) -> None:
    count = 3000
    operators = tuple(Delay(f"d{number}", np.array(1.0), (2,)) for number in range(count))
    net = network({"a": 2}, wire("in", "a", *operators), inputs={"in": 2})
    started = time.monotonic()
    write(net, path)
    assert time.monotonic() - started < 20


def test_a_population_read_back_knows_its_node(tmp_path: Path) -> None:
    net = network({"sub/lif": 2}, wire("in", "sub/lif"), inputs={"in": 2})
    found: Population = again(net, tmp_path).populations[0]
    assert (found.name, found.nodes) == ("sub/lif", ("sub/lif",))
    way: Projection = again(net, tmp_path).projections[0]
    assert way.name == "in->sub/lif#0"
