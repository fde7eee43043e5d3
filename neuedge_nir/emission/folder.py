"""A folder of emitted files that appears whole or not at all, and replaces nothing but an earlier one of ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from neuedge_nir.emission.door import Files
from neuedge_nir.emission.files import MANIFEST, SCHEMA
from neuedge_nir.errors import UsageError


def check_folder(path: Path) -> None:
    """Say before the work that a folder cannot be written, or holds what is not ours.

    Raises `UsageError`: USE006, or USE036 where something would be lost.
    """
    try:
        place = path.resolve()
        if not place.parent.is_dir():
            raise UsageError("USE006", "cannot write: no such folder", where=str(path.parent), hint="create it first")
        if not os.access(place.parent, os.W_OK):
            raise UsageError("USE006", "cannot write: permission denied", where=str(path.parent))
        if place.exists() and not place.is_dir():
            raise UsageError("USE006", "cannot write: not a folder", where=str(path), hint="name a new folder")
        if place == place.parent or (place.exists() and any(place.iterdir()) and not _ours(place)):
            message = "the folder holds other files than an earlier run wrote, or they were changed since"
            raise UsageError("USE036", message, where=str(path), hint="name a new folder, or move its files away")
    except (OSError, RuntimeError, ValueError) as error:  # a link in a circle, a name too long or with a zero in it
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError("USE006", f"cannot write: {reason}", where=str(path), hint="name another folder") from error


def _ours(place: Path) -> bool:
    """Whether the folder holds the files of its manifest, as they were written, and nothing else."""
    try:
        manifest = json.loads((place / MANIFEST).read_bytes())
        files = dict(manifest["files"]) if manifest["schema"] == SCHEMA else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False
    if files is None or {*files, MANIFEST} != {each.name for each in place.iterdir()}:
        return False
    return all(
        (place / name).is_file()
        and not (place / name).is_symlink()
        and hashlib.sha256((place / name).read_bytes()).hexdigest() == due
        for name, due in files.items()
    )


def write_folder(path: Path, files: Files) -> None:
    """Write the files into a folder of that name. Raises `UsageError` as `check_folder` does; nothing is left then."""
    check_folder(path)
    place = path.resolve()
    new = old = None
    try:
        new = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
        for name in sorted(files):
            with open(new / name, "xb") as file:
                file.write(files[name])
                file.flush()
                os.fsync(file.fileno())
        new.chmod(0o777 & ~_umask())
        if place.exists():
            old = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
            place.rename(old)  # onto an empty folder
        new.rename(place)
    except OSError as error:
        message, hint = f"cannot write: {error.strerror}", "choose a folder that you may write to"
        raise UsageError("USE006", message, where=str(path), hint=hint) from error
    finally:
        if old is not None and old.exists() and not place.exists():
            old.rename(place)
        for left in (new, old):
            if left is not None:
                shutil.rmtree(left, ignore_errors=True)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
