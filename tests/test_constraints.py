"""Constraints are read strictly, kept by every plan, refused with a proof or without one, and checked on their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.constraints.load import MAX_BYTES, load, parse
from neuedge_nir.constraints.model import (
    Apart,
    Cap,
    Constraints,
    Core,
    Dead,
    Forbid,
    Holder,
    Pin,
    Reserve,
    Together,
)
from neuedge_nir.errors import CapacityError, InputError, NeuedgeError, NoPlanError, UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import decode, encode
from tests.conftest import Neuedge, Refused
from tests.sampling import examples
from tests.worlds import chain, chip, convnet, real, system, topology

Place = tuple[tuple[int, int], int]

ROOT = Path(__file__).parents[1]


def wanted(text: str) -> Constraints:
    return parse(f"schema = 1\n{text}".encode(), "wanted.toml")


def mapped(
    text: str, effort: str = "none", net: Network | None = None, on: Chip | None = None, **options: object
) -> Plan:
    """Three populations of 30, 10 and 5 neurons on a chip of 8 x 8 cores of 32 neurons."""
    how = Options(effort=effort, constraints=wanted(text), **options)  # type: ignore[arg-type]
    return compile_network(net or chain(a=30, b=10, c=5), on or chip(neurons=32, input_axons=1000), how)


def places(plan: Plan, name: str) -> set[Place]:
    return {(core.router, core.slot) for core in plan.cores if any(s.population == name for s in core.slices)}


def chips_of(plan: Plan, name: str) -> set[tuple[int, int]]:
    return {plan.machine.chips[c.chip] for c in plan.cores if any(s.population == name for s in c.slices)}


# --- the file


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("schema = 2", 1, "this version reads 1"),
        ('[[pin]]\npopulation = "a"', 1, "schema is missing"),
        ('schema = 1\n[[pin]]\npopulation = "a"\ncors = []', 4, "did you mean 'cores'"),
        ("schema = 1\n[[pim]]", 2, "did you mean 'pin'"),
        ('schema = 1\n\n[[pin]]\npopulation = "a"', 3, "one of the two must say where"),
        ('schema = 1\n[[pin]]\npopulation = "a"\nchips = [[0, 0]]\nneurons = [3, 3]', 5, "[first, behind the last]"),
        ('schema = 1\n[[pin]]\npopulation = "a"\nchips = [[0, 0, 0]]', 4, "must have 2 elements"),
        ('schema = 1\n[[pin]]\npopulation = "a"\ncores = [{ slot = 1 }]', 4, "router is missing"),
        ('schema = 1\n[[apart]]\npopulations = ["a"]\non = "core"', 3, "too few"),
        ('schema = 1\n[[apart]]\npopulations = ["a", "a"]\non = "core"', 3, "twice"),
        ('schema = 1\n[[apart]]\npopulations = ["a", "b"]\non = "crate"', 4, "not known"),
        ("schema = 1\n[[forbid]]\nslot = 1", 2, "one of the two must say where"),
        ("schema = 1\n[[forbid]]\nchip = [0, 0]\nslot = 1", 4, "no router is named"),
        ("schema = 1\n[[cap]]\nneurons = 0", 3, "at least 1"),
        ("schema = 1\n[[cap]]\nneurons = 1.5", 3, "must be a whole number"),
        ("schema = 1\n[[reserve]]\ncores = -1", 3, "must be a number from 0"),
    ],
)
def test_a_wrong_key_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse(text.encode(), "c.toml")
    assert refusal.value.code == "USE081"
    assert refusal.value.where == f"c.toml line {line}"
    assert said in str(refusal.value)


@pytest.mark.parametrize("content", [b"schema = ", b"\xff", b"a = " + b"[" * 5000, b"x" * (MAX_BYTES + 1),
                                     b"a" + b".a" * 70 + b" = 1"])  # fmt: skip
def test_what_is_no_toml_or_too_much_is_refused(content: bytes) -> None:
    with pytest.raises(InputError) as refusal:
        parse(content, "c.toml")
    assert refusal.value.code == "USE080"


def test_there_must_be_a_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml", "nul\0.toml"):
        with pytest.raises(InputError) as refusal:
            load(path)
        assert refusal.value.code == "USE080"


@pytest.mark.parametrize("given", [7, Constraints(cap=(Cap(0),)), Constraints(pin=(Pin("a", chips=((-1, 0),)),))])
def test_python_may_not_say_more_than_a_file(given: object) -> None:
    with pytest.raises(UsageError) as refusal:
        Options(constraints=given)  # type: ignore[arg-type]
    assert refusal.value.code == "USE019"


def test_the_example_of_the_document_is_read_whole() -> None:
    text = (ROOT / "docs" / "constraints.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    found = parse(text.encode(), "docs")
    assert found == Constraints(
        pin=(Pin("if1", cores=(Core((3, 2)), Core((4, 2)))), Pin("if2", (0, 5), chips=((0, 0),))),
        together=(Together(("if1", "if2"), Holder.CHIP),),
        apart=(Apart(("if1", "if2"), Holder.CORE),),
        forbid=(Forbid(router=(0, 0), slot=0),),
        cap=(Cap(48, "if1"),),
        reserve=(Reserve(8, (0, 0)),),
        dead=(Dead(link=((0, 0), (1, 0))), Dead(chip=(1, 1))),
    )


# --- each kind is kept, with the solver and without

EFFORT = pytest.mark.parametrize("effort", ["none", "normal"])


@EFFORT
def test_a_population_stands_where_it_is_pinned(effort: str) -> None:
    plan = mapped('[[pin]]\npopulation = "a"\ncores = [{ router = [5, 6] }]', effort)
    assert places(plan, "a") == {((5, 6), 0)}
    assert plan.outcome == "optimal"


@EFFORT
def test_a_slice_stands_where_it_is_pinned(effort: str) -> None:
    pin = '[[pin]]\npopulation = "a"\nneurons = [4, 12]\ncores = [{ router = [5, 6] }]'
    plan = mapped(f'{pin}\n[[pin]]\npopulation = "a"\nneurons = [12, 30]\ncores = [{{ router = [0, 0] }}]', effort)
    runs = {(core.router, s.run) for core in plan.cores for s in core.slices if s.population == "a"}
    assert {((5, 6), (4, 12)), ((0, 0), (12, 30))} <= runs


@EFFORT
def test_blocks_of_a_convolution_go_where_some_of_their_neurons_are_pinned(effort: str) -> None:
    pin = '[[pin]]\npopulation = "a"\nneurons = [100, 164]\ncores = [{ router = [1, 1] }]'
    plan = mapped(pin, effort, convnet(), chip(neurons=100, input_axons=5000))
    found = next(c for c in plan.cores if any(s.population == "a" and s.run == (100, 164) for s in c.slices))
    assert found.router == (1, 1)


@EFFORT
def test_a_population_stands_on_the_chip_that_it_is_pinned_to(effort: str) -> None:
    plan = mapped('[[pin]]\npopulation = "b"\nchips = [[1, 1]]', effort)
    assert chips_of(plan, "b") == {(1, 1)}


@EFFORT
def test_populations_share_a_core(effort: str) -> None:
    plan = mapped('[[together]]\npopulations = ["a", "c"]\non = "core"', effort, chain(a=20, b=10, c=5))
    assert places(plan, "a") == places(plan, "c")
    assert len(places(plan, "a")) == 1


@EFFORT
def test_populations_share_a_chip(effort: str) -> None:
    toy = chip(neurons=4, input_axons=1000, on=topology(columns=2, rows=2, systems=(system(1, 1), system(4, 4))))
    plan = mapped('[[together]]\npopulations = ["a", "c"]\non = "chip"', effort, chain(a=7, b=11, c=8), toy)
    assert len(chips_of(plan, "a") | chips_of(plan, "c")) == 1
    assert plan.mapping.chips_used > 1


@EFFORT
@pytest.mark.parametrize("on", ["core", "chip"])
def test_populations_keep_apart(effort: str, on: str) -> None:
    plan = mapped(f'[[apart]]\npopulations = ["b", "c"]\non = "{on}"', effort)
    where = places if on == "core" else chips_of
    assert not where(plan, "b") & where(plan, "c")


@EFFORT
def test_no_core_holds_more_than_a_cap(effort: str) -> None:
    plan = mapped('[[cap]]\npopulation = "a"\nneurons = 7', effort)
    assert len(places(plan, "a")) >= 5
    whole = mapped("[[cap]]\nneurons = 7", effort)
    held = [sum(b - a for s in core.slices for a, b in s.block or (s.run or (0, 0),)) for core in whole.cores]
    assert max(held) <= 7


def test_the_solver_packs_under_a_cap_as_tightly_as_it_goes() -> None:
    plan = mapped("[[cap]]\nneurons = 7", "normal")
    assert len(plan.cores) == 7  # 45 neurons, 7 a core
    assert plan.mapping.packing_proven
    assert (plan.outcome, plan.mapping.cores_lower_bound) == ("feasible", 2)  # the bound holds for every mapping


@EFFORT
def test_nothing_stands_on_a_forbidden_core(effort: str) -> None:
    dead = [(x, y) for x in range(8) for y in range(8) if (x, y) not in ((6, 3), (2, 7))]
    plan = mapped("\n".join(f"[[forbid]]\nrouter = [{x}, {y}]" for x, y in dead), effort, chips=1)
    assert {core.router for core in plan.cores} == {(6, 3), (2, 7)}
    assert chips_of(mapped("[[forbid]]\nchip = [0, 0]", effort), "a").isdisjoint({(0, 0)})


@EFFORT
def test_a_dead_slot_is_skipped_and_is_one_usable_core_less(effort: str) -> None:
    toy = chip(neurons=32, input_axons=1000, on=topology(columns=1, rows=1, per_router=4, per_chip=3))
    plan = mapped("[[forbid]]\nrouter = [0, 0]\nslot = 0", effort, on=toy, chips=1)
    assert {core.slot for core in plan.cores} <= {1, 2, 3}
    assert len(plan.cores) == 2
    with pytest.raises(CapacityError) as refusal:
        mapped("[[forbid]]\nrouter = [0, 0]\nslot = 0\n[[forbid]]\nrouter = [0, 0]\nslot = 3", effort, on=toy, chips=1)
    assert refusal.value.code == "FIT055"


@EFFORT
def test_reserved_cores_stay_free(effort: str) -> None:
    plan = mapped("[[reserve]]\ncores = 63", effort)
    assert len({core.chip for core in plan.cores}) == len(plan.cores) == 2
    first = mapped("[[reserve]]\ncores = 64\nchip = [0, 0]", effort)
    assert all(first.machine.chips[core.chip] != (0, 0) for core in first.cores)


def test_constraints_that_change_nothing_change_nothing() -> None:
    free, bound = mapped(""), mapped("[[reserve]]\ncores = 1\n[[cap]]\nneurons = 32")
    assert [core.slices for core in free.cores] == [core.slices for core in bound.cores]


def test_a_plan_with_constraints_is_the_same_bytes_again_and_after_its_file() -> None:
    text = '[[pin]]\npopulation = "a"\ncores = [{ router = [5, 6] }]\n[[apart]]\npopulations = ["a", "b"]\non = "chip"'
    plan = mapped(text, "normal", on=real("loihi1"), chips=4)
    assert encode(plan) == encode(mapped(text, "normal", on=real("loihi1"), chips=4))
    assert decode(encode(plan), "plan") == plan


# --- what cannot be kept


def pin(name: str, *routers: tuple[int, int], neurons: tuple[int, int] | None = None) -> str:
    cores = ", ".join(f"{{ router = {list(router)} }}" for router in routers)
    some = f"neurons = {list(neurons)}\n" if neurons else ""
    return f'[[pin]]\npopulation = "{name}"\n{some}cores = [{cores}]\n'


def on_chip(name: str, *chips: tuple[int, int]) -> str:
    return f'[[pin]]\npopulation = "{name}"\nchips = {list(map(list, chips))}\n'


def group(kind: str, on: str, *names: str) -> str:
    return f'[[{kind}]]\npopulations = {json.dumps(names)}\non = "{on}"\n'


DEAD_AND_SPARE = "[[forbid]]\nchip = [0, 0]\n[[forbid]]\nchip = [1, 0]\n[[reserve]]\ncores = 64"

IMPOSSIBLE = [
    (group("together", "core", "a", "b"), "[[together]] 1"),
    ("[[cap]]\nneurons = 9\n" + group("together", "core", "b"), "[[cap]] 1"),
    (group("together", "core", "b", "c") + group("apart", "chip", "c", "b"), "[[apart]] 1"),
    (group("apart", "core", *"abc") + "".join(pin(name, (0, 0), (1, 0)) for name in "abc"), "[[apart]] 1"),
    (pin("a", (0, 0)) + pin("b", (0, 0)), "[[pin]] 2 of 'b'"),
    (pin("a", (0, 0)) + on_chip("a", (1, 0)), "[[pin]] 1"),
    (pin("a", (0, 0)) + "[[forbid]]\nrouter = [0, 0]", "[[forbid]] 1"),
    (on_chip("a", (0, 0)) + "[[reserve]]\ncores = 64\nchip = [0, 0]", "[[reserve]] 1"),
    ("[[reserve]]\ncores = 64", "[[reserve]] 1"),
    (DEAD_AND_SPARE, "[[reserve]] 1"),
    (on_chip("a", (0, 0)) + on_chip("b", (1, 0)) + group("together", "chip", "a", "b"), "[[together]] 1"),
]


@pytest.mark.parametrize(("text", "named"), IMPOSSIBLE)
@EFFORT
def test_what_no_mapping_keeps_is_a_proof_that_names_the_constraint(text: str, named: str, effort: str) -> None:
    with pytest.raises(CapacityError) as refusal:
        mapped(text, effort)
    assert refusal.value.code == "FIT055"
    assert named in (refusal.value.where or "")


def test_tiles_and_a_cap_may_contradict_each_other() -> None:
    with pytest.raises(CapacityError) as refusal:
        mapped('[[cap]]\npopulation = "a"\nneurons = 7', tiles={"a": 8})
    assert refusal.value.code == "FIT055"


@pytest.mark.parametrize(
    "text",
    [
        '[[pin]]\npopulation = "x"\nchips = [[0, 0]]',
        '[[apart]]\npopulations = ["a", "in"]\non = "core"',
        '[[pin]]\npopulation = "a"\nneurons = [0, 31]\nchips = [[0, 0]]',
        '[[pin]]\npopulation = "a"\nchips = [[2, 0]]',
        '[[pin]]\npopulation = "a"\ncores = [{ router = [16, 0] }]',
        '[[pin]]\npopulation = "a"\ncores = [{ router = [0, 0], slot = 1 }]',
        "[[forbid]]\nrouter = [0, 0]\nslot = 1",
        "[[forbid]]\nchip = [5, 5]",
        "[[reserve]]\ncores = 1\nchip = [0, 2]",
    ],
)
def test_a_constraint_may_not_name_what_is_not_there(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        mapped(text)
    assert refusal.value.code == "USE082"


def test_where_none_is_found_that_is_no_proof() -> None:
    parts = "".join(pin("a", (k % 2, 0), neurons=(5 * k, 5 * k + 5)) for k in range(4))
    with pytest.raises(NoPlanError) as refusal:
        mapped(parts + pin("b", (0, 0)) + "[[cap]]\nneurons = 19", "none")
    assert refusal.value.code == "FIT056"
    assert "[[cap]] 1" in (refusal.value.where or "")


# --- against all mappings there are

NAMES = ("a", "b", "c")
FOUR = [(x, y) for x in range(2) for y in range(2)]


@st.composite
def demanded(draw: st.DrawFn) -> Constraints:
    """One to three constraints on three populations and four cores."""
    made = Constraints()
    for _ in range(draw(st.integers(1, 3))):
        name, core = draw(st.sampled_from(NAMES)), Core(draw(st.sampled_from(FOUR)))
        two = tuple(draw(st.permutations(NAMES))[:2])
        kind = draw(st.sampled_from(["pin", "part", "together", "apart", "forbid", "cap", "capped", "reserve"]))
        match kind:
            case "pin":
                cores = tuple(dict.fromkeys([core, Core(draw(st.sampled_from(FOUR)))]))
                made = replace(made, pin=(*made.pin, Pin(name, cores=cores)))
            case "part":
                made = replace(made, pin=(*made.pin, Pin(name, (0, 1), cores=(core,))))
            case "together":
                made = replace(made, together=(*made.together, Together(two, Holder.CORE)))
            case "apart":
                made = replace(made, apart=(*made.apart, Apart(two, Holder.CORE)))
            case "forbid":
                made = replace(made, forbid=(*made.forbid, Forbid(router=core.router)))
            case "cap":
                made = replace(made, cap=(*made.cap, Cap(draw(st.integers(1, 3)))))
            case "capped":
                made = replace(made, cap=(*made.cap, Cap(draw(st.integers(1, 2)), name)))
            case "reserve":
                made = replace(made, reserve=(*made.reserve, Reserve(draw(st.integers(1, 3)))))
    return made


def keeps(where: Mapping[str, tuple[int, ...]], wish: Constraints) -> bool:
    """Whether neurons on cores, by the core's number, keep the constraints: read off their documentation."""
    used = {core for cores in where.values() for core in cores}
    dead = {core for core in range(4) if any(f.router == FOUR[core] for f in wish.forbid)}
    if used & dead or len(used) > 4 - len(dead) - sum(r.cores for r in wish.reserve):
        return False
    for pin in wish.pin:
        first, last = pin.neurons or (0, len(where[pin.population]))
        if any(Core(FOUR[core]) not in pin.cores for core in where[pin.population][first:last]):
            return False
    if any(len({c for name in g.populations for c in where[name]}) > 1 for g in wish.together):
        return False
    if any(set(where[g.populations[0]]) & set(where[g.populations[1]]) for g in wish.apart):
        return False
    return all(
        sum(core == at for name in NAMES if cap.population in (None, name) for at in where[name]) <= cap.neurons
        for cap in wish.cap
        for core in range(4)
    )


def any_mapping(sizes: Mapping[str, int], wish: Constraints, most: int) -> bool:
    for cores in product(range(4), repeat=sum(sizes.values())):
        if any(cores.count(core) > most for core in range(4)):
            continue
        found, at = {}, 0
        for name, size in sizes.items():
            found[name], at = cores[at : at + size], at + size
        if keeps(found, wish):
            return True
    return False


@settings(max_examples=examples(150), deadline=None)
@given(demanded(), st.sampled_from(["none", "quick"]))
def test_a_proof_is_true_of_all_mappings_and_a_plan_is_one_of_them(wish: Constraints, effort: str) -> None:
    sizes = {"a": 2, "b": 2, "c": 1}
    toy = chip(neurons=3, on=topology(columns=2, rows=2, systems=(system(1, 1),)))
    try:
        plan = compile_network(chain(a=2, b=2, c=1), toy, Options(effort=effort, constraints=wish))
    except CapacityError:
        assert not any_mapping(sizes, wish, 3)
        return
    except NoPlanError:
        return
    where: dict[str, list[int]] = {name: [0] * size for name, size in sizes.items()}
    for core in plan.cores:
        for piece in core.slices:
            first, last = piece.run or (piece.block or ((0, 0),))[0]
            where[piece.population][first:last] = [FOUR.index(core.router)] * (last - first)
    assert keeps({name: tuple(cores) for name, cores in where.items()}, wish)


def test_first_fit_and_the_solver_find_what_there_is_in_small_worlds() -> None:
    """Not promised, but measured: of the mappings that exist, few are missed."""
    sizes, missed, there = {"a": 2, "b": 2, "c": 1}, 0, 0
    toy = chip(neurons=3, on=topology(columns=2, rows=2, systems=(system(1, 1),)))
    pins = [Pin(name, cores=(Core(at),)) for name, at in product(NAMES, FOUR)]
    groups: list[Callable[[Constraints], Constraints]] = [
        lambda c: replace(c, apart=(Apart(("a", "b"), Holder.CORE),)),
        lambda c: replace(c, together=(Together(("b", "c"), Holder.CORE),)),
        lambda c: replace(c, reserve=(Reserve(1),)),
        lambda c: replace(c, cap=(Cap(2),)),
    ]
    for first, second, more in product(pins[:4], pins[4:8], groups):
        wish = more(Constraints(pin=(first, second)))
        possible = any_mapping(sizes, wish, 3)
        there += possible
        try:
            compile_network(chain(a=2, b=2, c=1), toy, Options(effort="quick", constraints=wish))
        except (CapacityError, NoPlanError):
            missed += possible
    assert there > 20
    assert missed == 0


# --- the command line

PINNED = """schema = 1
[[pin]]
population = "if1"
cores = [{ router = [2, 3] }]
[[apart]]
populations = ["if1", "if2"]
on = "core"
"""


def test_compile_keeps_a_file_of_constraints_and_says_so(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    wish, plan = tmp_path / "wish.toml", tmp_path / "plan.json"
    wish.write_text(PINNED, encoding="utf-8")
    words = ("compile", digits, "--target", "loihi2", "--constraints", wish)
    shown = neuedge(*words, "-o", plan)
    assert shown.status == 0
    assert "1 pin, 1 apart; all kept" in shown.out
    held = json.loads(plan.read_text(encoding="utf-8"))
    assert [core["router"] for core in held["cores"] if core["slices"][0]["population"] == "if1"] == [[2, 3]]
    assert neuedge("verify", plan, "--model", digits).status == 0
    report = json.loads(neuedge(*words, "--json").out)
    assert report["constraints"]["pin"] == [{"population": "if1", "cores": [{"router": [2, 3], "slot": 0}]}]
    assert report["outcome"] == "feasible"  # two cores, and the bound is one


def test_check_tells_which_chip_keeps_them(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    wish = tmp_path / "wish.toml"
    wish.write_text("schema = 1\n[[cap]]\nneurons = 1\n[[reserve]]\ncores = 60\n", encoding="utf-8")
    answer = neuedge("check", digits, "--target", "loihi2", "--chips", "1", "--constraints", wish)
    assert answer.status == 4
    assert "FIT055" in answer.err
    assert "[[cap]] 1" in answer.err


def test_a_file_that_is_wrong_is_refused(refused: Refused, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "wish.toml").write_text("schema = 1\n[[pim]]\n", encoding="utf-8")
    words = ("compile", digits, "--target", "loihi2", "--constraints", "wish.toml")
    assert refused(*words) == (3, "USE081")
    assert refused(*words[:-1], "none.toml") == (3, "USE080")


def test_every_refusal_of_constraints_is_ours() -> None:
    for text in ("[[cap]]\nneurons = 1", "[[reserve]]\ncores = 63"):
        try:
            mapped(text, chips=1)
        except NeuedgeError as error:
            assert error.code in ("FIT055", "FIT056")


def test_a_first_chip_that_is_dead_leaves_the_second() -> None:
    """On chips that are powered one by one too."""
    for name in ("loihi2", "loihi1", "spinnaker1"):
        given = Constraints(forbid=(Forbid(chip=(0, 0)),))
        plan = compile_network(chain(a=6, b=4, model="IF"), real(name), Options(effort="none", constraints=given))
        assert all(plan.machine.chips[core.chip] != (0, 0) for core in plan.cores)
