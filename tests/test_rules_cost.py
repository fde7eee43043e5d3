"""docs/rules_cost.md is what `benchmarks/rules.py --document` writes: the bundled model's column, and all of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from tests.worlds import REAL_CHIPS, real

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
DOCUMENT = ROOT / "docs" / "rules_cost.md"


@pytest.fixture(scope="module")
def rules() -> Iterator[ModuleType]:
    """The benchmark, which lies in no package."""
    spec = importlib.util.spec_from_file_location("rules_benchmark", ROOT / "benchmarks" / "rules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def column(chip: str, network: str) -> Mapping[str, str]:
    """What the document says of a network on a chip, by the rule that is taken away; empty cells are left out."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (section,) = [part for part in text.split("\n## ") if part.startswith(f"{real(chip).title}\n")]
    head, _, *rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    at = [cell.strip() for cell in head].index(network)
    found = {row[0].strip(): row[at].strip() for row in rows}
    return {"" if rule == "(all rules)" else rule: cell for rule, cell in found.items() if cell}


@pytest.mark.parametrize("chip", REAL_CHIPS)
def test_every_rule_can_be_taken_away_and_every_limit_is_one(rules: ModuleType, chip: str) -> None:
    found = rules.rules_of(real(chip))
    assert all(rule.without(real(chip)) != real(chip) for rule in found)
    assert len({rule.name for rule in found}) == len(found)
    for limit in real(chip).limits:
        (rule,) = [rule for rule in found if rule.name == f"`{limit.name}`"]
        assert [kept for kept in real(chip).limits if kept not in rule.without(real(chip)).limits] == [limit]


@pytest.mark.parametrize("chip", REAL_CHIPS)
@pytest.mark.parametrize(
    "name", ["digits", *(pytest.param(name, marks=pytest.mark.slow) for name in ("skip", "various"))]
)
def test_the_document_says_what_each_rule_costs_networks_that_are_at_hand(
    rules: ModuleType, name: str, chip: str
) -> None:
    (subject,) = [subject for subject in rules.SUBJECTS if subject.name == name]
    assert column(chip, name) == rules.changes(subject, subject.load(Path()), chip)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the files of other people's are not at hand")
def test_the_document_is_what_the_benchmark_writes(rules: ModuleType, tmp_path: Path) -> None:
    rules.main(["--shared", str(SHARED), "--document", str(tmp_path / "rules_cost.md")])
    assert (tmp_path / "rules_cost.md").read_bytes() == DOCUMENT.read_bytes()
