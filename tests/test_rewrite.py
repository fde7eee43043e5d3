"""Passes as the user names them: their options, pipelines in files, what is measured and written on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from neuedge_nir.errors import NeuedgeError
from neuedge_nir.frontend import read
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.connect import Dense
from neuedge_nir.network.model import Network, Projection, Signal
from neuedge_nir.network.valid import fault
from neuedge_nir.rewrite.call import PassCall, pipeline
from neuedge_nir.rewrite.door import Context, call_of, choices, configured, load_pass
from neuedge_nir.rewrite.manager import apply_passes
from tests.conftest import Neuedge, Refused
from tests.worlds import chain, conv, dense, network, pool, recurrent, wire


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(NeuedgeError) as caught:
        work()
    return caught.value.code


# --- options


def test_options_are_typed_by_their_fields() -> None:
    made = configured(PassCall.parse("quantise:bits=4,per=channel"))
    assert str(call_of("quantise", made)) == "quantise:bits=4,per=channel"
    assert str(call_of("quantise", configured(PassCall.parse("quantise:bits=8")))) == "quantise"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("quantise:bit=4", "USE014"),
        ("quantise:bits=four", "USE025"),
        ("quantise:bits=1", "USE025"),
        ("quantise:bits=4.5", "USE025"),
        ("quantise:per=row", "USE025"),
        ("quantise:bits", "USE008"),
        ("quantise:bits=4,bits=5", "USE008"),
        ("quantize", "USE003"),
        ("", "USE003"),
    ],
)
def test_what_a_pass_does_not_take_is_refused(text: str, code: str) -> None:
    assert code_of(lambda: configured(PassCall.parse(text))) == code


def test_none_is_a_value_where_the_type_has_it() -> None:
    made = configured(PassCall.parse("prune:synapses=none"))
    assert made == configured(PassCall.parse("prune"))
    assert choices(load_pass("prune"))[0].default == "none"
    assert code_of(lambda: configured(PassCall.parse("quantise:bits=none"))) == "USE025"
    word = "lower-adaptive:to=none,population=none"
    assert str(call_of("lower-adaptive", configured(PassCall.parse(word)))) == word


def test_an_option_that_is_none_by_choice_is_written_so() -> None:
    @dataclass(frozen=True)
    class Some:
        most: int | None = 3

    assert str(call_of("some", cast("Any", Some(None)))) == "some:most=none"


def test_options_are_shown_with_bounds_and_meaning(neuedge: Neuedge) -> None:
    bits, per = choices(load_pass("quantise"))
    assert (bits.name, bits.type, bits.default) == ("bits", "whole number >= 2, <= 24", "8")
    assert per.type == "channel | tensor"
    shown = neuedge("passes", "show", "quantise").out
    assert all(word in shown for word in ("approximate", bits.type, bits.meaning, per.meaning))
    assert [o["name"] for o in neuedge("passes", "show", "quantise", "--json").json["options"]] == ["bits", "per"]


# --- pipelines


def write(folder: Path, text: str) -> Path:
    path = folder / "pipes.toml"
    path.write_text(text)
    return path


def test_a_pipeline_is_the_passes_it_lists(tmp_path: Path) -> None:
    path = write(tmp_path, 'schema = 1\n[pipelines]\na = ["fold-scale", { pass = "quantise", bits = 4 }]\nb = []\n')
    assert pipeline(f"{path}:a") == (PassCall("fold-scale"), PassCall("quantise", (("bits", "4"),)))
    assert pipeline(f"{path}:b") == ()
    assert code_of(lambda: pipeline(f"{path}:c")) == "USE023"
    assert code_of(lambda: pipeline(str(path))) == "USE023"


@pytest.mark.parametrize("odd", ['"drop-dead"', "[3]", '["quantise:bits"]', '[{ pass = "quantise", bits = [3] }]'])
def test_a_malformed_pipeline_harms_no_other(tmp_path: Path, odd: str) -> None:
    path = write(tmp_path, f'schema = 1\n[pipelines]\nodd = {odd}\nsound = ["drop-dead"]\n')
    assert pipeline(f"{path}:sound") == (PassCall("drop-dead"),)
    assert code_of(lambda: pipeline(f"{path}:odd")) in ("USE024", "USE008")


def test_the_only_pipeline_needs_no_name(tmp_path: Path) -> None:
    assert pipeline(str(write(tmp_path, 'schema = 1\n[pipelines]\na = ["drop-dead"]\n'))) == (PassCall("drop-dead"),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "schema = 1",
        "schema = 2\n[pipelines]\na = []",
        "schema = 1\n[pipelines]",
        'schema = 1\n[pipelines]\na = "drop-dead"',
        "schema = 1\n[pipelines]\na = [3]",
        "schema = 1\n[pipelines]\na = [{ bits = 3 }]",
        'schema = 1\n[pipelines]\na = [{ pass = "quantise", bits = [3] }]',
        "schema = 1\n[pipelines]\na = [",
        "x = " + "[" * 100_000,
        "#" * (1 << 20) + "\n",
    ],
)
def test_a_file_that_lists_no_pipelines_is_refused(tmp_path: Path, text: str) -> None:
    assert code_of(lambda: pipeline(str(write(tmp_path, text)))) == "USE024"


def test_a_file_of_pipelines_that_is_not_there_is_refused(refused: Refused, digits: Path) -> None:
    assert refused("convert", digits, "out.nir", "--pipeline", "none.toml") == (3, "USE024")


# --- what passes do


def samples(net: Network, count: int = 4, steps: int = 8) -> Samples:
    rng = np.random.default_rng(3)
    inputs = {port.name: rng.random((count, steps, *port.shape)) < 0.5 for port in net.inputs}
    return Samples(inputs, np.zeros(count, np.int64))


def test_the_effect_is_measured_beside_the_network_before_all_passes(digits: Path) -> None:
    net = read(digits)
    data = samples(net)
    calls = [PassCall.parse("drop-dead"), PassCall.parse("quantise:bits=3"), PassCall.parse("quantise:bits=2")]
    nothing, some, most = apply_passes(net, calls, Context(samples=data), measured=True)
    assert (nothing.changed, nothing.effect, nothing.network is net) == (False, None, True)
    assert some.effect is not None
    assert most.effect is not None
    assert some.effect.spikes_before == most.effect.spikes_before
    assert 0 <= most.effect.agreement <= 1
    assert (nothing.exact, some.exact) == (True, False)
    assert most.effect.accuracy is not None


def test_networks_between_passes_are_written(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    between, out = tmp_path / "between.nir", tmp_path / "out.nir"
    words = ["--pass", "quantise:bits=6", "--pass", "quantise:bits=2,per=channel", "--pass", "drop-dead"]
    answer = neuedge("convert", digits, out, *words, "--emit-after", "quantise", between)
    assert answer.status == 0
    lines = [line for line in answer.err.splitlines() if line.startswith("pass ")]
    assert lines[0] == "pass quantise:bits=6 (approximate): done"
    assert lines[2] == "pass drop-dead (exact): nothing to do"
    levels = [len(np.unique(_first_weights(read(path)))) for path in (between, out)]
    assert levels[0] == levels[1]


def _first_weights(net: Network) -> np.ndarray:
    layer = net.projections[0].chain[-1]
    assert isinstance(layer, Dense)
    return np.asarray(layer.weight)


def test_a_plan_names_its_passes_and_is_verified_with_them(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    words = ("compile", digits, "--target", "loihi2", "-o", plan, "--pass", "quantise:bits=4", "--json")
    assert neuedge(*words).json["passes"][0]["pass"] == "quantise:bits=4"
    assert neuedge("verify", plan, "--model", digits).status == 0


def test_a_network_can_only_be_emitted_after_a_pass_that_is_run(refused: Refused, digits: Path) -> None:
    assert refused("convert", digits, "out.nir", "--emit-after", "quantise", "x.nir") == (2, "USE027")
    words = ("convert", digits, "out.nir", "--pass", "drop-dead", "--emit-after", "drop-dead", "missing/x.nir")
    assert refused(*words) == (2, "USE006")


# --- what makes sense


def test_sound_networks_have_no_fault() -> None:
    image = (2, 4, 4)
    wires = wire("i", "a", conv(image, 3)), wire("a", "b", dense(5, 48))
    deep = network({"a": (3, 4, 4), "b": 5}, *wires, inputs={"i": image})
    for net in (chain(inputs=3, a=2), recurrent(), deep):
        assert fault(net) is None


def _with(net: Network, **changes: object) -> Network:
    first, *others = net.projections
    return replace(net, projections=(replace(first, **changes), *others))  # type: ignore[arg-type]


BROKEN: dict[str, Callable[[Network], Network]] = {
    "a population twice": lambda net: replace(net, populations=net.populations * 2),
    "a projection twice": lambda net: replace(net, projections=net.projections * 2),
    "a shape of 0": lambda net: replace(net, populations=(replace(net.populations[0], shape=(0,)),)),
    "no source": lambda net: _with(net, source="x"),
    "no target": lambda net: _with(net, target="x"),
    "another source shape": lambda net: _with(net, source_shape=(7,)),
    "a negative delay": lambda net: _with(net, steps=-1),
    "spiking neurons that send potentials": lambda net: replace(
        net, projections=tuple(replace(p, signal=Signal.ANALOG) for p in net.projections)
    ),
    "a layer that does not fit": lambda net: _with(net, chain=(dense(2, 9),)),
    "NaN in a layer": lambda net: _with(net, chain=(Dense("w", np.full((2, 3), np.nan)),)),
    "a negative timestep": lambda net: replace(net, dt=-1.0),
    "a bias that does not fit": lambda net: replace(net, populations=(replace(net.populations[0], bias=np.ones(7)),)),
    "NaN in a bias": lambda net: replace(net, populations=(replace(net.populations[0], bias=np.full(2, np.nan)),)),
    "a circle without time": lambda net: replace(
        net, projections=(*net.projections, Projection("loop", "a", "a", (2,), (2,)))
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_network_is_told(kind: str) -> None:
    net = chain(inputs=3, a=2, b=2)
    assert fault(net) is None
    assert fault(BROKEN[kind](net)) is not None


def test_operators_whose_shapes_are_made_up_are_told() -> None:
    image = (2, 4, 4)
    for operator in (conv(image, 3), pool(image)):
        wrong = replace(operator, output_shape=(operator.output_shape[0], 9, 9))
        net = network({"a": wrong.output_shape}, wire("i", "a", wrong), inputs={"i": image})
        assert fault(net) is not None
