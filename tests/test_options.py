"""What the Python API is told: taken for what it names, or refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import neuedge_nir
from neuedge_models.digits import DIGITS
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.network.activity import ActivityKind, resolve_activity
from neuedge_nir.network.model import ResetMode
from neuedge_nir.pipeline import Options
from neuedge_nir.rewrite.call import PassCall
from tests.worlds import chain

NET = chain(inputs=2, a=3, b=2)
BUNDLED = DIGITS.bundled()
API: Any = neuedge_nir
"""As those see it who check no types."""


def test_names_are_taken_for_what_they_name() -> None:
    given: Any = {"passes": ["fold-scale", PassCall("drop-dead")], "reset": "subtract"}
    options = Options(**given)
    assert options.passes == (PassCall("fold-scale"), PassCall("drop-dead"))
    assert options.reset is ResetMode.SUBTRACT


@pytest.mark.parametrize(
    "given",
    [
        {"reset": "never"},
        {"reset": 1},
        {"dt": -1.0},
        {"dt": "1e-3"},
        {"dt": True},
        {"dt": 10**400},
        {"dt": float("inf")},
        {"dt": float("nan")},
        {"chips": 0},
        {"max_cores": 0},
        {"effort": "x"},
        {"seed": -1},
        {"seed": 1 << 31},
    ],
)
def test_what_makes_no_sense_is_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Options(**given)
    (name,) = given
    assert (caught.value.code, caught.value.where) == ("USE017" if name == "dt" else "USE019", f"Options.{name}")


class Odd:
    """Neither compared, hashed nor printed."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


OF_NO_TYPE: tuple[Any, ...] = (b"x", [1, 2], [None], [["a"]], {1}, 1j, object(), Odd(), math.nan, 10**5000)
NO_ARRAYS = (np.array(1), np.array([1, 2]), np.array([]), np.array(["a"]))
ALSO_NO: dict[str, tuple[Any, ...]] = {
    "passes": (None, 3, "fold-scale", ("fold-scale", 3), {"fold-scale": 1}),
    "tiles": (None, 3, "", "a=3", {1: 2}),
    "keep": (3, True, {}),
    "early_exit": ("x", True, -1.0),
    "effort": ([], {}, None),
    "map_inputs": (None, 1, "yes"),
    "time_limit": ("x", {}),
    "calibration": ("x", NET),
}
NUMBERS = ("activity",)


@pytest.mark.parametrize("name", [each.name for each in fields(Options)])
def test_an_option_of_another_type_is_refused_by_name_with_what_to_give(name: str) -> None:
    for given in (*OF_NO_TYPE, *NO_ARRAYS, *ALSO_NO.get(name, ())):
        if name in NUMBERS and isinstance(given, int | float):
            continue
        with pytest.raises(UsageError) as caught:
            Options(**{name: given})
        assert (caught.value.code, caught.value.where) == ("USE017" if name == "dt" else "USE019", f"Options.{name}")
        assert caught.value.hint


def test_a_timestep_may_be_any_kind_of_number() -> None:
    given: list[Any] = [1, np.float32(0.5), np.int64(2)]
    assert [Options(dt=dt).dt for dt in given] == [1.0, 0.5, 2.0]


def test_rates_may_be_given_by_population() -> None:
    found = resolve_activity({"a": 0.5}, NET)
    assert (found.kind, found.rate("a"), found.rate("b"), found.assumed) == (ActivityKind.GIVEN, 0.5, 0.1, ("b", "in"))
    with pytest.raises(InputError, match="no population is called 'c'"):
        resolve_activity({"c": 0.5}, NET)
    with pytest.raises(UsageError, match="not possible"):
        resolve_activity({"a": -0.5}, NET)


@pytest.mark.parametrize("given", [10**400, {1: 2}, {"a": "x"}, {"a": {}}, {"a": [[1], [1, 2]]}, {"a": 1j}])
def test_rates_are_numbers_by_name(given: Any) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_activity(given, NET)
    assert (caught.value.code, bool(caught.value.hint)) == ("USE010", True)


def test_a_profile_of_nothing_is_no_activity() -> None:
    assert resolve_activity({}, NET).kind is ActivityKind.ASSUMED
    with pytest.raises(UsageError, match="empty"):
        resolve_activity("", NET)


def test_neurons_that_differ_are_averaged_aloud() -> None:
    rates: Any = {"a": np.array([0.0, 0.0, 0.3]), "b": 0.1, "in": 0.1}
    found = resolve_activity(rates, NET)
    assert found.rate("a") == pytest.approx(0.1)
    assert [remark.code for remark in found.remarks()] == ["WARN005"]
    even: Any = {"a": np.full(3, 0.1), "b": 0.1, "in": 0.1}
    assert not resolve_activity(even, NET).remarks()


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (lambda: API.read(None), "path"),
        (lambda: API.read(b"x.nir"), "path"),
        (lambda: API.check(3, "loihi2"), "path"),
        (lambda: API.check(BUNDLED, ["loihi2", "truenorth"]), "target"),
        (lambda: API.compile(BUNDLED, "loihi2", 3), "options"),
        (lambda: API.check(BUNDLED, "loihi2", "quick"), "options"),
        (lambda: API.write(3, "a.nir"), "network"),
        (lambda: API.simulate("digits.nir", np.zeros((1, 2, 64))), "network"),
        (lambda: API.emulate("digits.nir", np.zeros((1, 2, 64)), "loihi2"), "network"),
        (lambda: API.simulate(neuedge_nir.read(BUNDLED), [[1], [1, 2]]), "spikes"),
        (lambda: API.simulate(neuedge_nir.read(BUNDLED), {"input_1": [[1], [1, 2]]}), "spikes"),
        (lambda: API.emulate(neuedge_nir.read(BUNDLED), [[1], [1, 2]], "loihi2"), "spikes"),
        (lambda: API.write(neuedge_nir.read(BUNDLED), 3), "path"),
    ],
)
def test_arguments_of_another_type_are_usage_errors(wrong: Callable[[], object], where: str) -> None:
    with pytest.raises(neuedge_nir.UsageError) as caught:
        wrong()
    assert (caught.value.code, caught.value.where) == ("USE034", where)


@pytest.mark.parametrize(
    "given",
    [
        {"steps_per_sample": 1.5},
        {"steps_per_sample": 1 << 40},
        {"seed": "a"},
        {"chips": True},
        {"max_cores": 2.0},
        {"time_scale": None},
    ],
)
def test_numbers_that_are_no_whole_numbers_in_reach_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        Options(**given)
    assert refused.value.code == "USE019"
