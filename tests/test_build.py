"""Networks written down in Python."""

from __future__ import annotations

import pytest

from neuedge_nir.errors import UsageError
from neuedge_nir.network.build import (
    all_to_all,
    build,
    fixed_probability,
    join,
    lif,
    readout,
    source,
    synapses,
)
from neuedge_nir.network.connect import Dense
from neuedge_nir.network.count import total_synapses
from neuedge_nir.network.valid import fault


def test_a_network_is_written_in_a_few_lines() -> None:
    noise, one, two = source("noise", 800), lif("one", 800), lif("two", 200)
    out = readout("out", two)
    joined = [
        join(noise, one),
        join(one, one, fixed_probability(0.1, 0.05)),
        join(one, two, all_to_all(0.25)),
        join(two, one, synapses([0, 1], [5, 5], [1.0, 2.0])),
        join(two, out),
    ]
    network = build("pair", [two, one], joined, [noise], [out], dt=1.0)
    assert fault(network) is None
    assert [p.name for p in network.populations] == ["two", "one"]  # one loop: in the order given
    assert {p.name: p.steps for p in network.projections} == {
        "noise>one": 0,
        "one>one": 1,
        "one>two": 1,
        "two>one": 1,
        "two>out": 0,
    }
    assert total_synapses(network) == 800 + 64000 + 160000 + 2


def test_populations_stand_along_the_flow() -> None:
    layers = [lif(name, 4) for name in "dcba"]
    chain = [join(layers[k + 1], layers[k], all_to_all()) for k in range(3)]
    network = build("chain", layers, iter(chain))
    assert [p.name for p in network.populations] == ["a", "b", "c", "d"]
    assert not any(p.steps for p in network.projections)


def test_all_to_all_holds_one_number() -> None:
    (operator,) = join(lif("a", 20000), lif("b", 20000), all_to_all(0.5)).chain
    assert isinstance(operator, Dense)
    assert operator.weight.strides == (0, 0)


def test_what_makes_no_sense_is_refused() -> None:
    a = lif("a", 3)
    with pytest.raises(UsageError) as refused:
        build("n", [a], [join(a, lif("b", 3), all_to_all())])
    assert refused.value.code == "USE089"
    with pytest.raises(UsageError):
        fixed_probability(1.5)
    with pytest.raises(UsageError, match="do not fit"):
        join(a, a, synapses([3], [0]))
