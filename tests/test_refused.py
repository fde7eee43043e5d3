"""Every proof that a network does not fit names the node, what binds, the figure and the least excess."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import neuedge_nir
from neuedge_nir.chip.model import AxonWeights, Chip
from neuedge_nir.codes import explanations
from neuedge_nir.constraints.model import Constraints
from neuedge_nir.emulation.run import quantised
from neuedge_nir.errors import CapacityError
from neuedge_nir.mapping.legalise import legalise
from neuedge_nir.network.build import build
from neuedge_nir.network.connect import Delay, Dense
from neuedge_nir.network.model import IF, Adaptation, ConstantLeak, Listening, Network, Neuron, ResetMode, Signal
from neuedge_nir.pipeline import Options, compile_network
from tests.test_clashes import CLASHES, TINY
from tests.test_recurrence import quick
from tests.test_verify import named
from tests.worlds import chain, chip, conv, dense, network, neuron, random_array, real, scale, wire

TYPED = chip(neurons=256, input_axons=256, weights=AxonWeights.AXON_TYPES, weight_bits=9)


def mapped(net: Network, on: str, **options: object) -> None:
    compile_network(net, real(on), Options(effort="none", **options))  # type: ignore[arg-type]


def of(net: Network, **fields: object) -> Network:
    return replace(net, populations=tuple(replace(p, **fields) for p in net.populations))  # type: ignore[arg-type]


def adapting() -> Chip:
    """It follows an activity, and delays by 2 steps at most."""
    toy = chip(neurons=9, max_delay=2)
    able = replace(toy.capabilities, adaptation=real("loihi2").capabilities.adaptation)
    return replace(toy, capabilities=able)


def delayed() -> Network:
    late = Delay("late", np.array([1.0, 2.0, 3.0]), (3,))
    return network({"a": 3}, wire("i", "a", late, dense(3, 3)), inputs={"i": 3})


def skipping(steps: float) -> Network:
    """A threshold that hears two ways, of which one takes longer than a spike can be delayed."""
    twice = wire("a", "b", Delay("wait", np.asarray(steps), (3,)), dense(3, 3, seed=1))
    net = network({"a": 3, "b": 3}, wire("i", "a"), wire("a", "b", dense(3, 3)), twice, inputs={"i": 3})
    rule = Adaptation(1.0, 0.25, 2.0, Listening.INPUT)
    return replace(net, populations=(net.populations[0], replace(net.populations[1], adaptation=rule)))


def scaled() -> Network:
    image = (2, 4, 4)
    return network(
        {"a": (3, 4, 4)}, wire("i", "a", scale(random_array(*image), image), conv(image, 3)), inputs={"i": image}
    )


def sharing() -> Network:
    kernel = wire("i", "a", conv((1, 4, 4), 2))
    return network({"a": (2, 4, 4)}, kernel, wire("j", "a", dense(32, 5)), inputs={"i": (1, 4, 4), "j": 5})


def layers() -> Network:
    first, second = replace(dense(5, 3), node="fc1"), replace(dense(2, 5), node="fc2")
    return network({"a": 2}, wire("i", "a", first, second), inputs={"i": 3})


def potentials() -> Network:
    onwards = wire("a", "b", dense(2, 4), signal=Signal.ANALOG)
    return network({"a": 4, "b": 2}, wire("i", "a", dense(4, 3)), onwards, inputs={"i": 3}, model={"a": "LI"})


def resetting() -> Neuron:
    return replace(neuron("LIF"), v_reset=np.array([0.0, 0.0, -0.5, 0.0]))  # type: ignore[arg-type]


def leaking(**fields: object) -> Network:
    return of(chain(inputs=4, model="IF", a=4), leak=ConstantLeak(np.asarray(0.1), reverses=True), **fields)


REFUSED: dict[str, Callable[[], object]] = {
    "FIT001": lambda: legalise(chain(model="Threshold", a=4), real("spinnaker2")),
    "FIT002": lambda: legalise(chain(lif=4), chip(neurons=9, leaks=False)),
    "FIT003": lambda: legalise(chain(a=4), chip(neurons=9, resets=("zero",)), reset=ResetMode.SUBTRACT),
    "FIT004": lambda: legalise(of(chain(a=4), neuron=resetting()), chip(neurons=9)),
    "FIT005": lambda: legalise(potentials(), chip(neurons=9)),
    "FIT006": lambda: legalise(layers(), chip(neurons=9)),
    "FIT007": lambda: legalise(quick(), real("loihi1")),
    "FIT008": lambda: legalise(skipping(5.0), adapting(), dt=1.0),
    "FIT009": lambda: mapped(delayed(), "loihi1", dt=1.0),
    "FIT010": lambda: legalise(chain(inputs=784, model="IF", fc=10), real("truenorth")),
    "FIT011": lambda: legalise(scaled(), chip(neurons=9)),
    "FIT012": lambda: legalise(sharing(), TYPED),
    "FIT015": lambda: mapped(chain(inputs=3, model="IF", a=200_000), "loihi1", chips=1),
    "FIT018": lambda: mapped(build("n", [], []), "loihi2"),
    "FIT019": lambda: quantised(of(chain(inputs=3, model="IF", a=4), neuron=negative()), real("loihi2"), 1.0),
    "FIT020": lambda: mapped(skipping(1.0), "loihi1", dt=1.0),
    "FIT031": lambda: mapped(chain(inputs=20, model="LI", a=8), "spinnaker1", outputs="host"),
    "FIT041": lambda: mapped(busy(), "spinnaker1", activity=1.0, inputs="host"),
    "FIT051": lambda: mapped(leaking(), "loihi1"),
    "FIT052": lambda: quantised(leaking(bias=np.ones(4)), real("truenorth"), 1.0),
    "FIT055": lambda: constrained(CLASHES["a pin and a cap"]),
}


def negative() -> Neuron:
    return IF(-np.ones(()), np.ones(()), np.zeros(()))


def busy() -> Network:
    many = Dense("fc", np.ones((1, 200_000), np.float32))
    return network({"a": 1}, wire("i", "a", many), inputs={"i": 200_000}, model="IF")


def constrained(given: Constraints) -> None:
    compile_network(named(chain(inputs=1, a=4, b=2)), TINY, Options(effort="none", constraints=given))


def raised(code: str) -> CapacityError:
    with pytest.raises(CapacityError) as caught:
        REFUSED[code]()
    assert caught.value.code == code
    return caught.value


def proofs() -> set[str]:
    """The codes of all proofs in the sources, by the calls of their class."""
    package = Path(neuedge_nir.__file__).parent
    calls = (
        node
        for text in (file.read_text() for file in package.rglob("*.py"))
        if "CapacityError(" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "CapacityError"
    )
    return {str(ast.literal_eval(call.args[0])) for call in calls}


def test_every_proof_is_tried_here() -> None:
    assert proofs() == REFUSED.keys()


@pytest.mark.parametrize("code", REFUSED)
def test_a_proof_names_the_node_what_binds_and_the_excess(code: str) -> None:
    error = raised(code)
    assert error.excess is not None
    assert error.excess > 0
    assert str(error.resource) in error.told
    assert f"{error.excess:,.15g}" in error.told
    named = NO_NODE.get(code, "node ")
    assert str(error.where).startswith(named)
    assert (code in NO_NODE) == ("no node" in " ".join(explanations()[code].split()))


NO_NODE = {"FIT018": "n", "FIT055": "[[pin]] 1 of 'a'"}
"""What is named where no node is to blame, and the explanation of the code says so."""


@pytest.mark.parametrize("which", CLASHES)
def test_constraints_that_clash_say_by_how_much(which: str) -> None:
    with pytest.raises(CapacityError) as caught:
        constrained(CLASHES[which])
    assert caught.value.excess is not None
    assert caught.value.excess >= 1
    assert f"; {caught.value.resource}: {caught.value.excess} too " in caught.value.told
