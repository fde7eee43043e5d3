"""`--from` keeps the mapping of an old plan under new weights, or says why not; `diff` tells where two plans differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import neuedge_nir
from neuedge_nir.api import network_of
from neuedge_nir.chip.model import Chip
from neuedge_nir.constraints.model import Cap, Constraints, Core, Pin
from neuedge_nir.errors import CapacityError, InputError, NoPlanError, UsageError
from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.edit import with_operators
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import encode
from neuedge_nir.plan.verify import verify
from neuedge_nir.report.diff import changes, same_mapping
from tests.conftest import CHIPS, Golden, Neuedge, Refused
from tests.sampling import examples
from tests.worlds import chain, chip, chips, convnet, networks, real, recurrent


def reweighed(net: Network, seed: int = 1, *, thin: float = 0.0) -> Network:
    """The same network with other weights, a share of them 0."""
    rng = np.random.default_rng(seed)

    def change(operator: Operator) -> Operator:
        if not isinstance(operator, Dense | Conv):
            return operator
        shape = operator.weight.shape
        return replace(operator, weight=rng.normal(size=shape) * (rng.random(shape) >= thin))

    return with_operators(net, change)


def kept(net: Network, on: Chip, old: Plan, **options: object) -> Plan:
    return compile_network(net, on, Options(keep=old, **options))  # type: ignore[arg-type]


def code_of(work: Callable[[], object], kind: type[neuedge_nir.errors.NeuedgeError]) -> tuple[str, str]:
    with pytest.raises(kind) as refusal:
        work()
    return refusal.value.code, str(refusal.value)


# --- the mapping is kept


@pytest.mark.parametrize("target", CHIPS)
@pytest.mark.parametrize("build", [lambda: chain(a=200, b=40, model="IF"), lambda: recurrent(40, "IF")])
def test_new_weights_keep_the_mapping(target: str, build: Callable[[], Network]) -> None:
    net = build()
    old = compile_network(net, real(target), Options(effort="quick", seed=3))
    new = kept(reweighed(net), real(target), old)
    assert same_mapping(changes(old, new))
    assert [(c.router, c.slot, c.slices) for c in new.cores] == [(c.router, c.slot, c.slices) for c in old.cores]
    assert new.options == old.options
    assert new.projections != old.projections
    verify(new, reweighed(net))


@settings(max_examples=examples(40), deadline=None)
@given(networks(), chips(), st.booleans(), st.integers(0, 9))
def test_whatever_keeps_a_mapping_is_accepted_and_is_the_same(net: Network, on: Chip, mapped: bool, seed: int) -> None:
    try:
        old = compile_network(net, on, Options(effort="none", map_inputs=mapped))
        new = kept(reweighed(net, seed), on, old)
    except (CapacityError, NoPlanError):
        assume(False)
        return
    # Other weights may take more axons for an input, on a chip of axon types: then more messages go the same ways.
    axons = [[projection.axons_per_input for projection in plan.projections] for plan in (old, new)]
    assert same_mapping(changes(old, new)) or axons[0] != axons[1]
    verify(new, reweighed(net, seed))


def test_the_same_network_makes_the_same_plan() -> None:
    net = convnet(16, 8, "IF")
    for target in ("loihi2", "spinnaker1"):
        old = compile_network(net, real(target), Options(effort="quick"))
        new = kept(net, real(target), old)
        proved = replace(new.mapping, packing_proven=old.mapping.packing_proven)
        assert encode(replace(new, mapping=proved)) == encode(old)


def test_constraints_tiles_and_copies_are_kept_with_it() -> None:
    net = chain(a=30, b=10, model="IF")
    wish = Constraints(pin=(Pin("a", cores=(Core((2, 3)), Core((2, 4)))),), cap=(Cap(12, "b"),))
    on = chip(neurons=32, input_axons=1000)
    old = compile_network(net, on, Options(constraints=wish, tiles={"a": 16}, copies=2, effort="none"))
    new = kept(reweighed(net), on, old)
    assert same_mapping(changes(old, new))
    assert new.options == old.options
    assert new.copies == old.copies
    assert encode(kept(reweighed(net), on, old, tiles=old.options.tiles, copies=2)) == encode(new)


def test_activity_and_length_of_samples_are_the_new_ones() -> None:
    net, on = chain(a=30, b=10, model="IF"), real("loihi2")
    old = compile_network(net, on, Options(activity=0.1, effort="none"))
    new = kept(reweighed(net), on, old, activity=0.5, steps_per_sample=20)
    assert set(new.activity.rates.values()) == {0.5}
    assert new.cost.inference is not None
    assert same_mapping(changes(old, new))


# --- or it is said why not


def test_another_shape_is_refused_with_the_population() -> None:
    on = chip(neurons=32, input_axons=1000)
    old = compile_network(chain(a=30, b=10), on, Options(effort="none"))
    code, said = code_of(lambda: kept(chain(a=30, b=11), on, old), NoPlanError)
    assert code == "FIT057"
    assert "'b'" in said
    assert "--from off" in said
    for other in (chain(a=30), chain(a=30, b=10, c=2), chain(a=30, b=10, model="IF"), recurrent(30)):
        assert code_of(lambda net=other: kept(net, on, old), NoPlanError)[0] == "FIT057"  # type: ignore[misc]


def test_weights_that_need_more_than_a_core_has_are_refused_with_core_and_population() -> None:
    dense = chain(inputs=60, a=20, model="IF")
    thin = reweighed(dense, thin=0.9)
    on = chip(neurons=32, packed_row_words=60)
    old = compile_network(thin, on, Options(effort="none", chips=1))
    code, said = code_of(lambda: kept(dense, on, old), NoPlanError)
    assert code == "FIT058"
    assert "core 0, with a, needs" in said


def test_another_chip_is_refused() -> None:
    old = compile_network(chain(a=30), chip(neurons=32), Options(effort="none"))
    assert code_of(lambda: kept(chain(a=30), chip(neurons=33), old), InputError)[0] == "USE084"


DAMAGED: Mapping[str, Callable[[Plan], Plan]] = {
    "a core elsewhere": lambda p: replace(p, cores=(replace(p.cores[0], router=(77, 0)), *p.cores[1:])),
    "a chip that is not there": lambda p: replace(p, cores=(replace(p.cores[0], chip=3), *p.cores[1:])),
    "two on one core": lambda p: replace(p, cores=(replace(p.cores[0], router=p.cores[1].router), *p.cores[1:])),
    "a core lost": lambda p: replace(p, cores=p.cores[1:]),
    "no such system": lambda p: replace(p, machine=replace(p.machine, system="9x9")),
    "a slice twice": lambda p: replace(p, cores=(*p.cores[:1], replace(p.cores[1], slices=p.cores[0].slices))),
    "another role": lambda p: replace(p, cores=(replace(p.cores[0], role="spare"), *p.cores[1:])),
    "no slices": lambda p: replace(p, cores=(replace(p.cores[0], slices=()), *p.cores[1:])),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_an_old_plan_that_is_not_sound_is_refused(what: str) -> None:
    on = chip(neurons=20, input_axons=1000)
    old = DAMAGED[what](compile_network(chain(a=20, b=18), on, Options(effort="none")))
    assert code_of(lambda: kept(chain(a=20, b=18), on, old), InputError)[0] == "USE084"


@pytest.mark.parametrize(
    "options",
    [{"chips": 1}, {"map_inputs": True}, {"tiles": {"a": 7}}, {"copies": 2}, {"copies": "max"},
     {"recurrence": "approximate"}, {"constraints": Constraints(cap=(Cap(3),))}],
)  # fmt: skip
def test_other_options_of_mapping_are_refused(options: dict[str, object]) -> None:
    on = chip(neurons=32, input_axons=1000)
    old = compile_network(chain(a=30), on, Options(effort="none"))
    assert code_of(lambda: kept(chain(a=30), on, old, **options), UsageError)[0] == "USE085"


@pytest.mark.parametrize(
    ("field", "value"), [("effort", "huge"), ("seed", -1), ("chips", 0), ("copies", 0), ("recurrence", "none"),
                         ("tiles", {"a": "x"})]
)  # fmt: skip
def test_options_of_the_old_plan_are_not_believed(field: str, value: object) -> None:
    on = chip(neurons=32, input_axons=1000)
    old = compile_network(chain(a=30), on, Options(effort="none"))
    damaged = replace(old, options=replace(old.options, **{field: value}))  # type: ignore[arg-type]
    assert code_of(lambda: kept(chain(a=30), on, damaged), UsageError)[0] in ("USE019", "USE037")


# --- what differs


def kinds(old: Plan, new: Plan) -> set[str]:
    return {change.kind for change in changes(old, new)}


def planned(net: Network | None = None, **options: object) -> Plan:
    how = Options(**{"effort": "none", **options})  # type: ignore[arg-type]
    return compile_network(net or chain(a=30, b=10, c=5), chip(neurons=32, input_axons=1000), how)


def test_a_plan_differs_in_nothing_from_itself() -> None:
    assert changes(planned(), planned()) == []


def test_a_slice_that_moved_is_told_with_both_places() -> None:
    old, new = planned(), planned(constraints=Constraints(pin=(Pin("a", cores=(Core((5, 5)),)),)))
    found = [change for change in changes(old, new) if change.kind == "moved" and change.name.startswith("a[")]
    assert [(c.name, c.old, c.new) for c in found] == [
        ("a[0:30]", "chip (0, 0) router (0, 0) slot 0", "chip (0, 0) router (5, 5) slot 0")
    ]
    assert not same_mapping(changes(old, new))
    assert "option" in kinds(old, new)


def test_another_cut_is_told() -> None:
    found = changes(planned(), planned(tiles={"a": 10}))
    (cut,) = (change for change in found if change.kind == "cut")
    assert (cut.name, cut.old) == ("a", "1 slice on 1 core: [0:30]")
    assert cut.new == "3 slices on 1 core: [0:10] [10:20] [20:30]"
    assert not same_mapping(found)


def test_populations_that_came_went_or_grew_are_told() -> None:
    found = changes(planned(), planned(chain(a=30, b=11, d=5)))
    told = {c.name: (c.old, c.new) for c in found if c.kind == "population" and c.name in "abcd"}
    assert told == {
        "b": ("LIF 10, lag 2", "LIF 11, lag 2"),
        "c": ("LIF 5, lag 3", None),
        "d": (None, "LIF 5, lag 3"),
    }


def test_values_alone_are_no_other_mapping() -> None:
    old, new = planned(activity=0.1), planned(reweighed(chain(a=30, b=10, c=5)), activity=0.3, seed=5)
    assert same_mapping(changes(old, new))
    assert {"weights", "activity", "option", "cost"} <= kinds(old, new)


def test_another_chip_is_another_mapping() -> None:
    other = compile_network(chain(a=30, b=10, c=5), chip(neurons=33, input_axons=1000), Options(effort="none"))
    assert not same_mapping(changes(planned(), other))


def test_whatever_field_of_a_mapping_changes_is_noticed() -> None:
    plan = compile_network(convnet(24, 8), real("spinnaker1"), Options(effort="none"))
    core, route = plan.cores[0], next(r for r in plan.routes if r.links)
    at = plan.routes.index(route)
    damaged = [
        replace(plan, cores=(replace(core, slot=core.slot + 40), *plan.cores[1:])),
        replace(plan, machine=replace(plan.machine, system="other")),
        replace(plan, routes=(*plan.routes[:at], replace(route, links=()), *plan.routes[at + 1 :])),
        replace(plan, routes=plan.routes[1:]),
        replace(plan, projections=plan.projections[1:]),
        replace(plan, populations=plan.populations[1:]),
    ]
    assert not any(same_mapping(changes(plan, other)) for other in damaged)


# --- the command line


@pytest.fixture(scope="module")
def other_weights(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model, trained otherwise."""
    path = tmp_path_factory.mktemp("models") / "digits.nir"
    neuedge_nir.write(reweighed(network_of(digits)), path)
    return path


@pytest.mark.parametrize("target", ["loihi2", "spinnaker1"])
def test_a_change_of_weights_keeps_the_placement_and_diff_is_empty(
    process: Neuedge, digits: Path, other_weights: Path, target: str, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert process("compile", digits, "--target", target, "-o", old).status == 0
    assert process("compile", other_weights, "--target", target, "--from", old, "-o", new).status == 0
    answer = process("diff", old, new)
    assert (answer.status, answer.out, answer.err) == (0, "", "")
    shown = process("diff", old, new, "--all")
    assert shown.status == 0
    assert "weights" in shown.out
    assert "Mapping" not in shown.out
    assert process("verify", new, "--model", other_weights).status == 0


def test_another_mapping_is_printed_and_told_by_the_exit_status(
    neuedge: Neuedge, digits: Path, tmp_path: Path, golden: Golden
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert neuedge("compile", digits, "--target", "loihi2", "-o", old).status == 0
    assert neuedge("compile", digits, "--target", "loihi2", "--tiles", "if1=/2", "-o", new).status == 0
    shown = neuedge("diff", old, new)
    assert shown.status == 1
    assert "if1" in shown.out
    assert "2 slices" in shown.out
    golden("diff.txt", "\n".join(line.rstrip() for line in shown.out.splitlines()).rstrip() + "\n")
    told = neuedge("diff", old, new, "--json")
    assert told.status == 1
    assert told.json["same_mapping"] is False
    assert {"kind": "option", "name": "tiles if1", "old": None, "new": "/2"} in told.json["values"]
    same = neuedge("diff", old, old, "--json")
    assert same.status == 0
    assert same.json == {
        "schema": "neuedge-nir/diff/1",
        "same_mapping": True,
        "mapping": [],
        "values": [],
        "figures": [],
    }


def test_long_lists_are_cut_for_people_and_whole_for_programs(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    words = ("compile", digits, "--target", "loihi2", "--tiles", "if1=1")
    assert neuedge(*words, "-o", old).status == 0
    dead = [f"--dead=core:{column},{row}" for column in range(4) for row in range(4)]
    assert neuedge(*words, *dead, "-o", new).status == 0
    shown = neuedge("diff", old, new)
    assert shown.status == 1
    assert "more, see --json" in shown.out
    assert len(json.loads(neuedge("diff", old, new, "--json").out)["mapping"]) >= 97


def test_refusals_of_from_and_diff(refused: Refused, digits: Path, tmp_path: Path, neuedge: Neuedge) -> None:
    (tmp_path / "no.json").write_text("{}")
    plan = tmp_path / "plan.json"
    assert neuedge("compile", digits, "--target", "loihi2", "-o", plan).status == 0
    words = ("compile", digits, "--target", "loihi2", "--from")
    assert refused(*words, "no.json") == (3, "PLAN001")
    assert refused(*words, "none.json") == (3, "PLAN001")
    assert refused(*words, plan, "--tiles", "if1=5") == (2, "USE085")
    assert refused("compile", digits, "--target", "loihi1", "--from", plan) == (3, "USE084")
    assert refused("diff", plan, "no.json") == (3, "PLAN001")
    assert refused("diff", plan) == (2, "USE001")


def test_the_command_keeps_a_plan_of_several_copies(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    words = ("compile", digits, "--target", "spinnaker2", "--effort", "quick")
    assert neuedge(*words, "--copies", "3", "-o", old).status == 0
    assert neuedge("compile", digits, "--target", "spinnaker2", "--from", old, "-o", new).status == 0
    assert neuedge("diff", old, new).status == 0
