"""Plans with numbers of any size are refused by code, at once."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from neuedge_nir.errors import VerificationError
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import decode, encode
from neuedge_nir.plan.verify import verify
from tests.test_verify import changed, named, put
from tests.worlds import chain, real

HUGE = 10**400
NET = named(chain(a=40, b=30))


@cache
def plan() -> Plan:
    return compile_network(NET, real("spinnaker1"), Options(effort="none"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("mapping", "chips_lower_bound"), HUGE, "PLAN247"),
        (("mapping", "chips_lower_bound"), -HUGE, "PLAN245"),
        (("options", "time_scale"), HUGE, "PLAN182"),
        (("options", "seed"), -HUGE, "PLAN262"),
        (("options", "tiles"), {"a": "9" * 5000}, "PLAN138"),
        (("projections", 0, "weight_step"), 5e-324, "PLAN117"),
        (("projections", 0, "weight_step"), 1e308, "PLAN117"),
    ],
    ids=["chips", "chips below none", "pace", "seed", "tiles", "small step", "large step"],
)
def test_a_number_without_an_end_is_refused(path: tuple[Any, ...], value: object, code: str) -> None:
    with pytest.raises(VerificationError) as refusal:
        verify(decode(encode(changed(plan(), path, put(value))), "plan.json"), NET)
    assert refusal.value.code == code
    assert len(str(refusal.value)) < 10000
