"""Every code in the source is explained, and nothing is explained that the source does not raise."""

from __future__ import annotations

import re
from pathlib import Path

from neuedge_nir.codes import explanations

ROOT = Path(__file__).parents[1]
CODE = re.compile(r'"((?:USE|PLUG|FILE|NIR|NET|DATA|PASS|CHIP|FIT|OUT|PLAN|WARN|TRAIN)\d{3})"')


def raised() -> set[str]:
    folders = ("neuedge_nir", "targets", "passes", "models")
    files = [f for folder in folders for f in sorted((ROOT / folder).rglob("*.py"))]
    return {code for f in files for code in CODE.findall(f.read_text(encoding="utf-8"))}


def test_every_code_is_explained_and_every_explanation_is_needed() -> None:
    assert raised() == set(explanations())


def test_an_explanation_says_what_it_means_in_sentences() -> None:
    assert all(text.endswith(".") and len(text) > 40 for text in explanations().values())
