"""Runs and tiles: the searches against exhaustive ones."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.constraints.model import NONE
from neuedge_nir.mapping import split
from neuedge_nir.mapping.partition import Piece


@given(
    st.integers(1, 60),
    st.integers(0, 60),
    st.integers(1, 80),
    st.none() | st.integers(1, 70),
    st.sampled_from(["neurons", "input_axons"]),
)
def test_the_longest_run_is_the_longest(size: int, start: int, room: int, guess: int | None, formula: str) -> None:
    start = min(start, size - 1)

    class Line:
        """Demands of a population whose neurons each use one of `room`."""

        shapes = {"p": (size,)}  # noqa: RUF012
        limits = (SimpleNamespace(formula=formula, limit=SimpleNamespace(count=room)),)
        capacity = (room,)
        constraints = NONE

        class legal:  # noqa: N801
            compartments_per_neuron = 1

        def fits_in(self, piece: Piece, targets: object, left: tuple[int, ...]) -> bool:
            del targets
            return piece.part.neurons <= left[0]

    stop = split.longest_run("p", start, Line(), {}, (room,), guess=guess)  # type: ignore[arg-type]
    assert stop == start + min(room, size - start)
