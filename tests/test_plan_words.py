"""What a plan says of how it was made, and its file from Python."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

import neuedge_nir
from neuedge_nir.errors import InputError, NeuedgeError, UsageError, VerificationError
from neuedge_nir.network.build import all_to_all, build, join, lif, source
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options
from neuedge_nir.plan import store
from neuedge_nir.plan.model import Plan
from tests.test_verify import changed


@cache
def made(chip: str = "loihi2") -> tuple[Plan, Network]:
    a, i = lif("a", 30), source("i", 10)
    network = build("net", [a], [join(i, a, all_to_all(0.5))], [i], dt=1.0)
    return neuedge_nir.compile(network, chip, Options(effort="quick")), network


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("options", "effort"), "best", "PLAN261"),
        (("options", "objective"), "", "PLAN261"),
        (("options", "recurrence"), "somehow", "PLAN261"),
        (("options", "splitters"), "some", "PLAN261"),
        (("options", "seed"), -1, "PLAN262"),
        (("options", "seed"), 1 << 31, "PLAN262"),
        (("options", "dt"), 2.0, "PLAN263"),
        (("options", "dt"), None, "PLAN263"),
        (("options", "dt"), -1.0, "PLAN004"),
        (("options", "reset"), "", "PLAN004"),
        (("stopped_by",), "fatigue", "PLAN250"),
        (("tool",), {"neuedge-nir": "1", "numpy": "2", "ortools": "9"}, "PLAN264"),
        (("tool", "numpy"), "", "PLAN264"),
        (("mapping", "utilisation", "why"), {"wonders": "never"}, "PLAN127"),
    ],
)
def test_a_word_that_no_compilation_writes_is_refused(path: tuple[str, ...], value: Any, code: str) -> None:
    plan, network = made()
    with pytest.raises(VerificationError) as refused:
        neuedge_nir.verify(changed(plan, path, lambda _: value), network)
    assert refused.value.code == code


def test_a_remark_says_something() -> None:
    plan, network = made()
    silent = neuedge_nir.Diagnostic("", neuedge_nir.Severity.INFO, None, "word")
    with pytest.raises(VerificationError) as refused:
        neuedge_nir.verify(replace(plan, diagnostics=(*plan.diagnostics, silent)), network)
    assert refused.value.code == "PLAN265"


def test_keys_have_the_bits_that_they_need_and_no_more() -> None:
    plan, network = made("spinnaker1")
    assert plan.keys is not None
    for more in (-1, 1, 20):
        wider = replace(plan, keys=replace(plan.keys, low_bits=plan.keys.low_bits + more))
        with pytest.raises(VerificationError) as refused:
            neuedge_nir.verify(wider, network)
        assert refused.value.code == "PLAN180"


def test_a_count_beyond_any_register_is_refused_by_code_without_the_model_too() -> None:
    plan, _ = made("spinnaker1")
    wrong = changed(plan, ("routes", 0, "targets"), lambda targets: ((targets[0][0], 10**20), *targets[1:]))
    with pytest.raises(VerificationError) as refused:
        neuedge_nir.verify(wrong)
    assert refused.value.code == "PLAN119"


def test_a_timestep_that_was_asked_for_instead_of_the_networks_is_remarked_on() -> None:
    network = made()[1]
    plan = neuedge_nir.compile(network, "loihi2", Options(effort="quick", dt=0.5))
    assert [remark.code for remark in plan.diagnostics].count("NET062") == 1
    neuedge_nir.verify(plan, network)
    assert "NET062" not in {remark.code for remark in made()[0].diagnostics}


def test_a_plan_is_saved_and_loaded(tmp_path: Path) -> None:
    plan, network = made()
    file = tmp_path / "plan.json"
    neuedge_nir.save_plan(plan, file)
    assert file.read_bytes() == store.encode(plan)
    assert neuedge_nir.verify(neuedge_nir.load_plan(str(file)), network) == plan


def test_a_plan_that_breaks_a_rule_is_not_saved_and_the_old_file_stays(tmp_path: Path) -> None:
    plan, file = made()[0], tmp_path / "plan.json"
    file.write_bytes(b"old")
    with pytest.raises(VerificationError):
        neuedge_nir.save_plan(replace(plan, cores=()), file)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_what_is_no_plan_or_no_file_is_refused(tmp_path: Path) -> None:
    plan = made()[0]
    for given in (None, 3, made()[1]):
        wrong: Any = given
        for call in (neuedge_nir.load_plan, neuedge_nir.verify, lambda it: neuedge_nir.save_plan(it, tmp_path / "p")):
            with pytest.raises(UsageError) as refused:
                call(wrong)
            assert refused.value.code == "USE034"
    with pytest.raises(UsageError) as refused:
        neuedge_nir.save_plan(plan, tmp_path / "none" / "plan.json")
    assert refused.value.code == "USE006"
    with pytest.raises(InputError) as unread:
        neuedge_nir.load_plan(tmp_path / "plan.json")
    assert unread.value.code == "PLAN001"


OTHERS: tuple[Any, ...] = (None, True, -1, 1.5, 10**20, "", "x", [], {}, [[1, 2]], {"a": 1})


@pytest.mark.parametrize("chip", ["loihi2", "spinnaker1"])
def test_a_leaf_of_another_type_is_refused_by_code_or_means_no_harm(chip: str) -> None:
    """Every 23rd exchange of all there are: nothing but an error with a code, whatever stands in the file."""
    plan, network = made(chip)
    document = msgspec.json.decode(store.encode(plan))
    for number, (at, other) in enumerate((at, other) for at in _leaves(document) for other in OTHERS):
        if number % 23 == 0 and at[0] != "chip":
            content = msgspec.json.encode(_with(document, at, other), order="sorted") + b"\n"
            try:
                neuedge_nir.verify(store.decode(content, "plan.json"), network)
            except NeuedgeError as error:
                assert error.code


def _leaves(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return ([at] if at else []) + [leaf for key, value in inner for leaf in _leaves(value, (*at, key))]


def _with(document: Any, at: tuple[Any, ...], other: Any) -> Any:
    if not at:
        return other
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[at[0]] = _with(document[at[0]], at[1:], other)
    return copy
