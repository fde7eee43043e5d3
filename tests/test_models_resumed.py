"""A training that was stopped goes on from its checkpoint, byte for byte, and from no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from neuedge_models import checkpoint, claim
from neuedge_models.digits import DIGITS
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.events import Event, Progress, silent
from neuedge_nir.plugin import TrainingOptions

torch = pytest.importorskip("torch")
pytest.importorskip("sinabs")


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    words = ["models", "train", "digits", "--epochs", "6"]
    command = [sys.executable, "-m", "neuedge_nir", *words]
    killed, state = tmp_path / "killed.nir", tmp_path / "killed.nir.checkpoint"
    started = subprocess.Popen([*command, "-o", killed], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not state.exists():
        assert started.poll() is None
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    assert not killed.exists()
    subprocess.run([*command, "-o", killed, "--resume"], check=True, stdout=subprocess.DEVNULL)
    whole = tmp_path / "whole.nir"
    DIGITS.train(whole, TrainingOptions(epochs=6), silent)
    assert killed.read_bytes() == whole.read_bytes()
    assert not state.exists()


def stopped(output: Path) -> Path:
    """The checkpoint of a training that was interrupted after its first epoch."""

    def interrupt(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DIGITS.train(output, TrainingOptions(epochs=2, steps=2), interrupt)
    return output.with_name(f"{output.name}.checkpoint")


@pytest.mark.parametrize(
    ("other", "words", "hint"),
    [
        ({"seed": 1}, "seed 0, not 1", "give --seed 0 to go on; "),
        ({"epochs": 3}, "epochs 2, not 3", "give --epochs 2 to go on; "),
        ({"steps": 8}, "timesteps 16, not 8", "give --steps 16 to go on; "),
    ],
    ids=["seed", "epochs", "steps"],
)
def test_the_checkpoint_of_another_training_is_refused(
    tmp_path: Path, other: dict[str, int], words: str, hint: str
) -> None:
    output = tmp_path / "digits.nir"
    path = output.with_name("digits.nir.checkpoint")
    made = checkpoint.Checkpoint(path, DIGITS.training(replace(DIGITS.recipe, epochs=2), 16, TrainingOptions(), 1437))
    made.save(1, {})
    with pytest.raises(InputError, match=f"another training: {words} ") as caught:
        DIGITS.train(output, TrainingOptions(**({"epochs": 2, "resume": True} | other)), silent)  # type: ignore[arg-type]
    assert caught.value.code == "TRAIN004"
    assert str(caught.value.hint).startswith(hint)
    assert path.exists()


def test_a_cpu_has_two_names(tmp_path: Path) -> None:
    names = (DIGITS.training(DIGITS.recipe, 4, TrainingOptions(device=name), 9) for name in ("cpu", "cpu:0"))
    assert len({json.dumps(name) for name in names}) == 1
    made = checkpoint.Checkpoint(tmp_path / "it", {"model": "digits"}, resume=True)
    made.save(1, {})
    assert made.restore({}) == 1


def test_a_checkpoint_is_not_written_through_a_link(tmp_path: Path) -> None:
    output, elsewhere = tmp_path / "digits.nir", tmp_path / "elsewhere"
    (tmp_path / "digits.nir.checkpoint").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="symbolic link") as caught:
        DIGITS.train(output, TrainingOptions(epochs=1, resume=True), silent)
    assert caught.value.code == "USE006"
    assert not elsewhere.exists()


def test_one_training_at_a_time_writes_an_output(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    output = tmp_path / "digits.nir"
    link = tmp_path / "link.nir"
    link.symlink_to(output)
    for name in (output, link):
        with claim.claimed(output), pytest.raises(UsageError, match="another training writes it") as caught:
            DIGITS.train(name, TrainingOptions(epochs=1), silent)
        assert caught.value.code == "USE129"
    (tmp_path / ".digits.nir.lock").touch()  # as a killed training leaves it
    with claim.claimed(output), claim.claimed(tmp_path / "other.nir"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["link.nir"]


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    state = stopped(tmp_path / "digits.nir")
    whole = state.read_bytes()
    middle = len(whole) // 2
    causes = {
        b"": "it is empty",
        b"words": "cut short",
        whole[:middle]: "cut short",
        whole[:-1000] + bytes(1000): "cut short",
        whole[:200] + bytes(middle) + whole[200 + middle :]: "damaged",
    }
    for damaged, cause in causes.items():
        state.write_bytes(damaged)
        with pytest.raises(InputError, match=cause) as caught:
            DIGITS.train(tmp_path / "digits.nir", TrainingOptions(epochs=2, steps=2, resume=True), silent)
        assert caught.value.code == "TRAIN003"


@pytest.mark.parametrize("missing", ["weights", "optimiser", "schedule"])
def test_a_checkpoint_that_lacks_a_part_is_refused(tmp_path: Path, missing: str) -> None:
    state = stopped(tmp_path / "digits.nir")
    parts = torch.load(state, weights_only=True)
    for change in cast(list[dict[str, object]], [{}, {missing: {}}, {missing: 5}]):
        torch.save({key: value for key, value in parts.items() if key != missing} | change, state)
        with pytest.raises(InputError) as caught:
            DIGITS.train(tmp_path / "digits.nir", TrainingOptions(epochs=2, steps=2, resume=True), silent)
        assert caught.value.code == "TRAIN003"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("zipped", [False, True])
def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, zipped: bool) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return os.system, (f"touch {tmp_path / 'gone_off'}",)

    state = tmp_path / "digits.nir.checkpoint"
    if zipped:
        torch.save({"of": Bomb()}, state)
    else:
        state.write_bytes(pickle.dumps({"of": Bomb()}, protocol=2))
    with pytest.raises(InputError) as caught:
        DIGITS.train(tmp_path / "digits.nir", TrainingOptions(epochs=2, resume=True), silent)
    assert caught.value.code == "TRAIN003"
    assert "weights_only" not in str(caught.value)
    assert not (tmp_path / "gone_off").exists()
