"""Published measurements beside our plans: every case is data, and docs/validation.md is what came of them.

The document is written by `neuedge-nir validate --document docs/validation.md`.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from neuedge_nir.api import chip_of
from neuedge_nir.plugin import TARGETS, names
from neuedge_nir.validation.compare import Compared, Result, is_inside, misses, result_of
from neuedge_nir.validation.document import document, section
from neuedge_nir.validation.load import cases, parse
from neuedge_nir.validation.model import Measured
from neuedge_nir.validation.networks import network_of
from neuedge_nir.validation.quantities import Found
from neuedge_nir.validation.tally import tally
from neuedge_nir.validation.words import span_of
from tests.conftest import Golden, Neuedge, Refused
from tests.test_lava_tables import TABLES

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
QUICK = ("V1", "V2", "V4", "V9", "V13", "T1", "T2", "T3", "T5", "T6", "T7")
"""Seconds in all."""
TOY = """schema = 1
id = "mine"
title = "Toy"
system = "Loihi 2"
published = "4-3"
source = "made up"
confidence = "assumed"
target = "loihi2"

[network]
input = [4]

[[network.layers]]
name = "output"
shape = [3]

[[activities]]
label = "half"
rate = 0.5

[[measured]]
quantity = "static_power"
value = 0.25
"""


@cache
def result(name: str) -> Result:
    return result_of(cases()[name])


def of(name: str, quantity: str) -> list[Compared]:
    return [each for each in result(name).compared if each.measured.quantity == quantity]


def test_all_21_measurements_are_there_with_source_and_confidence() -> None:
    found = [case for case in cases().values() if case.kind == "measurement"]
    assert [case.id for case in found] == [f"V{number}" for number in range(1, 22)]
    assert all(case.source and case.confidence for case in found)
    assert {case.id for case in found if case.network} >= {"V1", "V3", "V4", "V7", "V8", "V9", "V13", "V15"}
    assert all(case.missing for case in found if not case.network)


def test_one_in_five_is_held_out_and_no_chip_file_cites_it() -> None:
    measured = [case for case in cases().values() if case.kind == "measurement"]
    held = [case for case in measured if case.held_out]
    built = [case for case in measured if case.network]
    assert len(held) >= len(measured) / 5
    assert sum(case.held_out for case in built) >= len(built) / 5
    assert all(not each.taken for case in held for each in case.measured)
    texts = _chip_files()
    assert not [(case.id, word) for case in held for word in case.cites for text in texts if word in text]
    assert all(case.cites for case in held)


def _chip_files() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "targets").rglob("*.toml"))]


def test_our_number_is_taken_from_a_measurement_only_where_the_chip_has_it() -> None:
    chips = {name: chip_of(name) for name in names(TARGETS)}
    told = [each.taken for case in cases().values() for each in case.measured if each.taken]
    assert told
    assert all(any(name in text for name in chips) for text in told)


@pytest.mark.parametrize("name", QUICK)
def test_the_document_has_what_came_of_a_case(name: str) -> None:
    assert section(result(name)).strip() in (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_document_is_what_came_of_all_cases(golden: Golden) -> None:
    results = [result(name) for name in cases()]
    golden("validation.md", document(results), ROOT / "docs")
    lines = {line.title: line.inside / line.counted for line in tally(results)}
    assert lines["all that counts of the measurements"] >= 0.85
    assert lines["time, power and energy"] >= 0.85
    assert all(each.measured.cause for _, each in misses(results))


@pytest.mark.slow
def test_the_ten_rows_of_yolo_kp_come_out_in_synapses_neurons_and_cores() -> None:
    rows, columns = result("V3").rows, [column.name for column in cases()["V3"].table.columns]  # type: ignore[union-attr]
    assert len(rows) == 10
    for row in rows:
        assert row.slices == row.layer.cores
        for name in ("Synapses", "Neurons"):
            assert abs(row.printed[columns.index(name)] - row.ours[columns.index(name)]) <= 0.01
    assert result("V3").free_cores < 574


def test_with_intels_split_pilotnets_time_power_and_energy_are_inside_at_one_activity() -> None:
    assert (of("V1", "cores")[0].ours.typical, result("V1").free_cores < 74) == (74, True)
    assert result("V1").all_at
    for quantity in ("step_time", "sample_time", "power", "dynamic_power", "sample_dynamic", "sample_energy"):
        (one,) = of("V1", quantity)
        assert set(result("V1").all_at) <= set(one.inside_at)
        assert not one.counted


def test_the_three_points_of_truenorth_at_the_fitted_voltage_are_within_five_percent() -> None:
    fitted = [each for each in of("V9", "power") if each.measured.value in (0.068, 0.071, 0.094)]
    assert len(fitted) == 3
    assert all(abs(each.ratio - 1) < 0.05 and each.inside for each in fitted)


@pytest.mark.slow
def test_a_whole_truenorth_draws_what_its_part_times_as_many_does() -> None:
    case = cases()["V9"]
    assert case.network is not None
    (layer,) = case.network.layers
    larger = replace(layer, shape=(4 * layer.shape[0], *layer.shape[1:]))
    again = replace(
        case,
        network=replace(case.network, layers=(larger,)),
        mapping=replace(case.mapping, times=case.mapping.times // 4),
        activities=case.activities[:1],
        measured=case.measured[:1],
    )
    assert case.mapping.times * math.prod(layer.shape) == 4096 * 256
    assert result_of(again).compared[0].ours.typical == pytest.approx(of("V9", "power")[0].ours.typical)


@pytest.mark.slow
def test_the_chips_of_the_quarter_million_keep_the_law() -> None:
    assert all(each.inside for each in result("V15").compared)


@pytest.mark.slow
def test_the_energy_of_32_chips_is_inside() -> None:
    (one,) = of("V8", "sample_dynamic")
    assert one.inside
    assert result("V8").cores == {"patterns": 4096}


@pytest.mark.skipif(not (SHARED / "nir" / "pilotnet_lif.nir").is_file(), reason="the file of others is not at hand")
def test_the_real_pilotnet_costs_what_the_one_of_its_sizes_does() -> None:
    case = cases()["V1"]
    real = result_of(replace(case, mapping=replace(case.mapping, free=""), activities=case.activities[4:6]), SHARED)
    assert real.real
    assert real.cores == result("V1").cores
    for one, other in zip(real.compared, result("V1").compared, strict=True):
        for label, found in one.each.items():
            assert found == other.each[label]


def test_a_case_of_lavas_tables_is_that_of_the_tests() -> None:
    for name, table in (("V1", "pilotnet_snn"), ("V2", "pilotnet_sdnn"), ("V3", "yolo_kp"), ("T1", "mnist")):
        stated = cases()[name].network
        assert stated is not None
        for ours, theirs in zip(stated.layers, TABLES[table].layers, strict=True):
            printed = tuple(value for value in theirs.printed if value is not None)
            assert (ours.cores, ours.printed, ours.of) == (theirs.cores, printed, theirs.of)
            assert not theirs.bits or ours.bits == theirs.bits
            assert math.prod(ours.shape) == math.prod(theirs.shape)


@pytest.mark.parametrize(
    ("measured", "ours", "inside"),
    [
        (Measured("power", 1.0), Found(0.9, 1.0, 1.1, ""), True),
        (Measured("power", 1.0), Found(1.01, 1.05, 1.1, ""), False),
        (Measured("power", 1.0), Found(0.5, 0.9, 0.99, ""), False),
        (Measured("power", 1.0, within=0.05), Found(1.04, 1.04, 1.04, ""), True),
        (Measured("power", 1.0, within=0.05), Found(1.06, 1.06, 1.06, ""), False),
        (Measured("power", 1.0, below=True), Found(0.1, 0.9, 3.0, ""), True),
        (Measured("power", 1.0, below=True), Found(0.1, 1.1, 3.0, ""), False),
    ],
)
def test_inside_is_between_low_and_high(measured: Measured, ours: Found, inside: bool) -> None:
    assert is_inside(measured, ours) is inside


def test_what_was_measured_at_no_stated_activity_does_not_count() -> None:
    swept = TOY.replace('label = "half"\nrate = 0.5', 'label = "half"\nrate = 0.5\nstated = false')
    swept = swept.replace('"static_power"\nvalue = 0.25', '"step_time"\nvalue = 1e-6')
    (one,) = result_of(parse(swept.encode(), "toy.toml")).compared
    assert (one.counted, one.inside) == (False, None)
    stated = swept.replace("value = 1e-6", 'value = 1e-6\nat = ["half"]').replace("stated = false", "stated = true")
    (one,) = result_of(parse(stated.encode(), "toy.toml")).compared
    assert one.counted
    assert one.inside is not None


def test_a_sweep_is_told_from_its_first_to_its_last() -> None:
    assert span_of(("a", "b", "c"), ("a", "b", "c", "d")) == "a to c"
    assert span_of(("a", "c"), ("a", "b", "c", "d")) == "a, c"


def test_the_random_network_of_the_sweep_has_128_synapses_at_every_axon() -> None:
    case = cases()["V9"]
    assert case.network is not None
    net = network_of(case.network, "V9", leaky=False)
    weight = net.projections[0].chain[0].weight  # type: ignore[union-attr]
    assert weight.shape[-2:] == (128, 128)
    assert set(weight.ravel()[:99]) == {1.0}


def test_the_command_prints_text_and_json_and_takes_a_case_of_the_users_own(neuedge: Neuedge, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(TOY, encoding="utf-8")
    told = json.loads(neuedge("validate", "v21", mine, "--json").out)
    assert told["schema"] == "neuedge-nir/validation/1"
    assert [(case["id"], case["built"]) for case in told["cases"]] == [("V21", False), ("mine", True)]
    (one,) = told["cases"][1]["measured"]
    assert (one["inside"], one["counted"], one["ours"]["low"]) == (True, True, 0.232)
    text = neuedge("validate", "V21", mine).out
    assert "Not rebuildable" in text
    assert re.search(r"static power\s+250 mW\s+232 mW / 232 mW / 282 mW", text)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("schema = 1", "schema = 2"), "USE109"),
        (('title = "Toy"', 'titel = "Toy"'), "USE109"),
        (("shape = [3]", 'shape = "3"'), "USE109"),
        (('"static_power"', '"colour"'), "USE109"),
        (("value = 0.25", 'value = 0.25\nat = ["never"]'), "USE109"),
        (('target = "loihi2"', 'missing = "all"'), "USE109"),
        (('target = "loihi2"', ""), "USE109"),
        (('"static_power"', '"sample_time"'), "USE109"),
        (('"static_power"', '"load"'), "USE109"),
        (('"static_power"', '"reset_energy"'), "USE109"),
        (("shape = [3]", 'shape = [3]\nsources = ["x"]'), "USE109"),
        (("rate = 0.5", "rates = { x = 0.5 }"), "USE109"),
        (("value = 0.25", "value = 0"), "USE109"),
        (("rate = 0.5", "rate = 2.5"), "USE010"),
        (('target = "loihi2"', 'target = "loihi9"'), "USE002"),
        (("[network]", "[network"), "USE109"),
    ],
)
def test_a_file_that_is_no_case_is_refused(
    change: tuple[str, str], code: str, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(TOY.replace(*change), encoding="utf-8")
    assert refused("validate", "mine.toml") == (3 if code == "USE109" else 2, code)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("V99",), (2, "USE108")),
        (("gone.toml",), (3, "USE109")),
        (("V21", "--document", "out.md"), (2, "USE110")),
        (("V21", "--shared", "nowhere"), (2, "USE110")),
        (("--document", "nowhere/out.md"), (2, "USE006")),
    ],
)
def test_what_cannot_be_done_is_refused(words: tuple[str, ...], refusal: tuple[int, str], refused: Refused) -> None:
    assert refused("validate", *words) == refusal
