"""What `--objective` and `--effort` promise: never more of what the objective names, as the plan reports it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.events import silent
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.effort import LADDER
from neuedge_nir.mapping.pack import partition
from neuedge_nir.mapping.split import check_single_neurons
from neuedge_nir.mapping.traffic import deliveries
from neuedge_nir.network.build import End, all_to_all, build, fixed_probability, join, lif, source
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.pipeline.stages import mapped
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.schedule import schedule_of
from tests.sampling import examples
from tests.worlds import REAL_CHIPS, chain, chips, conv, demands_of, network, networks, real, wire

LEAKING = tuple(name for name in REAL_CHIPS if name != "truenorth")
DEPTH = ("none", "quick", "normal")


def layered(*sizes: int) -> Network:
    """Layers of LIF neurons, each joined to all of the next; the first is of the host."""
    host, layers = source("s", sizes[0]), [lif(f"l{k}", size) for k, size in enumerate(sizes[1:])]
    ends: list[End] = [host, *layers]
    return build("net", layers, [join(a, b, all_to_all(0.01)) for a, b in pairwise(ends)], [host])


@st.composite
def wired(draw: st.DrawFn) -> Network:
    """A few layers, most of them joined to all or to some of the next, and now and then to one further on."""
    sizes = draw(st.lists(st.integers(1, 1200), min_size=2, max_size=5))
    layers = [lif(f"l{k}", size) for k, size in enumerate(sizes)]
    host = source("s", draw(st.integers(1, 200)))
    ends: list[End] = [host, *layers]
    pairs = [(k, k + 1) for k in range(len(layers))]
    pairs += draw(
        st.lists(
            st.sampled_from([(a, b) for a in range(len(ends)) for b in range(a + 2, len(ends))]),
            max_size=2,
            unique=True,
        )
    )
    makers = st.sampled_from([all_to_all(0.01), fixed_probability(0.1, 0.01)])
    return build("net", layers, [join(ends[a], ends[b], draw(makers)) for a, b in pairs], [host])


def demands_on(net: Network, on: Chip) -> Demands:
    """Of a network that the chip takes and each neuron of which fits a core."""
    try:
        demands = demands_of(net, on)
        check_single_neurons(demands)
    except (CapacityError, NoPlanError):
        assume(False)
    return demands


def taken(demands: Demands, effort: str, objective: str) -> tuple[int, float]:
    """Cores and messages; none at all is more than any."""
    try:
        found = partition(demands, effort, objective=objective)
    except NoPlanError:
        return 1 << 60, float("inf")
    return len(found.clusters), deliveries(found.clusters, demands)


def holds_for(demands: Demands, efforts: tuple[str, ...]) -> None:
    cores = [taken(demands, effort, "cores") for effort in efforts]
    traffic = [taken(demands, effort, "traffic") for effort in efforts]
    for fewest, least in zip(cores, traffic, strict=True):
        assert fewest[0] <= least[0]
        assert least[1] <= fewest[1]
    assert [c for c, _ in cores] == sorted((c for c, _ in cores), reverse=True)
    assert [m for _, m in traffic] == sorted((m for _, m in traffic), reverse=True)


def compiled(net: Network, on: Chip, objective: str, effort: str = "quick") -> Plan:
    return compile_network(net, on, Options(effort=effort, objective=objective, dt=1.0))


def test_messages_that_stay_on_a_core_and_those_of_the_host_are_no_traffic() -> None:
    """Axons into all cores are fewer on six cores than on five, and messages are more."""
    net = layered(50, 1000, 257, 700)
    cores, traffic = compiled(net, real("loihi1"), "cores"), compiled(net, real("loihi1"), "traffic")
    assert (cores.mapping.cores_used, traffic.mapping.cores_used) == (5, 5)
    assert traffic.cost.traffic.deliveries_per_step <= cores.cost.traffic.deliveries_per_step


def image_net() -> Network:
    """Three layers of an image: what first fit takes for the fewest slices sends less than what a solver picks."""
    first, second = conv((3, 16, 50), 24), conv((24, 16, 50), 36)
    layers = {"a": (3, 16, 50), "b": first.output_shape, "c": second.output_shape}
    return network(layers, wire("i", "a"), wire("a", "b", first), wire("b", "c", second), inputs={"i": (3, 16, 50)})


def test_an_effort_keeps_what_a_quicker_one_finds() -> None:
    none, quick = (compiled(image_net(), real("spinnaker1"), "traffic", effort) for effort in ("none", "quick"))
    assert quick.cost.traffic.deliveries_per_step <= none.cost.traffic.deliveries_per_step


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_what_is_counted_is_what_is_routed(name: str) -> None:
    net, on = layered(40, 900, 300, 20) if name != "truenorth" else chain(a=200, b=150, c=20, model="IF"), real(name)
    demands = demands_of(net, on)
    found = mapped(demands, schedule_of(demands.legal, None), Options(effort="none"), silent, 10)
    assert found.routing.deliveries > 0
    assert deliveries(found.partition.clusters, demands) == pytest.approx(found.routing.deliveries)


@settings(max_examples=examples(6), deadline=None)
@given(wired(), st.sampled_from(LEAKING))
def test_neither_effort_nor_objective_costs_what_it_is_to_spare(net: Network, name: str) -> None:
    holds_for(demands_on(net, real(name)), DEPTH)


@settings(max_examples=examples(10), deadline=None)
@given(networks(), chips())
def test_so_it_is_on_made_up_chips(net: Network, on: Chip) -> None:
    holds_for(demands_on(net, on), DEPTH)


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(wired() | networks(), st.sampled_from(REAL_CHIPS))
def test_so_it_is_at_every_effort(net: Network, name: str) -> None:
    holds_for(demands_on(net, real(name)), LADDER)
