import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import (
    CREDENTIALS,
    HOP_BY_HOP,
    SHORT_NAME,
    UNBOUND,
    UNBOUND_PREFIXES,
    Uncanonical,
    bound_request,
    commitment,
    content_digest,
    credential_name,
    is_bound,
    is_free,
    jcs,
    keyed,
    merge_binds,
    request_digest,
    sends_approved,
    sha256,
    short_name,
)
from gateway.decoded import DecodedBody
from gateway.model import Bind, Request
from tests.kit.things import a_caller, a_request, a_unit, body_of, with_header

KEY = b"k" * 32
EXACT, DECODED = Bind(), Bind("decoded")


def bound(request: Request, bind: Bind = EXACT, kind: str = "json", key: bytes = KEY) -> bytes:
    return bound_request(request, bind, body_of(request, kind), key)


def with_body(body: bytes, bind: Bind = DECODED, kind: str = "json") -> bytes:
    return bound(a_request(body=body), bind, kind)


BOUND_CHANGES: dict[str, Callable[[Request], Request]] = {
    "agent": lambda r: replace(r, caller=a_caller("other-bot")),
    "scheme": lambda r: replace(r, scheme="http"),
    "host": lambda r: replace(r, host="api.shop.test.evil.test"),
    "port": lambda r: replace(r, port=8443),
    "method": lambda r: replace(r, method="PUT"),
    "target path": lambda r: replace(r, target="/v1/payment?dry=0"),
    "target query": lambda r: replace(r, target="/v1/payments?dry=1"),
    "target spelling": lambda r: replace(r, target="/v1/p%61yments?dry=0"),
    "target without query": lambda r: replace(r, target="/v1/payments"),
    "header value": lambda r: with_header(replace(r, headers=r.headers[:-2]), "Content-Type", "text/plain"),
    "header added": lambda r: with_header(r, "X-Anything", ""),
    "header repeated": lambda r: with_header(r, "Content-Type", "application/json"),
    "body byte": lambda r: replace(r, body=r.body.replace(b"600", b"601")),
    "body space": lambda r: replace(r, body=r.body + b" "),
    "body empty": lambda r: replace(r, body=b""),
    "credential value": lambda r: replace(r, headers=(*r.headers[:-1], ("Authorization", "Bearer other"))),
    "credential gone": lambda r: replace(r, headers=r.headers[:-1]),
    "credential added": lambda r: with_header(r, "X-Api-Key", "k"),
    "credential elsewhere": lambda r: replace(
        r, headers=(*r.headers[:-1], ("X-Api-Key", "Bearer upstream-secret"))
    ),
}


@pytest.mark.parametrize("change", BOUND_CHANGES.values(), ids=BOUND_CHANGES)
def test_a_request_swapped_after_the_approval_is_another_request(
    change: Callable[[Request], Request],
) -> None:
    assert bound(change(a_request())) != bound(a_request())


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
def test_another_credential_is_another_request_and_stands_nowhere_in_the_clear(name: str) -> None:
    one, other = (bound(with_header(a_request(), name, value)) for value in ("hunter2", "hunter3"))
    assert one != other
    assert b"hunter" not in one
    assert name.encode() not in one.replace(b'"credential"', b"")


def test_a_credential_is_bound_by_a_keyed_hash_that_nobody_else_can_guess() -> None:
    assert bound(a_request()) != bound(a_request(), key=b"other key")


def test_a_credential_cannot_move_between_two_headers() -> None:
    base = a_request(headers=())
    one = with_header(with_header(base, "Authorization", "a"), "Cookie", "b")
    other = with_header(with_header(base, "Authorization", "b"), "Cookie", "a")
    assert bound(one) != bound(other)


RANDOM_HEADERS = [*sorted(UNBOUND), "x-stainless-retry-count", "Secondsig-Purpose", "Date", "EXPECT"]


@pytest.mark.parametrize("name", RANDOM_HEADERS)
def test_a_header_that_changes_by_itself_is_not_bound(name: str) -> None:
    assert not is_bound(name)
    assert bound(with_header(a_request(), name, "1")) == bound(a_request())
    assert bound(with_header(a_request(), name.upper(), "2")) == bound(a_request())


def test_the_list_of_what_is_not_bound_is_the_contracts() -> None:
    assert {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "expect",
        "accept-encoding",
        "date",
        "traceparent",
        "tracestate",
        "baggage",
        "x-request-id",
        "x-correlation-id",
        "x-amzn-trace-id",
        "x-stripe-client-telemetry",
    } == UNBOUND
    assert UNBOUND_PREFIXES == ("x-stainless-", "secondsig-")
    assert HOP_BY_HOP < UNBOUND
    assert not UNBOUND & CREDENTIALS


@pytest.mark.parametrize("name", ["x-stainless", "secondsig", "xsecondsig-a", "Idempotency-Key", "Host"])
def test_a_header_that_only_resembles_those_is_bound(name: str) -> None:
    assert is_bound(name)
    assert bound(with_header(a_request(), name, "1")) != bound(with_header(a_request(), name, "2"))


def test_the_order_of_header_names_means_nothing_and_of_one_names_values_everything() -> None:
    one = a_request(headers=(("A", "1"), ("B", "2"), ("A", "3")))
    moved = a_request(headers=(("B", "2"), ("a", "1"), ("A", "3")))
    swapped = a_request(headers=(("A", "3"), ("B", "2"), ("A", "1")))
    assert bound(one) == bound(moved)
    assert bound(one) != bound(swapped)


def test_two_values_are_not_one_joined_value() -> None:
    assert bound(a_request(headers=(("A", "1"), ("A", "2")))) != bound(a_request(headers=(("A", "1, 2"),)))


def test_the_run_the_address_and_the_token_are_not_part_of_the_digest() -> None:
    caller = a_caller(token_id="tok_2", run="run_2", peer="::1")
    assert bound(a_request(caller=caller)) == bound(a_request())


# What a template frees. --------------------------------------------------------------------------------


def test_a_volatile_header_is_free_in_any_case_and_the_others_are_not() -> None:
    bind = Bind(volatile=("header:Idempotency-Key",))
    one = with_header(a_request(), "idempotency-key", "1")
    assert bound(one, bind) == bound(with_header(a_request(), "IDEMPOTENCY-KEY", "2"), bind)
    assert bound(one, bind) != bound(with_header(one, "X-Other", "1"), bind)


def test_a_volatile_credential_is_free_and_the_others_are_not() -> None:
    bind = Bind(volatile=("header:authorization",))
    base = a_request(headers=())
    one, other = (with_header(base, "Authorization", v) for v in "ab")
    assert bound(one, bind) == bound(other, bind)
    assert bound(with_header(one, "Cookie", "a"), bind) != bound(with_header(one, "Cookie", "b"), bind)


@pytest.mark.parametrize("selector", ["query:nonce", "arg:nonce"])
def test_a_volatile_query_member_is_free_however_it_is_spelt(selector: str) -> None:
    bind = Bind(volatile=(selector,))
    one, spelt, other = (
        bound(a_request(target=t), bind) for t in ("/a?nonce=1&b=2", "/a?b=2&%6eonce=9", "/a?nonce=1&b=3")
    )
    assert one == spelt
    assert one != other


def test_a_volatile_member_does_not_free_those_that_begin_like_it() -> None:
    bind = Bind(volatile=("query:n",))
    assert bound(a_request(target="/a?nn=1"), bind) != bound(a_request(target="/a?nn=2"), bind)
    assert bound(a_request(target="/n=1"), bind) != bound(a_request(target="/n=2"), bind)


def test_a_volatile_json_leaf_is_free_and_its_neighbours_are_not() -> None:
    bind = Bind(volatile=("json:/nonce",))
    one = with_body(b'{"nonce":"1","amount":600}', bind)
    assert one == with_body(b'{"nonce":"2","amount":600}', bind)
    assert one != with_body(b'{"nonce":"1","amount":601}', bind)
    assert one != with_body(b'{"nonce":"1","amount":600,"nonce2":1}', bind)
    assert one != with_body(b'{"nonce":{"deep":"1"},"amount":600}', bind)


@pytest.mark.parametrize("selector", ["form:nonce", "arg:nonce"])
def test_a_volatile_form_member_is_free_and_its_neighbours_are_not(selector: str) -> None:
    bind = Bind(volatile=(selector,))
    one = with_body(b"nonce=1&amount=600", bind, "form")
    assert one == with_body(b"nonce=2&amount=600", bind, "form")
    assert one != with_body(b"nonce=1&amount=601", bind, "form")


@pytest.mark.parametrize("kind", ["text", "opaque"])
def test_a_body_without_members_is_bound_by_its_bytes_also_when_decoded(kind: str) -> None:
    assert with_body(b"one", DECODED, kind) != with_body(b"two", DECODED, kind)


# Decoded bodies. ---------------------------------------------------------------------------------------


def test_decoded_json_is_free_in_space_and_order_and_nothing_else() -> None:
    one = with_body(b'{"a":1,"b":"x"}')
    assert one == with_body(b'{ "b" : "x",\n"a":1 }')
    assert one == with_body(b'{"a":1,"b":"\\u0078"}')


@pytest.mark.parametrize(
    "other",
    [
        b'{"a":1.0}',
        b'{"a":1e0}',
        b'{"a":10}',
        b'{"a":"1"}',
        b'{"a":true}',
        b'{"a":null}',
        b'{"a":[1]}',
        b'{"b":1}',
        b'{"a":1,"b":null}',
        b"{}",
        b"[1]",
        b"1",
    ],
)
def test_decoded_json_that_says_something_else_is_another_request(other: bytes) -> None:
    assert with_body(other) != with_body(b'{"a":1}')


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":"true"}', b'{"a":true}'),
        (b'{"a":"null"}', b'{"a":null}'),
        (b'{"a":"None"}', b'{"a":null}'),
        (b'{"a":"True"}', b'{"a":true}'),
        (b'{"a":[1,2]}', b'{"a":[2,1]}'),
        (b'{"a":[1,2]}', b'{"a":[1]}'),
        (b'{"a":[]}', b'{"a":{}}'),
        (b'{"a/b":1}', b'{"a":{"b":1}}'),
        (b'{"a~1b":1}', b'{"a/b":1}'),
        (b"10000000000000000000000001", b"10000000000000000000000000"),
    ],
)
def test_values_of_different_kinds_never_meet(one: bytes, other: bytes) -> None:
    assert with_body(one) != with_body(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":["x"]}', b'{"a":{"0":"x"}}'),
        (b'{"a":{}}', b'{"a":"{}"}'),
        (b'{"a":[]}', b'{"a":"[]"}'),
    ],
)
def test_an_array_is_not_an_object_and_nothing_is_not_a_text(one: bytes, other: bytes) -> None:
    """With a volatile leaf the retry's own bytes are sent, so this is what a swap would look like."""
    assert with_body(one) != with_body(other)


def test_a_form_is_bound_with_its_order_and_its_repetitions() -> None:
    one = with_body(b"a=1&b=2", kind="form")
    assert one == with_body(b"a=%31&b=2", kind="form")
    others = (b"b=2&a=1", b"a=1", b"a=1&b=2&b=2", b"a=1&b=3", b"a=1&b=")
    assert all(one != with_body(other, kind="form") for other in others)


def test_an_exact_body_is_bound_by_every_byte_even_if_it_says_the_same() -> None:
    assert with_body(b'{"a":1}', EXACT) != with_body(b'{"a": 1}', EXACT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text("ab/~0", max_size=3), below, max_size=3)
    ),
    max_leaves=8,
)


def _unlike(one: object, other: object) -> bool:
    """JSON has true and 1 apart, Python has not."""
    return repr(_sorted(one)) != repr(_sorted(other))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


@given(JSON, JSON)
def test_two_bodies_meet_only_if_they_say_the_same(one: object, other: object) -> None:
    import json

    from gateway.errors import Refusal

    try:
        left, right = (with_body(json.dumps(value).encode()) for value in (one, other))
    except Refusal:
        return
    assert (left != right) == _unlike(one, other)


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_two_exact_bodies_meet_only_if_they_are_the_same_bytes(one: bytes, other: bytes) -> None:
    left, right = (with_body(body, EXACT, "opaque") for body in (one, other))
    assert (left == right) == (one == other)


HEADERS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "content-type", "authorization"]), st.text("xy, ", max_size=3)),
    max_size=4,
)


@given(HEADERS, HEADERS)
def test_two_sets_of_headers_meet_only_if_each_names_values_are_the_same(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    def values(headers: list[tuple[str, str]]) -> dict[str, list[str]]:
        told: dict[str, list[str]] = {}
        for name, value in headers:
            told.setdefault(name, []).append(value)
        return {name: sorted(v) if name == "authorization" else v for name, v in told.items()}

    left, right = (bound(a_request(headers=tuple(headers))) for headers in (one, other))
    assert (left == right) == (values(one) == values(other))


# Several units, and the small parts. -------------------------------------------------------------------


def test_what_any_unit_binds_is_bound() -> None:
    loose = a_unit(bind=Bind("decoded", ("json:/a", "json:/b")))
    strict = a_unit(bind=Bind("exact", ("json:/b", "json:/c")))
    assert merge_binds((loose, strict)) == Bind("exact", ("json:/b",))
    assert merge_binds((loose, loose)).body == "decoded"
    assert merge_binds((loose,)).volatile == ("json:/a", "json:/b")


def test_a_digest_is_salted_so_that_a_guess_cannot_be_checked() -> None:
    assert request_digest(b"salt", b"bound") == hashlib.sha256(b"saltbound").hexdigest()
    assert request_digest(b"salt", b"bound") != request_digest(b"pepper", b"bound")


def test_a_commitment_is_checked_by_whoever_has_the_salt() -> None:
    assert commitment(b"\x01\x02", "höh") == hashlib.sha256(b"\x01\x02" + "höh".encode()).hexdigest()


def test_a_content_digest_is_rfc_9530s() -> None:
    expected = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    assert content_digest(b"hello") == f"sha-256=:{expected}:"


def test_a_keyed_hash_needs_its_key() -> None:
    assert keyed(b"k", b"d") != keyed(b"l", b"d")
    assert keyed(b"k", b"d") != sha256(b"d")


@pytest.mark.parametrize("value", [{"a": 2**60}, {"a": float("nan")}, {"a": "\ud800"}, {"a": object()}])
def test_what_has_no_single_spelling_is_not_signed(value: dict[str, object]) -> None:
    with pytest.raises(Uncanonical, match="written down in one way"):
        jcs(value)


def test_canonical_bytes_are_sorted_and_tight() -> None:
    assert jcs({"b": 1, "a": ["é", None, True]}) == '{"a":["é",null,true],"b":1}'.encode()


def test_an_absent_body_is_not_an_empty_form() -> None:
    request = a_request(body=b"")
    none = bound_request(request, DECODED, DecodedBody("none"), KEY)
    assert none != bound_request(request, DECODED, DecodedBody("form"), KEY)


PART = '--{b}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


def parted(boundary: str, *parts: tuple[str, str], more: str = "", kind: str = "form-data") -> bytes:
    """What is bound of such a form; each attempt has a boundary of its own."""
    body = "".join(PART.format(b=boundary, name=name, value=value, more=more) for name, value in parts)
    request = a_request(
        body=f"{body}--{boundary}--\r\n".encode(),
        headers=(("Content-Type", f"multipart/{kind}; boundary={boundary}"),),
    )
    return bound_request(request, EXACT, body_of(request, "multipart"), KEY)


def test_another_boundary_is_the_same_form() -> None:
    assert parted("one", ("a", "1"), ("b", "2")) == parted("two", ("a", "1"), ("b", "2"))


@pytest.mark.parametrize(
    "other",
    [
        parted("two", ("a", "1"), ("b", "3")),
        parted("two", ("b", "2"), ("a", "1")),
        parted("two", ("a", "1")),
        parted("two", ("a", "1"), ("b", "2"), ("c", "")),
        parted("two", ("a", "1"), ("b", "2"), more='; filename="x"'),
        parted("two", ("a", "1"), ("b", "2"), kind="mixed"),
        parted("two", ("a", "1"), ("b", "2"), more="\r\nContent-Type: text/html"),
    ],
)
def test_a_form_with_another_part_is_another_request(other: bytes) -> None:
    assert parted("one", ("a", "1"), ("b", "2")) != other


def test_a_part_is_never_free_to_change() -> None:
    assert not is_free("multipart:a", "1", ["arg:a"])
    assert is_free("form:a", "1", ["arg:a"])


@pytest.mark.parametrize(
    ("bind", "kind", "sent"),
    [
        (EXACT, "application/json", False),
        (DECODED, "application/json", True),
        (EXACT, "Multipart/Form-Data; boundary=x", True),
        (EXACT, " multipart/mixed; boundary=x", True),
    ],
)
def test_what_was_approved_is_sent_wherever_a_retry_may_differ(bind: Bind, kind: str, sent: bool) -> None:
    assert sends_approved(a_request(headers=(("Content-Type", kind),)), bind) is sent


def test_the_short_name_of_a_credential_tells_another_one_apart_and_nothing_else() -> None:
    def named(*headers: tuple[str, str], key: bytes = b"k", volatile: tuple[str, ...] = ()) -> str:
        return credential_name(a_request(headers=headers), key, volatile)

    one = named(("Authorization", "Bearer a"), ("Cookie", "b"))
    assert one == named(("cookie", "b"), ("X-Other", "z"), ("authorization", "Bearer a"))
    others = {
        one,
        named(("Authorization", "Bearer b"), ("Cookie", "b")),
        named(("Authorization", "Bearer ab")),
        named(("Authorization", "Bearer a")),
        named(("Cookie", "Bearer a")),
        named(("Authorization", "Bearer a"), ("Cookie", "b"), key=b"other"),
        named(),
    }
    assert len(others) == 7
    free = "header:Authorization"
    assert named(("Authorization", "x"), volatile=(free.lower(),)) == named()
    assert "Bearer" not in one
    assert len(one) == 2 * SHORT_NAME


def test_a_short_name_is_short_keyed_and_of_any_text() -> None:
    assert len(short_name("x" * 100_000, b"k")) == 2 * SHORT_NAME
    assert short_name("x", b"k") != short_name("x", b"l") != short_name("y", b"l")
    assert short_name("\udc80", b"k")


class Odd(str):
    """Text by its class, which says nothing of how it is written."""

    __slots__ = ()


NAMES = st.text(st.characters() | st.sampled_from("\ud800\udc00\ue000\U00010000"))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**53 - 1, 2**53, -(2**53), 1.0, 0.5, -0.0, 1e21, float("nan"), Odd("odd"), b"bytes"])
    | NAMES
)
VALUES = st.recursive(
    LEAVES,
    lambda below: (
        st.lists(below)
        | st.tuples(below)
        | st.dictionaries(NAMES | st.just(1) | st.just(None), below)
        | st.sets(st.text())
    ),
)


@given(st.lists(VALUES) | st.dictionaries(NAMES, VALUES))
def test_it_writes_what_the_reference_writes_and_refuses_what_that_refuses(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError):
        with pytest.raises(Uncanonical):
            jcs(value)
    else:
        assert jcs(value) == expected
