"""Moves of many neurons at once that make deliveries fewer: what numpy alone can do of `refine`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.irregular.refine import Room, Wiring

Ints = NDArray[np.int64]

ROUNDS = 120
"""Times that the gains of all moves are counted."""
MOST_GAINS = 1 << 26
"""Synapses times cores: bytes that are looked at in a round."""


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Where neurons are, the targets of each source on each core, and deliveries."""

    cores: Ints
    reach: Ints
    deliveries: int

    @classmethod
    def of(cls, net: Wiring, cores: Ints, count: int) -> _State:
        neurons = np.repeat(cores, np.diff(net.into))
        reach = np.bincount(net.sources * count + neurons, minlength=net.nodes * count).reshape(net.nodes, count)
        home = reach[np.arange(net.neurons), cores]
        return cls(cores, reach, int(np.count_nonzero(reach)) - int(np.count_nonzero(home)))


def improved(net: Wiring, cores: Ints, count: int, room: Room) -> Ints:
    """The cores after rounds of moves, of which each made deliveries fewer; none makes a core exceed its room."""
    if len(net.sources) * count > MOST_GAINS or not len(net.sources):
        return cores
    state, share = _State.of(net, cores, count), 0.5
    for _ in range(ROUNDS):
        rise, to = _best_moves(net, state, count, room)
        willing = np.flatnonzero(rise < 0)
        willing = willing[np.argsort(rise[willing], kind="stable")]
        movers = _within(net, state.cores, to, willing[: max(1, int(share * len(willing)))], count, room)
        if not len(movers):
            break
        moved = state.cores.copy()
        moved[movers] = to[movers]
        after = _State.of(net, moved, count)
        heard = [np.count_nonzero(each.reach, axis=0) for each in (state, after)]
        if after.deliveries < state.deliveries and (heard[1] <= np.maximum(heard[0], room.axons)).all():
            state, share = after, min(0.5, share * 1.5)
        elif len(movers) == 1:
            break
        else:
            share /= 3
    return state.cores


def _best_moves(net: Wiring, state: _State, count: int, room: Room) -> tuple[Ints, Ints]:
    """For every neuron the core with room that it had best be on, and the deliveries more that this costs."""
    home = np.full(net.nodes, -1, dtype=np.int64)
    home[: net.neurons] = state.cores
    new = (state.reach == 0) & (home[:, None] != np.arange(count))
    rise = _sums(new[net.sources], net)
    mine = np.repeat(state.cores, np.diff(net.into))
    last = (state.reach[net.sources, mine] == 1) & (home[net.sources] != mine)
    own = state.reach[: net.neurons] > 0
    stays = own[np.arange(net.neurons), state.cores]
    rise += (stays - _sums(last[:, None], net)[:, 0])[:, None] - own
    held = np.bincount(state.cores, minlength=count)
    rise[:, held >= room.neurons] = net.nodes
    rise[np.arange(net.neurons), state.cores] = net.nodes
    return rise.min(axis=1), rise.argmin(axis=1)


def _sums(values: NDArray[np.bool_], net: Wiring) -> Ints:
    """Sums over the synapses of each neuron."""
    found = np.zeros((net.neurons, values.shape[1]), dtype=np.int64)
    some = np.flatnonzero(np.diff(net.into))
    found[some] = np.add.reduceat(values, net.into[some], axis=0, dtype=np.int32)
    return found


def _within(net: Wiring, cores: Ints, to: Ints, movers: Ints, count: int, room: Room) -> Ints:
    """The first movers of each core for whom it has neurons and synapses left; what leaves it makes no room yet."""
    into = np.diff(net.into)
    held, synapses = np.bincount(cores, minlength=count), np.bincount(cores, into, count)
    kept = []
    for v in movers.tolist():
        core = to[v]
        if held[core] < room.neurons and synapses[core] + into[v] <= room.synapses:
            held[core] += 1
            synapses[core] += into[v]
            kept.append(v)
    return np.array(kept, dtype=np.int64)
