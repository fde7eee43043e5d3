"""A training that can be stopped: everything its next epoch needs, in one file that is whole or not there."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.files import check_writable, write_whole

Which = Mapping[str, str | int | float]
"""What a training is told by: the model, the samples, what was chosen, the numbers of the recipe."""
OPTIONS = {"seed": "--seed", "epochs": "--epochs", "timesteps": "--steps", "device": "--device"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the state of a training lies between epochs, and which training it is.

    `of` names what must be the same for a state to be gone on with: the model, its recipe, seed and device.
    `resume`: go on from the state there; without one, a training starts anew and overwrites it.
    """

    path: Path
    of: Which
    resume: bool = False

    def save(self, epoch: int, parts: Mapping[str, Any]) -> None:
        """Write the state after an epoch; `parts` have a `state_dict`."""
        import torch

        states = {name: part.state_dict() for name, part in parts.items()}
        buffer = io.BytesIO()
        torch.save({"of": dict(self.of), "epoch": epoch, "random": torch.get_rng_state(), **states}, buffer)
        write_whole(self.path, buffer.getvalue())

    def restore(self, parts: Mapping[str, Any]) -> int:
        """Put a state back, and return how many epochs it has behind it: 0 where nothing is to be resumed.

        Raises `InputError` TRAIN003 for a file that is none or damaged, TRAIN004 for that of another training.
        """
        import torch

        if not self.resume or not self.path.exists():
            return 0
        found = self._read()
        for name, part in parts.items():
            try:
                if found[name].keys() != part.state_dict().keys():
                    raise KeyError(name)
                part.load_state_dict(found[name])
            except _WRONG as error:
                raise self._refused(f"its {name} are missing, or those of another network") from error
        try:
            torch.set_rng_state(found["random"])
            return int(found["epoch"])
        except _WRONG as error:
            raise self._refused("its epoch or its state of chance is none") from error

    def forget(self) -> None:
        """The training is over: its result is written, and nothing is left to go on with."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        found = self._content()
        of = found.get("of")
        if not {"of", "epoch", "random"} <= found.keys() or not isinstance(of, dict):
            raise self._refused("it is no checkpoint of a training")
        if not all(isinstance(value, str | int | float) for value in of.values()):
            raise self._refused("it does not say of which training it is")
        if of != self.of:
            what = ", ".join(f"{key} {_told(of, key)}, not {_told(self.of, key)}" for key in _differing(of, self.of))
            message = f"it is the checkpoint of another training: {what}"
            raise InputError("TRAIN004", message, where=str(self.path), hint=_how_to_go_on(of, self.of))
        return found

    def _content(self) -> dict[str, Any]:
        """What the file holds, numbers alone: no code in it is run."""
        import torch

        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise self._refused(f"it cannot be read: {error.strerror}") from error
        if not zipfile.is_zipfile(io.BytesIO(content)):  # nor does torch, which warns of other files, see it
            raise self._refused("it was cut short, or is no checkpoint" if content else "it is empty")
        try:
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:  # torch's words are how to run what is in it
            raise self._refused("it holds more than numbers, which is not read, or is damaged") from error
        except (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._refused("it is damaged") from error
        return found if isinstance(found, dict) else {}

    def _refused(self, message: str) -> InputError:
        return InputError("TRAIN003", message, where=str(self.path), hint="start without --resume, or remove the file")


_WRONG = (KeyError, TypeError, ValueError, AttributeError, RuntimeError)


def check_place(path: Path) -> None:
    """Raise `UsageError` USE006 where no checkpoint can be written.

    A link is refused: written through it, the state would stay behind where it leads, when the training is over.
    """
    check_writable(path)
    if path.is_symlink():
        raise UsageError("USE006", "cannot write: the checkpoint is a symbolic link", where=str(path), hint="remove it")


def _differing(of: Which, wanted: Which) -> list[str]:
    return [key for key in wanted if of.get(key) != wanted[key]]


def _told(of: Which, key: str) -> str:
    return str(of.get(key, "not told"))[:40]


def _how_to_go_on(of: Which, wanted: Which) -> str:
    """The options that it was started with, where options are all that differs."""
    differing = _differing(of, wanted)
    if not differing or not all(key in OPTIONS and key in of for key in differing):
        return "go on as it was started, or start anew without --resume"
    options = " ".join(f"{OPTIONS[key]} {_told(of, key)}" for key in differing)
    return f"give {options} to go on; without --resume it starts anew"
