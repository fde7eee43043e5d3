"""Data of the reference models: fetched, kept, read from a folder, made by a formula; and what is refused."""

from __future__ import annotations

import io
import sys
import tarfile
import urllib.error
import wave
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neuedge_models import control, fetch, logmel, recordings, tactile
from neuedge_models.cifar10 import CIFAR10
from neuedge_models.control import CONTROL
from neuedge_models.digits import DIGITS
from neuedge_models.fsdd import FSDD
from neuedge_models.mnist import MNIST
from neuedge_models.nmnist import NMNIST
from neuedge_models.reference import Reference
from neuedge_models.speech import SPEECH
from neuedge_models.tactile import TACTILE
from neuedge_nir.errors import InputError, NeuedgeError, UsageError

Arrays = dict[str, NDArray[Any]]


def arrays(shape: tuple[int, ...], classes: int = 10, samples: int = 4) -> Arrays:
    """A few made-up samples of each part."""
    rng = np.random.default_rng(0)
    pictures = {f"x_{part}": rng.integers(0, 256, (samples, *shape), np.uint8) for part in ("train", "test")}
    return pictures | {f"y_{part}": np.arange(samples, dtype=np.uint8) % classes for part in ("train", "test")}


def frames(samples: int = 4) -> Arrays:
    packed = {f"x_{part}": np.full((samples, 30 * 2312 // 8), 17, np.uint8) for part in ("train", "test")}
    return arrays((1,), samples=samples) | packed | {"shape": np.array((30, 2, 34, 34))}


KEPT: dict[Reference, tuple[str, Callable[[], Arrays]]] = {
    MNIST: ("mnist", lambda: arrays((28, 28))),
    CIFAR10: ("cifar10", lambda: arrays((32, 32, 3))),
    NMNIST: ("nmnist", frames),
    FSDD: ("fsdd_logmel", lambda: arrays((61, 32))),
    SPEECH: ("speech_commands12_logmel", lambda: arrays((49, 40), 12)),
}


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(NeuedgeError) as caught:
        work()
    return caught.value.code


# --- from a folder


@pytest.mark.parametrize("model", KEPT, ids=lambda model: model.name)
def test_a_folder_of_the_users_serves(model: Reference, tmp_path: Path) -> None:
    name, make = KEPT[model]
    np.savez(tmp_path / f"{name}.npz", **make())  # type: ignore[arg-type]
    data = model.dataset(tmp_path, 5)
    assert data.test.inputs.shape[-len(model.shape) :] == model.shape
    assert model.samples(tmp_path, 5, 3)["x"].shape == (3, 5, *model.shape)


def test_a_pixel_keeps_its_place_where_channels_come_first(tmp_path: Path) -> None:
    given = arrays((32, 32, 3))
    np.savez(tmp_path / "cifar10_1k.npz", **given)  # type: ignore[arg-type]
    found = CIFAR10.dataset(tmp_path, 5).train.inputs
    assert found[1, 2, 3, 4] == given["x_train"][1, 3, 4, 2]


@pytest.mark.parametrize("model", KEPT, ids=lambda model: model.name)
def test_a_folder_without_the_data_is_refused(model: Reference, tmp_path: Path) -> None:
    assert code_of(lambda: model.dataset(tmp_path, 5)) == "TRAIN001"
    assert code_of(lambda: model.dataset(tmp_path / "absent", 5)) == "TRAIN001"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x_train": np.zeros((4, 28, 27), np.uint8)}, "TRAIN006"),
        ({"x_test": np.zeros((4, 28, 28), np.float32)}, "TRAIN006"),
        ({"x_test": np.zeros((4, 28, 28), np.int16)}, "TRAIN006"),
        ({"y_train": np.array([0, 1, 2, 10])}, "TRAIN006"),
        ({"y_train": np.array([0, 1, 2, -1])}, "TRAIN006"),
        ({"y_test": np.array([0.0, 1.0, 2.0, 3.0])}, "TRAIN006"),
        ({"y_test": np.zeros((4, 2), int)}, "TRAIN006"),
        ({"y_test": np.array(["one", "two", "six", "ten"])}, "TRAIN006"),
        ({"y_test": np.zeros(3, int)}, "TRAIN002"),
        ({"x_train": np.zeros((0, 28, 28), np.uint8), "y_train": np.zeros(0, int)}, "TRAIN002"),
        ({"shape": np.array([28, 28])}, "TRAIN002"),
        ({"shape": np.array([-1, 28])}, "TRAIN002"),
        ({"shape": np.array([0.5])}, "TRAIN002"),
        ({"x_train": np.array(5)}, "TRAIN002"),
        ({"x_train": np.full((4, 28, 28), 514, np.uint16)}, "TRAIN006"),
        ({"x_train": np.ones((4, 28, 28), bool)}, "TRAIN006"),
        ({"x_test": np.ones((4, 28, 28), np.uint8)}, "TRAIN006"),
        ({"y_test": np.full(4, 2**63, np.uint64)}, "TRAIN006"),
    ],
)
def test_data_that_do_not_fit_a_model_are_refused(tmp_path: Path, change: Arrays, code: str) -> None:
    np.savez(tmp_path / "mnist.npz", **(arrays((28, 28)) | change))  # type: ignore[arg-type]
    assert code_of(lambda: MNIST.dataset(tmp_path, 5)) == code


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x_train": np.full((4, 28, 28), 514, np.uint16)}, "x_train holds uint16, not uint8 from 0 to 255"),
        ({"x_test": np.ones((4, 28, 28), np.uint8)}, "x_test holds no value above 1: it was not scaled to 0 to 255"),
        (
            {"y_test": np.full(4, 2**63, np.uint64)},
            "labels from 9223372036854775808 to 9223372036854775808, not 0 to 9",
        ),
        (
            {"y_train": np.eye(4)},
            r"y_train holds float64 in the shape \(4, 4\), not one whole number from 0 to 9 a sample",
        ),
        ({"shape": np.array([0.5])}, "`shape` holds float64, not whole numbers"),
        ({"y_test": np.array([print])}, "it holds Python objects, which are not read"),
    ],
)
def test_a_refusal_of_data_names_the_file_and_what_is_expected(tmp_path: Path, change: Arrays, words: str) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, **(arrays((28, 28)) | change))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=words) as caught:
        MNIST.dataset(tmp_path, 5)
    assert caught.value.where == str(path)
    assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint16])
def test_events_may_be_marks_or_counts(tmp_path: Path, kind: type) -> None:
    marks: Arrays = {f"x_{part}": np.ones((4, 30, 2, 34, 34), kind) for part in ("train", "test")}
    np.savez(tmp_path / "nmnist.npz", **(arrays((1,)) | marks))  # type: ignore[arg-type]
    assert NMNIST.samples(tmp_path, 1, 1)["x"].all()


def test_digits_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(UsageError, match="sklearn") as caught:
        DIGITS.samples()
    assert (caught.value.code, caught.value.hint) == ("USE005", "pip install 'neuedge-nir[train]'")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04"])
def test_a_file_that_is_no_data_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mnist.npz").write_bytes(content)
    assert code_of(lambda: MNIST.dataset(tmp_path, 5)) == "TRAIN002"


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", **(arrays((28, 28)) | {"y_test": np.array([print])}))  # type: ignore[arg-type]
    assert code_of(lambda: MNIST.dataset(tmp_path, 5)) == "TRAIN002"


def test_recordings_shorter_than_the_steps_are_refused() -> None:
    assert code_of(lambda: CONTROL.dataset(None, control.TIMESTEPS + 1)) == "TRAIN007"
    assert CONTROL.dataset(None, 7).test.wanted.shape == (control.TESTED, 7, 1)


@pytest.mark.parametrize("steps", [0, -1, 10**9])
def test_numbers_of_timesteps_out_of_range_are_refused(steps: int) -> None:
    assert code_of(lambda: DIGITS.samples(None, steps)) == "USE007"


# --- fetched


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "neuedge-nir"


def pretend(monkeypatch: pytest.MonkeyPatch, name: str, **contents: object) -> None:
    """A library that is not installed here."""
    module = ModuleType(name)
    vars(module).update(contents)
    package = name.partition(".")[0]
    monkeypatch.setitem(sys.modules, package, ModuleType(package))
    monkeypatch.setitem(sys.modules, name, module)


def test_pictures_come_by_torchvision_and_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def mnist(root: str, *, train: bool, download: bool) -> object:
        asked.append((root, train, download))
        return SimpleNamespace(data=np.full((3, 28, 28), 7 + train), targets=[1, 2, 3])

    pretend(monkeypatch, "torchvision.datasets", MNIST=mnist)
    first, again = fetch.mnist(), fetch.mnist()
    assert asked == [(str(cache), True, True), (str(cache), False, True)]
    assert (first.train.inputs == 8).all()
    assert (again.test.inputs == 7).all()
    assert again.test.wanted.tolist() == [1, 2, 3]
    assert MNIST.dataset(None, 5).test.inputs.shape == (3, 784)


def test_events_come_by_tonic_evenly_spread(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = np.array([(33, 2, 0, True), (5, 6, 29_999, False), (1, 1, 300_000, True)], dtype=EVENT)

    def recorded(save_to: str, *, train: bool) -> list[tuple[NDArray[Any], int]]:
        assert save_to == str(cache)
        return [(events, label) for label in range(10 if train else 4)]

    monkeypatch.setattr(fetch, "MOST_RECORDINGS", {"train": 5, "test": 5})
    pretend(monkeypatch, "tonic.datasets", NMNIST=recorded)
    data = NMNIST.dataset(None, 15)
    assert data.train.wanted.tolist() == [0, 2, 4, 6, 8]
    assert data.test.wanted.tolist() == [0, 1, 2, 3]
    assert np.argwhere(data.test.inputs[3]).tolist() == [[0, 1, 2, 33], [1, 0, 6, 5]]


EVENT = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])


@pytest.mark.parametrize(("model", "package"), [(MNIST, "torchvision"), (CIFAR10, "torchvision"), (NMNIST, "tonic")])
def test_a_missing_library_is_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch, model: Reference, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=package) as caught:
        model.dataset(None, 5)
    assert (caught.value.code, f"pip install {package};" in str(caught.value.hint)) == ("USE121", True)
    assert not cache.exists()


@pytest.mark.parametrize("model", [FSDD, SPEECH], ids=lambda model: model.name)
def test_data_that_cannot_be_had_are_refused(cache: Path, monkeypatch: pytest.MonkeyPatch, model: Reference) -> None:
    def offline(url: str, **_: float) -> object:
        raise urllib.error.URLError(f"no way to {url}")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    assert code_of(lambda: model.dataset(None, 5)) == "USE122"
    assert not cache.exists()


def test_a_cache_that_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert code_of(fetch.mnist) == "USE006"


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative, so not heeded")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert fetch.cache() == Path("/home/somebody/.cache/neuedge-nir")


# --- sound


def spoken(seconds: float, rate: int, hertz: float = 440.0) -> bytes:
    """A .wav of a tone."""
    tone = np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate) / 2
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((tone * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: io.BytesIO(content))


@pytest.mark.usefixtures("cache")
def test_spoken_digits_are_split_by_take(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("3_jackson_0", "7_theo_4", "7_theo_5", "9_lucas_49"):
            archive.writestr(f"fsdd-master/recordings/{name}.wav", spoken(0.3, 8000))
        archive.writestr("fsdd-master/README.md", "words")
    serve(monkeypatch, buffer.getvalue())
    data = FSDD.dataset(None, 8)
    assert (data.test.wanted.tolist(), data.train.wanted.tolist()) == ([3, 7], [7, 9])
    assert data.test.inputs.shape == (2, 1, 61, 32)


def commands_archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_commands_are_split_as_their_lists_say(tmp_path: Path) -> None:
    word = spoken(1, 16000)
    others = {f"cat/{number:02}.wav": word for number in range(18)}
    files = {
        "_background_noise_/a.wav": spoken(6, 16000),
        "yes/a.wav": word,
        "yes/b.wav": word,
        "go/c.wav": word,
        **others,
        "testing_list.txt": b"yes/b.wav\ncat/17.wav\n",
        "validation_list.txt": b"go/c.wav\n",
    }
    path = tmp_path / "commands.tar.gz"
    path.write_bytes(commands_archive(**files))
    found = recordings.commands(path, recordings_hash(path))
    said = {part: [recordings.CLASSES[label] for label in found[f"y_{part}"]] for part in ("train", "test")}
    assert said == {"train": ["_silence_"] * 10 + ["yes", "_unknown_"], "test": ["_silence_", "yes", "_unknown_"]}
    assert found["x_test"].shape == (3, 49, 40)


def recordings_hash(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("cache")
def test_an_archive_of_another_hash_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, b"something else")
    assert code_of(fetch.speech) == "USE122"


@pytest.mark.parametrize("rate", [8000, 44100])
def test_sound_of_another_rate_is_refused(rate: int) -> None:
    with pytest.raises(wave.Error, match="16000 Hz"):
        recordings.sound(spoken(0.1, rate), 16000)


@pytest.mark.parametrize("band", [10, 20, 35])
def test_a_tone_is_loudest_in_its_band(band: int) -> None:
    mel = (band + 1) * 2595 * np.log10(1 + 8000 / 700) / 41  # where the triangle of that band is highest
    picture = logmel.COMMANDS(np.sin(2 * np.pi * 700 * (10 ** (mel / 2595) - 1) * np.arange(16000) / 16000) / 4)
    assert picture.shape == (49, 40)
    assert set(picture.argmax(axis=1)) == {band}


def test_silence_is_black_and_twice_the_sound_is_a_step_brighter() -> None:
    noise = np.random.default_rng(0).random(8000) / 16 - 1 / 32
    quiet, loud = (logmel.DIGITS(noise * gain).astype(int) for gain in (1, 2))
    step = 255 * np.log(4) / (logmel.DIGITS.loudest - np.log(logmel.QUIETEST))
    assert not logmel.DIGITS(np.zeros(100)).any()
    assert np.abs(loud - quiet - step)[quiet > 80].max() <= 1
    assert (quiet > 80).mean() > 0.8


# --- made by a formula


def test_letters_without_noise_are_felt_where_their_dots_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tactile, "NOISE", 0.0)
    counts = tactile.slid(np.arange(7), 0).sum(axis=1).reshape(7, 4, 3)
    dots = [len(each) for each in tactile.LETTERS.values()]
    assert counts[0].sum() == 0
    assert (counts[1:].sum(axis=(1, 2)) > 0).all()
    assert counts[dots.index(5)].sum() > counts[dots.index(1)].sum()
    assert (counts[1][2:] == 0).sum() >= 3  # A is one dot, in the uppermost row


def test_the_test_letters_are_others_and_the_same_every_time() -> None:
    first, again = TACTILE.load(None), TACTILE.load(None)
    assert np.array_equal(first.train.inputs, again.train.inputs)
    assert not np.array_equal(first.train.inputs[:7], first.test.inputs[:7])
    assert np.bincount(first.test.wanted).tolist() == [50] * 7


def test_cells_fire_about_the_value() -> None:
    spikes = control.cells(np.array([[0.0, 0.0], [-9.0, 9.0]]))
    assert [np.flatnonzero(each).tolist() for each in spikes] == [[11, 12, 35, 36], [0, 1, 46, 47]]


def test_the_teacher_balances_and_no_torque_does_not() -> None:
    policies: Mapping[str, control.Policy] = {
        "teacher": lambda way: control.teacher(way[:, -1]),
        "none": lambda way: np.zeros(len(way)),
        "wrong": lambda way: -control.teacher(way[:, -1]),
    }
    loops = {name: control.balanced(policy) for name, policy in policies.items()}
    assert loops["teacher"]["seconds"] == pytest.approx(3.0)
    assert 0.1 < loops["wrong"]["seconds"] < loops["none"]["seconds"] < 1.5
    assert loops["teacher"]["widest_rad"] < 0.05 < control.FALLEN_RAD < loops["none"]["widest_rad"]


def test_a_missing_formula_of_motion_would_show() -> None:
    hanging = np.array([[0.01, 0.0]])
    for _ in range(100):
        hanging = control.moved(hanging, np.zeros(1))
    # sinh grows as exp(t sqrt(g / l)): after a second by cosh(3.13) = 11.5.
    assert hanging[0, 0] == pytest.approx(0.01 * np.cosh(np.sqrt(9.81)), rel=0.02)


def test_refusals_are_of_the_right_class() -> None:
    with pytest.raises(InputError):
        MNIST.dataset(Path("/nowhere"), 5)
