"""A limit of time: the best plan so far when it is over, else the plan that there is without one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from neuedge_nir.cli.main import main
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError, VerificationError
from neuedge_nir.events import Event, Observer, Progress, Started, silent
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.pipeline.anytime import Plans, within
from neuedge_nir.plan.model import WALL_CLOCK, Plan
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.manager import Applied
from tests.worlds import chain, chip, real

LONG = 60.0
"""Seconds after which a test that hangs has failed."""
Passed = Callable[[Applied], None]


def plan() -> Plan:
    return compile_network(chain(a=30, b=20), chip(neurons=16), Options(effort="none"))


def with_cores(count: int) -> Plan:
    found = plan()
    return replace(found, mapping=replace(found.mapping, cores_used=count))


def ignored(_: Applied) -> None:
    return


def making(plans: list[Plan], last: str, observer: Observer, _: Passed) -> Iterator[Plans]:
    """Yields the plans one by one, and then ends, or hangs, or fails."""
    observer(Started("packing"))
    yield from ((each,) for each in plans)
    if last == "hangs":
        time.sleep(LONG)
    if last == "dies":
        os._exit(3)
    if last == "fails":
        raise CapacityError("FIT001", "too large", where="node 'a'", needed=3, available=2)


def test_without_haste_the_last_plan_counts_even_if_it_is_worse() -> None:
    told: list[Event] = []
    found = within(LONG, partial(making, [with_cores(4), with_cores(5)], "ends"), told.append, ignored)
    assert [each.mapping.cores_used for each in found] == [5]
    assert found[-1].stopped_by is None
    assert told == [Started("packing")]


def test_when_time_is_over_the_best_plan_counts_and_says_so() -> None:
    started = time.monotonic()
    found = within(0.5, partial(making, [with_cores(5), with_cores(4), with_cores(6)], "hangs"), silent, ignored)
    assert time.monotonic() - started < LONG / 2
    assert (found[-1].mapping.cores_used, found[-1].stopped_by) == (4, WALL_CLOCK)


def test_time_that_is_over_before_there_is_a_plan_proves_nothing() -> None:
    with pytest.raises(NoPlanError) as caught:
        within(0.2, partial(making, [], "hangs"), silent, ignored)
    assert caught.value.code == "FIT075"


def test_the_limit_is_named_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "export", "digits", str(tmp_path / "d.nir")]) == 0
    monkeypatch.setattr("neuedge_nir.pipeline.compile._attempts", lambda *_, **__: making([], "hangs", silent, ignored))
    monkeypatch.setattr("neuedge_nir.cli.compile._left", lambda _limit, _started: 0.2)
    assert main(["compile", str(tmp_path / "d.nir"), "--target", "loihi2", "--time-limit", "3.25"]) == 5
    assert "no plan was found within 3.25 s" in capsys.readouterr().err


def test_a_refusal_comes_through_with_all_its_figures() -> None:
    with pytest.raises(CapacityError) as caught:
        within(LONG, partial(making, [plan()], "fails"), silent, ignored)
    assert (caught.value.code, caught.value.where, caught.value.needed, caught.value.available) == (
        "FIT001",
        "node 'a'",
        3,
        2,
    )


def test_a_process_that_dies_is_not_waited_for() -> None:
    with pytest.raises(RuntimeError, match="died"):
        within(LONG, partial(making, [plan()], "dies"), silent, ignored)


def test_a_limit_that_is_not_reached_changes_nothing() -> None:
    net, on = chain(a=120, b=90, c=10), real("loihi1")
    told: list[Event] = []
    calls: list[Applied] = []
    wanted = Options(effort="quick", dt=1.0, passes=(PassCall.parse("quantise:bits=4"),))
    limited = compile_network(net, on, replace(wanted, time_limit=LONG), told.append, calls.append)
    assert limited == compile_network(net, on, wanted, passed=ignored)
    assert [applied.call.name for applied in calls] == ["quantise"]
    assert any(isinstance(event, Progress | Started) for event in told)


def test_a_plan_that_something_else_stopped_is_refused() -> None:
    verify(replace(plan(), stopped_by=WALL_CLOCK), None)
    with pytest.raises(VerificationError) as caught:
        verify(replace(plan(), stopped_by="the cat"), None)
    assert caught.value.code == "PLAN250"


def test_a_limit_of_any_size_is_waited_for() -> None:
    found = within(1e300, partial(making, [plan()], "ends"), silent, ignored)
    assert found[-1].stopped_by is None


@pytest.mark.parametrize("limit", ["1", True, 0, -1.0, float("inf"), float("nan")])
def test_a_limit_that_is_no_time_is_refused(limit: object) -> None:
    with pytest.raises(UsageError) as caught:
        Options(time_limit=limit)  # type: ignore[arg-type]
    assert caught.value.code == "USE019"
