"""How many examples a law is tried on: a third of them in `make test`, all of them in `make test-all`."""

from __future__ import annotations

import os

EVERY = os.environ.get("EVERY_EXAMPLE") == "1"


def examples(full: int) -> int:
    """So many of `full` examples; which ones is the same in every run."""
    return full if EVERY else -(-full // 3)
