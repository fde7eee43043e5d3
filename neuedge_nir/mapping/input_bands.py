"""Inputs of several channels in bands of rows: what is seen together is on one core, and few chips need each core."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from neuedge_nir.mapping.bounds import input_capacity
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.network.model import Port
from neuedge_nir.network.slices import Block, Slice, cut


def banded(port: Port, runs: Iterator[Slice], demands: Demands, targets: Destinations) -> Iterable[Slice]:
    """Bands of rows over all channels, where these take no more cores than runs of neurons do; else the runs.

    A run ends in the middle of a channel, so that nearly every layer core hears nearly every core of the input; a band
    is heard where its rows are seen. Each takes as many rows as divide evenly over as many cores as the runs take.
    """
    shape = port.shape
    if len(shape) < 3 or shape[0] == 1:
        return runs
    taken = list(islice(runs, shape[1] + 1))
    if not 1 < len(taken) <= shape[1]:
        return chain(taken, runs)
    rows = math.ceil(shape[1] / len(taken))
    bands = list(cut(shape, (shape[0], rows, *shape[2:]), balanced=False).blocks())
    return bands if len(bands) <= len(taken) and all(_fits(band, port, demands, targets) for band in bands) else taken


def _fits(band: Block, port: Port, demands: Demands, targets: Destinations) -> bool:
    sources = demands.legal.inputs.neurons_per_core
    if sources is not None and band.neurons > sources.count:
        return False
    return demands.fits_in(Piece(port.name, band), targets, input_capacity(demands))
