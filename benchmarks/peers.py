"""The networks that other mappers were measured with, from the files that record them (`--shared DIR`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuedge_nir.network.build import all_to_all, build, fixed_probability, join, lif, source
from neuedge_nir.network.model import Network, Population, Port


def network_in(path: Path) -> Network:
    """The network of a NAME.network.json: neurons and Poisson sources, joined one to one, all to all or by chance."""
    told = json.loads(path.read_text(encoding="utf-8"))
    ends: dict[str, Population | Port] = {each["name"]: _end(each) for each in told["pops"]}
    joints = [
        join(ends[each["pre"]], ends[each["post"]], _maker(each), f"{number}>{each['pre']}>{each['post']}")
        for number, each in enumerate(told["projs"])
    ]
    populations = [end for end in ends.values() if isinstance(end, Population)]
    sources = [end for end in ends.values() if isinstance(end, Port)]
    return build(told["name"], populations, joints, sources)


def _end(told: Mapping[str, Any]) -> Population | Port:
    return source(told["name"], told["n"]) if told["kind"] == "poisson" else lif(told["name"], told["n"])


def _maker(told: Mapping[str, Any]) -> Any:
    match told["conn"]:
        case "one":
            return None
        case "all":
            return all_to_all(0.01)
        case "fixedprob":
            return fixed_probability(told["p"], 0.01)
    raise SystemExit(f"nothing is known of connections called {told['conn']!r}")
