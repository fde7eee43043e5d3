"""`neuedge-nir models`: the reference models: list, train, export, samples to run them on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuedge_nir.cli.shared import add_json, print_diagnostics, print_json, print_tables, progress, seed, whole
from neuedge_nir.errors import PluginError, UsageError
from neuedge_nir.files import check_writable

if TYPE_CHECKING:
    from neuedge_nir.plugin import Model


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """`models [list]`, `models train NAME`, `models export NAME FILE`, `models samples NAME FILE`."""
    actions = sub.add_subparsers(dest="action", metavar="list|train|export|samples")
    names = actions.add_parser("list", help="the models that come with the installed packages")
    add_json(names, inner=True)
    train = actions.add_parser("train", help="train a model and write it (needs the extra `train`)")
    train.add_argument("name")
    train.add_argument("-o", "--output", type=Path, metavar="FILE.nir", help="default: NAME.nir here")
    train.add_argument("--seed", type=seed, default=0, help="default 0")
    train.add_argument("--epochs", type=whole, help="default: the model's own")
    _add_steps(train)
    train.add_argument("--device", default="cpu", help="a torch device (default cpu)")
    _add_data_dir(train)
    add_json(train, inner=True)
    train.add_argument("--resume", action="store_true", help="go on from OUTPUT.checkpoint, which an interruption left")
    export = actions.add_parser("export", help="write the trained model that came with the package")
    export.add_argument("name")
    export.add_argument("output", type=Path, metavar="FILE.nir")
    samples = actions.add_parser(
        "samples", help="write test samples of a model as spikes, for --data of other commands"
    )
    samples.add_argument("name")
    samples.add_argument("output", type=Path, metavar="FILE.npz")
    samples.add_argument(
        "--most", type=whole, default=MOST_SAMPLES, metavar="N", help="the first N (default %(default)s)"
    )
    _add_steps(samples)
    _add_data_dir(samples)
    add_json(sub)


MOST_SAMPLES = 500


def _add_steps(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--steps", type=whole, metavar="T", help="timesteps of a sample; default: the model's own")


def _add_data_dir(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--data-dir", type=Path, metavar="DIR", help="a folder with the model's data; else fetched")


def run(arguments: argparse.Namespace) -> int:
    """List, train, export or write samples."""
    match arguments.action:
        case "train":
            return _train(arguments)
        case "export":
            return _export(arguments)
        case "samples":
            return _samples(arguments)
        case _:
            return _list(arguments.json)


def _list(as_json: bool) -> int:
    from neuedge_nir.plugin import MODELS, names
    from neuedge_nir.report.text import table

    found = [_entry(name) for name in names(MODELS)]
    if as_json:
        print_json(found)
    else:
        header = ("name", "", "on the test set", "spikes", "file")
        print_tables([table("Models", header, [_row(each) for each in found], right=(3,))])
    return 0


def _entry(name: str) -> dict[str, Any]:
    """What a model says of itself, or why it cannot: one that is broken must not hide the others."""
    from neuedge_nir.plugin import MODELS, Documented, guarded, load_model

    try:
        model = load_model(name)
        record = guarded(MODELS, name, model.record) if isinstance(model, Documented) else {}
        return {"name": name, "summary": model.summary, "bundled": _is_bundled(name, model), "record": dict(record)}
    except PluginError as error:
        return {"name": name, "summary": f"[{error.code}] {error}", "bundled": False, "record": {}}


def _is_bundled(name: str, model: Model) -> bool:
    from neuedge_nir.plugin import MODELS, guarded

    try:
        return bool(guarded(MODELS, name, model.bundled).is_file())
    except UsageError:
        return False


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    record = entry["record"]
    quality = ""
    if "test_accuracy" in record:
        quality = f"{record['test_accuracy']:.1%} right"
    elif "test_error" in record:
        quality = f"error {record['test_error']:.3g}"
    spikes = sum(record.get("spikes_per_inference", {}).values())
    come = "export" if entry["bundled"] else "train"
    return (entry["name"], entry["summary"], quality, f"{spikes:.0f}" if spikes else "", come)


def _train(arguments: argparse.Namespace) -> int:
    from neuedge_nir.plugin import TrainingOptions, load_model

    model = load_model(arguments.name)
    output = arguments.output or Path(f"{arguments.name}.nir")
    options = TrainingOptions(
        arguments.seed, arguments.epochs, arguments.steps, arguments.device, arguments.data_dir, arguments.resume
    )
    if arguments.resume:
        _say_where_from(output.with_name(f"{output.name}.checkpoint"))
    with progress(lines=True) as observer:
        provenance = model.train(output, options, observer)
    print_json({"file": output.name, **provenance})
    return 0


def _say_where_from(checkpoint: Path) -> None:
    """Without a checkpoint `--resume` starts anew, so that a script may always say it; whoever looks is told."""
    from neuedge_nir.diagnostics import Diagnostic, Severity

    if not checkpoint.exists():
        message = f"there is no {checkpoint.name}: the training starts with the first epoch"
        print_diagnostics([Diagnostic("TRAIN008", Severity.INFO, None, message)])


def _samples(arguments: argparse.Namespace) -> int:
    import io

    import numpy as np

    from neuedge_nir.files import write_whole
    from neuedge_nir.plugin import MODELS, Documented, guarded, load_model

    check_writable(arguments.output)
    model = load_model(arguments.name)
    if not isinstance(model, Documented):
        raise UsageError("USE123", f"the model {arguments.name!r} has no samples to give", hint="ask its author")
    few = (arguments.data_dir, arguments.steps, arguments.most)
    arrays = guarded(MODELS, arguments.name, lambda: model.samples(*few))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_whole(arguments.output, buffer.getvalue())
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from neuedge_nir.files import write_whole
    from neuedge_nir.plugin import load_model

    check_writable(arguments.output)
    write_whole(arguments.output, load_model(arguments.name).bundled().read_bytes())
    return 0
