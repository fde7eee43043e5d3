"""Plans as scripts for py-spinnaker2: a population for each of the network, cut on the chip by that software itself.

Numbers are those of the arithmetic `float32`: whole weights of 8 bits, thresholds and decays in single precision. What
the software cannot do is refused: see docs/emit.md.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emission.door import Files, Shown
from neuedge_nir.emission.synapses import Unrolled, unrolled
from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Delay, Pool
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.plan.model import Plan, PlanPopulation, PlanProjection
from neuedge_spinnaker.pynn import npz, refuse_unemitted

Array = NDArray[Any]

MOST = 127
"""The largest weight of either sign."""
OUT_OF_REACH = 1e30
"""A threshold for what does not spike."""
RESETS = {"zero": "reset_to_v_reset", "subtract": "reset_by_subtraction"}


def spinnaker2(plan: Plan, network: Network, shown: Shown | None) -> Files:
    """The files: run.py, network.json with the names and network.npz with the numbers, README.md, perhaps samples.npz.

    Raises `UsageError`: OUT202 where inputs have no source cores, USE072 where outputs are not recorded, OUT203 for a
    bias, OUT204 for a threshold that follows an activity, USE071 for what py-spinnaker2 cannot do.
    """
    refuse_unemitted(plan)
    made = unrolled(plan, network)
    held = {projection.name: projection for projection in made.integers.network.projections}
    convolved = {p.target for p in plan.projections if _is_conv(held[p.name])}
    arrays: dict[str, Array] = {}
    inner = [p for p in plan.populations if p.model not in ("Input", "Output")]
    ports = {port.name for port in network.outputs}
    read = {p.source for p in network.projections if p.target in ports}
    told = {
        "model": plan.model.name,
        "depth": max(population.lag for population in plan.populations),
        "inputs": [{"name": port.name, "size": port.neurons} for port in network.inputs],
        "populations": [
            _population(plan, made, number, p, read, p.name in convolved, arrays) for number, p in enumerate(inner)
        ],
        "projections": [_projection(p, held[p.name], made, plan, arrays) for p in plan.projections],
    }
    for projection in plan.projections:
        if projection.target in convolved and not _is_conv(held[projection.name]):
            raise _cannot(projection.target, "a convolution and another layer both lead to it")
    files = {
        "network.json": json.dumps(told, indent=1, sort_keys=True).encode() + b"\n",
        "network.npz": npz(arrays),
        "run.py": importlib.resources.files("neuedge_spinnaker").joinpath("run_spinnaker2.py").read_bytes(),
        "README.md": README.encode(),
    }
    if shown is not None:
        files["samples.npz"] = npz({name: values.astype(np.uint8) for name, values in shown.spikes.items()})
    return files


def _cannot(name: str, message: str) -> UsageError:
    return UsageError(
        "USE071", f"py-spinnaker2 cannot run it: {message}", where=f"node {name!r}", hint="write --format json"
    )


def _population(
    plan: Plan,
    made: Unrolled,
    number: int,
    told: PlanPopulation,
    read: set[str],
    convolved: bool,
    arrays: dict[str, Array],
) -> dict[str, object]:
    """A population, its registers, and the most neurons that the plan puts on one of its cores."""
    held, size = made.registers(told.name), int(np.prod(told.shape))
    if convolved and held["keep_i"] is not None:
        raise _cannot(told.name, "a convolution leads to neurons with a synaptic filter")
    if np.any(held["drive"]):
        message = f"its bias acts in the {told.lag} steps before its first input is due"
        raise UsageError(
            "OUT203", message, where=f"node {told.name!r}", hint="take its bias out, or write --format json"
        )
    filtered = {} if held["keep_i"] is None else {"exc_decay": held["keep_i"], "inh_decay": held["keep_i"]}
    threshold = OUT_OF_REACH if held["threshold"] is None else held["threshold"]
    values = {"threshold": threshold, "alpha_decay": held["keep"], **filtered}
    for name, value in values.items():
        arrays[f"population{number}.{name}"] = np.broadcast_to(np.asarray(value, np.float32), size).copy()
    model = "lif_conv2d" if convolved else "lif_no_delay" if held["keep_i"] is None else "lif_curr_exp_no_delay"
    pieces = [len(piece.neurons) for piece in made.pieces if piece.population == told.name]
    return {
        "name": told.name,
        "size": size,
        "model": model,
        "parameters": sorted(values),
        "reset": RESETS[plan.options.reset],
        "lag": told.lag,
        "read": told.name in read,
        "spikes": held["threshold"] is not None,
        "atoms": max(pieces),
    }


def _projection(
    told: PlanProjection, held: Projection, made: Unrolled, plan: Plan, arrays: dict[str, Array]
) -> dict[str, object]:
    """A list of (source, target, weight), or a kernel with what py-spinnaker2 has to know of it."""
    if told.delay > 1:
        raise _cannot(told.target, f"spikes of {told.source!r} wait {told.delay} steps, and its neurons have no delays")
    name = f"synapses{len([key for key in arrays if key.startswith('synapses')])}"
    found: dict[str, object] = {"source": told.source, "target": told.target, "rows": name}
    if _is_conv(held):
        kernel, found["conv"] = _kernel(told.target, held)
    else:
        kernel = _listed(told, made, plan)
    if np.abs(kernel if _is_conv(held) else kernel[:, 2]).max(initial=0) > MOST:
        raise _cannot(told.target, f"weights that add up are beyond {MOST}")
    arrays[name] = kernel
    return found


def _listed(told: PlanProjection, made: Unrolled, plan: Plan) -> Array:
    """Every synapse of a projection."""
    rows = [
        np.stack([synapses.sources, piece.neurons[synapses.targets], synapses.weights], axis=1)
        for piece in made.pieces
        if piece.population == told.target
        for synapses in made.into(piece, plan)
        if synapses.projection == told.name
    ]
    return np.concatenate([np.zeros((0, 3), np.int64), *rows])


def _is_conv(projection: Projection) -> bool:
    return any(isinstance(operator, Conv) for operator in projection.chain)


def _kernel(name: str, projection: Projection) -> tuple[Array, dict[str, int]]:
    """The weights, input channels first, and the numbers of a `Conv2DProjection`, with a pool in front or none."""
    chain = [operator for operator in projection.chain if not isinstance(operator, Delay)]
    pool = chain[0] if isinstance(chain[0], Pool) else None
    conv = chain[-1]
    if len(chain) > 1 + (pool is not None) or not isinstance(conv, Conv):
        raise _cannot(name, "it knows a convolution alone, or behind one pool")
    faults = {
        "a convolution of one axis": len(conv.kernel) != 2,
        "groups of channels": conv.groups != 1,
        "a kernel with holes": set(conv.dilation) != {1},
        "strides that differ along the axes": len(set(conv.stride)) != 1,
        "padding that differs at both ends": any(before != after for before, after in conv.padding),
        "a pool whose stride is not its kernel": pool is not None and tuple(pool.kernel) != tuple(pool.stride),
        "a pool with padding": pool is not None and any(pool.padding),
        "a pool that is not square": pool is not None and len(set(pool.kernel)) != 1,
        "a pool that leaves pixels out": pool is not None and _leaves_out(pool),
    }
    for fault in (what for what, wrong in faults.items() if wrong):
        raise _cannot(name, fault)
    assert pool is None or pool.factor == 1  # averages are in the whole weights
    return conv.weight.swapaxes(0, 1).astype(np.int64), _geometry(conv, pool)


def _leaves_out(pool: Pool) -> bool:
    return any(size % step for size, step in zip(pool.input_shape[1:], pool.kernel, strict=True))


def _geometry(conv: Conv, pool: Pool | None) -> dict[str, int]:
    height, width = (pool.input_shape if pool is not None else conv.input_shape)[1:]
    window = pool.kernel if pool is not None else (1, 1)
    names = ("in_height", "in_width", "stride_x", "stride_y", "pool_x", "pool_y")
    values: Sequence[int] = (height, width, *conv.stride, *window)
    pads: Mapping[str, int] = {
        "pad_top": conv.padding[0][0],
        "pad_bottom": conv.padding[0][1],
        "pad_left": conv.padding[1][0],
        "pad_right": conv.padding[1][1],
    }
    return {**dict(zip(names, map(int, values), strict=True)), **{name: int(value) for name, value in pads.items()}}


README = """# Run it by py-spinnaker2

For SpiNNaker 2, with py-spinnaker2 (https://gitlab.com/spinnaker2/py-spinnaker2) and a board:

    python run.py --sample 0 --ip 192.168.1.48 --output spikes.npz

`--sample` counts in `samples.npz`, there if the plan was emitted with --data; `--steps` runs without input. The answer
has for each population that is read `NAME.neurons` and, for each of these spikes, `NAME.times` in the model's own
steps, its lag taken off; where it does not spike, potentials `NAME.v` of its neurons, a row for each, in the chip's
units.

* A population of the plan is one of the script, with the plan's largest slice as the most neurons on a core. How it is
  cut and where it is placed is the software's choice, which knows no way to be told. Inputs are `spike_list`s, on cores
  of their own.
* Layers are lists of synapses into `lif_no_delay` or `lif_curr_exp_no_delay`, whose neurons hear a spike one step
  later; convolutions are kernels into `lif_conv2d`.
* The memory of a core is not published by word: the software may refuse what the plan takes for small enough.
* The script was held against the plan by running it on a stand-in for py-spinnaker2, written from what its import of
  NIR does; not with the software itself, nor on hardware.
"""
