"""What a counter of a projection answers, however the projection is made."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.axis import Fans
from neuedge_nir.network.model import Projection
from neuedge_nir.network.reach import Region, Stage
from neuedge_nir.network.slices import Slice, Span

FanOuts = tuple[tuple[int, int], ...]
"""(neurons reached, number of sources that reach so many) in ascending order."""


class Counting(Protocol):
    """Counts of slices of a projection's target; `count.Counter` says what each is."""

    @property
    def projection(self) -> Projection: ...

    @property
    def stages(self) -> tuple[Stage, ...]: ...

    @property
    def first_axis_uniform(self) -> bool: ...

    @property
    def all_synapses(self) -> int: ...

    @property
    def all_stored_weights(self) -> int: ...

    def axis_view(self, axis: int, span: Span) -> Hashable: ...

    def sources(self, part: Slice) -> Region: ...

    def axons(self, part: Slice, source_part: Slice | None = None) -> int: ...

    def connections(self, part: Slice) -> int: ...

    def synapses(self, part: Slice) -> int: ...

    def fan_ins(self) -> NDArray[np.int64]: ...

    def fan_ins_by_axis(self) -> tuple[tuple[Fans, ...], int]: ...

    def fan_outs(self, part: Slice) -> FanOuts: ...

    def longest_fan_out(self, part: Slice) -> int: ...

    def stored_weights(self, part: Slice) -> int: ...
