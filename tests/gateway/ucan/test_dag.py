import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ucan.dag import MAX_BYTES, MAX_DEPTH, UcanError, cid, decode, encode, link, link_text

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary()
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_every_value_comes_back_as_it_went(value):
    assert decode(encode(value)) == value


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_another_error(raw):
    try:
        value = decode(raw)
    except UcanError:
        return
    assert encode(value) == raw


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(bytes.fromhex("1817"), id="an integer longer than it needs to be"),
        pytest.param(bytes.fromhex("a2616201616101"), id="keys out of order"),
        pytest.param(bytes.fromhex("a2616101616101"), id="a key twice"),
        pytest.param(bytes.fromhex("9f01ff"), id="a list of indefinite length"),
        pytest.param(bytes.fromhex("f93c00"), id="a half-precision float"),
        pytest.param(bytes.fromhex("c11a514b67b0"), id="a tag that is not a link"),
        pytest.param(bytes.fromhex("fb7ff8000000000000"), id="not a number"),
        pytest.param(bytes.fromhex("0101"), id="a second value behind the first"),
        pytest.param(bytes.fromhex("d82a4100"), id="an empty link"),
        pytest.param(bytes.fromhex("d82a582600810071 1220") + bytes(32), id="a link with a padded version"),
        pytest.param(bytes.fromhex("d82a40"), id="a link without its prefix"),
        pytest.param(bytes.fromhex("62c328"), id="text that is not UTF-8"),
        pytest.param(bytes.fromhex("5bffffffffffffffff"), id="a length beyond memory"),
        pytest.param(b"\x81" * 20_000, id="deeper than the interpreter's stack"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_second_spelling_of_a_value_is_refused(raw):
    with pytest.raises(UcanError):
        decode(raw)


def test_spelling_that_a_lenient_decoder_lets_through_is_refused_all_the_same(monkeypatch):
    monkeypatch.setattr("dag_cbor.decode", lambda raw: 23)
    assert decode(b"\x17") == 23
    with pytest.raises(UcanError, match="not canonical"):
        decode(b"\x18\x17")


def test_nesting_is_bounded():
    assert decode(b"\x81" * MAX_DEPTH + b"\x00")
    with pytest.raises(UcanError, match="nested deeper"):
        decode(b"\x81" * (MAX_DEPTH + 1) + b"\x00")


def test_oversized_input_is_not_even_parsed():
    with pytest.raises(UcanError, match="longer"):
        decode(encode(b"x" * MAX_BYTES))


@pytest.mark.parametrize("value", [float("nan"), 2**64, object(), {1: 2}, "\ud800"])
def test_value_that_cannot_be_carried_is_refused(value):
    with pytest.raises(UcanError):
        encode(value)


def test_cid_is_the_known_one():
    assert cid(bytes.fromhex("a0")) == "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"


def test_link_comes_back_as_its_text():
    assert link_text(decode(encode(link(cid(b"x"))))) == cid(b"x")


def test_what_is_not_a_link_is_refused():
    with pytest.raises(UcanError):
        link("bafy-nonsense")
    with pytest.raises(UcanError):
        link_text("bafy")
