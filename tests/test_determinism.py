"""The same question has the same answer, byte for byte: in any process, on one processor or two, without numba too.

Where another package finds another answer, the plan names it among its tools.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.determinism_plans import FEW

Told = dict[str, tuple[str, list[str]]]


def confine(cpus: int) -> None:
    """Let this process, and what it becomes, have so many processors: libraries count them at their start."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])


def told(which: str, cpus: int, hash_seed: int, *hidden: str) -> Told:
    """What a process of its own finds: by plan its hash and its tools."""
    threads = {name: str(cpus) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.determinism_plans", which, *hidden],
        preexec_fn=partial(confine, cpus),
        env={**os.environ, **threads, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: (digest, tools) for name, (digest, tools) in json.loads(done.stdout).items()}


def assert_named(found: Told, without: Told, hidden: str) -> None:
    """A plan is the same without a package, or named it and does so no more."""
    for name, (digest, tools) in found.items():
        other, less = without[name]
        assert hidden not in less
        assert digest == other or hidden in tools, name


def test_neither_the_hash_seed_nor_processors_nor_numba_change_a_plan() -> None:
    first, bare = told("few", 1, 0), told("few", 2, 1, "numba")
    assert {*first} == {*FEW}
    assert_named(first, bare, "numba")


@pytest.mark.slow
def test_no_effort_and_no_missing_package_changes_a_plan_without_a_word() -> None:
    first, second = told("all", 1, 0), told("all", 2, 1)
    assert first == second
    for hidden in ("numba", "pymetis", "scipy"):
        assert_named(first, told("all", 1, 2, hidden), hidden)
