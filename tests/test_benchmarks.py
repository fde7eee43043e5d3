"""The networks and figures that benchmarks print, held against sizes that are published and sums by hand."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest

from neuedge_nir.network.count import total_weights
from neuedge_nir.pipeline import Options, compile_network
from tests.worlds import chain, chip

FOLDER = Path(__file__).parents[1] / "benchmarks"


def benchmark(name: str) -> Iterator[ModuleType]:
    """A benchmark, which lies in no package."""
    spec = importlib.util.spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def generated() -> Iterator[ModuleType]:
    yield from benchmark("generated")


@pytest.fixture(scope="module")
def metrics() -> Iterator[ModuleType]:
    yield from benchmark("metrics")


@pytest.mark.parametrize(
    ("name", "neurons", "weights"),
    [
        ("N-MNIST", 8_970, 39_584),
        ("MLP 784-512-512-10", 1_034, 784 * 512 + 512 * 512 + 512 * 10),
        ("MLP 10x4096", 40_960, 10 * 4096**2),
        ("PilotNet", 158_509, None),
        ("VGG-9", 231_434, 6_397_632),
        ("VGG-16", 277_002, 14_977_728),
        ("ResNet-18", 557_066, 11_164_352),
        ("MobileNet-224", 5_043_688, 4_209_088),
    ],
)
def test_networks_have_the_sizes_that_are_published(
    generated: ModuleType, name: str, neurons: int, weights: int | None
) -> None:
    net = generated.GENERATED[name]()
    assert net.neurons == neurons
    assert weights is None or total_weights(net) == weights


def test_grades_are_sums_over_edges_between_cores(metrics: ModuleType) -> None:
    plan = compile_network(chain(a=30, b=20), chip(neurons=8), Options(effort="none", activity=0.5))
    graph = metrics.core_graph(plan)
    cores = range(len(plan.cores))
    jin = pj = connectivity = 0.0
    latencies = []
    for a, b in product(cores, cores):
        routes = [r for r in plan.routes if r.core == a]
        for count in (n * 0.5 for r in routes for core, n in r.targets if core == b and a != b):
            here, there = plan.cores[a].router, plan.cores[b].router
            far = abs(here[0] - there[0]) + abs(here[1] - there[1])
            jin += count * (far * 1.1 + 0.1)
            pj += count * ((far + 1) * 1.7 + far * 3.5)
            connectivity += count
            latencies.append(far * 1.01 + 0.01)
    found = metrics.grades(graph)
    assert connectivity > 0
    assert found.jin_energy == pytest.approx(jin)
    assert found.energy_pj == pytest.approx(pj)
    assert found.connectivity == pytest.approx(connectivity) == pytest.approx(plan.cost.traffic.deliveries_per_step)
    assert found.jin_latency_mean == pytest.approx(sum(latencies) / len(latencies))
    assert found.jin_latency_max == pytest.approx(max(latencies))
