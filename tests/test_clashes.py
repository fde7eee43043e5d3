"""Constraints that contradict each other are proved to, and never where any mapping keeps them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random

import pytest

from neuedge_nir.cli.main import main
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
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.pipeline import Options, compile_network
from tests.test_verify import named
from tests.worlds import chain, chip, system, topology

TINY = chip(on=topology(columns=2, rows=1, systems=(system(1, 1), system(2, 1))), neurons=3, input_axons=99)
"""Two chips of two cores, three neurons each."""

SIZES = {"a": 4, "b": 2}
CORES = tuple(Core((x, 0)) for x in range(4))


def outcome(given: Constraints, chips: int | None = None, effort: str = "none", **tiles: str) -> str:
    options = Options(effort=effort, chips=chips, constraints=given, tiles=tiles)
    try:
        compile_network(named(chain(inputs=1, a=SIZES["a"], b=SIZES["b"])), TINY, options)
    except (CapacityError, NoPlanError) as error:
        return error.code
    return ""


ONE, FIRST, SECOND = (Core((0, 0)),), ((0, 0),), ((1, 0),)
ALL_A, SOME_A, ALL_B = Pin("a", cores=ONE), Pin("a", (1, 3), cores=ONE), Pin("b", cores=ONE)

CLASHES = {
    "a pin and a cap": Constraints(pin=(SOME_A,), cap=(Cap(1, "a"),)),
    "a pin and a cap of all": Constraints(pin=(Pin("a", (0, 2), cores=ONE), ALL_B), cap=(Cap(3),)),
    "a pin of a part and the neurons of a core": Constraints(pin=(Pin("a", (0, 2), cores=ONE), ALL_B)),
    "two pins of a part": Constraints(pin=(Pin("a", (0, 2), cores=ONE), Pin("a", (1, 3), cores=CORES[1:]))),
    "a pin to a core and one to another chip": Constraints(pin=(SOME_A, Pin("a", (2, 4), chips=SECOND))),
    "a pin and a dead chip": Constraints(pin=(SOME_A,), dead=(Dead(chip=(0, 0)),)),
    "a pin and dead cores": Constraints(
        pin=(Pin("a", (0, 1), chips=FIRST),), forbid=(Forbid(router=(0, 0)), Forbid(router=(1, 0)))
    ),
    "pins to two cores and a reserve": Constraints(pin=(Pin("a", chips=FIRST),), reserve=(Reserve(1, (0, 0)),)),
    "a pin and populations apart": Constraints(pin=(SOME_A, ALL_B), apart=(Apart(("a", "b"), Holder.CORE),)),
    "pins to a chip and populations apart": Constraints(
        pin=(Pin("a", (0, 1), chips=FIRST), Pin("b", chips=FIRST)), apart=(Apart(("a", "b"), Holder.CHIP),)
    ),
    "together on a chip and a cap": Constraints(together=(Together(("a", "b"), Holder.CHIP),), cap=(Cap(2),)),
    "together on a chip, apart on cores": Constraints(
        together=(Together(("a", "b"), Holder.CHIP),), apart=(Apart(("a", "b"), Holder.CORE),), cap=(Cap(2, "a"),)
    ),
    "together on a chip and a dead core": Constraints(
        together=(Together(("a", "b"), Holder.CHIP),),
        pin=(Pin("b", (0, 1), chips=FIRST),),
        forbid=(Forbid(router=(0, 0)),),
    ),
    "together on a core and a cap": Constraints(together=(Together(("b",), Holder.CORE),), cap=(Cap(1, "b"),)),
    "together and apart": Constraints(
        together=(Together(("a", "b"), Holder.CHIP),), apart=(Apart(("a", "b"), Holder.CHIP),)
    ),
    "a cap and too few cores": Constraints(cap=(Cap(1, "a"),), forbid=(Forbid(router=(0, 0)),)),
    "a cap of all and too few cores": Constraints(cap=(Cap(1),)),
    "apart on chips of too few cores": Constraints(
        apart=(Apart(("a", "b"), Holder.CHIP),), forbid=(Forbid(router=(0, 0)), Forbid(router=(2, 0)))
    ),
    "everything dead": Constraints(dead=(Dead(chip=(0, 0)), Dead(chip=(1, 0)))),
    "everything in reserve": Constraints(reserve=(Reserve(2),)),
}


@pytest.mark.parametrize("which", CLASHES)
def test_what_contradicts_itself_is_proved_to(which: str) -> None:
    assert outcome(CLASHES[which]) == "FIT055"


def test_pins_to_more_chips_than_there_are_are_proved_to_clash() -> None:
    given = Constraints(pin=(Pin("a", (0, 1), chips=FIRST), Pin("b", chips=SECOND)))
    assert outcome(given, chips=1) == "FIT055"
    assert outcome(given) == ""


def test_tiles_over_neurons_that_are_pinned_apart_clash() -> None:
    given = Constraints(pin=(Pin("a", (0, 2), cores=CORES[:1]), Pin("a", (2, 4), cores=CORES[1:2])))
    assert outcome(given, a="3") == "FIT055"
    assert outcome(given, a="2") == ""


def test_pins_to_cores_of_different_chips_have_one_each() -> None:
    assert outcome(Constraints(pin=(Pin("a", cores=(CORES[1], CORES[3])),))) == ""


# --- Brute force: every neuron on every core --------------------------------------------------------------------------


def drawn(rng: Random) -> Constraints:
    def pin() -> Pin:
        name = rng.choice("ab")
        first = rng.randrange(SIZES[name])
        part = rng.choice([None, (first, rng.randint(first + 1, SIZES[name]))])
        if rng.random() < 0.3:
            return Pin(name, part, chips=tuple(rng.sample([(0, 0), (1, 0)], rng.choice([1, 1, 2]))))
        return Pin(name, part, cores=tuple(sorted(rng.sample(CORES, rng.choice([1, 1, 2])))))

    both, holder = ("a", "b"), [Holder.CORE, Holder.CHIP]
    return Constraints(
        pin=tuple(pin() for _ in range(rng.choice([0, 1, 2, 3]))),
        together=(Together(rng.choice([both, ("b",)]), rng.choice(holder)),) if rng.random() < 0.2 else (),
        apart=(Apart(both, rng.choice(holder)),) if rng.random() < 0.3 else (),
        forbid=tuple(Forbid(router=(x, 0)) for x in range(4) if rng.random() < 0.15),
        cap=(Cap(rng.choice([1, 2, 3]), rng.choice(["a", "b", None])),) if rng.random() < 0.4 else (),
        reserve=(Reserve(1, rng.choice([None, (0, 0)])),) if rng.random() < 0.15 else (),
        dead=(Dead(chip=(rng.choice([0, 1]), 0)),) if rng.random() < 0.1 else (),
    )


NEURONS = tuple((name, k) for name, size in SIZES.items() for k in range(size))


def keeps(at: tuple[int, ...], given: Constraints) -> bool:
    """Whether neurons on these cores, by number, keep all constraints and the chip's limits."""
    held = [[n for n, core in zip(NEURONS, at, strict=True) if core == c] for c in range(4)]
    used = set(at)
    closed = {2 * d.chip[0] + k for d in given.dead if d.chip for k in (0, 1)} | {
        f.router[0] for f in given.forbid if f.router
    }
    if used & closed or any(len(there) > 3 for there in held):
        return False
    for chip_ in (0, 1):
        spare = sum(r.cores for r in given.reserve if r.chip in (None, (chip_, 0)))
        shut = sum(f.router[0] // 2 == chip_ for f in given.forbid if f.router)
        if sum(c // 2 == chip_ for c in used) > max(0, 2 - shut - spare):
            return False
    for pin in given.pin:
        for (name, k), core in zip(NEURONS, at, strict=True):
            inside = name == pin.population and (pin.neurons is None or pin.neurons[0] <= k < pin.neurons[1])
            if inside and CORES[core] not in pin.cores and (core // 2, 0) not in pin.chips:
                return False
    for cap in given.cap:
        if any(sum(cap.population in (None, name) for name, _ in there) > cap.neurons for there in held):
            return False
    groups: tuple[Together | Apart, ...] = (*given.together, *given.apart)
    for group in groups:
        step = 1 if group.on is Holder.CORE else 2
        places = [{c // step for (n, _), c in zip(NEURONS, at, strict=True) if n == name} for name in group.populations]
        if isinstance(group, Together) and len(set[int]().union(*places)) > 1:
            return False
        if isinstance(group, Apart) and places[0] & places[1]:
            return False
    return True


@pytest.mark.parametrize("seed", range(5))
def test_a_proof_is_never_given_where_some_mapping_keeps_the_constraints(seed: int) -> None:
    rng = Random(seed)
    told = []
    for _ in range(12):
        given = drawn(rng)
        possible = any(keeps(at, given) for at in product(range(4), repeat=len(NEURONS)))
        code = outcome(given)
        assert code != "FIT055" or not possible, given
        assert code != "" or possible, given
        told.append((code, possible))
    assert any(code == "FIT055" for code, _ in told)


def test_where_none_is_found_that_is_no_proof() -> None:
    given = Constraints(cap=(Cap(3, "b"),), reserve=(Reserve(1),))
    assert any(keeps(at, given) for at in product(range(4), repeat=len(NEURONS)))
    with pytest.raises(NoPlanError) as refusal:
        compile_network(
            named(chain(inputs=1, a=SIZES["a"], b=SIZES["b"])), TINY, Options(effort="none", constraints=given)
        )
    assert refusal.value.code == "FIT056"
    assert "[[cap]] 1" in (refusal.value.where or "")


# --- As it was written ------------------------------------------------------------------------------------------------


def test_what_the_command_line_says_is_named_as_it_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, file = tmp_path / "d.nir", tmp_path / "c.toml"
    file.write_text(
        'schema = 1\n[[forbid]]\nrouter = [5, 1]\n[[pin]]\npopulation = "if1"\ncores = [{ router = [0, 0] }]'
    )
    assert main(["models", "export", "digits", str(model)]) == 0
    run = ["compile", str(model), "--target", "loihi2", "--effort", "quick"]
    for more, status, said in [
        (["--dead", "core:999,3"], 2, "error[USE082]: --dead core:999,3: no published"),
        (["--dead", "link:0,0-5,5"], 2, "error[USE088]: --dead link:0,0-5,5: no published"),
        (["--dead", "core:0,0", "--constraints", str(file)], 4, "[[forbid]] 1, --dead core:0,0: all that the pin"),
    ]:
        capsys.readouterr()
        assert main([*run, *more]) == status
        assert said in capsys.readouterr().err
