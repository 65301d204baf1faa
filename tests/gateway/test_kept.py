from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import StoreError
from gateway.gate import Answer, Carried
from gateway.kept import UpstreamAnswer, seal_answer, seal_request, unseal_answer, unseal_request
from tests.kit.things import KEYS, OTHER_KEYS, a_caller, a_request

LATIN = st.text(alphabet=st.characters(max_codepoint=255))


@given(
    st.lists(st.tuples(LATIN, LATIN)),
    st.binary(),
    LATIN,
    st.one_of(st.none(), LATIN),
)
def test_what_is_kept_is_sent_byte_for_byte(
    headers: list[tuple[str, str]], body: bytes, target: str, run: str | None
) -> None:
    request = a_request(headers=tuple(headers), body=body, target=target, caller=a_caller(run=run))
    assert unseal_request(KEYS, "env_1", seal_request(KEYS, "env_1", request)) == request


@given(st.one_of(st.none(), st.binary()), st.lists(st.tuples(LATIN, LATIN)))
def test_what_was_answered_is_handed_on_byte_for_byte(
    body: bytes | None, headers: list[tuple[str, str]]
) -> None:
    carried = Carried(201, tuple(headers), body, None if body is not None else "too_long")
    assert unseal_answer(KEYS, "env_1", seal_answer(KEYS, "env_1", carried)) == carried


def test_no_credential_can_be_read_in_what_is_kept() -> None:
    sealed = seal_request(KEYS, "env_1", a_request())
    for known in (b"upstream-secret", b"payments", b"acct_tea", b"api.shop.test"):
        assert known not in sealed


@pytest.mark.parametrize("envelope", ["env_2", "env_1 request", "env_1 answer", ""])
def test_what_is_kept_opens_for_no_other_envelope(envelope: str) -> None:
    with pytest.raises(StoreError):
        unseal_request(KEYS, envelope, seal_request(KEYS, "env_1", a_request()))


def test_what_is_kept_opens_for_no_other_gateway_and_not_as_something_else() -> None:
    sealed = seal_request(KEYS, "env_1", a_request())
    with pytest.raises(StoreError):
        unseal_request(OTHER_KEYS, "env_1", sealed)
    with pytest.raises(StoreError):
        unseal_answer(KEYS, "env_1", sealed)
    with pytest.raises(StoreError):
        KEYS.unseal("env_1", sealed)


def test_a_swapped_byte_is_noticed() -> None:
    sealed = bytearray(seal_answer(KEYS, "env_1", Carried(200, (), b"x")))
    sealed[-1] ^= 1
    with pytest.raises(StoreError):
        unseal_answer(KEYS, "env_1", bytes(sealed))


def test_an_upstreams_answer_is_told_apart_from_the_gateways_own() -> None:
    answer = UpstreamAnswer(200, (), b"x")
    assert isinstance(answer, Answer)
    assert isinstance(replace(answer, status=201), UpstreamAnswer)
    assert not isinstance(Answer(200, (), b"x"), UpstreamAnswer)
