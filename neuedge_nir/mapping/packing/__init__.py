"""Cuts and packings found together: patterns of a core, priced by what they cover."""
