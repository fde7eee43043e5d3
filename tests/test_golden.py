"""The reports of the bundled model on every chip, word for word. `pytest --update-golden` rewrites them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuedge_nir import __version__
from tests.conftest import CHIPS, Compiled, Golden, Neuedge


def steady(value: object) -> object:
    """A report without what may differ between machines: the last digits of a sum, and our version."""
    match value:
        case dict():
            return {key: steady(item) for key, item in value.items()}
        case list():
            return [steady(item) for item in value]
        case float():
            return float(f"{value:.9g}")
        case str():
            return value.replace(__version__, "VERSION")
    return value


@pytest.mark.parametrize("chip", CHIPS)
def test_the_json_of_digits_is_as_agreed(compiled: dict[str, Compiled], golden: Golden, chip: str) -> None:
    report = steady({key: value for key, value in compiled[chip].answer.json.items() if key != "figures"})
    golden(f"digits_{chip}.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")


@pytest.mark.parametrize("chip", CHIPS)
def test_the_report_of_digits_is_as_agreed(neuedge: Neuedge, digits: Path, golden: Golden, chip: str) -> None:
    answer = neuedge("compile", digits, "--target", chip)
    assert answer.status == 0
    lines = (answer.err + answer.out).replace(__version__, "VERSION").splitlines()
    golden(f"digits_{chip}.txt", "\n".join(line.rstrip() for line in lines).rstrip() + "\n")


def test_a_golden_file_keeps_what_a_machine_cannot_change() -> None:
    report = {"load": 0.1 + 0.2, "chips": 3, "name": f"neuedge-nir {__version__}", "none": None, "free": True}
    assert steady(report) == {"load": 0.3, "chips": 3, "name": "neuedge-nir VERSION", "none": None, "free": True}
