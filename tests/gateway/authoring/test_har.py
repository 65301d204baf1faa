import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring import har
from gateway.authoring.asked import Asked
from gateway.authoring.har import read_har
from gateway.errors import UsageError
from tests.kit.sentences import one_sentence_at_most
from tests.kit.things import a_caller


def recording(*requests: Any) -> bytes:
    return json.dumps({"log": {"entries": [{"request": each} for each in requests]}}).encode()


def a_post(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "method": "POST",
        "url": "https://api.shop.test/v1?a=b",
        "headers": [{"name": ":method", "value": "POST"}, {"name": "X-A", "value": "b"}],
        "postData": {"mimeType": "application/json", "text": '{"a": 1}'},
    }
    return plain | changes


def one(**changes: Any) -> Asked:
    (found,) = read_har(recording(a_post(**changes)), a_caller(), "x.har")
    return found


def test_every_request_is_read_in_order() -> None:
    get = {"method": "GET", "url": "http://other.test/a"}
    found = read_har(b"\xef\xbb\xbf" + recording(a_post(), get), a_caller(), "x.har")
    assert [each.request.url for each in found] == ["https://api.shop.test/v1?a=b", "http://other.test/a"]
    assert found[0].request.body == b'{"a": 1}'
    assert found[0].request.headers == (("X-A", "b"), ("Content-Type", "application/json"))
    assert found[1].origin == "x.har, request 2"


def test_what_no_gateway_carries_is_left_out() -> None:
    assert read_har(recording({"method": "GET", "url": "data:text/plain,a"}), a_caller()) == []


def test_a_form_is_made_of_its_fields_where_the_text_is_missing() -> None:
    params = [{"name": "a b", "value": "é"}, {"name": "c"}]
    post = {"mimeType": "application/x-www-form-urlencoded", "params": params}
    assert one(postData=post).request.body == b"a+b=%C3%A9&c="


def test_a_body_of_bytes_is_read() -> None:
    post = {"mimeType": "image/png", "encoding": "base64", "text": base64.b64encode(b"\x89").decode()}
    assert one(postData=post).request.body == b"\x89"
    with pytest.raises(UsageError, match="Request 1 of the HAR file: its body is not base64"):
        one(postData=post | {"text": "!"})


def test_a_body_that_was_encoded_is_recorded_decoded() -> None:
    found = one(headers=[{"name": "Content-Encoding", "value": "gzip"}])
    assert found.request.header("content-encoding") == ()
    assert "decoded" in found.notes[0]


def test_a_body_that_was_not_recorded_is_told() -> None:
    assert "does not hold the body" in one(postData=None, bodySize=9).notes[0]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b'{"log": {"entries": []}}', b"[" * 100_000])
def test_what_is_no_recording_is_a_sentence(raw: bytes) -> None:
    with pytest.raises(UsageError, match="HAR file"):
        read_har(raw, a_caller())


def test_a_bad_request_is_told_by_its_number() -> None:
    with pytest.raises(UsageError, match=r"^Request 2 of the HAR file: 'GE T' is no method"):
        read_har(recording(a_post(), a_post(method="GE T")), a_caller())


def test_far_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(har, "MAX_ENTRIES", 1)
    with pytest.raises(UsageError, match="more than 1 requests"):
        read_har(recording(a_post(), a_post()), a_caller())
    monkeypatch.setattr(har, "MAX_BYTES", 1)
    with pytest.raises(UsageError, match="larger"):
        read_har(recording(a_post()), a_caller())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(
    st.dictionaries(st.sampled_from(["method", "url", "headers", "postData", "bodySize"]), JSON),
    st.booleans(),
)
def test_no_recording_is_a_fault(changes: dict[str, Any], plain: bool) -> None:
    made = a_post(**changes) if plain else changes
    with one_sentence_at_most():
        read_har(json.dumps({"log": {"entries": [{"request": made}]}}).encode(), a_caller())


@given(st.binary())
def test_no_bytes_are_a_fault(raw: bytes) -> None:
    with pytest.raises(UsageError):
        read_har(raw, a_caller())
