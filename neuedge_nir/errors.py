"""One class per way to fail. Each carries a code, where it happened, the figures, and what to do next.

The exit status of the command line is the class's own, so that a script can tell the ways apart.
"""

from __future__ import annotations

from typing import Any, ClassVar

SUPPLIES = frozenset({"chips", "cores", "places", "steps", "neurons to map"})
"""Resources of which there is too little, where of all others too much is asked."""


class NeuedgeError(Exception):
    """Something went wrong that the user can act on.

    `code` is explained by `neuedge-nir explain CODE`; `where` names the node or the place in the user's file;
    `needed`, `available` and `resource` are the figures behind the message, where there are any.
    """

    exit_status: ClassVar[int] = 1

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        resource: str | None = None,
        needed: float | None = None,
        available: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.hint = hint
        self.resource = resource
        self.needed = needed
        self.available = available

    def __reduce__(self) -> tuple[object, ...]:
        """Another process may raise it again: its keywords are not among `args`."""
        return _raised_elsewhere, (type(self), self.__dict__)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.told}{advice}"

    @property
    def told(self) -> str:
        """The message as it is printed."""
        return self.message


class UsageError(NeuedgeError):
    """The request itself is off: an unknown name, an option out of range, an output that cannot be written."""

    exit_status = 2


class InputError(NeuedgeError):
    """A file was refused: a model, a chip description, a plan or an activity profile."""

    exit_status = 3


class CapacityError(NeuedgeError):
    """Proved: this network cannot be mapped on this chip."""

    exit_status = 4

    @property
    def excess(self) -> float | None:
        """How much more is needed than there is: no change that is smaller makes it fit."""
        return None if self.needed is None or self.available is None else self.needed - self.available

    @property
    def told(self) -> str:
        """The message with what binds, and the excess."""
        if not self.excess or self.excess < 0:
            return self.message
        count = f"{self.excess:,.15g}"
        if self.resource in SUPPLIES:
            much = f"{count} too few"
        else:
            much = f"{count} too many" if self.available else f"{count}, where none can be"
        return f"{self.message}; {self.resource}: {much}"


class NoPlanError(NeuedgeError):
    """No plan was found within the limits, and none was proved impossible."""

    exit_status = 5


class VerificationError(NeuedgeError):
    """A plan breaks a rule of its chip, or does not belong to its model."""

    exit_status = 6


class PluginError(UsageError):
    """An installed plugin clashes, lacks the agreed shape, or fails to import."""


def _raised_elsewhere(kind: type[NeuedgeError], fields: dict[str, Any]) -> NeuedgeError:
    return kind(**fields)
