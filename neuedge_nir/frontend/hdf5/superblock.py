"""The beginning of a file in HDF5's oldest format.

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, II.A and II.B.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import mmap

from neuedge_nir.frontend.hdf5.messages import NOWHERE, UnfamiliarError
from neuedge_nir.frontend.hdf5.symbols import GROUP

SUPERBLOCK = struct.Struct("<8s8BHHI4QQQI")
"""Signature; versions of superblock, free space, root, (reserved), shared headers, sizes of addresses and lengths,
(reserved); half of the most symbols in a table and of the most children in a tree; flags; addresses of base, free
space, end and driver; the root's name, header, and what is cached of it."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"
PLAIN = (0, 0, 0, 0, 0, 8, 8, 0)
ELSEWHERE = (0, NOWHERE, NOWHERE)
"""Base, free space and driver of a file that begins at 0 and has neither of the others."""


@dataclass(frozen=True, slots=True)
class Superblock:
    """Where the root group's header is, and the most symbols and children in one node of the trees of groups."""

    root: int
    symbols: int
    children: int


def superblock(data: mmap) -> Superblock:
    """Raises `UnfamiliarError` for all but the plainest one, `ValueError` where the file is cut short."""
    found = SUPERBLOCK.unpack_from(data)
    signature, versions, (leaf, inner, flags) = found[0], found[1:9], found[9:12]
    base, free, end, driver, _, root, cached = found[12:]
    if signature != SIGNATURE or versions != PLAIN or flags or (base, free, driver) != ELSEWHERE:
        raise UnfamiliarError
    if end > len(data):
        raise ValueError(f"{end} bytes were written, {len(data)} are there")
    # What stands behind the end is not read, so that what is within the file need not be held against the end, too.
    if end < len(data) or not leaf or not inner or cached > GROUP:
        raise UnfamiliarError
    return Superblock(root, 2 * leaf, 2 * inner)
