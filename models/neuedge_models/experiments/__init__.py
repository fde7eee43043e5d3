"""Experiments on what NeuEdge claims: one file each, on the reference models, with fixed budgets and controls.

What they share: `trial` (an experiment as the command line knows it), `bench` (trained networks, samples), `price`
(energy and time by the compiler's own report), `coded` (encoders and their controls).
"""
