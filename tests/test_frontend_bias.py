"""Biases against the definition of every node, computed one output at a time."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.nirfile import (
    Fields,
    affine,
    codes,
    conv2d,
    delay,
    flatten,
    inputs,
    lif,
    linear,
    names,
    network,
    outputs,
    pool2d,
    refused,
    row,
    row_refused,
    scale,
)

I2, O2 = ("in", inputs(2)), ("out", outputs(2))
EYE = np.eye(2)


def brute(node: Fields, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a stateless node gives, by its definition, one output at a time."""
    match node["type"]:
        case "Affine":
            return np.asarray(node["weight"] @ x + node["bias"])
        case "Scale":
            return np.asarray(node["scale"]) * x
        case "Flatten":
            return x.reshape(-1)
        case "Conv2d":
            return brute_conv(node, x)
        case _:
            return brute_pool(node, x)


def brute_conv(node: Fields, x: NDArray[np.float64]) -> NDArray[np.float64]:
    weight, groups = np.asarray(node["weight"], float), int(node["groups"])
    (ph, pw), (sh, sw), (dh, dw) = node["padding"], node["stride"], node["dilation"]
    x = np.pad(x, ((0, 0), (ph, ph), (pw, pw)))
    outputs_, per_group, kh, kw = weight.shape
    height = (x.shape[1] - dh * (kh - 1) - 1) // sh + 1
    width = (x.shape[2] - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((outputs_, height, width))
    for o, i, j in np.ndindex(y.shape):
        first = o // (outputs_ // groups) * per_group
        window = x[first : first + per_group, i * sh : i * sh + dh * kh : dh, j * sw : j * sw + dw * kw : dw]
        y[o, i, j] = (weight[o] * window[:, :kh, :kw]).sum() + node["bias"][o]
    return y


def brute_pool(node: Fields, x: NDArray[np.float64]) -> NDArray[np.float64]:
    (kh, kw), (sh, sw), (ph, pw) = node["kernel_size"], node["stride"], node["padding"]
    x = np.pad(x, ((0, 0), (ph, ph), (pw, pw)))
    shape = (x.shape[0], (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1)
    y = np.zeros(shape)
    for c, i, j in np.ndindex(shape):
        y[c, i, j] = x[c, i * sh : i * sh + kh, j * sw : j * sw + kw].sum()
    return y / (kh * kw) if node["type"] == "AvgPool2d" else y


@st.composite
def layers(draw: st.DrawFn) -> list[Fields]:
    """A convolution with bias, and up to three more operators behind it, on (2, 7, 6)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found: list[Fields] = []
    shape = np.zeros((2, 7, 6))
    for kind in ["conv", *draw(st.lists(st.sampled_from(["conv", "sum", "avg", "scale", "point"]), max_size=3))]:
        node = layer(kind, rng, shape.shape, draw)
        if node is not None:
            found.append(node)
            shape = brute(node, shape)
    return [*found, flatten(), affine(rng.normal(size=(4, shape.size)), rng.normal(size=4))]


def layer(kind: str, rng: np.random.Generator, shape: tuple[int, ...], draw: st.DrawFn) -> Fields | None:
    if min(shape[1:]) < 3:
        return None
    if kind in ("scale", "point"):
        return scale(rng.normal(size=shape) if kind == "point" else np.full(shape, 3.0))
    stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    if kind != "conv":
        return pool2d("SumPool2d" if kind == "sum" else "AvgPool2d", 2, stride, padding)
    groups = draw(st.sampled_from([g for g in (1, 2) if shape[0] % g == 0]))
    pairs = {"stride": np.array([stride, 1]), "padding": np.array([padding, 0]), "dilation": np.array([1, 2])}
    weight = rng.normal(size=(2 * groups, shape[0] // groups, 3, 2))
    return conv2d(weight, bias=rng.normal(size=2 * groups), groups=groups, **pairs)


@given(layers())
def test_a_bias_goes_through_what_follows_it(found: list[Fields]) -> None:
    expected = np.zeros((2, 7, 6))
    for node in found:
        expected = brute(node, expected)
    rows = [
        ("in", inputs(2, 7, 6)),
        *((f"n{i}", node) for i, node in enumerate(found)),
        ("lif", lif(4)),
        ("out", outputs(4)),
    ]
    bias = row(*rows).populations[0].bias
    assert bias is not None
    np.testing.assert_allclose(np.broadcast_to(bias, 4), expected)


def conv_then(*nodes: tuple[str, Fields], last: tuple[int, ...]) -> NDArray[np.floating] | None:
    conv = conv2d(np.ones((2, 1, 1, 1)), bias=np.array([1.0, 2.0]))
    found = row(("in", inputs(1, 4, 4)), ("conv", conv), *nodes, ("lif", lif(*last)), ("out", outputs(*last)))
    return found.populations[0].bias


def test_a_convolutions_bias_stays_one_number_per_channel() -> None:
    direct, pooled = conv_then(last=(2, 4, 4)), conv_then(("pool", pool2d()), last=(2, 2, 2))
    padded = conv_then(("pool", pool2d(padding=1)), last=(2, 3, 3))
    assert direct is not None
    assert (direct.shape, direct.reshape(-1).tolist()) == ((2, 1, 1), [1, 2])
    assert pooled is not None
    assert (pooled.shape, pooled.reshape(-1).tolist()) == ((2, 1, 1), [4, 8])
    assert padded is not None
    assert padded[1].tolist() == [[2, 4, 2], [4, 8, 4], [2, 4, 2]]


def test_a_bias_counts_once_however_many_sources_feed_its_node() -> None:
    nodes = {"in": inputs(2), "in2": inputs(2), "fc": affine(EYE, [1.0, 3.0]), "lif": lif(2), "out": outputs(2)}
    found = network(nodes, [("in", "fc"), ("in2", "fc"), ("fc", "lif"), ("lif", "out")])
    assert names(found) == ["in>fc>lif", "in2>fc>lif", "lif>out"]
    assert found.populations[0].bias is not None
    assert found.populations[0].bias.tolist() == [1, 3]


def test_biases_that_cancel_are_none() -> None:
    nodes = {
        "in": inputs(2),
        "a": affine(EYE, [1.0, 3.0]),
        "b": affine(EYE, [-1.0, -3.0]),
        "lif": lif(2),
        "out": outputs(2),
    }
    found = network(nodes, [("in", "a"), ("in", "b"), ("a", "lif"), ("b", "lif"), ("lif", "out")])
    assert found.populations[0].bias is None


@pytest.mark.filterwarnings("error")
def test_biases_that_grow_beyond_all_numbers_are_refused() -> None:
    huge = affine(EYE, [1e308, 1.0])
    assert row_refused(I2, ("fc", huge), ("scale", scale(np.full(2, 100.0))), ("lif", lif(2)), O2).code == "NET016"
    nodes = {"in": inputs(2), "a": huge, "b": huge, "lif": lif(2), "out": outputs(2)}
    edges = [("in", "a"), ("in", "b"), ("a", "lif"), ("b", "lif"), ("lif", "out")]
    assert refused(nodes, edges).code == "NET016"


@pytest.mark.parametrize("size", [2**14, 2**20, 2**62])
def test_windows_and_padding_without_measure_are_refused_at_once(size: int) -> None:
    """Small files can ask for endless zeros around a signal, and for as many taps."""
    pair = np.array([size, size])
    for endless in (
        conv2d([[[[1.0]]]], padding=pair, stride=pair),
        pool2d(kernel=size, stride=size, padding=size // 2),
    ):
        error = row_refused(("in", inputs(1, 2, 2)), ("c", BIASED), ("d", endless), ("lif", lif()), O2)
        assert (error.code, error.resource) == ("FILE015", "elements")


def test_a_bias_through_very_many_taps_is_refused_at_once() -> None:
    pool = pool2d(kernel=1000, stride=1000, padding=500)
    error = row_refused(("in", inputs(1, 2, 2)), ("c", BIASED), ("d", pool), ("lif", lif()), ("out", outputs(1, 1, 1)))
    assert (error.code, error.resource) == ("FILE015", "bias_products")


def test_a_bias_through_equal_weights_takes_no_room_for_them() -> None:
    equal = np.broadcast_to(np.float32(1), (2**12, 2**12))
    first = affine(equal[:, :2], np.broadcast_to(1.0, 2**12))
    tracemalloc.start()
    try:
        found = row(I2, ("fc", first), ("fc2", linear(equal)), ("lif", lif()), ("out", outputs(2**12)))
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()
    assert found.populations[0].bias == 2**12


BIASED = conv2d([[[[1.0]]]], bias=np.ones(1))


def test_a_bias_into_an_output_and_one_through_a_delay_are_remarked_on() -> None:
    late = row(I2, ("fc", affine(EYE, [1.0, 2.0])), ("d", delay([1.0, 1.0])), ("lif", lif(2)), O2)
    assert codes(late) == ["NET053"]
    readout = row(I2, ("lif", lif(2)), ("fc", affine(EYE, [1.0, 2.0])), O2)
    assert codes(readout) == ["NET052", "NIR018"]
