"""How long files take to read, here and with nir.read, and what becomes of them.

Without arguments: a chain of 4,000 neurons, 5,000,000 neurons behind convolutions, and 10,000 x 10,000 random weights,
made on the spot as nir.write stores them. Each reader has a process of its own and is warm: imports are over and a
first file was read. Prints seconds, the ratio, and for refused files the code. Nothing is asserted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

PATIENCE = 120
"""Seconds after which a reader is given up."""

OURS = """
import json, sys, time
from neuedge_nir.errors import InputError
from neuedge_nir.frontend import read
read(sys.argv[1])
start = time.perf_counter()
try:
    network = read(sys.argv[2])
    found = ", ".join(sorted({d.code for d in network.diagnostics})) or "nothing to say"
    said = f"{network.neurons:,} neurons; {found}"
except InputError as error:
    said = error.code
print(json.dumps([time.perf_counter() - start, said]))
"""
THEIRS = """
import json, sys, time
import nir
nir.read(sys.argv[1])
start = time.perf_counter()
try:
    said = f"{len(nir.read(sys.argv[2]).nodes)} nodes"
except Exception as error:
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:60]}"
print(json.dumps([time.perf_counter() - start, said]))
"""


def measured(code: str, first: Path, path: Path) -> tuple[float, str]:
    """Seconds of a warm read, and what came of it."""
    words = [sys.executable, "-c", code, str(first), str(path)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return float(PATIENCE), "no answer"
    if done.returncode:
        return float("nan"), f"died with {done.returncode}"
    seconds, said = json.loads(done.stdout.splitlines()[-1])
    return seconds, said


def chain(length: int) -> dict[str, object]:
    """A chain of single neurons."""
    import nir

    one = np.ones(1, np.float32)
    neuron = {"tau": one, "r": one, "v_leak": 0 * one, "v_threshold": one, "v_reset": 0 * one}
    nodes = {f"n{index}": nir.LIF(**neuron) for index in range(length)}
    return {"in": nir.Input({"input": np.array([1])}), **nodes, "out": nir.Output({"output": np.array([1])})}


def convolutions(layers: int, side: int) -> dict[str, object]:
    """Convolutions of 16 channels, a neuron for every pixel."""
    import nir

    random, shape = np.random.default_rng(0), (16, side, side)
    nodes: dict[str, object] = {"in": nir.Input({"input": np.array(shape)})}
    for index in range(layers):
        weight = random.normal(size=(16, 16, 3, 3)).astype(np.float32)
        nodes[f"conv{index}"] = nir.Conv2d((side, side), weight, 1, 1, 1, 1, np.zeros(16, np.float32))
        nodes[f"if{index}"] = nir.IF(np.ones(shape, np.float32), np.ones(shape, np.float32))
    return {**nodes, "out": nir.Output({"output": np.array(shape)})}


def dense(size: int) -> dict[str, object]:
    """One layer with random weights."""
    import nir

    weight = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    neurons = nir.IF(np.ones(size, np.float32), np.ones(size, np.float32))
    ends = nir.Input({"input": np.array([size])}), nir.Output({"output": np.array([size])})
    return {"in": ends[0], "fc": nir.Linear(weight), "if": neurons, "out": ends[1]}


def written(nodes: dict[str, object], path: Path) -> Path:
    """The nodes in a row, as nir.write stores them."""
    import nir

    names = list(nodes)
    nir.write(path, nir.NIRGraph(nodes, list(pairwise(names)), type_check=False))
    return path


def made(folder: Path) -> list[Path]:
    """The three files."""
    return [
        written(chain(4000), folder / "chain-4000.nir"),
        written(convolutions(5, 250), folder / "conv-5M.nir"),
        written(dense(10_000), folder / "dense-100M.nir"),
    ]


def main(paths: list[str]) -> None:
    """Measure each file with both readers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = written(chain(1), folder / "first.nir")
        for path in [Path(p) for p in paths] or made(folder):
            seconds, said = measured(OURS, first, path)
            theirs, they_said = measured(THEIRS, first, path)
            ratio = f"nir.read {theirs:7.3f} s ({theirs / seconds:5.1f}x)"
            sys.stdout.write(f"{path.name:42} {seconds:7.3f} s  {said:50}  {ratio}  {they_said}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
