"""Networks of single synapses and chances: every formula, every plan, and the checker's own count of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.api import emulate
from neuedge_nir.chip.model import AxonWeights, Chip
from neuedge_nir.emission.files import emitted, formats_of
from neuedge_nir.errors import CapacityError, InputError, NoPlanError, UsageError, VerificationError
from neuedge_nir.frontend import read, write
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.network.build import all_to_all, build, fixed_probability, join, lif, readout, source, synapses
from neuedge_nir.network.connect import Dense
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.model import IF, Network, Projection, ResetMode
from neuedge_nir.network.slices import boxes
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_irregular import reached_by
from neuedge_nir.plan.check_parts import Patch
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.call import PassCall
from tests.brute import outputs
from tests.irregular import irregular_networks, matrix_of, sparse
from tests.sampling import examples
from tests.strategies import slices
from tests.test_demand import RATE, everything, used, written_out
from tests.test_laws import compiled
from tests.worlds import REAL_CHIPS, chips, demands_of, real


@settings(max_examples=examples(40), deadline=None)
@given(st.data(), st.sampled_from(AxonWeights), st.sampled_from(ResetMode))
def test_every_formula_counts_synapses_one_by_one(data: st.DataObject, weights: AxonWeights, reset: ResetMode) -> None:
    net = data.draw(irregular_networks(chances=False))
    try:
        demands = demands_of(net, everything(weights=weights), RATE, reset)
    except (CapacityError, NoPlanError) as error:
        assert error.code in ("FIT008", "FIT011", "FIT012")
        assume(False)
    population = data.draw(st.sampled_from(net.populations))
    piece = Piece(population.name, data.draw(slices(population.shape)))
    found = used(demands, piece)
    for rule in demands.limits:
        if rule.formula != "lava_axon_map":
            assert found[rule.name] == written_out(rule, demands, piece), rule.formula


@settings(max_examples=examples(40), deadline=None)
@given(irregular_networks(), chips(), st.booleans(), st.sampled_from(ResetMode))
def test_a_plan_is_one_that_the_checker_accepts(net: Network, on: Chip, mapped: bool, reset: ResetMode) -> None:
    plan = compiled(net, on, Options(effort="quick", activity=0.25, map_inputs=mapped, reset=reset))
    verify(plan, net)


@given(sparse(), st.data())
def test_the_checker_counts_the_pairs_target_by_target(operator: Sparse, data: st.DataObject) -> None:
    part = data.draw(slices(operator.output_shape))
    patch = Patch.of(boxes(part, operator.output_shape), operator.output_shape)
    mask = np.zeros(len(operator.indptr) - 1)
    mask[patch.where()] = 1
    due = (matrix_of(replace(operator, weights=np.ones(operator.indices.size))) * mask[:, None]).sum(axis=0)
    where, times = reached_by(operator, patch).elements()
    assert np.array_equal(where, np.flatnonzero(due))
    assert np.array_equal(times, due[due > 0])


NOISE, INNER = source("noise", 6), lif("inner", 8)
JOINED = [(0, 1), (2, 3), (5, 7), (2, 1)]


def drawn() -> Network:
    inner = join(INNER, INNER, synapses([0, 1, 7], [1, 2, 0], [0.5, -0.25, 2.0]))
    noise = join(NOISE, INNER, synapses([s for s, _ in JOINED], [t for _, t in JOINED], 3.0))
    out = readout("out", INNER)
    return build("drawn", [INNER], [noise, inner, join(INNER, out)], [NOISE], [out], dt=1.0)


def by_chance() -> Network:
    return build("chance", [INNER], [join(NOISE, INNER, fixed_probability(0.5))], [NOISE], dt=1.0)


def test_synapses_are_simulated_as_their_matrix() -> None:
    spikes = (np.random.default_rng(3).random((12, 6)) < 0.5).astype(float)
    whole = replace(drawn(), projections=tuple(_as_dense(p) for p in drawn().projections))
    due = outputs(whole, {"noise": spikes}, 1.0, ResetMode.ZERO)["inner"]
    found = simulate(drawn(), spikes[None], record=["inner"]).recorded["inner"][0]
    assert due.any()
    assert np.array_equal(found, due)


def _as_dense(projection: Projection) -> Projection:
    chain = tuple(Dense(op.node, matrix_of(op)) if isinstance(op, Sparse) else op for op in projection.chain)
    return replace(projection, chain=chain)


def test_a_file_has_the_matrix(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    write(drawn(), path)
    found = read(path)
    assert [p.neurons for p in found.populations] == [8]
    weights = [op.weight for p in found.projections for op in p.chain]  # type: ignore[union-attr]
    assert sorted(int(np.count_nonzero(w)) for w in weights) == [3, 4]


def test_a_chance_is_mapped_and_nothing_else() -> None:
    plan = compile_network(by_chance(), real("loihi2"))
    assert any(remark.code == "WARN044" for remark in plan.diagnostics)
    with pytest.raises(UsageError) as refused:
        simulate(by_chance(), np.zeros((1, 3, 6)))
    assert refused.value.code == "USE090"


def test_a_chance_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        write(by_chance(), tmp_path / "net.nir")
    assert refused.value.code == "USE090"


def test_passes_are_refused() -> None:
    with pytest.raises(UsageError) as refused:
        compile_network(drawn(), real("loihi2"), Options(passes=(PassCall("drop-dead"),)))
    assert refused.value.code == "USE089"


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_a_plan_of_other_synapses_is_refused(name: str) -> None:
    net = drawn()
    if name == "truenorth":
        return
    plan = compile_network(net, real(name))
    first, second, *rest = net.projections
    other = replace(net, projections=(first, replace(second, chain=()), *rest))
    with pytest.raises(VerificationError):
        verify(plan, other)


def test_a_uniform_layer_costs_no_memory_and_no_time() -> None:
    a, b = source("a", 20_000), lif("b", 20_000)
    plan = compile_network(
        build("n", [b], [join(a, b, all_to_all(0.5))], [a], dt=1.0), real("spinnaker1"), Options(activity=1e-4)
    )
    assert plan.counts.synapses == 400_000_000


@pytest.mark.parametrize("name", [name for name in REAL_CHIPS if name != "truenorth"])
def test_synapses_are_computed_and_emitted_as_their_matrix(name: str) -> None:
    net, on = drawn(), real(name)
    whole = replace(net, projections=tuple(map(_as_dense, net.projections)))
    spikes = (np.random.default_rng(3).random((1, 12, 6)) < 0.5).astype(float)
    one, other = (emulate(each, spikes, on, record=["inner"]).run.recorded["inner"] for each in (net, whole))
    assert one.any()
    assert np.array_equal(one, other)
    plans = [compile_network(each, on) for each in (net, whole)]
    own = next(iter(formats_of(plans[0])))
    files, due = (emitted(plan, each, own) for plan, each in zip(plans, (net, whole), strict=True))
    same = {file for file in files if files[file] == due[file]}
    told_apart = {"plan.json", "manifest.json", "RUNBOOK.md"}  # by inputs whose weights are all 0, and by the kind
    assert {*files} - same <= told_apart | ({"network.json"} if own == "json" else set())


def test_synapses_are_not_computed_for_a_chip_of_axon_types() -> None:
    inner = replace(INNER, neuron=IF(*map(np.asarray, (1.0, 1.0, 0.0))))
    net = build("n", [inner], [join(NOISE, inner, synapses([0, 1], [2, 3]))], [NOISE], dt=1.0)
    assert compile_network(net, real("truenorth")).mapping.cores_neurons == 1
    with pytest.raises(UsageError) as refused:
        emulate(net, np.zeros((1, 3, 6)), real("truenorth"))
    assert refused.value.code == "USE090"
