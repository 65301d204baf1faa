from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import jcs
from gateway.model import Approval, EntityRef, Money, Risk
from gateway.units import read_unit, write_unit
from tests.kit.things import a_unit

VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.builds(Money, st.sampled_from(["jpy", "usd"]), st.integers(), st.integers(0, 4)),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]))).map(tuple),
)


@given(st.dictionaries(st.sampled_from("abc"), VALUES))
def test_a_value_is_read_back_as_what_it_was_and_as_nothing_else(context: dict[str, Any]) -> None:
    import json

    kept = json.loads(jcs(write_unit(a_unit(context=context))))
    read = read_unit(kept).context
    assert read == context
    assert {name: type(value) for name, value in read.items()} == {
        name: type(value) for name, value in context.items()
    }


def test_all_that_policy_reads_is_kept() -> None:
    org, repo = EntityRef("Shop::Org", 'a"b'), EntityRef("Shop::Repo", "x")
    unit = a_unit(
        resource=repo,
        parents={repo: (org,)},
        risk=Risk.FORBID,
        groups=("payment", "write"),
        approval=Approval(quorum=3, approvers='Group::"finance"'),
    )
    read = read_unit(write_unit(unit))
    for name in ("service", "action", "title", "groups", "access", "resource", "parents", "context", "risk"):
        assert getattr(read, name) == getattr(unit, name)
    assert (read.approval.quorum, read.approval.approvers) == (3, 'Group::"finance"')


@pytest.mark.parametrize("value", [{}, {"bool": "yes"}, {"int": 3}, {"money": ["jpy", 3, 0]}, {"other": "x"}])
def test_a_value_of_no_known_kind_is_a_fault(value: dict[str, Any]) -> None:
    kept = {**write_unit(a_unit()), "context": {"x": value}}
    with pytest.raises(ValueError, match="no known kind"):
        read_unit(kept)
