"""What comes out of bytes is what went in, or nothing at all: nobody's bytes may make anything else."""

import hashlib
import os
import pickle
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Caller, Money, Request, Risk
from gateway.templates import freezing
from gateway.templates.freezing import freeze, made, thaw
from gateway.templates.index import Index
from gateway.templates.mapping import map_request
from gateway.templates.patterns import Pattern
from tests.gateway.templates.making import request, shop

SHOP = """
- {id: get, match: {method: GET, path: '/a/{n}'}, risk: step_up, summary: 'Get {n}'}
- {id: pay, match: {method: POST, path: '/pay/{p*}', where: {'json:/kind': {glob: 'a*'}}},
   context: {money: {type: money, amount: 'json:/amount', currency: 'json:/currency'}},
   approval: {batch: '{p}', mode: reject}, summary: 'Pay {money|or:all}'}
"""


def test_a_service_means_the_same_before_and_after() -> None:
    (service,) = shop(SHOP, 'params: {n: {pattern: "[0-9]+"}}').services.values()
    found = thaw(freeze(service))
    assert isinstance(found, type(service))
    after = replace(found, index=Index(found.actions))
    body = '{"kind": "ab", "amount": 6, "currency": "jpy"}'
    for sent in (
        request("GET", "/a/7"),
        request("GET", "/a/x"),
        request("POST", "/pay/x/y", body, {"Content-Type": "application/json"}),
    ):
        assert map_request(after, sent) == map_request(service, sent)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(Risk),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below) | st.builds(Money, st.text(), below),
)


@given(PLAIN)
def test_values_come_back_as_they_were(value: object) -> None:
    found = thaw(freeze(value))
    assert (found, repr(found)) == (value, repr(value))


def test_equal_values_are_kept_once_and_1_stays_apart_from_true() -> None:
    one, same, other, third = (Money("x", amount, 2) for amount in (1, 1, True, 1.0))  # type: ignore[arg-type]
    found = thaw(freeze((one, same, other, third)))
    assert repr(found) == repr((one, same, other, third))
    assert isinstance(found, tuple)
    assert found[0] is found[1]


@pytest.mark.parametrize("value", [object(), len, Pattern, Path, os, lambda: 0, ValueError("x"), range(3)])
def test_what_is_not_a_value_of_ours_cannot_be_kept(value: object) -> None:
    with pytest.raises(pickle.PicklingError):
        freeze(value)


def sealed(content: bytes) -> bytes:
    """As a careful attacker would write it, checksum and all."""
    return hashlib.sha256(content).digest() + content


NAMED = [
    b"cos\nsystem\n(S'true'\ntR.",
    b"cbuiltins\neval\n(S'1'\ntR.",
    b"cgateway.templates.freezing\n_MAKERS\n.",
    b"cgateway.templates.freezing\nmade.__globals__\n.",
    b"cgateway.templates.patterns\nPattern\n.",
    b"cpathlib\nPosixPath\n.",
    b"\x80\x04\x8c\x0ccopyreg\n.",
]


@pytest.mark.parametrize("content", NAMED, ids=[str(each[:40]) for each in NAMED])
def test_bytes_that_name_code_or_a_class_are_refused(content: bytes) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        thaw(sealed(content))
    assert isinstance(caught.value, (pickle.UnpicklingError, EOFError))


MADE = b"cgateway.templates.freezing\nmade\n"


def test_bytes_cannot_change_a_class_that_is_in_use() -> None:
    before = dict(vars(Pattern))
    number = next(n for n, kind in enumerate(freezing._KINDS) if kind.type is Pattern)
    for content in (
        MADE + b"(N(dS'match'\nI1\nstb.",  # made.match = 1: a function's own, which nothing reads
        MADE + b"(I%d\nR(N(dS'match'\nI1\nstb." % number,
        MADE + b"(I-1\ntR.",
        MADE + b"(I99999\ntR.",
        MADE + b"(S'x'\ntR.",
    ):
        with suppress(Exception):
            thaw(sealed(content))
    assert dict(vars(Pattern)) == before
    vars(made).pop("match", None)


def test_a_flipped_bit_is_found() -> None:
    whole = freeze({"risk": Risk.FORBID})
    for at in range(len(whole)):
        with pytest.raises(pickle.UnpicklingError, match="damaged"):
            thaw(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])


def test_a_request_is_among_the_values_that_can_be_kept() -> None:
    sent = Request(Caller("ci", "tok", None, "127.0.0.1"), "GET", "https", "a", 443, "/", (), b"x")
    assert thaw(freeze(sent)) == sent
