"""Chip files: what is refused, under which key and line; and a chip through JSON and back."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from neuedge_nir.chip.arithmetic import KINDS
from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.load import MAX_BYTES, from_dict, lint, load, parse, to_dict
from neuedge_nir.chip.model import Confidence, LimitKind
from neuedge_nir.chip.rules import NEURON_MODELS, RESET_MODES
from neuedge_nir.emulation.quantise import ARITHMETICS
from neuedge_nir.errors import InputError
from neuedge_nir.network.model import Neuron, ResetMode

TINY = """\
schema = 1
name = "tiny"
title = "Tiny chip"
limits_complete = true

[sources]
DATASHEET = "Tiny Ltd, data sheet 1.2, table 3"

[topology]
mesh = "mesh"
routing = "xy"
columns = { value = 2, unit = "routers", source = "DATASHEET", confidence = "A1" }
rows = { value = 2, unit = "routers", source = "DATASHEET", confidence = "A1" }
cores_per_router = { value = 1, unit = "cores", source = "DATASHEET", confidence = "A1" }
cores_per_chip = { value = 4, unit = "cores", source = "DATASHEET", confidence = "A1" }

[[topology.systems]]
name = "board"
chips = 3
columns = 2
rows = 2
wraps = false
row_spans = [[0, 1], [0, 0]]
source = "DATASHEET"
confidence = "A1"

[[limits]]
name = "neurons"
kind = "budget"
scope = "core"
formula = "neurons"
limit = { value = 64, unit = "neurons", source = "DATASHEET", confidence = "A1" }

[[limits]]
name = "memory"
kind = "budget"
scope = "core"
formula = "row_table_bytes"

[limits.limit]
value = 4096
unit = "B"
source = "DATASHEET"
confidence = "A1"

[limits.parameters]
word_bytes = { value = 4, unit = "B", source = "DATASHEET", confidence = "A1" }
row_header_words = { value = 0, unit = "words", source = "DATASHEET", confidence = "A1" }

[capabilities]
neuron_models = ["IF", "LIF"]
reset_modes = ["zero"]
exponential_leak = true
weights = "fixed"
weight_bits.value = 8
weight_bits.unit = "bit"
weight_bits.source = "our own reading"
weight_bits.confidence = "assumed"

[capabilities.sources]
weights = "DATASHEET"

[costs]
[[costs.profiles]]
name = "data sheet"
hop_j = { low = 1e-12, typical = 2e-12, high = 3e-12, unit = "J", source = "DATASHEET", confidence = "A1", note = "?" }
"""


def corrupted(old: str, new: str) -> str:
    assert TINY.count(old) >= 1, old
    return TINY.replace(old, new, 1)


def line_of(text: str, mark: str) -> int:
    return text[: text.index(mark)].count("\n") + 1


def test_a_chip_file_becomes_a_chip() -> None:
    chip = parse(TINY.encode(), "tiny.toml")
    memory = chip.limit("memory")
    assert memory is not None
    assert memory.kind is LimitKind.BUDGET
    assert memory.limit.count == 4096
    assert memory.parameters["word_bytes"].count == 4
    assert chip.topology.systems[0].row_spans == ((0, 1), (0, 0))
    assert chip.capabilities.weight_bits.confidence is Confidence.ASSUMED
    assert chip.sha256 == hashlib.sha256(TINY.encode()).hexdigest()


def test_a_source_key_is_spelled_out_and_free_text_stays() -> None:
    chip = parse(TINY.encode(), "tiny.toml")
    assert chip.topology.columns.source == "Tiny Ltd, data sheet 1.2, table 3"
    assert chip.topology.systems[0].source == "Tiny Ltd, data sheet 1.2, table 3"
    assert chip.capabilities.sources == {"weights": "Tiny Ltd, data sheet 1.2, table 3"}
    assert chip.capabilities.weight_bits.source == "our own reading"


def test_an_estimate_is_a_range_and_a_value_is_none() -> None:
    chip = parse(TINY.encode(), "tiny.toml")
    hop = chip.costs.profiles[0].hop_j
    assert hop is not None
    assert (hop.low, hop.typical, hop.high) == (1e-12, 2e-12, 3e-12)
    assert chip.topology.rows.low == chip.topology.rows.high == 2


def test_a_chip_survives_json() -> None:
    chip = parse(TINY.encode(), "tiny.toml")
    assert from_dict(json.loads(json.dumps(to_dict(chip)))) == chip


# What is broken, the code, the key, and the text that stands on the line to be named.
CORRUPTIONS = [
    (
        '64, unit = "neurons", source = "DATASHEET"',
        '64, unit = "neurons"',
        "CHIP006",
        "limits[neurons].limit.source",
        "64",
    ),
    ('value = 2, unit = "routers", ', "value = 2, ", "CHIP006", "topology.columns.unit", "columns ="),
    (
        'source = "DATASHEET"\nconfidence = "A1"\n\n[limits.p',
        'source = "DATASHEET"\n\n[limits.p',
        "CHIP006",
        "limits[memory].limit.confidence",
        "[limits.limit]",
    ),
    ('title = "Tiny chip"\n', "", "CHIP006", "title", "schema"),
    (
        'limit = { value = 64, unit = "neurons", source = "DATASHEET", confidence = "A1" }\n',
        "",
        "CHIP006",
        "limits[neurons].limit",
        "[[limits]]",
    ),
    ("word_bytes = {", "word_bits = {", "CHIP006", "limits[memory].parameters.word_bytes", "[limits.parameters]"),
    ("exponential_leak", "exponental_leak", "CHIP007", "capabilities.exponental_leak", "exponental_leak"),
    ('weights = "DATASHEET"', 'wieghts = "DATASHEET"', "CHIP007", "capabilities.sources.wieghts", "wieghts"),
    ('note = "?"', 'nota = "?"', "CHIP007", "costs.profiles[data sheet].hop_j.nota", "hop_j"),
    ("schema = 1\n", f'schema = 1\nsha256 = "{"0" * 64}"\n', "CHIP007", "sha256", "sha256"),
    ("value = 4096", 'value = "4096"', "CHIP008", "limits[memory].limit.value", '"4096"'),
    ("columns = 2\n", "columns = 2.5\n", "CHIP008", "topology.systems[board].columns", "2.5"),
    ("wraps = false", "wraps = 0", "CHIP008", "topology.systems[board].wraps", "wraps"),
    ("rows = { value = 2", "rows = 2 #", "CHIP008", "topology.rows", "rows = 2"),
    ("[0, 0]]", "[0]]", "CHIP008", "topology.systems[board].row_spans[2]", "row_spans"),
    ('name = "tiny"', 'name = " "', "CHIP008", "name", "name"),
    ('"Tiny chip"', '"Tiny \\u001b[31mchip"', "CHIP008", "title", "title"),
    ('formula = "neurons"', 'formula = "neuron"', "CHIP009", "limits[neurons].formula", 'formula = "neuron"'),
    ('mesh = "mesh"', 'mesh = "ring"', "CHIP009", "topology.mesh", "ring"),
    ('["IF", "LIF"]', '["IF",\n "LIFF"]', "CHIP009", "capabilities.neuron_models[2]", "LIFF"),
    ('confidence = "assumed"', 'confidence = "X"', "CHIP009", "capabilities.weight_bits.confidence", '"X"'),
    (
        '"words", source = "DATASHEET"',
        '"words", source = "DATASHET"',
        "CHIP009",
        "limits[memory].parameters.row_header_words.source",
        "DATASHET",
    ),
    ("value = 64", "value = 0", "CHIP010", "limits[neurons].limit", "value = 0,"),
    ("value = 64", "value = 64.5", "CHIP010", "limits[neurons].limit", "value = 64.5,"),
    ("value = 64", "value = 1e21", "CHIP010", "limits[neurons].limit", "value = 1e21,"),
    ("bits.value = 8", "bits.value = 1", "CHIP010", "capabilities.weight_bits", "bits.value = 1"),
    ("rows = { value = 2", "rows = { value = 9e9", "CHIP010", "topology.rows", "rows = { value = 9e9"),
    ('name = "tiny"', 'name = "a,b"', "CHIP010", "name", "a,b"),
    ('name = "tiny"', 'name = "a/b"', "CHIP010", "name", "a/b"),
    ("value = 4096", "value = nan", "CHIP010", "limits[memory].limit.value", "nan"),
    ("low = 1e-12", "low = 5e-12", "CHIP010", "costs.profiles[data sheet].hop_j", "hop_j"),
    ("bits.value = 8", "bits.value = 7.5", "CHIP010", "capabilities.weight_bits", "7.5"),
    ('value = 4, unit = "B"', 'value = -4, unit = "B"', "CHIP010", "limits[memory].parameters.word_bytes.value", "-4"),
    ('unit = "J"', 'unit = "pJ"', "CHIP011", "costs.profiles[data sheet].hop_j.unit", "pJ"),
    ('unit = "B"\n', 'unit = "KiB"\n', "CHIP011", "limits[memory].limit.unit", "KiB"),
    (
        'name = "memory"',
        'name = "neurons"',
        "CHIP012",
        "limits[neurons].name",
        'name = "neurons"\nkind = "budget"\nscope = "core"\nformula = "row',
    ),
    ("chips = 3", "chips = 4", "CHIP012", "topology.systems[board].row_spans", "row_spans"),
    (
        "cores_per_chip = { value = 4",
        "cores_per_chip = { value = 5",
        "CHIP012",
        "topology.cores_per_chip",
        "cores_per_chip",
    ),
    ("limits_complete = true", "limits_complete = false", "CHIP012", "limits_complete", "limits_complete"),
    (
        "[capabilities]\n",
        '[[not_checked]]\nname = "heat"\nwhy = "not published"\nsource = "DATASHEET"\n\n[capabilities]\n',
        "CHIP012",
        "limits_complete",
        "limits_complete",
    ),
]


@pytest.mark.parametrize(("old", "new", "code", "key", "mark"), CORRUPTIONS)
def test_a_fault_is_named_with_its_key_and_line(old: str, new: str, code: str, key: str, mark: str) -> None:
    text = corrupted(old, new)
    found = {(finding.code, finding.key, finding.line) for finding in lint(text.encode(), "tiny.toml")}
    assert (code, key, line_of(text, mark)) in found


@pytest.mark.parametrize(("old", "new"), [row[:2] for row in CORRUPTIONS])
def test_parse_raises_the_first_fault_that_lint_finds(old: str, new: str) -> None:
    content = corrupted(old, new).encode()
    first = lint(content, "tiny.toml")[0]
    with pytest.raises(InputError) as caught:
        parse(content, "tiny.toml")
    assert (caught.value.code, caught.value.message) == (first.code, first.message)
    assert caught.value.where == f"tiny.toml line {first.line}"


def test_all_faults_are_found_in_the_order_of_their_lines() -> None:
    text = (
        corrupted('title = "Tiny chip"', 'titel = "Tiny chip"')
        .replace("value = 64", "value = 0")
        .replace('"J"', '"pJ"')
    )
    found = lint(text.encode(), "tiny.toml")
    assert [finding.code for finding in found] == ["CHIP007", "CHIP010", "CHIP011"]
    assert [finding.line for finding in found] == sorted(finding.line or 0 for finding in found)


def test_a_misspelt_key_is_one_fault_with_a_suggestion() -> None:
    (finding,) = lint(corrupted("wraps", "warps").encode(), "tiny.toml")
    assert finding.hint == "did you mean 'wraps'?"


def test_a_misspelt_formula_has_a_suggestion() -> None:
    (finding,) = lint(corrupted('"row_table_bytes"', '"row_table_byte"').encode(), "tiny.toml")
    assert finding.hint == "did you mean 'row_table_bytes'?"


def test_axon_types_need_their_number() -> None:
    (finding,) = lint(corrupted('weights = "fixed"', 'weights = "axon-types"').encode(), "tiny.toml")
    assert (finding.code, finding.key) == ("CHIP006", "capabilities.axon_types")


ARITHMETIC = """
[arithmetic]
kind = "accum"
source = "DATASHEET"
confidence = "A1"

[arithmetic.parameters]
state_bits = { value = 32, unit = "bit", source = "DATASHEET", confidence = "A1" }
fraction_bits = { value = 15, unit = "bit", source = "DATASHEET", confidence = "A1" }
input_bits = { value = 16, unit = "bit", source = "DATASHEET", confidence = "A1" }
decay_bits = { value = 32, unit = "bit", source = "DATASHEET", confidence = "A1" }
"""


def test_an_arithmetic_is_read_and_survives_json() -> None:
    chip = parse((TINY + ARITHMETIC).encode(), "tiny.toml")
    assert chip.arithmetic is not None
    assert chip.arithmetic.kind == "accum"
    assert chip.arithmetic.source == "Tiny Ltd, data sheet 1.2, table 3"
    assert chip.arithmetic.parameters["fraction_bits"].count == 15
    assert from_dict(json.loads(json.dumps(to_dict(chip)))) == chip
    assert parse(TINY.encode(), "tiny.toml").arithmetic is None


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ('"accum"', '"acum"', "CHIP009", "arithmetic.kind"),
        ('"accum"', '"loihi"', "CHIP012", "arithmetic.kind"),
        ('"accum"', "3", "CHIP008", "arithmetic.kind"),
        ("input_bits", "imput_bits", "CHIP006", "arithmetic.parameters.input_bits"),
        ("input_bits", "imput_bits", "CHIP007", "arithmetic.parameters.imput_bits"),
        ("value = 32", "value = 33", "CHIP010", "arithmetic.parameters.state_bits"),
        ("value = 15", "value = 0", "CHIP010", "arithmetic.parameters.fraction_bits"),
        ("value = 15", "value = 1.5", "CHIP010", "arithmetic.parameters.fraction_bits"),
        ('confidence = "A1"\n\n[arith', "\n[arith", "CHIP006", "arithmetic.confidence"),
    ],
)
def test_a_fault_of_an_arithmetic_is_named(old: str, new: str, code: str, key: str) -> None:
    assert old in ARITHMETIC
    found = lint((TINY + ARITHMETIC.replace(old, new, 1)).encode(), "tiny.toml")
    assert (code, key) in {(finding.code, finding.key) for finding in found}
    assert all(finding.line for finding in found)


def test_every_arithmetic_is_computed() -> None:
    assert ARITHMETICS.keys() == KINDS.keys()


def test_a_chip_without_limits_is_refused() -> None:
    text = TINY[: TINY.index("[[limits]]")] + TINY[TINY.index("[capabilities]") :]
    (finding,) = lint(text.encode(), "tiny.toml")
    assert (finding.code, finding.key) == ("CHIP006", "limits")


def test_another_schema_is_refused_alone() -> None:
    (finding,) = lint(b'schema = 2\nname = "later"\n', "tiny.toml")
    assert (finding.code, finding.key, finding.line) == ("CHIP005", "schema", 1)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"schema = 1\nname = \n", 2),
        (b'schema = 1\nname = "open', 2),
        (b"a" + b".a" * 99 + b" = 1\n", 1),
        (b"a = " + b"[" * 99_999, None),
        (b"a = " + b"9" * 9_999, None),
    ],
)
def test_what_is_no_toml_is_refused(content: bytes, line: int | None) -> None:
    (finding,) = lint(content, "tiny.toml")
    assert (finding.code, finding.line) == ("CHIP001", line)


def test_text_that_is_not_utf8_is_refused_with_its_line() -> None:
    (finding,) = lint(b'schema = 1\nname = "caf\xe9"\n', "tiny.toml")
    assert (finding.code, finding.line) == ("CHIP003", 2)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    content = b"\xef\xbb\xbf" + TINY.replace("\n", "\r\n").encode()
    assert parse(content, "tiny.toml").topology == parse(TINY.encode(), "tiny.toml").topology


def test_load_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    assert load(path) == parse(TINY.encode(), "tiny.toml")


@pytest.mark.parametrize("name", ["missing.toml", ".", "nul\0.toml"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        load(f"{tmp_path}/{name}")
    assert caught.value.code == "CHIP002"


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.code == "CHIP004"
    assert [finding.code for finding in lint(path.read_bytes(), "huge.toml")] == ["CHIP004"]


@pytest.mark.parametrize(
    ("spoil", "code", "key"),
    [
        (lambda data: data.pop("sha256"), "CHIP006", "sha256"),
        (lambda data: data.update(schema=7), "CHIP005", "schema"),
        (lambda data: data["limits"][0]["limit"].update(value=None), "CHIP008", "limits[neurons].limit.value"),
        (lambda data: data["topology"].update(rows=[]), "CHIP008", "topology.rows"),
    ],
)
def test_a_spoilt_chip_of_a_plan_is_refused(spoil, code: str, key: str) -> None:  # type: ignore[no-untyped-def]
    data = to_dict(parse(TINY.encode(), "tiny.toml"))
    spoil(data)
    with pytest.raises(InputError, match="the chip of a plan") as caught:
        from_dict(data)
    assert caught.value.code == code
    assert caught.value.message.startswith(key)


def test_what_is_no_table_is_no_chip() -> None:
    with pytest.raises(InputError, match="must be a table"):
        from_dict(["not", "a", "chip"])


def test_a_chip_speaks_of_the_neurons_that_a_network_has() -> None:
    assert {model.__name__ for model in get_args(Neuron)} == set(NEURON_MODELS)
    assert {mode.value for mode in ResetMode} == set(RESET_MODES)


def test_every_formula_explains_itself() -> None:
    assert len(FORMULAS) == 25
    for name, formula in FORMULAS.items():
        assert formula.name == name
        assert formula.meaning.endswith(".")
        assert all(parameter in formula.meaning for parameter in formula.parameters)


def test_loading_chips_is_light() -> None:
    code = "import sys, neuedge_nir.chip.load; sys.exit('numpy' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": ":".join(sys.path)}).returncode
        == 0
    )
