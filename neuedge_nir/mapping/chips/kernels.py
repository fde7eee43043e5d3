"""Annealing in whole numbers, written so that Python and numba compute the very same.

Both kernels take flat arrays (lists in Python, int64 in numba), call nothing and use no float. A step that costs `more`
is taken where `more` is at most the temperature times a random number of an exponential distribution, from a table:
what Metropolis does. Random numbers: the minimal standard generator, 48271 n modulo 2**31 - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

ONE = 1 << 16
"""One in the table of random numbers."""

CHANCES = tuple(round(-math.log((k + 0.5) / 1024) * ONE) for k in range(1024))
"""Exponentially distributed numbers, in 1 / 65536."""

SEED = 20231

SHARES = {"none": 0.0, "quick": 0.1, "normal": 1.0, "high": 10.0}
"""Of the work of normal effort, by effort; without any, chips stay as they were filled."""

IN_PYTHON, COMPILED = 1 << 22, 1 << 27
"""Operations that a search may take at most: some seconds each. Numba is asked only for more than Python may take."""


def granted(kernel: Callable[..., Any], wanted: int, effort: str) -> tuple[Callable[..., Any], str, int]:
    """The kernel, what runs it ("python", or "numba" where that is installed and worth it), and the work it may do."""
    work = round(wanted * SHARES[effort])
    if work <= IN_PYTHON or find_spec("numba") is None:
        return kernel, "python", min(work, IN_PYTHON)
    return _jitted(kernel), "numba", min(work, COMPILED)


def cooling(typical: int, steps: int = 48) -> list[int]:
    """Temperatures that fall from a typical cost to a hundredth of it, then to none, in whole numbers."""
    heats = [typical]
    for _ in range(steps):
        heats.append(heats[-1] * 10 // 11)
    return [*heats, *[0] * (steps // 8)]


@cache
def _jitted(kernel: Callable[..., Any]) -> Callable[..., Any]:
    import numba

    fast = numba.njit(cache=True)(kernel)

    def called(*given: Any) -> Any:
        """Lists go in as arrays, and what the kernel changed comes out; arrays are changed as they are."""
        arrays = [np.array(each, dtype=np.int64) if isinstance(each, list) else each for each in given]
        result = fast(*arrays)
        for each, array in zip(given, arrays, strict=True):
            if isinstance(each, list):
                each[:] = array.tolist()
        return result

    return called


def share(
    chip_of: list[int],
    slot_of: list[int],
    tenant: list[int],
    uses: list[int],
    room: list[int],
    members: list[int],
    loads: list[int],
    weight: list[int],
    first: list[int],
    net: list[int],
    member: list[int],
    load: list[int],
    start: list[int],
    unit: list[int],
    chances: list[int],
    heats: list[int],
    work: int,
    random: int,
) -> int:
    """Units move to, or change places with units of, chips where others of their nets are; the change of the cost.

    `tenant[chip * slots + slot]` is a unit or -1, `room[chip * resources + r]` what is left there. By net and chip
    (`net * chips + chip`), `members` counts the units reached and `loads` the messages sent from there. The entries of
    a unit are `first[u]` to `first[u + 1]`, each with `net`, `member` and `load`; the units of a net are
    `unit[start[g]]` to `start[g + 1]`. The temperature falls along `heats` while `work` entries are looked at.
    """
    units, chips = len(chip_of), len(members) // max(1, len(weight))
    resources, slots = len(room) // chips, len(tenant) // chips
    total, spent, tries = 0, 0, 0
    while spent < work:
        heat = heats[spent * len(heats) // work]
        spent += 4
        random = random * 48271 % 2147483647
        one = random % units
        many = first[one + 1] - first[one]
        if not many:
            continue
        random = random * 48271 % 2147483647
        among = net[first[one] + random % many]
        random = random * 48271 % 2147483647
        there = chip_of[unit[start[among] + random % (start[among + 1] - start[among])]]
        here = chip_of[one]
        if there == here:
            continue
        random = random * 48271 % 2147483647
        place = random % slots
        other = tenant[there * slots + place]
        able = True
        for r in range(resources):
            a, b = uses[one * resources + r], 0
            if other >= 0:
                b = uses[other * resources + r]
            if room[there * resources + r] + b < a or room[here * resources + r] + a < b:
                able = False
        if not able:
            continue
        more = 0
        for event in range(4):  # one leaves, one arrives, the other leaves, the other arrives
            who, at, sign = one, here, -1
            if event == 1:
                at, sign = there, 1
            elif event >= 2:
                who, at = other, there
                if event == 3:
                    at, sign = here, 1
            if who < 0:
                continue
            for k in range(first[who], first[who + 1]):
                g = net[k]
                cell = g * chips + at
                if members[cell]:
                    more -= weight[g] - loads[cell]
                members[cell] += sign * member[k]
                loads[cell] += sign * load[k]
                if members[cell]:
                    more += weight[g] - loads[cell]
            spent += first[who + 1] - first[who]
        random = random * 48271 % 2147483647
        tries += 1
        if more <= 0 or more <= heat * chances[random % 1024] >> 16:
            total += more
            old = slot_of[one]
            tenant[here * slots + old], tenant[there * slots + place] = other, one
            chip_of[one], slot_of[one] = there, place
            if other >= 0:
                chip_of[other], slot_of[other] = here, old
            for r in range(resources):
                a, b = uses[one * resources + r], 0
                if other >= 0:
                    b = uses[other * resources + r]
                room[there * resources + r] += b - a
                room[here * resources + r] += a - b
            continue
        for event in range(4):  # all as before
            who, at, sign = one, here, 1
            if event == 1:
                at, sign = there, -1
            elif event >= 2:
                who, at = other, there
                if event == 3:
                    at, sign = here, -1
            if who < 0:
                continue
            for k in range(first[who], first[who + 1]):
                cell = net[k] * chips + at
                members[cell] += sign * member[k]
                loads[cell] += sign * load[k]
    return total


def settle(
    position: list[int],
    tenant: list[int],
    held: list[int],
    cores: list[int],
    far: list[int],
    near: list[int],
    start: list[int],
    chip: list[int],
    first: list[int],
    sender: list[int],
    load: list[int],
    weight: list[int],
    begin: list[int],
    net: list[int],
    costs: list[int],
    mark: list[int],
    fresh: list[int],
    reach: list[int],
    chances: list[int],
    heats: list[int],
    work: int,
    random: int,
) -> int:
    """Chips move to positions near chips they exchange messages with, or change places; the change of the cost.

    Net g reaches the chips `chip[start[g]]` to `start[g + 1]`, its senders are `sender[first[g]]` to `first[g + 1]`,
    each with its `load`. It costs its `weight` for each link of the shortest tree that spans its targets, and each load
    for the links to the nearest of them: `costs[g]`. `far[p * positions + q]` are the links between positions, `near`
    the closest positions of each, `tenant[p]` a chip or -1; a chip that has `held` cores in use needs as many `cores`.
    The nets of a chip are `net[begin[c]]` to `begin[c + 1]`; `mark`, `fresh` (by net) and `reach` are for the kernel's
    own use.
    """
    chips, positions = len(position), len(tenant)
    ring, nets = len(near) // positions, len(weight)
    touched = [0] * nets
    total, spent, tries = 0, 0, 0
    while spent < work:
        heat = heats[spent * len(heats) // work]
        spent += 4
        random = random * 48271 % 2147483647
        one = random % chips
        many = begin[one + 1] - begin[one]
        if not many:
            continue
        random = random * 48271 % 2147483647
        among = net[begin[one] + random % many]
        random = random * 48271 % 2147483647
        targets, senders = start[among + 1] - start[among], first[among + 1] - first[among]
        pick = random % (targets + senders)
        friend = chip[start[among] + pick] if pick < targets else sender[first[among] + pick - targets]
        random = random * 48271 % 2147483647
        here, there = position[one], near[position[friend] * ring + random % ring]
        other = tenant[there]
        if here == there or held[one] > cores[there] or (other >= 0 and held[other] > cores[here]):
            continue
        tries += 1
        count = 0
        for turn in range(2):
            who = one if turn == 0 else other
            if who >= 0:
                for k in range(begin[who], begin[who + 1]):
                    if mark[net[k]] != tries:
                        mark[net[k]] = tries
                        touched[count] = net[k]
                        count += 1
        position[one] = there
        if other >= 0:
            position[other] = here
        more = 0
        for k in range(count):
            g = touched[k]
            low, size = start[g], start[g + 1] - start[g]
            links = 0
            for i in range(size):
                reach[i] = far[position[chip[low]] * positions + position[chip[low + i]]]
            for _ in range(size - 1):
                best, closest = -1, 1 << 40
                for i in range(1, size):
                    if 0 <= reach[i] < closest:
                        best, closest = i, reach[i]
                links += closest
                reach[best] = -1
                row = position[chip[low + best]] * positions
                for i in range(1, size):
                    if reach[i] > far[row + position[chip[low + i]]]:
                        reach[i] = far[row + position[chip[low + i]]]
            cost = links * weight[g]
            for j in range(first[g], first[g + 1]):
                closest, row = 1 << 40, position[sender[j]] * positions
                for i in range(low, low + size):
                    if far[row + position[chip[i]]] < closest:
                        closest = far[row + position[chip[i]]]
                cost += closest * load[j]
            fresh[k] = cost
            more += cost - costs[g]
            spent += size * (size + first[g + 1] - first[g])
        random = random * 48271 % 2147483647
        if more <= 0 or more <= heat * chances[random % 1024] >> 16:
            total += more
            tenant[here], tenant[there] = other, one
            for k in range(count):
                costs[touched[k]] = fresh[k]
        else:
            position[one] = here
            if other >= 0:
                position[other] = there
    return total
