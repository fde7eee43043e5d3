"""A training that can be stopped: everything its next epoch needs, in one file that is whole or not there."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuedge_nir.errors import InputError
from neuedge_nir.files import write_whole


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the state of a training lies between epochs, and which training it is.

    `of` names what must be the same for a state to be gone on with: the model, its recipe, seed, device and versions.
    `resume`: go on from the state there; without one, a training starts anew and overwrites it.
    """

    path: Path
    of: str
    resume: bool = False

    def save(self, epoch: int, parts: Mapping[str, Any]) -> None:
        """Write the state after an epoch; `parts` have a `state_dict`."""
        import torch

        states = {name: part.state_dict() for name, part in parts.items()}
        buffer = io.BytesIO()
        torch.save({"of": self.of, "epoch": epoch, "random": torch.get_rng_state(), **states}, buffer)
        write_whole(self.path, buffer.getvalue())

    def restore(self, parts: Mapping[str, Any]) -> int:
        """Put a state back, and return how many epochs it has behind it: 0 where nothing is to be resumed.

        Raises `InputError` TRAIN003 for a file that is none or damaged, TRAIN004 for that of another training.
        """
        import torch

        if not self.resume or not self.path.exists():
            return 0
        found = self._read()
        try:
            for name, part in parts.items():
                if found[name].keys() != part.state_dict().keys():
                    raise KeyError(name)
                part.load_state_dict(found[name])
            torch.set_rng_state(found["random"])
            return int(found["epoch"])
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            message = f"the checkpoint lacks what its training needs: {type(error).__name__}: {error}"
            raise InputError("TRAIN003", message, where=self.path.name, hint=_ANEW) from error

    def forget(self) -> None:
        """The training is over: its result is written, and nothing is left to go on with."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        import torch

        try:
            found = torch.load(self.path, map_location="cpu", weights_only=True)  # numbers alone, no code
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
            reason = str(error).partition("\n")[0]
            message = f"no readable checkpoint: {reason}"
            raise InputError("TRAIN003", message, where=self.path.name, hint=_ANEW) from error
        if not isinstance(found, dict) or not {"of", "epoch", "random"} <= found.keys():
            raise InputError("TRAIN003", "no checkpoint of a training", where=self.path.name, hint=_ANEW)
        if found["of"] != self.of:
            message = f"it is the checkpoint of another training: {found['of']}, not {self.of}"
            raise InputError("TRAIN004", message, where=self.path.name, hint=_ANEW)
        return found


_ANEW = "start without --resume, or remove the file"
