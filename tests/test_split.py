"""Runs and tiles: the searches against exhaustive ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.mapping import split
from neuedge_nir.mapping.partition import Piece


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 80), st.none() | st.integers(1, 70))
def test_the_longest_run_is_the_longest(size: int, start: int, room: int, guess: int | None) -> None:
    start = min(start, size - 1)

    class Line:
        """Demands of a population whose neurons each use one of `room`."""

        shapes = {"p": (size,)}  # noqa: RUF012
        limits = ()
        capacity = (room,)

        class legal:  # noqa: N801
            compartments_per_neuron = 1

        def fits_in(self, piece: Piece, targets: object, left: tuple[int, ...]) -> bool:
            del targets
            return piece.part.neurons <= left[0]

    stop = split.longest_run("p", start, Line(), {}, (room,), guess=guess)  # type: ignore[arg-type]
    assert stop == start + min(room, size - start)
