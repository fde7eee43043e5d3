"""Stages report; whoever watches decides what to draw. An algorithm never prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """A stage began."""

    stage: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage did `done` of `total` units of its work; `note` says how it goes."""

    stage: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Improved:
    """A solver found a better objective, or raised its bound (`None`: no bound yet)."""

    stage: str
    objective: float
    bound: float | None


@dataclass(frozen=True, slots=True)
class Finished:
    """A stage ended."""

    stage: str


Event = Started | Progress | Improved | Finished
Observer = Callable[[Event], None]


def silent(event: Event) -> None:
    """The observer that watches nothing."""
