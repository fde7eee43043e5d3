"""What every code means: one table for errors and diagnostics, printed by `neuedge-nir explain CODE`.

A test holds it against the source: every code raised is explained, every explanation is raised somewhere.
Ranges: USE usage, PLUG plugins, FILE the container, NIR quirks that the reader assumes or repairs (numbered as a
public catalogue of quirks), NET the graph, CHIP chip files, FIT does not fit, PLAN verification, WARN remarks.
"""

from __future__ import annotations

EXPLANATIONS: dict[str, str] = {}
