"""The front: what no other answer beats, by brute force and by examples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.across.pareto import LEAST, OBJECTIVES, Known, Span, counted, standings

spans = st.tuples(*[st.integers(0, 3)] * 3).map(lambda t: tuple(map(float, sorted(t)))) | st.none()
answers = st.lists(st.fixed_dictionaries(dict.fromkeys(("energy", "accuracy", "chips"), spans)), max_size=6)
OVER = ("energy", "accuracy", "chips")


def point(value: float) -> Span:
    return value, value, value


def beats(one: Known, other: Known) -> bool:
    """By the definition: known alike, nowhere worse by typical values, somewhere better."""
    strictly = False
    for name in OVER:
        a, b = one[name], other[name]
        if (a is None) != (b is None):
            return False
        if a is not None and b is not None:
            gain = (b[1] - a[1]) * (1 if name in LEAST else -1)
            if gain < 0:
                return False
            strictly |= gain > 0
    return strictly


@given(answers)
def test_the_front_is_what_nothing_beats(found: list[Known]) -> None:
    for index, standing in enumerate(standings(found, OVER)):
        due = [k for k, other in enumerate(found) if k != index and beats(other, found[index])]
        assert [each.by for each in standing.beaten] == due
        others = [name for name in OVER if any(each[name] is not None for each in found)]
        assert standing.missing == tuple(name for name in others if found[index][name] is None)
        assert standing.front is (not due and not standing.missing and bool(others))


@given(answers)
def test_some_answer_is_on_the_front(found: list[Known]) -> None:
    known = counted(found, OVER)
    whole = any(all(each[name] is not None for name in known) for each in found)
    assert not (known and whole) or any(standing.front for standing in standings(found, OVER))


def test_overlapping_intervals_are_told() -> None:
    one, other = {"energy": (1.0, 2.0, 5.0)}, {"energy": (4.0, 6.0, 7.0)}
    (beaten,) = standings([one, other], ("energy",))[1].beaten
    assert (beaten.by, beaten.better, beaten.overlaps) == (0, ("energy",), ("energy",))
    (apart,) = standings([{"energy": (1.0, 2.0, 3.9)}, other], ("energy",))[1].beaten
    assert apart.overlaps == ()


def test_what_is_unknown_of_one_alone_decides_nothing() -> None:
    known, unknown = {"energy": point(1), "chips": point(1)}, {"energy": None, "chips": point(2)}
    one, other = standings([known, unknown], ("energy", "chips"))
    assert (one.front, one.missing) == (True, ())
    assert (other.front, other.beaten, other.missing) == (False, (), ("energy",))
    assert not standings([known, unknown], ("chips",))[1].front


def test_figures_that_nobody_knows_are_not_counted() -> None:
    assert counted([{"energy": None, "chips": point(1)}], ("energy", "chips")) == ("chips",)
    assert len(set(OBJECTIVES)) == len(OBJECTIVES)
