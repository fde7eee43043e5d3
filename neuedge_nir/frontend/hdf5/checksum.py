"""The checksum that HDF5's filter `fletcher32` puts behind a chunk."""

from __future__ import annotations

import struct

import numpy as np

STORED = struct.Struct("<I")
BLOCK_WORDS = 2**16
"""Words that are summed up at once, in 64 bits."""


def checked(raw: bytes) -> bytes:
    """The content without the checksum behind it. Raises `ValueError` where the two do not agree."""
    content, stored = raw[: -STORED.size], STORED.unpack(raw[-STORED.size :])[0]
    found = fletcher32(content)
    # HDF5 before 1.6.3 swapped the bytes of either half, and files of that time are read.
    swapped = (found & 0x00FF00FF) << 8 | (found >> 8) & 0x00FF00FF
    if stored not in (found, swapped):
        raise ValueError("the checksum of a chunk is wrong")
    return content


def fletcher32(content: bytes) -> int:
    """The sum of all 16-bit words, and above it the sum of the sums up to each, both modulo 65535."""
    words = np.frombuffer(content + bytes(len(content) % 2), ">u2")
    total = totals = 0
    for start in range(0, words.size, BLOCK_WORDS):
        block = words[start : start + BLOCK_WORDS].astype(np.uint64)
        totals += block.size * total + int(block @ np.arange(block.size, 0, -1, dtype=np.uint64))
        total += int(block.sum())
    return _folded(totals) << 16 | _folded(total)


def _folded(number: int) -> int:
    """Modulo 65535, by adding the upper half to the lower one: only 0 itself becomes 0."""
    return number % 65535 or (65535 if number else 0)
