from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes import ENDED, OPEN, TABLE, IllegalStep, Signature, State, Step, after, signed_by

S, T = State, Step
CONTRACT = {
    (S.PENDING, T.APPROVE): S.APPROVED,
    (S.PENDING, T.DENY): S.DENIED,
    (S.PENDING, T.EXPIRE): S.EXPIRED,
    (S.PENDING, T.CANCEL): S.CANCELLED,
    (S.APPROVED, T.SPEND): S.SPENT,
    (S.APPROVED, T.LAPSE): S.LAPSED,
    (S.APPROVED, T.REVOKE): S.REVOKED,
    (S.SPENT, T.COMPLETE): S.COMPLETED,
    (S.SPENT, T.LOSE): S.UNKNOWN,
    (S.SPENT, T.RETURN): S.APPROVED,
    (S.SPENT, T.LAPSE): S.LAPSED,
}


def signature(person: str, credential: bytes) -> Signature:
    return Signature("env", person, credential, b"", b"", "", {}, 0)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("step", list(Step))
def test_the_lifecycle_is_the_contracts_and_nothing_else(state: State, step: Step) -> None:
    if (state, step) in CONTRACT:
        assert after(state, step) is CONTRACT[state, step]
    else:
        with pytest.raises(IllegalStep, match=f"{state} -> {step}"):
            after(state, step)


def test_the_table_has_no_more_than_the_contract() -> None:
    assert TABLE == CONTRACT


@given(st.lists(st.sampled_from(list(Step)), max_size=40))
def test_no_walk_leaves_the_table_or_spends_without_an_approval(steps: list[Step]) -> None:
    state, seen = State.PENDING, [State.PENDING]
    for step in steps:
        try:
            state = after(state, step)
        except IllegalStep:
            continue
        seen.append(state)
    for before, now in pairwise(seen):
        assert before not in ENDED
        assert now is not State.SPENT or before is State.APPROVED
    if State.COMPLETED in seen:
        assert seen.index(State.APPROVED) < seen.index(State.SPENT) < seen.index(State.COMPLETED)


def test_open_ended_and_spent_are_all_there_is() -> None:
    assert {State.PENDING, State.APPROVED} == OPEN
    assert OPEN | ENDED | {State.SPENT} == set(State)
    assert not OPEN & ENDED
    assert all(state not in ENDED for state, _ in TABLE)


def test_two_passkeys_of_one_person_are_one_signature() -> None:
    signed = (signature("mika", b"phone"), signature("mika", b"laptop"), signature("noor", b"phone"))
    assert signed_by(signed) == {"mika", "noor"}
    assert signed_by(()) == frozenset()
