"""What a chip stores of a weight: exact where it can be, and never further off than half a step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuedge_nir.mapping.weights import (
    Weights,
    _one_type,
    _sixteen_levels,
    _two_types,
    axon_types,
    fixed,
    mantissas,
    type_classes,
)
from tests.sampling import examples

RESOLUTIONS = st.sampled_from([2, 4, 6, 8, 9, 16])
REALS = arrays(np.float64, st.integers(1, 12), elements=st.floats(-100, 100).filter(lambda w: w == 0 or abs(w) > 1e-3))


@st.composite
def grids(draw: st.DrawFn) -> tuple[int, Weights]:
    """A number of bits, and weights that are whole multiples of some power of two within these bits."""
    bits = draw(RESOLUTIONS)
    most = 2 ** (bits - 1) - 1
    units = draw(arrays(np.int64, st.integers(1, 12), elements=st.integers(-most, most)))
    return bits, units * 2.0 ** draw(st.integers(-20, 20))


def fewest_bits(weights: Weights) -> int:
    """Bits of the largest magnitude with its sign, once all weights are halved as long as they stay whole."""
    if not weights.any():
        return 1
    units = weights / 2.0**-60
    while not (units % 2).any():
        units = units / 2
    return int(np.abs(units).max()).bit_length() + 1


@given(grids())
def test_weights_on_a_binary_grid_are_stored_exactly_with_the_fewest_bits(drawn: tuple[int, Weights]) -> None:
    bits, weights = drawn
    for stored in (*mantissas([weights], bits), fixed(weights, bits)):
        assert (stored.error, stored.bits) == (0.0, fewest_bits(weights))
        assert not (weights % stored.step).any()


@given(st.lists(grids().map(lambda drawn: drawn[1]), min_size=1, max_size=3))
def test_every_projection_has_an_exponent_of_its_own(projections: list[Weights]) -> None:
    assert [stored.error for stored in mantissas(projections, 16)] == [0.0] * len(projections)


@given(st.lists(REALS, min_size=1, max_size=3), RESOLUTIONS)
def test_mantissas_differ_by_half_a_step_at_most_and_waste_no_bit(projections: list[Weights], bits: int) -> None:
    found = mantissas(projections, bits)
    steps = [stored.step for stored in found]
    assert all(math.log2(a / b).is_integer() for a in steps for b in steps)
    for weights, stored in zip(projections, found, strict=True):
        units = np.rint(weights / stored.step)
        most = np.abs(units).max()
        assert most <= 2 ** (bits - 1) - 1
        assert stored.bits == int(most).bit_length() + 1 <= bits
        assert_error_is_of(weights, units * stored.step, stored.error, stored.step)
        exact = stored.error == 0
        assert exact or most >= (2 ** (bits - 1) - 1) // 2, "half of the range lies idle"


@given(REALS, RESOLUTIONS)
def test_fixed_weights_differ_by_half_a_step_at_most_and_use_the_whole_range(weights: Weights, bits: int) -> None:
    stored = fixed(weights, bits)
    units = np.rint(weights / stored.step)
    assert stored.bits == int(np.abs(units).max()).bit_length() + 1 <= bits
    assert_error_is_of(weights, units * stored.step, stored.error, stored.step)
    assert stored.error == 0 or np.abs(units).max() == 2 ** (bits - 1) - 1


def assert_error_is_of(wanted: Weights, held: Weights, error: float, step: float) -> None:
    assert np.abs(held - wanted).max() <= step / 2 * (1 + 1e-12)
    assert error * np.linalg.norm(wanted) == pytest.approx(np.linalg.norm(held - wanted), abs=1e-12)
    assert error * np.linalg.norm(wanted) <= step / 2 * math.sqrt(wanted.size) * (1 + 1e-9)


def test_a_population_without_weights_needs_no_bit_beyond_the_sign() -> None:
    stored = fixed(np.zeros(3), 8)
    assert (stored.bits, stored.error) == (1, 0.0)


def random_rows(seed: int) -> Weights:
    source = np.random.default_rng(seed)
    return np.asarray(source.normal(size=(source.integers(1, 6), source.integers(1, 20))))


def all_alike(rows: Weights, types: int = 4) -> np.ndarray:
    return type_classes(rows, np.arange(rows.shape[1]), types)


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 4]))
def test_the_number_of_axons_is_that_of_the_least_error_within_what_fits(seed: int, most: int) -> None:
    rows = random_rows(seed)
    forms = {1: _one_type(rows, all_alike(rows), 255), 2: _two_types(rows, 255), 4: _sixteen_levels(rows)}
    errors = {k: np.linalg.norm(form - rows) / np.linalg.norm(rows) for k, form in forms.items() if k <= most}
    stored = axon_types(rows, all_alike(rows), 9, most)
    assert stored.axons_per_input <= most
    assert stored.error == pytest.approx(min(errors.values()), abs=1e-12)
    assert errors[stored.axons_per_input] == pytest.approx(stored.error, abs=1e-12)
    assert stored.error < 1, "leaving all weights out would be as good"


def test_more_axons_make_random_weights_finer() -> None:
    errors: dict[int, list[float]] = {1: [], 2: [], 4: []}
    for seed in range(40):
        rows = random_rows(seed)
        for most, found in errors.items():
            found.append(axon_types(rows, all_alike(rows), 9, most).error)
    assert all(fine <= coarse for coarse, fine in zip(errors[1], errors[2], strict=True))
    assert all(fine <= coarse for coarse, fine in zip(errors[2], errors[4], strict=True))
    assert np.mean(errors[4]) < np.mean(errors[2]) / 2 < np.mean(errors[1]) / 2


@settings(max_examples=examples(80), deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_neuron_has_four_whole_weights_at_most(seed: int) -> None:
    rows = random_rows(seed)
    classes = all_alike(rows)
    for row, held in zip(rows, _sixteen_levels(rows), strict=True):
        unit = max(row.max() / 7, -row.min() / 8)
        units = [held / (unit * shrink) for shrink in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)]
        assert any(np.allclose(u, np.rint(u)) and u.min() > -8.5 and u.max() < 7.5 for u in units)
    for held in _two_types(rows, 255):
        assert_sums_of_two(np.unique(held[held != 0]))
    for held in _one_type(rows, classes, 255):
        each = [np.unique(held[(classes == kind) & (held != 0)]) for kind in range(4)]
        assert all(len(values) <= 1 for values in each)
        assert_whole(np.concatenate(each))


def assert_sums_of_two(levels: Weights) -> None:
    """The levels are whole multiples of one unit, and all of them are a, b or a + b."""
    assert len(levels) <= 3
    assert_whole(levels, most=510)
    if len(levels) == 3:
        low, middle, high = levels
        assert any(math.isclose(a + b, c, abs_tol=1e-9) for a, b, c in
                   ((low, middle, high), (low, high, middle), (middle, high, low)))  # fmt: skip


def assert_whole(levels: Weights, most: int = 255) -> None:
    """Some unit makes whole numbers of at most `most` of the levels."""
    if levels.size:
        largest = np.abs(levels).max()
        units = levels / largest * np.arange(1, most + 1)[:, None]
        assert np.isclose(units, np.rint(units), atol=1e-6).all(axis=1).any()


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.5, 3.0]))
def test_one_level_per_neuron_takes_one_axon_and_is_exact(seed: int, level: float) -> None:
    rows = np.random.default_rng(seed).integers(0, 2, size=(4, 9)) * level
    stored = axon_types(rows, all_alike(rows), 9, 4)
    assert (stored.axons_per_input, stored.error) == (1, 0.0)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.5, 3.0]))
def test_a_level_of_either_sign_takes_two_axons_and_is_exact(seed: int, level: float) -> None:
    rows = np.concatenate([np.eye(3), -np.eye(3), np.random.default_rng(seed).integers(-1, 2, size=(3, 3))], axis=1)
    stored = axon_types(rows * level, np.zeros(9, np.int64), 9, 4)
    assert (stored.axons_per_input, stored.error) == (2, 0.0)


def test_the_size_of_a_level_does_not_change_the_axons_it_takes() -> None:
    rows = np.random.default_rng(0).integers(-1, 2, size=(6, 12))
    levels = np.random.default_rng(1).uniform(0.01, 2, size=50)
    assert {axon_types(rows * level, np.zeros(12, np.int64), 9, 4).axons_per_input for level in levels} == {2}


def test_small_whole_numbers_take_four_axons_and_are_exact() -> None:
    rows = np.array([np.arange(-8, 8), np.arange(7, -9, -1)], dtype=np.float64)
    stored = axon_types(rows, all_alike(rows), 9, 4)
    assert (stored.axons_per_input, stored.error) == (4, pytest.approx(0, abs=1e-15))  # type: ignore[comparison-overlap]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 4]))
def test_the_inputs_of_a_channel_have_one_type_and_larger_means_have_higher_types(seed: int, types: int) -> None:
    source = np.random.default_rng(seed)
    groups = np.sort(source.integers(0, 6, size=20))
    groups = np.unique(groups, return_inverse=True)[1]
    rows = source.normal(size=(3, 20))
    classes = type_classes(rows, groups, types)
    each = [np.unique(classes[groups == group]) for group in range(groups.max() + 1)]
    assert all(len(found) == 1 for found in each)
    means = np.array([rows[:, groups == group].mean() for group in range(groups.max() + 1)])
    ordered = np.concatenate(each)[np.argsort(means)]
    assert (np.diff(ordered) >= 0).all()
    assert 0 <= ordered[0] <= ordered[-1] < types
    assert np.ptp(np.bincount(ordered, minlength=types)) <= 1, "the types are used evenly"
