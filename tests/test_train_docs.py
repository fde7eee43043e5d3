"""What docs/train.md shows runs, with sinabs and with snnTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from neuedge_nir.plan.model import Plan
from tests.test_docs_examples import blocks


def test_the_examples_of_training_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    held: dict[str, Any] = {}
    shown = [block.text for block in blocks("train.md") if block.language == "python"]
    assert ["snntorch" in text for text in shown] == [False, False, True]
    for text in shown:
        torch.manual_seed(0)
        exec(compile(text, "docs/train.md", "exec"), held)
    assert isinstance(held["plan"], Plan)
    assert held["smaller"] is not held["network"]
