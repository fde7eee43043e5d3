"""Runs in a chip's own numbers: what a network loses by being held in integers, measured on data."""
