"""The swaps of annealing, in a form that numba compiles and Python runs to the very same end."""

from __future__ import annotations

from typing import Any

STEPS = 1024
"""Entries of the table of thresholds: -ln of as many equal shares of 1, in units of 1 / `STEPS`."""

HALF, WORD = 16, 32


def anneal(
    starts: Any, others: Any, weights: Any, seat: Any, tenant: Any, at_x: Any, at_y: Any, at_cx: Any, at_cy: Any,
    site_cx: Any, site_cy: Any, first: Any, held: Any, width: int, height: int, wraps: bool,
    plain: bool, crossing: int, table: Any, chip: Any, uses: Any, used: Any, most: Any, may: Any, thresholds: Any,
    temperatures: Any, reach: Any, tries: int, state: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Clusters change places with whoever is there, `tries` times at each temperature; seats are changed in place.

    Every try takes the next cluster, and a site near one of its partners or near its own. What is gained, or costs no
    more than a threshold drawn for the temperature, is done. Returns the change of the cost, the visits (entries of
    `others` looked at) and the state of the generator, an xorshift of 32 bits.
    """
    count, sites, rules, full = len(starts) - 1, len(site_cx), len(most), 2 * height - 1
    total, visits, i = 0, 0, -1
    for step in range(len(temperatures)):
        heat, wide = temperatures[step], reach[step]
        for _ in range(tries):
            i = i + 1 if i + 1 < count else 0
            here = seat[i]
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            low, high = state & 0xFFFF, state >> 16
            degree = starts[i + 1] - starts[i]
            if low & 1 and degree:
                k = others[starts[i] + ((high * degree) >> 16)]
                x, y, around = at_x[k], at_y[k], 1
            else:
                x, y, around = at_x[i], at_y[i], wide
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            low, high = state & 0xFFFF, state >> 16
            span = 2 * around + 1
            x += ((low * span) >> 16) - around
            y += ((high * span) >> 16) - around
            if wraps:
                x = x + width if x < 0 else (x - width if x >= width else x)
                y = y + height if y < 0 else (y - height if y >= height else y)
            if x < 0 or y < 0 or x >= width or y >= height:
                continue
            cell = x * height + y
            choice = first[cell + 1] - first[cell]
            if choice == 0:
                continue
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            there = held[first[cell] + (((state >> 16) * choice) >> 16)]
            limit = heat * thresholds[state & 1023]
            j = tenant[there]
            if j == i:
                continue
            if len(may) and (not may[i * sites + there] or (j >= 0 and not may[j * sites + here])):
                continue
            a, b = chip[here], chip[there]
            if a != b:
                fits = True
                for r in range(rules):
                    more = uses[i * rules + r] - (uses[j * rules + r] if j >= 0 else 0)
                    if used[b * rules + r] + more > most[r] or used[a * rules + r] - more > most[r]:
                        fits = False
                if not fits:
                    continue
            x0, y0 = at_x[i], at_y[i]
            change = 0
            for turn in range(2):
                m = i if turn == 0 else j
                if m < 0:
                    continue
                gain = 0
                visits += starts[m + 1] - starts[m]
                for e in range(starts[m], starts[m + 1]):
                    k = others[e]
                    if k == i or k == j:  # noqa: SIM109
                        continue
                    u, v = at_x[k], at_y[k]
                    if plain:
                        way = abs(x - u) + abs(y - v) - abs(x0 - u) - abs(y0 - v)
                    else:
                        way = (
                            table[(x - u + width - 1) * full + y - v + height - 1]
                            - table[(x0 - u + width - 1) * full + y0 - v + height - 1]
                        )
                    if crossing:
                        s, t = at_cx[k], at_cy[k]
                        way += crossing * (
                            abs(site_cx[there] - s) + abs(site_cy[there] - t)
                            - abs(site_cx[here] - s) - abs(site_cy[here] - t)
                        )  # fmt: skip
                    gain += weights[e] * way
                change += gain if turn == 0 else -gain
            if change > 0 and change * 1024 > limit:
                continue
            total += change
            if a != b:
                for r in range(rules):
                    more = uses[i * rules + r] - (uses[j * rules + r] if j >= 0 else 0)
                    used[b * rules + r] += more
                    used[a * rules + r] -= more
            seat[i], tenant[there], tenant[here] = there, i, j
            at_x[i], at_y[i] = x, y
            if crossing:
                at_cx[i], at_cy[i] = site_cx[there], site_cy[there]
            if j >= 0:
                seat[j] = here
                at_x[j], at_y[j] = x0, y0
                if crossing:
                    at_cx[j], at_cy[j] = site_cx[here], site_cy[here]
    return total, visits, state


def smooth(starts: Any, others: Any, shares: Any, at: Any, into: Any, point: int, times: int) -> None:
    """Every coordinate `at` 15/16 of the way to the mean of its partners', `times` over; `into` is as long.

    `shares` are fixed-point with `point` bits; what of 1 a row lacks is the cluster's own.
    """
    one = 1 << point
    for _ in range(times):
        for i in range(len(starts) - 1):
            here, mean, rest = at[i], 0, one
            for e in range(starts[i], starts[i + 1]):
                mean += shares[e] * at[others[e]]
                rest -= shares[e]
            into[i] = (here + 15 * ((mean + rest * here) >> point)) >> 4
        for i in range(len(starts) - 1):
            at[i] = into[i]


def send(starts: Any, others: Any, weights: Any, vectors: Any, into: Any) -> None:
    """For every row of `vectors` what clusters get of their partners: `weights` times theirs, in the order of `others`.

    `into` has the shape of `vectors`.
    """
    for row in range(len(vectors)):
        for i in range(len(starts) - 1):
            total = 0.0
            for e in range(starts[i], starts[i + 1]):
                total += weights[e] * vectors[row, others[e]]
            into[row, i] = total


def cost(a: Any, b: Any, weights: Any, x: Any, y: Any, chip_x: Any, chip_y: Any, crossing: int) -> int:
    """What messages between clusters `a[k]` and `b[k]`, `weights[k]` of them, cost on a mesh where those are."""
    total = 0
    for k in range(len(weights)):
        i, j = a[k], b[k]
        way = abs(x[i] - x[j]) + abs(y[i] - y[j])
        if crossing:
            way += crossing * (abs(chip_x[i] - chip_x[j]) + abs(chip_y[i] - chip_y[j]))
        total += weights[k] * way
    return total
