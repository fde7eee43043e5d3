"""How well networks are cut and packed, and what is proved of it: synthetic slices, and the generated networks.

Prints two tables: slices of some classes on cores of three limits, and the networks of `generated.py` on the model of a
core that published figures rest on and on the shipped Loihi 2. A bound is `universal` (it holds however populations are
cut) or of the `tiles` chosen; a packing is proved where no other of the same slices takes fewer cores. Seconds are the
processor's, of this stage alone; all else depends on nothing but the input.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from generated import GENERATED

from neuedge_nir.chip.load import load
from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import NeuedgeError
from neuedge_nir.events import silent
from neuedge_nir.mapping.demand import Demand, Demands
from neuedge_nir.mapping.pack import EFFORTS, partition
from neuedge_nir.mapping.packing.classes import effort_of, pack_classes
from neuedge_nir.mapping.packing.vector_fit import best_of_orders
from neuedge_nir.pipeline import Options
from neuedge_nir.pipeline.copies import demands_of
from neuedge_nir.pipeline.ready import ready
from neuedge_nir.plugin import load_target

ROWS = (
    (6, 20),
    (8, 50),
    (8, 100),
    (12, 200),
    (12, 500),
    (16, 2_000),
    (24, 10_000),
    (24, 100_000),
    (40, 1_000_000),
)
"""Classes of equal slices, and slices."""

CAPACITY = (1000, 1000, 1000)


def synthetic(classes: int, slices: int) -> tuple[list[Demand], list[int]]:
    """What a slice of each class needs of three limits of 1000, from 20 to 500 of each, and how many there are."""
    chance = random.Random(f"{classes},{slices}")
    needs = [tuple(chance.randint(20, 500) for _ in CAPACITY) for _ in range(classes)]
    weights = [chance.random() + 0.1 for _ in range(classes)]
    amounts = [max(1, int(slices * weight / sum(weights))) for weight in weights]
    amounts[0] += slices - sum(amounts)
    return needs, amounts


def synthetic_rows(effort: str) -> Iterator[str]:
    yield "| classes | slices | by sums | first fit, best order | found | bound (tiles) | gap | seconds |"
    yield "|---|---|---|---|---|---|---|---|"
    for classes, slices in ROWS:
        needs, amounts = synthetic(classes, slices)
        start = time.process_time()
        found = pack_classes(needs, amounts, CAPACITY, effort_of(EFFORTS[effort].packing), 0)
        seconds = time.process_time() - start
        sums = max(
            -(-sum(n[r] * q for n, q in zip(needs, amounts, strict=True)) // most) for r, most in enumerate(CAPACITY)
        )
        first = sum(times for _, times in best_of_orders(needs, amounts, CAPACITY))
        gap = "proved" if found.proven else f"{(found.cores - found.bound) / found.bound:.2%}"
        yield f"| {classes} | {slices:,} | {sums} | {first} | {found.cores} | {found.bound} | {gap} | {seconds:.1f} |"


def network_rows(chip: Chip, effort: str, names: list[str]) -> Iterator[str]:
    yield f"| on {chip.title}, effort {effort} | cores | bound (universal) | bound (tiles) | packing | seconds |"
    yield "|---|---|---|---|---|---|"
    for name in names:
        try:
            demands = _demands(name, chip, effort)
            start = time.process_time()
            found = partition(demands, effort, 0, silent, 1 << 20)
            seconds = time.process_time() - start
        except NeuedgeError as error:
            yield f"| {name} | refused: {error.code} | | | | |"
            continue
        packing = "proved minimal" if found.packing_proven else "not proved"
        bound = f"{found.bound.cores}, by {found.bound.resource}"
        yield f"| {name} | {found.neuron_cores} | {bound} | {found.tiles_bound} | {packing} | {seconds:.1f} |"


def _demands(name: str, chip: Chip, effort: str) -> Demands:
    return demands_of(ready(GENERATED[name](), chip, Options(dt=1.0, effort=effort), silent, None), None)


def main() -> None:
    """Measure."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--effort", choices=sorted(EFFORTS), default="normal")
    words.add_argument("--network", action="append", choices=sorted(GENERATED))
    words.add_argument("--only", choices=("synthetic", "networks"))
    given = words.parse_args()
    names = given.network or list(GENERATED)
    if given.only != "networks":
        sys.stdout.writelines(f"{row}\n" for row in synthetic_rows(given.effort))
    if given.only != "synthetic":
        model = load(Path(__file__).parent / "loihi2_model.toml")
        for chip in (model, load_target("loihi2").chip()):
            sys.stdout.write("\n")
            for row in network_rows(chip, given.effort, names):
                sys.stdout.write(f"{row}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
