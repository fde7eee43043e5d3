"""Partitions: every neuron once, no limit broken, never worse than filling in order, and bounds that hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import AxonWeights, Chip, LimitScope
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.events import Event, Improved
from neuedge_nir.mapping.bounds import chips_bound, lower_bound
from neuedge_nir.mapping.demand import Demand, Demands
from neuedge_nir.mapping.needs import LARGEST
from neuedge_nir.mapping.pack import _improved, _sequential, grouped, partition
from neuedge_nir.mapping.partition import Destinations, Partition, Piece, Role
from neuedge_nir.mapping.split import check_single_neurons, tilings
from neuedge_nir.network.model import Network
from neuedge_nir.network.slices import Block, Run
from tests.sampling import examples
from tests.test_count import members
from tests.worlds import (
    REAL_CHIPS,
    chain,
    chip,
    chips,
    conv,
    convnet,
    demands_of,
    dense,
    limit,
    network,
    networks,
    real,
    recurrent,
    residual,
    topology,
    wire,
)

EFFORTS = st.sampled_from(["none", "quick"])


def targets_of(found: Partition, demands: Demands) -> Destinations:
    """Every population's slices by the core they are on, read off the clusters."""
    cores = {
        name: tuple(
            tuple(piece.part for piece in cluster.pieces if piece.population == name)
            for cluster in found.clusters
            if any(piece.population == name for piece in cluster.pieces)
        )
        for name in demands.shapes
    }
    return {**demands.uncut(), **{name: groups for name, groups in cores.items() if groups}}


def neuron_cores(found: Partition) -> list[tuple[Piece, ...]]:
    return [cluster.pieces for cluster in found.clusters if cluster.role is Role.NEURONS]


def legal(net: Network, on: Chip, *, mapped_inputs: bool = False) -> Demands:
    """The demands of a network that the chip takes and each neuron of which fits a core."""
    try:
        demands = demands_of(net, on, mapped_inputs=mapped_inputs)
        check_single_neurons(demands)
    except (CapacityError, NoPlanError):
        assume(False)
    return demands


def partitioned(demands: Demands, effort: str = "none") -> Partition:
    try:
        return partition(demands, effort)
    except (CapacityError, NoPlanError):
        assume(False)
        raise


def sizes(found: Partition) -> list[int]:
    return [sum(piece.part.neurons for piece in core) for core in neuron_cores(found)]


def test_a_population_too_big_for_a_core_is_split() -> None:
    assert sizes(partition(demands_of(chain(lif=300, lif2=10), chip(neurons=256)))) == [256, 54]


def test_two_populations_share_a_core_where_they_fit() -> None:
    found = partition(demands_of(chain(a=100, b=100), chip(neurons=256)))
    assert [[piece.population for piece in core] for core in neuron_cores(found)] == [["a", "b"]]
    assert (found.bound.cores, found.packing_proven) == (1, True)


def test_a_chip_whose_cores_take_one_slice_keeps_them_apart() -> None:
    assert sizes(partition(demands_of(chain(a=100, b=100), chip(neurons=256, slices=1)))) == [100, 100]


def test_tiles_of_an_image_share_its_axons_better_than_rows() -> None:
    image = (1, 16, 16)
    net = network({"a": image}, wire("i", "a", conv(image, 1)), inputs={"i": image})
    found = partition(demands_of(net, chip(neurons=64, input_axons=100)))
    assert sizes(found) == [64, 64, 64, 64]
    parts = [core[0].part for core in neuron_cores(found)]
    assert all(isinstance(part, Block) and [b - a for a, b in part.spans] == [1, 8, 8] for part in parts)


def test_tiles_are_found_however_many_sizes_are_too_large() -> None:
    """16 axons see a square of 2 x 2 pixels, in all channels: 256 tiles."""
    image = conv((1, 32, 32), 16)
    net = network({"a": image.output_shape}, wire("i", "a", image), inputs={"i": (1, 32, 32)})
    assert sizes(partition(demands_of(net, chip(neurons=1024, input_axons=16)), "none")) == [64] * 256


@settings(max_examples=examples(100), deadline=None)
@given(networks(), chips(), EFFORTS, st.booleans())
def test_every_neuron_stands_on_exactly_one_core(net: Network, on: Chip, effort: str, mapped_inputs: bool) -> None:
    demands = legal(net, on, mapped_inputs=mapped_inputs)
    found = partitioned(demands, effort)
    inner = demands.legal.network.populations  # those of the model, and relays
    assert {*net.populations} <= {*inner}
    ports = net.inputs if demands.legal.mapped_inputs else ()
    of_inputs = Role.INPUT if mapped_inputs else Role.IO  # a made-up chip may have injectors
    for role, populations in ((Role.NEURONS, inner), (of_inputs, ports)):
        placed = Counter(
            (piece.population, neuron)
            for cluster in found.clusters
            if cluster.role is role
            for piece in cluster.pieces
            for neuron in members(piece.part, demands.shapes[piece.population])
        )
        assert placed == Counter((p.name, neuron) for p in populations for neuron in range(p.neurons))
    assert [c.role for c in found.clusters] == sorted((c.role for c in found.clusters), key=[*Role][::-1].index)


@settings(max_examples=examples(100), deadline=None)
@given(networks(), chips(), EFFORTS, st.booleans())
def test_no_core_uses_more_than_it_has_counted_afresh(net: Network, on: Chip, effort: str, mapped_inputs: bool) -> None:
    demands = legal(net, on, mapped_inputs=mapped_inputs)
    found = partitioned(demands, effort)
    afresh, targets = legal(net, on, mapped_inputs=mapped_inputs), targets_of(found, demands)
    for cluster in found.clusters:
        needs = [afresh.of(piece, targets) for piece in cluster.pieces]
        total = {rule.name: sum(need[k] for need in needs) for k, rule in enumerate(on.limits)}
        largest = {rule.name: k for k, rule in enumerate(on.limits) if rule.formula in LARGEST}
        total |= {name: max((need[k] for need in needs), default=0) for name, k in largest.items()}
        if cluster.role is Role.NEURONS:  # all neurons of a world have the same parameters
            names = {piece.population for piece in cluster.pieces}
            total |= {"decay_profiles": 1} if "decay_profiles" in total else {}
            total |= {"threshold_values": len(names)} if "threshold_values" in total else {}
            at = next((k for k, rule in enumerate(on.limits) if rule.formula == "synapse_formats"), None)
            if at is not None:  # projections of different populations never share one
                of_each = {piece.population: need[at] for piece, need in zip(cluster.pieces, needs, strict=True)}
                total["synapse_formats"] = sum(of_each.values())
        assert total == cluster.used
        for rule in on.limits:
            sources = demands.legal.inputs.neurons_per_core
            counts_sources = cluster.role is Role.INPUT and rule.formula == "neurons" and sources is not None
            assert counts_sources or total[rule.name] <= rule.limit.count


@settings(max_examples=examples(100), deadline=None)
@given(networks(), chips(), EFFORTS)
def test_never_more_cores_than_sequential_fill_and_never_fewer_than_the_bound(
    net: Network, on: Chip, effort: str
) -> None:
    assume(
        not any(
            rule.formula in ("output_axons", "placed_output_axons", "shared_output_axons", "neuron_copies")
            for rule in on.limits
        )
    )
    demands = legal(net, on)
    found = partitioned(demands, effort)
    filled = _sequential(demands, demands.uncut(), {}, 1000)
    assert filled is None or found.neuron_cores <= len(filled)
    assert max(found.tiles_bound, found.bound.cores) <= found.neuron_cores
    assert found.packing_proven or found.neuron_cores > found.bound.cores


def needs_of(found: Partition, demands: Demands) -> list[Demand]:
    targets = targets_of(found, demands)
    return [demands.of(piece, targets) for core in neuron_cores(found) for piece in core]


def fewest_cores(needs: Sequence[Demand], capacity: Demand) -> int:
    """The best packing by trying every one, a slice at a time; equal cores are tried once."""
    best = len(needs)

    def place(at: int, loads: list[Demand]) -> None:
        nonlocal best
        if len(loads) >= best:
            return
        if at == len(needs):
            best = len(loads)
            return
        for load in sorted(set(loads)):
            total = tuple(a + b for a, b in zip(load, needs[at], strict=True))
            if all(t <= c for t, c in zip(total, capacity, strict=True)):
                rest = list(loads)
                rest.remove(load)
                place(at + 1, [*rest, total])
        place(at + 1, [*loads, needs[at]])

    place(0, [])
    return best


@settings(max_examples=examples(50), deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=8),
    st.integers(9, 14),
    st.integers(2, 4),
    st.sampled_from(["none", "quick"]),
)
def test_a_packing_that_is_proven_is_the_best_of_all(widths: list[int], room: int, most: int, effort: str) -> None:
    populations = {f"p{k}": width for k, width in enumerate(widths)}
    wires = [wire("i", name, dense(width, 1)) for name, width in populations.items()]
    demands = demands_of(network(populations, *wires, inputs={"i": 1}), chip(neurons=room, slices=most))
    found = partition(demands, effort)
    best = fewest_cores(needs_of(found, demands), demands.capacity)
    assert found.tiles_bound <= best <= found.neuron_cores
    assert not found.packing_proven or found.neuron_cores == best
    assert effort == "none" or found.packing_proven, "so few slices are within reach of the solver"


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.integers(1, 7), min_size=4, max_size=4), st.integers(2, 8), st.integers(2, 16), st.booleans())
@example([4, 4, 7, 4], 8, 5, False)
@example([4, 7, 1, 6], 8, 5, True)
def test_a_packing_is_not_proven_where_another_would_lower_what_the_sources_need(
    widths: list[int], neurons: int, copies: int, one_destination: bool
) -> None:
    """What a source needs depends on how its targets share cores: no count with one packing is a proof for another."""
    inputs, a, b, c = widths
    wires = [wire("i", "a", dense(a, inputs)), wire("a", "b", dense(b, a)), wire("a", "c", dense(c, a))]
    fork = network({"a": a, "b": b, "c": c}, *wires, inputs={"i": inputs})
    rule = limit("neuron_copies" if one_destination else "output_axons", copies)
    demands = legal(fork, chip(neurons=neurons, one_destination=one_destination, rules=[rule]))
    found = partitioned(demands, "quick")
    assert not found.packing_proven or found.neuron_cores == max(found.bound.cores, found.tiles_bound)


def test_the_solver_packs_tighter_than_first_fit() -> None:
    """Largest first leaves 6 + 5 + 4 of 12 apart: only the right pairs fill three cores."""
    widths = {"a": 6, "b": 5, "c": 5, "d": 4, "e": 4, "f": 4, "g": 4, "h": 4}
    wires = [wire("i", name, dense(width, 1)) for name, width in widths.items()]
    demands = demands_of(network(widths, *wires, inputs={"i": 1}), chip(neurons=12))
    quick, none = partition(demands, "quick"), partition(demands, "none")
    assert quick.neuron_cores <= none.neuron_cores
    assert quick.packing_proven
    assert quick.neuron_cores == fewest_cores(needs_of(quick, demands), demands.capacity)


def test_a_tighter_packing_still_keeps_the_limits_of_the_sources() -> None:
    """s and x fit one core only while both slices of t share another; the tighter packing separates them."""
    widths = {"s": 2, "x": 2, "t": 10, "f": 6, "g": 2}
    wires = [
        *(wire("i", name, dense(width, 1)) for name, width in widths.items()),
        wire("s", "t", dense(10, 2)),
        wire("x", "f", dense(6, 2)),
        wire("x", "g", dense(2, 2)),
    ]
    demands = demands_of(network(widths, *wires, inputs={"i": 1}), chip(neurons=11, output_axons=6, max_delay=2))

    def whole(name: str) -> Piece:
        return Piece(name, Run(0, widths[name]))

    cores = ((Piece("t", Run(0, 5)), Piece("t", Run(5, 10))), (whole("f"), whole("s"), whole("x")), (whole("g"),))
    best, _, _ = _improved(cores, demands, 1.0, 0)
    for core in best:
        used = [sum(column) for column in zip(*(demands.of(p, grouped(best, demands)) for p in core), strict=True)]
        assert all(u <= c for u, c in zip(used, demands.capacity, strict=True))


@settings(max_examples=examples(30), deadline=None)
@given(networks(), chips())
def test_the_same_network_is_cut_the_same_twice(net: Network, on: Chip) -> None:
    assert partitioned(legal(net, on), "quick") == partitioned(legal(net, on), "quick")


def test_the_bound_names_the_limit_that_binds() -> None:
    demands = demands_of(chain(inputs=10, a=40), chip(neurons=20, weight_bytes=20))
    assert (lower_bound(demands).cores, lower_bound(demands).resource) == (20, "weight_bytes")


def test_chips_are_bounded_by_their_cores_or_by_what_the_cores_share() -> None:
    few = topology(columns=2, rows=2)
    assert chips_bound(demands_of(chain(a=90), chip(on=few, neurons=10))) == (3, "neurons")
    shared = chip(on=few, neurons=10, rules=[limit("row_table_bytes", 200, shared=True)])
    needed = 5 * 4 * (3 + 90)
    assert chips_bound(demands_of(chain(inputs=5, a=90), shared)) == (math.ceil(needed / 200), "row_table_bytes")


def test_progress_is_told_with_the_bound() -> None:
    told: list[Event] = []
    partition(demands_of(chain(a=90), chip(neurons=10)), observer=told.append)
    assert [event for event in told if isinstance(event, Improved)] == [Improved("pack", 9, 9)] * 2


def test_inputs_take_cores_of_their_own_where_they_are_mapped() -> None:
    demands = demands_of(chain(inputs=20, a=30), chip(neurons=40, inputs_per_core=8), mapped_inputs=True)
    found = partition(demands)
    assert [(c.role, sum(p.part.neurons for p in c.pieces)) for c in found.clusters] == [
        (Role.INPUT, 8),
        (Role.INPUT, 8),
        (Role.INPUT, 4),
        (Role.NEURONS, 30),
    ]
    assert (found.input_cores, found.neuron_cores) == (3, 1)


def window_onto_sixteen() -> Network:
    image = (1, 4, 4)
    return network(
        {"a": image, "b": image}, wire("i", "a", conv(image, 1)), wire("a", "b", conv(image, 1)), inputs={"i": image}
    )


def test_what_another_cut_of_the_targets_would_allow_is_not_called_impossible() -> None:
    """A neuron in the middle reaches four squares of b, but only three rows: three axons out are enough."""
    demands = demands_of(window_onto_sixteen(), chip(neurons=4, output_axons=3))
    rows = {**demands.uncut(), "b": tuple((Run(k, k + 4),) for k in range(0, 16, 4))}
    assert all(demands.of(Piece("a", Run(k, k + 1)), rows)[1] <= 3 for k in range(16))
    try:
        found = partition(demands)
    except NoPlanError:
        return
    assert found.neuron_cores <= 20


def test_a_neuron_that_fits_no_core_whatever_the_cut_is_proved_impossible() -> None:
    with pytest.raises(CapacityError) as caught:
        check_single_neurons(demands_of(chain(inputs=5, a=3), chip(neurons=4, weight_bytes=4)))
    assert (caught.value.code, caught.value.needed, caught.value.available) == ("FIT010", 5, 4)


@settings(max_examples=examples(40), deadline=None)
@given(networks(most=2), chips())
def test_every_candidate_covers_its_population_with_slices_that_fit(net: Network, on: Chip) -> None:
    demands = legal(net, on)
    for population in net.populations:
        try:
            candidates = tilings(population.name, demands, demands.uncut(), 1000)
        except (CapacityError, NoPlanError):
            assume(False)
        for tiling in candidates:
            every = [n for part in tiling.parts for n in members(part, population.shape)]
            assert sorted(every) == list(range(population.neurons))
            own = {**demands.uncut(), population.name: tuple((part,) for part in tiling.parts)}
            assert list(tiling.demands) == [demands.of(Piece(population.name, part), own) for part in tiling.parts]
            assert all(n <= c for need in tiling.demands for n, c in zip(need, demands.capacity, strict=True))


@pytest.mark.parametrize("name", REAL_CHIPS)
@pytest.mark.parametrize("net", [convnet(model="IF"), recurrent(model="IF"), chain(inputs=200, a=300, model="IF")])
def test_real_chips_take_small_networks_on_as_few_cores_as_the_bound_or_one_more(name: str, net: Network) -> None:
    found = partition(demands_of(net, real(name)))
    assert found.bound.cores <= found.neuron_cores <= found.bound.cores + 1 or found.packing_proven


def test_residual_networks_partition_on_a_chip_of_one_destination() -> None:
    on = chip(neuron_copies=20, one_destination=True, max_delay=4, weights=AxonWeights.AXON_TYPES)
    found = partition(demands_of(residual(model="IF"), on))
    assert sum(sizes(found)) == 18
    assert all(c.used["neuron_copies"] <= 20 for c in found.clusters)
    assert all(rule.scope is LimitScope.CORE for rule in on.limits)
