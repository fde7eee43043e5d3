"""What a compilation may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neuedge_nir.constraints.load import constraints_given
from neuedge_nir.constraints.model import NONE, Constraints
from neuedge_nir.errors import UsageError
from neuedge_nir.frontend import DEFAULT_CAPS, Caps
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.asked import Tiles, tiles_given
from neuedge_nir.network.activity import Activity
from neuedge_nir.network.given import reset_given, timestep_given
from neuedge_nir.network.model import ResetMode
from neuedge_nir.pipeline.sensible import check_options
from neuedge_nir.plan.kept import KEPT, options_kept
from neuedge_nir.plan.model import Plan
from neuedge_nir.rewrite.call import PassCall


@dataclass(frozen=True, slots=True)
class Options:
    """What a compilation may be told.

    `strict` refuses a model that the reader had to repair, `limits` are what its file may ask for. `activity`: a
    rate, rates by population, the path of an .npz profile or of NIRData (.h5), an Activity, or samples on which the
    network is simulated; `early_exit` is the lead of the greatest summed output at which one of these ends. Without
    samples, `steps_per_sample` says how many timesteps one has. What passes search for they find on `calibration`.
    `chips` None: as many as needed, up to the chip's largest published system. `max_cores`: those of the largest plan
    that is tried, None for what the effort says. `dt` in the model's time unit.

    `inputs` ("host", "onchip" or "source-core") and `outputs` ("probe", "host" or "record") are ways of the chip, None
    its first; `map_inputs` stands for the one by which the chip makes the spikes. `tiles` cuts populations, by name, as
    `mapping.asked` reads it: {"conv1": "16x8x28", "hidden": 50, "out": "/2"}. `constraints`: what the mapping must
    keep, or the path of a TOML file that says it (docs/constraints.md). `copies`: so many of the network beside each
    other, or "max": as many as are found to fit `chips` chips, one chip where that is None. `keep`: the plan, or its
    file, whose mapping and options of mapping stay, for a network with other weights. `recurrence` "approximate"
    accepts cycles that are quicker than the chip: projections are then late, and with samples it is measured what that
    does. A chip in real time is run `time_scale` times slower than it could be. `splitters`: whether copies of neurons
    go into cores of their own, "auto" where that takes fewer cores, "never", "always". `objective`: the fewest "cores",
    or the least "traffic" on no more chips than those of effort "none" take (docs/mapping.md); a higher `effort` never
    takes more of it. After `time_limit` seconds the best plan
    counts that was found so far: it depends on the machine, and says so (`Plan.stopped_by`).
    """

    passes: tuple[PassCall, ...] = ()
    activity: str | float | Mapping[str, float] | Activity | Samples | None = None
    early_exit: float | None = None
    steps_per_sample: int | None = None
    time_scale: int = 1
    calibration: Samples | None = None
    reset: ResetMode | None = None
    dt: float | None = None
    chips: int | None = None
    max_cores: int | None = None
    effort: str = "normal"
    seed: int = 0
    map_inputs: bool = False
    inputs: str | None = None
    outputs: str | None = None
    tiles: Mapping[str, str | int | Tiles] = field(default_factory=dict)
    constraints: Constraints | Path | str = NONE
    copies: int | str | None = None
    keep: Plan | Path | str | None = None
    recurrence: str = "exact"
    splitters: str = "auto"
    objective: str = "cores"
    strict: bool = False
    limits: Caps = DEFAULT_CAPS
    time_limit: float | None = None

    def __post_init__(self) -> None:
        """Take names for what they name. Raises `UsageError` (USE017, USE019, USE037) for a value without sense."""
        check_options(self)
        object.__setattr__(self, "passes", tuple(PassCall.parse(c) if isinstance(c, str) else c for c in self.passes))
        object.__setattr__(self, "reset", reset_given(self.reset, "Options.reset"))
        object.__setattr__(self, "dt", timestep_given(self.dt, "Options.dt"))
        object.__setattr__(self, "constraints", constraints_given(self.constraints))
        if self.keep is not None:
            asked = {name: getattr(self, name) for name in (*KEPT, "map_inputs")} | {"tiles": tiles_given(self.tiles)}
            for name, value in options_kept(self.keep, asked).items():
                object.__setattr__(self, name, value)
            check_options(self)
        object.__setattr__(self, "tiles", tiles_given(self.tiles))
        if self.early_exit is not None and not isinstance(self.activity, Samples):
            message = "an early exit shortens samples, and there are none"
            raise UsageError("USE001", message, where="--early-exit", hint="give --data")
        if self.map_inputs and self.inputs is not None:
            raise UsageError(
                "USE001", "two ways for the inputs", where="--input, --map-inputs", hint="give one of them"
            )
        if self.steps_per_sample is not None and isinstance(self.activity, Samples):
            message = "the samples themselves say how many timesteps they have"
            raise UsageError("USE001", message, where="--steps-per-sample, --data", hint="give one of them")
