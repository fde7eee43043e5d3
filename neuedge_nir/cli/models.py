"""`neuedge-nir models`: the reference models: list, train, export."""

from __future__ import annotations

import argparse
from pathlib import Path

from neuedge_nir.cli.shared import add_json, print_json, print_tables, progress, seed, whole
from neuedge_nir.errors import PluginError
from neuedge_nir.files import check_writable


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """`models [list]`, `models train NAME`, `models export NAME FILE`."""
    actions = sub.add_subparsers(dest="action", metavar="list|train|export")
    names = actions.add_parser("list", help="the models that come with the installed packages")
    add_json(names, inner=True)
    train = actions.add_parser("train", help="train a model and write it (needs the extra `train`)")
    train.add_argument("name")
    train.add_argument("-o", "--output", type=Path, metavar="FILE.nir", help="default: NAME.nir here")
    train.add_argument("--seed", type=seed, default=0, help="default 0")
    train.add_argument("--epochs", type=whole, help="default: the model's own")
    train.add_argument("--steps", type=whole, metavar="T", help="timesteps of a sample; default: the model's own")
    train.add_argument("--device", default="cpu", help="a torch device (default cpu)")
    train.add_argument("--data-dir", type=Path, metavar="DIR", help="a folder with the model's data; else fetched")
    train.add_argument("--resume", action="store_true", help="go on from OUTPUT.checkpoint, which an interruption left")
    export = actions.add_parser("export", help="write the trained model that came with the package")
    export.add_argument("name")
    export.add_argument("output", type=Path, metavar="FILE.nir")
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """List, train or export."""
    match arguments.action:
        case "train":
            return _train(arguments)
        case "export":
            return _export(arguments)
        case _:
            return _list(arguments.json)


def _list(as_json: bool) -> int:
    from neuedge_nir.plugin import MODELS, names
    from neuedge_nir.report.text import table

    rows = [(name, _summary(name)) for name in names(MODELS)]
    if as_json:
        print_json([{"name": name, "summary": summary} for name, summary in rows])
    else:
        print_tables([table("Models", ("name", ""), rows)])
    return 0


def _summary(name: str) -> str:
    """What a model says of itself, or why it cannot: one that is broken must not hide the others."""
    from neuedge_nir.plugin import load_model

    try:
        return load_model(name).summary
    except PluginError as error:
        return f"[{error.code}] {error}"


def _train(arguments: argparse.Namespace) -> int:
    from neuedge_nir.plugin import TrainingOptions, load_model

    model = load_model(arguments.name)
    output = arguments.output or Path(f"{arguments.name}.nir")
    options = TrainingOptions(
        arguments.seed, arguments.epochs, arguments.steps, arguments.device, arguments.data_dir, arguments.resume
    )
    with progress() as observer:
        provenance = model.train(output, options, observer)
    print_json({"file": output.name, **provenance})
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from neuedge_nir.files import write_whole
    from neuedge_nir.plugin import load_model

    check_writable(arguments.output)
    write_whole(arguments.output, load_model(arguments.name).bundled().read_bytes())
    return 0
