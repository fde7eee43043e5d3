"""A compilation under a wall-clock limit: attempts one after the other in another process, and the best one counts.

The clock decides only how far the other process comes: what an attempt finds, it finds without a limit too.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from neuedge_nir.errors import NeuedgeError, NoPlanError
from neuedge_nir.events import Finished, Improved, Observer, Progress, Started
from neuedge_nir.plan.model import WALL_CLOCK, Plan
from neuedge_nir.rewrite.manager import Applied

Plans = tuple[Plan, ...]
"""Of one attempt; the last is the one that was asked for."""

LONGEST_WAIT = 1000.0
"""Seconds that are waited for at once: systems take no number of any size."""

Attempts = Callable[[Observer, Callable[[Applied], None]], Iterator[Plans]]
"""Makes plans, better and better ones, and says how it gets on. It must survive pickling where processes start anew."""


def within(seconds: float, attempts: Attempts, observer: Observer, passed: Callable[[Applied], None]) -> Plans:
    """The plans of the last attempt, or the best of those that were there after so many seconds.

    These say that the clock stopped them. Raises what an attempt raises, and `NoPlanError` (FIT075) where there was no
    plan yet.
    """
    deadline, found = time.monotonic() + seconds, list[Plans]()
    with _told_by(attempts) as link:
        while (left := deadline - time.monotonic()) > 0:
            if not link.poll(min(left, LONGEST_WAIT)):
                continue
            match _received(link):
                case None:
                    return found[-1]
                case BaseException() as error:
                    raise error
                case Applied() as applied:
                    passed(applied)
                case tuple() as plans:
                    found.append(plans)
                case Started() | Progress() | Improved() | Finished() as event:
                    observer(event)
    if not found:
        hint = "give it more time: the quickest effort came first"
        raise NoPlanError("FIT075", f"no plan was found within {seconds:g} s", where="--time-limit", hint=hint)
    return tuple(replace(plan, stopped_by=WALL_CLOCK) for plan in min(found, key=_merit))


def _merit(plans: Plans) -> tuple[float, ...]:
    """Least of what the plan's objective names, then of the other, then chips, then hops."""
    plan = plans[-1]
    cores, messages = plan.mapping.cores_used, plan.cost.traffic.deliveries_per_step
    first = (messages, cores) if plan.options.objective == "traffic" else (cores, messages)
    return *first, plan.mapping.chips_used, plan.cost.traffic.tree_hops_per_step


def _received(link: Connection) -> object:
    try:
        return link.recv()
    except EOFError:
        return RuntimeError("the process that compiles died")


@contextmanager
def _told_by(attempts: Attempts) -> Iterator[Connection]:
    """What another process says that makes the attempts; it is ended with the block."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = _process(theirs, attempts)
    with warnings.catch_warnings():  # of threads that a fork leaves behind: one may draw the progress, none computes
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.kill()
        process.join()
        ours.close()


def _process(link: Connection, attempts: Attempts) -> BaseProcess:
    """A fork has the network at once; elsewhere than on Linux it is not safe."""
    if sys.platform == "linux":
        return multiprocessing.get_context("fork").Process(target=_make, args=(link, attempts), daemon=True)
    return multiprocessing.get_context("spawn").Process(target=_make, args=(link, attempts), daemon=True)


def _make(link: Connection, attempts: Attempts) -> None:
    """Make the attempts and send what comes of them; None is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal's processes: the first one acts
    try:
        for plans in attempts(link.send, link.send):
            link.send(plans)
        link.send(None)
    except NeuedgeError as error:
        link.send(error)
    except BrokenPipeError:  # nobody waits any more
        return
